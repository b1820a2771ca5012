"""The CAM family against numbers worked out by hand and against tf-keras-vis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import CardError, NoSpatialLayer
from explain.cam import WEIGHTS, cam, cam_all_classes, cam_steps
from explain.heatmap import Explanation
from explain.methods import attribute, default_method
from models.card import ModelCard
from models.classifier import Classifier, open_classifier
from models.files import FileFacts
from tests.models import networks
from tests.models.networks import NETWORKS, SIZE, multi_label, two_outputs

CLASSES = ("a", "b", "c")


def classifier_of(network: Any, **changes: object) -> Classifier:
    size = network.inputs[0].shape[1:3] if network.inputs[0].shape[1] else SIZE
    card = ModelCard(**{"name": "net", "classes": CLASSES, "height": size[0], "width": size[1], "scaling": "0..255", **changes})
    return Classifier(network, card, FileFacts(Path("net"), "keras", "", 0, "3"))


def pooled() -> Classifier:
    """A 1×1 convolution that copies red and green, global mean, then logits W·means: all by hand."""
    import keras

    inputs = keras.Input((2, 2, 3))
    maps = keras.layers.Conv2D(2, 1, use_bias=False, name="copy")(inputs)
    outputs = keras.layers.Dense(3, activation="softmax", use_bias=False)(keras.layers.GlobalAveragePooling2D()(maps))
    network = keras.Model(inputs, outputs)
    network.layers[1].set_weights([np.array([[1, 0], [0, 1], [0, 0]], np.float32).reshape(1, 1, 3, 2)])
    network.layers[-1].set_weights([np.array([[2, 0, -1], [-4, 1, 0]], np.float32)])
    return classifier_of(network)


IMAGE = np.zeros((1, 2, 2, 3), np.float32)
IMAGE[0, ..., 0] = [[1, 2], [3, 4]]  # red
IMAGE[0, ..., 1] = [[1, 0], [0, 2]]  # green


def test_grad_cam_by_hand() -> None:
    """dlogit_a/dA = (2, −4)/4 in every cell, so the map is ½ red − 1 green, signed."""
    scores, maps = cam(pooled(), IMAGE, np.array([0]), "grad-cam")
    np.testing.assert_allclose(maps[0], [[0.5 - 1, 1.0], [1.5, 2.0 - 2]], atol=1e-6)
    np.testing.assert_allclose(scores.logits[0], [2 * 2.5 - 4 * 0.75, 0.75, -2.5], atol=1e-6)


def test_hirescam_by_hand_where_it_differs() -> None:
    """A flatten head that looks at one cell: HiResCAM stays there, Grad-CAM smears a quarter over all cells."""
    import keras

    inputs = keras.Input((2, 2, 3))
    maps = keras.layers.Conv2D(1, 1, use_bias=False)(inputs)
    network = keras.Model(inputs, keras.layers.Dense(3, use_bias=False)(keras.layers.Flatten()(maps)))
    network.layers[1].set_weights([np.array([1, 0, 0], np.float32).reshape(1, 1, 3, 1)])
    weights = np.zeros((4, 3), np.float32)
    weights[3, 0] = 8
    network.layers[-1].set_weights([weights])
    classifier = classifier_of(network, output="logits")
    assert classifier.flattens and default_method(classifier)[0] == "occlusion"  # 2 × 2 cells are too coarse for any CAM
    np.testing.assert_allclose(cam(classifier, IMAGE, np.array([0]), "hirescam")[1][0], [[0, 0], [0, 32]])
    np.testing.assert_allclose(cam(classifier, IMAGE, np.array([0]), "grad-cam")[1][0], [[2, 4], [6, 8]])


def test_grad_cam_plus_plus_and_layer_cam_by_hand() -> None:
    """Constant gradients (½, −1): α is ¼ in every cell, so w = (½, 0); and relu(G) = (½, 0): half the red channel."""
    for method in ("grad-cam++", "layercam"):
        np.testing.assert_allclose(cam(pooled(), IMAGE, np.array([0]), method)[1][0], IMAGE[0, ..., 0] / 2, atol=1e-6)
    assert np.abs(cam(pooled(), IMAGE, np.array([2]), "layercam")[1]).max() == 0  # all gradients negative: nothing


def test_grad_cam_plus_plus_weighs_few_cells_more() -> None:
    """α = 1/(2 + G ΣA) by hand: gradients 1 on map one (Σ = 10) and map two (Σ = 3) at a single cell each."""
    from explain.cam import grad_cam_plus_plus_weights

    maps = IMAGE[..., :2]
    gradients = np.zeros_like(maps)
    gradients[0, 0, 0] = 1
    gradients[0, 1, 1] = [2, -3]
    weights = np.asarray(grad_cam_plus_plus_weights(maps, gradients))
    alpha = np.array([1 / (2 + 1 * 10), 1 / (2 + 2 * 10)])  # red: cells with gradients 1 and 2
    red = (alpha / alpha.sum()) @ [1, 2]
    green_alpha = np.array([1 / (2 + 1 * 3), 1 / (2 - 3 * 3)])
    green = (green_alpha / green_alpha.sum()) @ [1, 0]
    np.testing.assert_allclose(weights[0], [red, green], rtol=1e-5)


@pytest.mark.parametrize("channels", [2, 7])
def test_eigen_cam_by_hand(channels: int) -> None:
    """AᵀA = [[30, 9], [9, 5]]: its larger eigenvalue is (35 + √949)/2, its vector along (9, λ − 30). More channels
    than cells take the other product; channels of zeros change nothing."""
    from explain.cam import eigen_cam_weights

    maps = np.zeros((1, 2, 2, channels), np.float32)
    maps[..., :2] = IMAGE[..., :2]
    vector = np.array([9, (35 + np.sqrt(949)) / 2 - 30])
    vector /= np.linalg.norm(vector)
    weights = np.asarray(eigen_cam_weights(maps, None))
    np.testing.assert_allclose(weights[0], [*vector, *[0] * (channels - 2)], atol=1e-5)
    np.testing.assert_allclose(np.asarray(eigen_cam_weights(-maps, None))[0], weights[0] * -1, atol=1e-5)


def test_eigen_cam_knows_no_class() -> None:
    _, maps = cam_all_classes(pooled(), IMAGE, "eigen-cam")
    np.testing.assert_allclose(maps[0, 0], maps[0, 1])


def test_the_target_and_the_layer_have_an_effect() -> None:
    classifier = pooled()
    np.testing.assert_allclose(cam(classifier, IMAGE, np.array([2]), "grad-cam")[1][0], -IMAGE[0, ..., 0] / 4, atol=1e-6)
    chosen = cam(classifier, IMAGE, None, "grad-cam")[1]
    np.testing.assert_allclose(chosen, cam(classifier, IMAGE, np.array([0]), "grad-cam")[1])
    with pytest.raises(NoSpatialLayer, match="copy"):
        cam(classifier, IMAGE, layer="nowhere")


def test_the_other_class_of_one_sigmoid_is_the_negated_logit() -> None:
    import keras

    keras.utils.set_random_seed(0)
    classifier = classifier_of(NETWORKS["one_sigmoid"](keras), classes=("benign", "malignant"), output="sigmoid")
    images = np.random.default_rng(0).random((2, *SIZE, 3), np.float32)
    _, maps = cam_all_classes(classifier, images)
    np.testing.assert_allclose(maps[:, 0], -maps[:, 1])


@pytest.mark.parametrize("method", WEIGHTS)
@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "one_sigmoid"])
def test_all_classes_at_once_are_the_classes_one_by_one(name: str, method: str) -> None:
    import keras

    keras.utils.set_random_seed(1)
    classifier = classifier_of(NETWORKS[name](keras), output="logits" if name == "bare_logits" else "softmax")
    images = np.random.default_rng(0).random((3, *SIZE, 3), np.float32)
    scores, maps = cam_all_classes(classifier, images, method)
    rough = 3e-3 if "float16" in name else 1e-5
    for k in range(3):
        alone, one = cam(classifier, images, np.full(3, k), method)
        np.testing.assert_allclose(maps[:, k], one, atol=rough * np.abs(maps).max())
        np.testing.assert_allclose(alone.probabilities, scores.probabilities, atol=max(rough / 10, 1e-6))
    assert np.abs(maps).max() > 0


def tf_keras_vis_maps(network: Any, images: np.ndarray, targets: list[int], layer: str, method: str = "grad-cam") -> np.ndarray:
    """The oracle: its own CAM on the logit, at the layer's resolution, after ReLU, not normalised."""
    import tensorflow as tf
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.layercam import Layercam
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    gradcam = {"grad-cam": Gradcam, "grad-cam++": GradcamPlusPlus, "layercam": Layercam}[method](
        network, model_modifier=ReplaceToLinear(), clone=True
    )
    maps = gradcam(
        CategoricalScore(targets),
        tf.constant(images),
        penultimate_layer=layer,
        seek_penultimate_conv_layer=False,
        normalize_cam=False,
        expand_cam=False,
    )
    return np.asarray(maps)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["grad-cam", "grad-cam++", "layercam"])
