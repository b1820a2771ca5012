"""Networks of every kind: the same scores as the bare network, the logits behind them, and what to explain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import CardError, NoSpatialLayer
from models.card import ModelCard, card_path, write_card
from models.classifier import Classifier, open_classifier
from models.files import inspect_file
from models.stream import stream_batches
from tests.models.networks import NETWORKS, SIZE


def save(network: str, path: Path) -> Path:
    import keras

    keras.utils.set_random_seed(3)
    NETWORKS[network](keras).save(path)
    return path


def pictures(n: int = 4, size: tuple[int, int] = SIZE) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 255, (n, *size, 3), np.uint8))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("network", NETWORKS)
def test_scores_are_the_networks_own(tmp_path: Path, network: str, suffix: str) -> None:
    classifier = open_classifier(save(network, tmp_path / f"net{suffix}"))
    prepared = classifier.prepare(pictures())
    bare = np.asarray(classifier.network(prepared, training=False), np.float32)
    scores = classifier.predict(prepared)
    if network == "one_sigmoid":
        np.testing.assert_allclose(scores.probabilities, np.hstack([1 - bare, bare]), atol=1e-6)
        np.testing.assert_allclose(scores.logits[:, 0], -scores.logits[:, 1])
        np.testing.assert_allclose(1 / (1 + np.exp(-scores.logits[:, 1:])), bare, atol=1e-6)
        return
    powers = np.exp(scores.logits - scores.logits.max(1, keepdims=True))
    np.testing.assert_allclose(powers / powers.sum(1, keepdims=True), scores.probabilities, atol=1e-6)
    if network == "bare_logits":
        np.testing.assert_allclose(scores.logits, bare, atol=1e-5)
    else:  # half precision rounds the probabilities themselves; ours are computed in float32 from its logits
        rounding = {"float16": 2**-11, "bfloat16": 2**-8}.get(network, 1e-6)
        np.testing.assert_allclose(scores.probabilities, bare, atol=rounding)


@pytest.mark.parametrize(
    ("network", "layer", "size"),
    [
        ("flat", "last_conv", (12, 12)),
        ("nested_twice", "middle/inner/last_conv", (12, 12)),
        ("used_twice", "shared", (24, 24)),
        ("sequential_flatten", "max_pooling2d", (11, 11)),
        ("branched", "add", (12, 12)),
    ],
)
def test_the_default_layer_is_the_last_that_computes_a_picture(tmp_path: Path, network: str, layer: str, size: tuple[int, int]) -> None:
    info = open_classifier(save(network, tmp_path / "net.keras")).layer()
    assert info.path.split("_1")[0].rstrip("0123456789_") == layer.rstrip("0123456789_")
    assert (info.height, info.width) == size


def test_which_heads_flatten(tmp_path: Path) -> None:
    flattens = {n: open_classifier(save(n, tmp_path / f"{n}.keras")).flattens for n in NETWORKS}
    assert {n for n, f in flattens.items() if f} == {"sequential_flatten", "activation_layer"}


def test_a_keras2_file_that_keras3_refuses_opens_through_tf_keras(tmp_path: Path) -> None:
    import tf_keras

    base = tf_keras.Sequential(
        [tf_keras.layers.DepthwiseConv2D(3, input_shape=(*SIZE, 3)), tf_keras.layers.ReLU(), tf_keras.layers.GlobalAveragePooling2D()]
    )
    network = tf_keras.Sequential([base, tf_keras.layers.Dense(2, activation="softmax")])
    network.build((None, *SIZE, 3))
    path = tmp_path / "old.h5"
    with pytest.warns(UserWarning, match="HDF5"):
        network.save(path)
    _add_groups(path)
    classifier = open_classifier(path)
    assert type(classifier.network).__module__.startswith("tf_keras")
    prepared = classifier.prepare(pictures())
    np.testing.assert_allclose(classifier.predict(prepared).probabilities, np.asarray(classifier.network(prepared)), atol=1e-6)
    assert classifier.layer().kind == "ReLU"


def _add_groups(path: Path) -> None:
    """Older Keras wrote `groups` into a depthwise convolution, which Keras 3 does not take."""
    import h5py

    with h5py.File(path, "r+") as h5:
        config = h5.attrs["model_config"]
        assert '"depth_multiplier": 1' in config
        h5.attrs["model_config"] = config.replace('"depth_multiplier": 1', '"groups": 1, "depth_multiplier": 1')


def test_mixed_precision_gives_float32_scores(tmp_path: Path) -> None:
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        path = save("flat", tmp_path / "net.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    classifier = open_classifier(path)
    scores = classifier.predict(classifier.prepare(pictures()))
    assert scores.logits.dtype == np.float32
    np.testing.assert_allclose(scores.probabilities.sum(1), 1, atol=1e-3)


def test_a_saved_model_predicts_and_says_that_it_shows_no_layers(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(3)
    network = NETWORKS["flat"](keras)
    network.export(str(tmp_path / "folder"), verbose=False)
    card = ModelCard(name="x", classes=("a", "b", "c"), height=24, width=24)
    classifier = open_classifier(tmp_path / "folder", card)
    prepared = classifier.prepare(pictures())
    np.testing.assert_allclose(classifier.predict(prepared).probabilities, np.asarray(network(prepared)), atol=1e-5)
    guessed = open_classifier(tmp_path / "folder").card
    assert (guessed.output, len(guessed.classes), guessed.height) == ("softmax", 3, 24) and "output" in guessed.guessed
    assert not classifier.explainable
    with pytest.raises(NoSpatialLayer):
        classifier.layer()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ("a", "b")}, "3 outputs"),
        ({"output": "multi-label"}, "ends with softmax"),
        ({"height": 7, "width": 7, "classes": ("a", "b", "c", "d")}, "does not take|do not fit|does not fit|asks for"),
    ],
)
def test_a_card_that_contradicts_the_network_is_refused(tmp_path: Path, changes: dict, message: str) -> None:
    path = save("flat", tmp_path / "net.keras")
    card = ModelCard(**{"name": "x", "classes": ("a", "b", "c"), "height": 24, "width": 24, **changes})
    with pytest.raises(CardError, match=message):
        open_classifier(path, card)


def test_every_field_of_the_card_that_matters_has_an_effect(tmp_path: Path) -> None:
    path = save("flat", tmp_path / "net.keras")
    base = ModelCard(name="x", classes=("a", "b", "c"), height=24, width=24)
    images = pictures(2, (40, 60))
    first = open_classifier(path, base).prepare(images)
    changes = [
        {"scaling": "-1..1"},
        {"scaling": "0..255"},
        {"scaling": "imagenet"},
        {"scaling": "caffe"},
        {"colour_order": "bgr"},
        {"resize": {"geometry": "crop"}},
        {"resize": {"geometry": "pad"}},
        {"resize": {"interpolation": "nearest"}},
    ]
    for change in changes:
        card = ModelCard(**{**base.model_dump(), **change})  # type: ignore[dict-item]
        assert np.abs(open_classifier(path, card).prepare(images) - first).max() > 0.01
        assert card.sha256 != base.sha256


def test_the_positive_class_of_a_sigmoid_can_come_first(tmp_path: Path) -> None:
    path = save("one_sigmoid", tmp_path / "net.keras")
    fields = {"name": "x", "classes": ("malignant", "benign"), "height": 24, "width": 24, "output": "sigmoid"}
    prepared = open_classifier(path).prepare(pictures())
    first = open_classifier(path, ModelCard(**fields, positive="malignant")).predict(prepared)
    second = open_classifier(path, ModelCard(**fields, positive="benign")).predict(prepared)
    np.testing.assert_allclose(first.probabilities, second.probabilities[:, ::-1])


def test_a_card_beside_the_file_is_read(tmp_path: Path) -> None:
    path = save("flat", tmp_path / "net.keras")
    write_card(ModelCard(name="mine", classes=("x", "y", "z"), height=24, width=24), card_path(path))
    assert open_classifier(path).card.name == "mine"


def test_unreadable_pictures_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    from imaging.decode import encode_png

    classifier = open_classifier(save("flat", tmp_path / "net.keras"))
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    for path, image in zip(paths, pictures(5), strict=True):
        path.write_bytes(encode_png(image))
    paths[1].write_bytes(b"nothing")
    paths[3].unlink()
    batches = list(stream_batches(classifier, paths, batch=2))
    assert [b.rows for b in batches] == [[0], [2], [4]]
    errors = {row: text for b in batches for row, text in b.errors.items()}
    assert set(errors) == {1, 3} and "not a JPEG" in errors[1]
    np.testing.assert_array_equal(batches[1].images[0], classifier.prepare([pictures(5)[2]])[0])


def test_the_last_smaller_batch_does_not_trace_again(tmp_path: Path) -> None:
    classifier = open_classifier(save("flat", tmp_path / "net.keras"))
    assert isinstance(classifier, Classifier)
    prepared = classifier.prepare(pictures(5))
    classifier.predict(prepared)
    classifier.predict(prepared[:2])
    assert classifier.compiled[("predict",)].experimental_get_tracing_count() == 1


def test_what_the_file_says_without_tensorflow(tmp_path: Path) -> None:
    facts = inspect_file(save("nested_twice", tmp_path / "net.keras"))
    assert (facts.input_shape, facts.n_outputs, facts.activation) == ((24, 24, 3), 3, "softmax")
    assert ("middle/inner/last_conv", "Conv2D") in [(p.split("/", 0)[0], k) for p, k in facts.layers]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_layers_of_keras_own_applications_open(tmp_path: Path, suffix: str) -> None:
    """Inception-ResNet and ConvNeXt bring layers of their own, which HDF5 files do not find by themselves."""
    import keras
    from keras.src.applications.convnext import LayerScale
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    inputs = keras.Input((*SIZE, 3))
    maps = keras.layers.Conv2D(4, 3, padding="same")(inputs)
    maps = CustomScaleLayer(0.1)([maps, LayerScale(1e-6, 4)(maps)])
    outputs = keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(maps))
    path = tmp_path / f"net{suffix}"
    keras.Model(inputs, outputs).save(path)
    assert open_classifier(path).layer().kind == "CustomScaleLayer"


def test_a_network_of_keras_2_that_computes_with_tensors(tmp_path: Path) -> None:
    """`x / 127.5 - 1` inside the network becomes layers named after TensorFlow's functions."""
    import tensorflow as tf
    import tf_keras

    inputs = tf_keras.Input((*SIZE, 3))
    maps = tf_keras.layers.Conv2D(4, 3, activation="relu")(tf.cast(inputs, tf.float32) / 127.5 - 1.0)
    outputs = tf_keras.layers.Dense(1, activation="sigmoid")(tf_keras.layers.GlobalAveragePooling2D()(maps))
    network = tf_keras.Model(inputs, outputs)
    network.save(tmp_path / "net.keras")
    with pytest.warns(UserWarning, match="HDF5"):
        network.save(tmp_path / "net.h5")
    for name in ("net.keras", "net.h5"):
        classifier = open_classifier(tmp_path / name)
        assert (classifier.card.scaling, classifier.card.output, classifier.layer().kind) == ("0..255", "sigmoid", "Conv2D")
        prepared = classifier.prepare(pictures())
        np.testing.assert_allclose(classifier.predict(prepared).probabilities[:, 1:], np.asarray(network(prepared)), atol=1e-5)


def test_of_several_outputs_the_one_that_looks_like_classes_is_guessed_and_marked(tmp_path: Path) -> None:
    import keras

    from tests.models.networks import two_outputs

    keras.utils.set_random_seed(0)
    network = two_outputs(keras)
    network.save(tmp_path / "two.keras")
    classifier = open_classifier(tmp_path / "two.keras")
    assert (classifier.card.output_name, classifier.card.output, len(classifier.card.classes)) == ("lesion", "softmax", 3)
    assert "output_name" in classifier.card.guessed
    prepared = classifier.prepare(pictures())
    np.testing.assert_allclose(classifier.predict(prepared).probabilities, network.predict(prepared, verbose=0)[1], atol=1e-6)
