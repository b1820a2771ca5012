"""The networks of the presets: sizes as printed, what is frozen, and where weights come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ModelFileError, TrainingError
from core.runs import finish
from models.architectures import PRESETS
from models.architectures.borrowed import borrow_base
from models.architectures.recipe import changed
from models.architectures.weights import find_base, scaling_layers
from models.card import SCALINGS, make_card
from models.classifier import Classifier, open_classifier
from models.files import inspect_file
from models.network import import_tensorflow
from tests.models.networks import SIZE, flat, nested_twice
from training.build import build_network, freeze
from training.order import Order, fitted_recipe
from training.run import train

Orders = Callable[..., Order]


def learned(network: Any) -> int:
    return sum(int(np.prod(w.shape)) for w in network.trainable_weights)


def built(name: str, base: str = "", **fields: Any) -> tuple[Any, Any]:
    import_tensorflow()
    preset = PRESETS[name]
    recipe = fitted_recipe(preset, {"weights": "none", "base": base, **fields})
    n = len(recipe.classes) or 8
    return build_network(preset, recipe, n)


def test_benbrahim_has_the_printed_parameters_and_shapes() -> None:
    network, base = built("benbrahim2020")
    assert base is None and network.count_params() == PRESETS["benbrahim2020"].published.parameters == 788_551
    shapes = [tuple(layer.output.shape[1:3]) for layer in network.layers if len(layer.output.shape) == 4]
    for printed in [(36, 49), (34, 47), (17, 23), (15, 21), (7, 10), (5, 8), (2, 4)]:
        assert printed in shapes
    assert (None, 1024) in [tuple(layer.output.shape) for layer in network.layers]


def test_hitta_has_the_printed_parameters_in_both_phases() -> None:
    network, base = built("hitta2023")
    published = PRESETS["hitta2023"].published
    assert network.count_params() == published.parameters == 57_961_378
    first, second = PRESETS["hitta2023"].recipe.phases
    freeze(network, base, first)
    assert learned(network) == published.trainable == 3_624_642
    freeze(network, base, second)
    last = base.network.layers[-30:]
    own = sum(int(np.prod(w.shape)) for x in last if type(x).__name__ != "BatchNormalization" for w in x.weights)
    assert learned(network) == published.trainable + own > published.trainable
    assert not any(x.trainable for x in last if type(x).__name__ == "BatchNormalization")


# base without its top + (channels × 1024 + 1024) + (1024 + 1); channels and bases as Keras Applications documents them
@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "parameters", "channels"),
    [
        ("EfficientNetV2B3", 12_930_622, 1536),
        ("EfficientNetV2S", 20_331_360, 1280),
        ("EfficientNetV2L", 117_746_848, 1280),
        ("ResNet152V2", 58_331_648, 2048),
        ("DenseNet201", 18_321_984, 1920),
    ],
)
def test_alexandersons_bases(base: str, parameters: int, channels: int) -> None:
    network, found = built("alexanderson2024", base)
    assert found.network.count_params() == parameters
    assert network.count_params() - _own_scaling(network) == parameters + (channels * 1024 + 1024) + 1025
    half = PRESETS["alexanderson2024"].recipe.phases[1]
    freeze(network, found, half)
    layers = found.network.layers
    assert not any(layer.trainable for layer in layers[: len(layers) // 2]) and layers[-1].trainable


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "parameters", "channels"),
    [("EfficientNetB4", 17_673_823, 1792), ("EfficientNetB5", 28_513_527, 2048), ("InceptionResNetV2", 54_336_736, 1536)],
)
def test_steppans_bases(base: str, parameters: int, channels: int) -> None:
    network, found = built("steppan2021", base)
    assert network.count_params() == parameters + channels * 8 + 8
    freeze(network, found, PRESETS["steppan2021"].recipe.phases[1])
    assert learned(network) == sum(int(np.prod(w.shape)) for w in network.trainable_weights) > 0.98 * parameters


def _own_scaling(network: Any) -> int:
    """Mean, variance and count of a Normalization before the base."""
    return sum(layer.count_params() for layer in network.layers if type(layer).__name__ == "Normalization")


@pytest.mark.parametrize("scaling", ["0..1", "-1..1", "0..255", "imagenet"])
def test_layers_scale_as_a_card_would(scaling: str) -> None:
    import_tensorflow()
    pixels = np.random.default_rng(0).integers(0, 255, (1, 5, 6, 3)).astype(np.float32)
    made: Any = pixels
    for layer in scaling_layers(scaling):
        made = layer(made)
    assert np.asarray(made) == pytest.approx(SCALINGS[scaling](pixels), abs=1e-5)


def donor(network: Any, folder: Path, scaling: str = "0..1") -> Classifier:
    file = folder / "donor.keras"
    network.save(file)
    card = make_card({"name": "donor", "classes": ("nv", "mel", "bkl"), "height": SIZE[0], "width": SIZE[1], "scaling": scaling})
    return Classifier(network, card, inspect_file(file))


@pytest.mark.parametrize("kind", [flat, nested_twice])
def test_a_base_is_taken_out_of_any_network(kind: Callable, tmp_path: Path) -> None:
    import keras

    network = kind(keras)
    base = borrow_base(network, donor(network, tmp_path).card, SIZE)
    assert base.output.shape == (None, 12, 12, 8)
    assert np.array_equal(base.get_layer("last_conv").get_weights()[0], _layer(network, "last_conv").get_weights()[0])


def test_scaling_beside_the_base_is_taken_over(tmp_path: Path) -> None:
    import keras

    inner = flat(keras)
    body = keras.Model(inner.inputs[0], inner.get_layer("last_conv").output, name="body")
    layers = keras.layers
    network = keras.Sequential(
        [keras.Input((*SIZE, 3)), layers.Rescaling(1 / 127.5, offset=-1), body, layers.GlobalAveragePooling2D(), layers.Dense(3)]
    )
    given = donor(network, tmp_path, "0..255")
    base = find_base("", "", SIZE, given.card, network)
    pixels = np.random.default_rng(0).integers(0, 255, (2, *SIZE, 3)).astype(np.float32)
    assert np.asarray(base(pixels)) == pytest.approx(np.asarray(body(pixels / 127.5 - 1)), abs=1e-4)


def test_a_base_of_keras_2_is_rebuilt_and_computes_the_same(tmp_path: Path) -> None:
    import tf_keras

    body = tf_keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3), alpha=0.35)
    network = tf_keras.Sequential([body, tf_keras.layers.GlobalAveragePooling2D(), tf_keras.layers.Dense(2, activation="softmax")])
    network.build((None, 32, 32, 3))
    card = make_card({"name": "old", "classes": ("benign", "malignant"), "height": 32, "width": 32, "scaling": "-1..1"})
    base = borrow_base(network, card, (32, 32))
    pictures = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    assert type(base).__module__.startswith("keras")
    assert np.asarray(base(pictures, training=False)) == pytest.approx(np.asarray(body(pictures, training=False)), abs=1e-4)
    with pytest.raises(TrainingError, match="its base takes 32 × 32 pixels. Train with --size 32x32"):
        borrow_base(network, card, (64, 64))


def test_both_phases_on_a_borrowed_base(order: Orders, tmp_path: Path) -> None:
    import keras

    given = donor(nested_twice(keras), tmp_path)
    before = _layer(given.network, "last_conv").get_weights()[0].copy()
    preset = PRESETS["alexanderson2024"]
    recipe = fitted_recipe(
        preset,
        {
            "batch": 8,
            "split": {"by": "lesion"},
            "options": {"dense": 8},
            "phases": [{"epochs": 1, "rate": 1e-2, "thaw": "none"}, {"epochs": 1, "rate": 1e-2, "thaw": 1}],
        },
        given,
    )
    assert recipe.size == SIZE
    asked = replace(order(), preset=preset, recipe=recipe, donor=given)
    told = finish(train(asked)).training
    assert [c["phase"] for c in told.curves] == [1, 2]
    network = open_classifier(asked.out)
    assert network.card.output == "sigmoid" and network.card.positive == "malignant"
    after = _layer(network.network, "last_conv").get_weights()[0]
    assert not np.array_equal(before, after)  # the last layer learned in the second phase
    assert np.array_equal(before, _layer(given.network, "last_conv").get_weights()[0])  # its donor did not
    first, given_first = (next(x for x in _all(n) if type(x).__name__ == "Conv2D") for n in (network.network, given.network))
    assert np.array_equal(first.get_weights()[0], given_first.get_weights()[0])  # the frozen one did not
    layer = network.layer()
    assert layer.explainable


def test_imagenet_without_a_network_says_which_file_to_put_where(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    def fetch(**kwargs: Any) -> Any:
        raise Exception("URL fetch failure on https://example.org/keras/efficientnetv2-b3_notop.h5: None -- Name or service not known")

    monkeypatch.setattr(keras.applications, "EfficientNetV2B3", fetch)
    with pytest.raises(TrainingError) as told:
        built("alexanderson2024", weights="imagenet")
    assert "put efficientnetv2-b3_notop.h5 into ~/.keras/models/" in str(told.value) and "--weights none" in str(told.value)


def test_a_file_of_weights_is_read_and_a_strange_one_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, _ = built("huber2020", height=32, width=32)
    network.save_weights(tmp_path / "kept.weights.h5")
    again, _ = built("huber2020", height=32, width=32, seed=5, weights=str(tmp_path / "kept.weights.h5"))
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), again.get_weights(), strict=True))
    with pytest.raises(ModelFileError, match="holds no weights of this network"):
        built("huber2020", weights=str(tmp_path / "kept.weights.h5"))
    (tmp_path / "text.weights.h5").write_text("no weights")
    with pytest.raises(ModelFileError, match="is not an HDF5 weights file"):
        built("huber2020", weights=str(tmp_path / "text.weights.h5"))


def test_a_sigmoid_tells_two_classes_apart() -> None:
    preset = PRESETS["alexanderson2024"]
    with pytest.raises(TrainingError, match="has two classes, not 3"):
        build_network(preset, changed(preset.recipe, classes=("a", "b", "c")), 3)
    with pytest.raises(TrainingError, match="alexanderson2024 has no base 'VGG16'"):
        built("alexanderson2024", "VGG16")


def _all(network: Any) -> list[Any]:
    return [x for layer in network.layers for x in (_all(layer) if getattr(layer, "layers", None) else [layer])]


def _layer(network: Any, name: str) -> Any:
    return next(x for x in _all(network) if x.name == name)