@pytest.mark.parametrize("layer", [None, "re_lu_3", "re_lu_2"])
def test_equals_tf_keras_vis_on_a_trained_network(shortcut: Path, small_dataset: Path, layer: str | None, method: str) -> None:
    """To 1e-4 of each map's maximum; Grad-CAM++ up to a positive factor, exp(logit), which it does not take out."""
    from imaging.decode import read_image

    classifier = open_classifier(shortcut)
    images = [read_image(p) for p in sorted((small_dataset / "images").iterdir())[:12]]
    prepared = classifier.prepare(images)
    targets = np.arange(12) % 7
    scores, ours = cam(classifier, prepared, targets, method, layer)
    theirs = tf_keras_vis_maps(classifier.network, prepared, targets.tolist(), classifier.layer(layer).path, method)
    if method == "grad-cam++":
        theirs = theirs / np.exp(scores.logits[np.arange(12), targets])[:, None, None]
    limit = np.abs(theirs).max(axis=(1, 2), keepdims=True)
    assert (limit > 0).sum() >= 8
    assert (np.abs(np.clip(ours, 0, None) - theirs) <= 1e-4 * np.maximum(limit, 1e-3 * limit.max())).all()


def test_a_nested_network_equals_its_flat_copy(honest: Path, rng: np.random.Generator) -> None:
    """What tf-keras-vis cannot do: the same weights without nesting give the same maps."""
    import keras

    nested = open_classifier(honest)
    inner, *rest = nested.network.layers
    x = inner.output
    for layer in rest:
        x = layer(x)
    flat = Classifier(keras.Model(inner.input, x), nested.card, nested.facts)
    prepared = nested.prepare(list(rng.integers(0, 255, (4, 96, 96, 3), np.uint8)))
    np.testing.assert_allclose(cam(nested, prepared)[1], cam(flat, prepared)[1], atol=1e-6)


