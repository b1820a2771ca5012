"""Every network that Keras itself can write still opens, and says bit by bit the same out of its clean copy (minutes)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.allowlist import FILE
from models.config import rebuild
from models.files import inspect_file
from models.network import open_network

FAMILIES = """ConvNeXtTiny DenseNet121 EfficientNetB0 EfficientNetV2B0 InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 MobileNetV3Large
    MobileNetV3Small NASNetMobile ResNet50 ResNet50V2 VGG16 VGG19 Xception""".split()


def package(name: str) -> Any:
    import keras
    import tf_keras

    return {"keras": keras, "tf_keras": tf_keras}[name]


def many_layers(keras: Any) -> Any:
    """A network of what people put before and behind a published one; called without training, for random layers are among it."""
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    x = layers.Resizing(24, 24)(layers.Rescaling(1 / 127.5, offset=-1)(inputs))
    x = layers.RandomZoom(0.1)(layers.RandomRotation(0.1)(layers.RandomFlip()(x)))
    x = layers.CenterCrop(20, 20)(layers.Normalization(mean=[0.1, 0, 0], variance=[1.0, 2, 1])(x))
    x = layers.PReLU(shared_axes=[1, 2])(layers.SeparableConv2D(8, 3, depthwise_regularizer=keras.regularizers.L2(1e-4))(x))
    x = layers.Conv2D(8, 3, kernel_constraint=keras.constraints.MaxNorm(2), activation=layers.LeakyReLU(0.2))(x)
    x = layers.DepthwiseConv2D(3)(layers.GroupNormalization(2)(x))
    x = layers.MaxPooling2D(2)(layers.UpSampling2D(2)(layers.ZeroPadding2D(((0, 1), (1, 0)))(layers.Conv2DTranspose(8, 2, strides=2)(x))))
    x = layers.Multiply()([x, layers.Dense(8, activation="hard_sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))])
    x = layers.Concatenate(axis=1)([(x / 2.0 + 1)[:, 1:], x])
    x = layers.Reshape((-1, 8))(layers.AveragePooling2D(6)(x))
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)]))
    x = layers.LSTM(5, return_sequences=True)(layers.Bidirectional(layers.GRU(4, return_sequences=True))(x))
    x = layers.TimeDistributed(keras.Sequential([layers.Dense(6, activation="gelu"), layers.Dropout(0.1)]))(x)
    x = layers.BatchNormalization()(layers.GlobalMaxPooling1D()(layers.Conv1D(4, 2)(x)))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", kernel_regularizer="l2")(x))


def the_same(network: Any, path: Path) -> None:
    side = [s or 96 for s in network.input_shape[1:]]
    images = (np.random.default_rng(0).random((2, *side)) * 255).astype(np.float32)
    opened = open_network(inspect_file(path))
    again = opened(images, training=False)
    again = next(iter(again.values())) if isinstance(again, dict) else again
    np.testing.assert_array_equal(np.asarray(again), np.asarray(network(images, training=False)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".keras", ".h5", ""])
@pytest.mark.parametrize("by", ["keras", "tf_keras"])
@pytest.mark.parametrize("family", FAMILIES)
def test_published_families(family: str, by: str, suffix: str, tmp_path: Path) -> None:
    keras, path = package(by), tmp_path / f"net{suffix}"
    keras.utils.set_random_seed(1)
    network = getattr(keras.applications, family)(weights=None, classes=7)
    if suffix:
        network.save(path)
    elif by == "keras":
        network.export(str(path), verbose=False)
    else:
        network.save(str(path), save_format="tf")
    if suffix:
        the_same(network, path)
    else:  # compiled as a whole, its sums may be taken in another order
        images = np.full((1, *network.input_shape[1:]), 100, np.float32)
        again = next(iter(open_network(inspect_file(path))(images).values()))
        np.testing.assert_allclose(np.asarray(again), np.asarray(network(images, training=False)), atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("by", "suffix"), [("keras", ".keras"), ("tf_keras", ".keras"), ("tf_keras", ".h5")])
def test_layers_of_every_kind(by: str, suffix: str, tmp_path: Path) -> None:
    network = many_layers(package(by))
    network.save(tmp_path / f"net{suffix}")
    the_same(network, tmp_path / f"net{suffix}")


@pytest.mark.slow
@pytest.mark.parametrize("by", ["keras", "tf_keras"])
def test_every_published_configuration_is_copied_as_it_is(by: str) -> None:
    keras = package(by)
    for family in FAMILIES:
        config = json.loads(getattr(keras.applications, family)(weights=None, include_top=False, input_shape=(96, 96, 3)).to_json())
        made = rebuild(config)
        assert not made.objections and made.config["config"] == _without_compiling(config["config"]), family
        keras.backend.clear_session()


def _without_compiling(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_compiling(v) for k, v in value.items() if k != "compile_config"}
    return [_without_compiling(v) for v in value] if isinstance(value, list) else value


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_real_networks_say_the_same_as_through_keras(real_data: Path) -> None:
    import keras

    for path in sorted((real_data / "models").glob("*.keras")):
        the_same(keras.models.load_model(path, compile=False), path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_list_is_that_of_the_installed_keras() -> None:
    from models.gathering import gathered

    assert gathered() == FILE.read_text(encoding="utf-8")
