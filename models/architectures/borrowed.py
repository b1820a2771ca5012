"""The base of an existing network, nested or flat, Keras 2 or 3, as a Keras 3 network of its own."""

import importlib
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from core.errors import TrainingError, first_line
from models.card import SCALING_LAYERS, ModelCard
from models.layers import sublayers

# class → arguments that Keras 2 saves and Keras 3 refuses, though they have no effect
_REFUSED = {"DepthwiseConv2D": ("groups",)}


def borrow_base(network: Any, card: ModelCard, size: tuple[int, int]) -> Any:
    """The spatial part of a network: the largest nested network with spatial output, else all layers up to the last spatial one.

    Raises TrainingError if there is none, or if Keras 3 computes something different from the original.
    """
    if size != card.size:
        raise TrainingError(
            f"its base takes {card.height} × {card.width} pixels.", card.name, f"Train with --size {card.height}x{card.width}."
        )
    import keras

    nested = _nested(network)
    base = nested if nested is not None else _cut(network, card)
    if type(base).__module__.startswith("tf_keras"):
        copy = _in_keras3(base, card)
    else:  # training it must not change the network it is taken from
        copy = keras.models.clone_model(base)
        copy.set_weights(base.get_weights())
    copy.trainable = True
    return copy


def own_scaling(network: Any, card: ModelCard) -> tuple[Any, ...]:
    """New copies of the layers that rescale the pixels before they reach the nested base; none if the base does that itself.

    Raises TrainingError for any other layer than Rescaling.
    """
    import keras

    nested = _nested(network)
    if nested is None:
        return ()
    inside = {id(layer) for _, layer in sublayers(nested)}
    before = [layer for _, layer in sublayers(network) if id(layer) not in inside and type(layer).__name__ in SCALING_LAYERS]
    if any(type(layer).__name__ != "Rescaling" for layer in before):
        raise TrainingError("scales its pixels in a way that cannot be copied.", card.name, "Choose other --weights.")
    return tuple(keras.layers.Rescaling(layer.scale, offset=layer.offset) for layer in before)


def _nested(network: Any) -> Any | None:
    """The nested network with spatial output that has the most parameters; networks within it count as part of it."""
    found = []
    for layer in getattr(network, "layers", ()):
        if getattr(layer, "layers", None):
            inner = layer if _spatial(layer) else _nested(layer)
            found += [inner] if inner is not None else []
    return max(found, key=lambda n: n.count_params(), default=None)


def _spatial(layer: Any) -> bool:
    shape = getattr(layer, "output_shape", None)
    if not isinstance(shape, tuple):
        shape = tuple(layer.output.shape) if hasattr(layer, "output") else ()
    return len(shape) == 4 and layer.count_params() > 0


def _cut(network: Any, card: ModelCard) -> Any:
    kept = [layer for layer in getattr(network, "layers", ()) if hasattr(layer, "output") and len(layer.output.shape) == 4]
    if not kept:
        raise TrainingError("has no accessible spatial layer, so there is no base to copy.", card.name, "Choose other --weights.")
    library = importlib.import_module(type(network).__module__.split(".", maxsplit=1)[0])  # keras or tf_keras
    return library.Model(network.inputs[0], kept[-1].output)


def _in_keras3(base: Any, card: ModelCard) -> Any:
    import keras

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "base.h5"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # HDF5 is deprecated, but the format both can read
            base.save(file)
        with h5py.File(file, "r+") as h5:
            config = json.loads(h5.attrs["model_config"])
            _drop_refused(config)
            h5.attrs["model_config"] = json.dumps(config)
        try:
            rebuilt = keras.models.load_model(file, compile=False)
        except (TypeError, ValueError) as error:
            reason = f"its base cannot be rebuilt in Keras 3 ({first_line(error)})."
            raise TrainingError(reason, card.name, "Choose other --weights.") from error
    rebuilt = keras.Model(rebuilt.inputs[0], rebuilt.outputs[0], name=rebuilt.name)  # old files store both as lists
    pictures = np.random.default_rng(0).random((2, *card.size, 3), np.float32)
    before, after = (np.asarray(n(pictures, training=False)).reshape(2, -1) for n in (base, rebuilt))
    if not np.allclose(before, after, rtol=1e-3, atol=1e-4 * max(1.0, float(np.abs(before).max()))):
        raise TrainingError("its base computes something different in Keras 3 than in Keras 2.", card.name, "Choose other --weights.")
    return rebuilt


def _drop_refused(config: Any) -> None:
    if isinstance(config, dict):
        if isinstance(config.get("config"), dict):
            for name in _REFUSED.get(config.get("class_name", ""), ()):
                config["config"].pop(name, None)
        for value in config.values():
            _drop_refused(value)
    elif isinstance(config, list):
        for value in config:
            _drop_refused(value)