def test_no_tracing_again_for_other_targets_or_batch_sizes(honest: Path, rng: np.random.Generator) -> None:
    classifier = open_classifier(honest)
    prepared = classifier.prepare(list(rng.integers(0, 255, (5, 96, 96, 3), np.uint8)))
    for targets, n in (([0] * 5, 5), ([3] * 2, 2), (None, 1)):
        cam(classifier, prepared[:n], None if targets is None else np.array(targets))
    key = ("cam", "grad-cam", classifier.layer().path, False, "tensorflow")
    assert classifier.compiled[key].experimental_get_tracing_count() == 1


@pytest.mark.parametrize("method", WEIGHTS)
def test_the_steps_lead_to_the_map(honest: Path, rng: np.random.Generator, method: str) -> None:
    classifier = open_classifier(honest)
    prepared = classifier.prepare(list(rng.integers(0, 255, (1, 96, 96, 3), np.uint8)))
    steps = cam_steps(classifier, prepared, 4, method)
    scores, maps = cam(classifier, prepared, np.array([4]), method)
    np.testing.assert_allclose(steps.heatmap, maps[0], atol=1e-5)
    np.testing.assert_allclose((steps.maps * steps.weights).sum(-1), maps[0], atol=1e-4)
    assert steps.logit == pytest.approx(scores.logits[0, 4], abs=1e-5)
    if method == "grad-cam":
        np.testing.assert_allclose(steps.weights, steps.gradients.mean((0, 1)), atol=1e-7)


