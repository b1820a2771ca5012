"""A checked file -> a network in memory. The only place that asks Keras to read a file."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

from core.errors import ModelFileError
from models.files import FileFacts


def open_network(facts: FileFacts) -> Any:
    """A callable `network(images, training=False)`; Keras models also have `.layers`.

    Keras 3 reads the file; what it refuses of Keras 2 is read by tf-keras, which is Keras 2 kept alive.
    A SavedModel is wrapped so that it is called the same way, but shows no layers.
    Raises ModelFileError with the first line of what the last reader said.
    """
    import_tensorflow()
    readers = _READERS[facts.format]
    problems: list[str] = []
    for reads, reader in readers:
        if not reads(facts):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                network = reader(facts)
        except Exception as error:  # whatever a reader stumbles over is a problem of the file
            problems.append(_first_line(error))
            continue
        if facts.format != "savedmodel" and len(network.inputs) != 1:
            raise ModelFileError(f"takes {len(network.inputs)} inputs; a classifier of photographs takes one.", facts.path.name)
        return network
    raise ModelFileError(
        f"cannot be rebuilt as a network ({'; then '.join(problems)}).",
        facts.path.name,
        "Open it where it was trained and save it with model.save('name.keras').",
    )


def import_tensorflow() -> None:
    """Import TensorFlow without the lines it prints about processors; errors still come through."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        tf.config.list_logical_devices()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class SavedModelNetwork:
    """The serving signature of a SavedModel, called like a Keras model. It shows no layers."""

    layers: tuple = ()

    def __init__(self, folder: str) -> None:
        import tensorflow as tf

        self._kept_alive = tf.saved_model.load(folder)
        signatures = self._kept_alive.signatures
        if not signatures:
            raise ModelFileError("has no serving signature to call.", todo="Save it with model.export().")
        key = "serving_default" if "serving_default" in signatures else sorted(signatures)[0]
        self._call = signatures[key]
        inputs = self._call.structured_input_signature[1]
        if len(inputs) != 1:
            raise ModelFileError(f"takes {len(inputs)} inputs; a classifier of photographs takes one.")
        self._input, spec = next(iter(inputs.items()))
        self.inputs = [spec]
        self.dtype = spec.dtype

    def __call__(self, images: Any, training: bool = False) -> Any:  # noqa: ARG002 (called like a Keras model)
        import tensorflow as tf

        return self._call(**{self._input: tf.cast(images, self.dtype)})


def _read_keras3(facts: FileFacts) -> Any:
    import keras

    own = _application_layers("keras.src.applications")
    return keras.models.load_model(str(facts.path), custom_objects=own, compile=False, safe_mode=not facts.unsafe)


def _read_keras2(facts: FileFacts) -> Any:
    import tf_keras

    own = _application_layers("tf_keras.src.applications")
    return tf_keras.models.load_model(str(facts.path), custom_objects=own, compile=False)


def _application_layers(package: str) -> dict[str, Any]:
    """Layers that Keras' own Inception-ResNet and ConvNeXt define for themselves, which HDF5 files do not find."""
    found: dict[str, Any] = {}
    for module, names in (("inception_resnet_v2", ("CustomScaleLayer",)), ("convnext", ("LayerScale", "StochasticDepth"))):
        holder = importlib.import_module(f"{package}.{module}")
        found |= {name: getattr(holder, name) for name in names if hasattr(holder, name)}
    return found


def _read_saved_model(facts: FileFacts) -> Any:
    return SavedModelNetwork(str(facts.path))


# format -> readers in the order they are tried, each with the files it is for
_READERS: dict[str, tuple[tuple[Callable[[FileFacts], bool], Callable[[FileFacts], Any]], ...]] = {
    "keras": ((lambda f: True, _read_keras3), (lambda f: f.keras2, _read_keras2)),
    "hdf5": ((lambda f: True, _read_keras3), (lambda f: f.keras2, _read_keras2)),
    "savedmodel": ((lambda f: True, _read_saved_model),),
}


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