def test_one_of_several_outputs_is_explained() -> None:
    import keras

    keras.utils.set_random_seed(0)
    network = two_outputs(keras)
    with pytest.raises(CardError, match="age, lesion"):
        classifier_of(network)
    chosen = classifier_of(network, output_name="lesion")
    images = np.random.default_rng(0).random((2, *SIZE, 3), np.float32)
    scores, maps = cam_all_classes(chosen, images)
    np.testing.assert_allclose(scores.probabilities, network.predict(images, verbose=0)[1], atol=1e-6)
    alone = classifier_of(keras.Model(network.input, network.outputs[1]))
    np.testing.assert_allclose(maps, cam_all_classes(alone, images)[1], atol=1e-6)


@pytest.mark.parametrize("policy", ["float16", "bfloat16"])
def test_half_precision_gives_the_maps_of_the_same_weights_in_float32(policy: str) -> None:
    import keras

    keras.utils.set_random_seed(1)
    half = getattr(networks, policy)(keras)
    full = networks.nested_twice(keras)
    full.set_weights(half.get_weights())
    images = np.random.default_rng(0).random((2, *SIZE, 3), np.float32)
    targets, rough = np.array([0, 2]), {"float16": 5e-3, "bfloat16": 4e-2}[policy]
    for method in ("grad-cam", "gradient"):
        one, two = (attribute(classifier_of(n), images, targets, method).maps for n in (full, half))
        assert np.abs(one).max() > 0
        assert np.median(np.abs(one - two)) <= rough * np.abs(one).max()


def test_small_gradients_survive_float16() -> None:
    """A head whose weights lie below float16's smallest step (6e-8) once they are divided by the cells of its layer."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        inputs = keras.Input((64, 64, 3))
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(1, 1, use_bias=False)(inputs))
        network = keras.Model(inputs, keras.layers.Dense(3, use_bias=False, dtype="float32")(x))
    finally:
        keras.config.set_dtype_policy(before)
    network.layers[1].set_weights([np.ones((1, 1, 3, 1), np.float32)])
    network.layers[-1].set_weights([np.full((1, 3), 1e-4, np.float32)])
    _, maps = cam(classifier_of(network, output="logits"), np.ones((1, 64, 64, 3), np.float32), np.array([0]), "hirescam")
    assert maps.sum() == pytest.approx(3e-4, rel=0.02)


def test_multi_label_scores_stand_for_themselves() -> None:
    import keras

    keras.utils.set_random_seed(0)
    network = multi_label(keras)
    classifier = classifier_of(network, output="multi-label")
    images = np.random.default_rng(0).random((2, *SIZE, 3), np.float32)
    scores, maps = cam_all_classes(classifier, images, "hirescam")
    np.testing.assert_allclose(scores.probabilities, network.predict(images, verbose=0), atol=1e-6)
    assert scores.probabilities.sum(1) != pytest.approx(1) and maps.shape[:2] == (2, 3)


def test_the_embedding_is_what_the_last_dense_layer_reads() -> None:
    scores, _ = cam(pooled(), IMAGE, np.array([0]))
    np.testing.assert_allclose(scores.embedding, [[2.5, 0.75]])  # type: ignore[arg-type]  # the means of red and green
    np.testing.assert_allclose(pooled().predict(IMAGE).embedding, [[2.5, 0.75]])  # type: ignore[arg-type]


def test_empty_and_coarse_maps_say_so() -> None:
    empty = Explanation("grad-cam", "mel", "conv", np.full((4, 4), -1, np.float32))
    assert empty.empty and empty.coarse and empty.scale == 1
    assert not Explanation("grad-cam", "mel", "conv", np.eye(6, dtype=np.float32)).empty
