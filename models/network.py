"""A checked file -> a network in memory. The only place where Keras reads a file: a clean copy of ours, unless the file is trusted."""

import importlib
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from core.errors import ModelFileError, first_line
from models.files import FileFacts, clean_copy


def open_network(facts: FileFacts) -> Any:
    """A callable `network(images, training=False)`; Keras models also have `.layers`.

    Keras 3 reads the file; Keras 2 files that it refuses are read by tf-keras, the legacy package of Keras 2.
    A SavedModel is wrapped so that it is called the same way, but its layers are not accessible.
    Raises ModelFileError with the first line of each reader's message.
    """
    import_tensorflow()
    if facts.unsafe:
        return _open(facts, facts.path)
    if facts.clean is not None and facts.clean.exists():
        return _open(facts, facts.clean)
    with tempfile.TemporaryDirectory() as folder:
        copied = clean_copy(facts.path, Path(folder))
        assert copied.clean is not None
        return _open(copied, copied.clean)


def _open(facts: FileFacts, file: Path) -> Any:
    readers = [_read_saved_model] if facts.format == "savedmodel" else [_read_keras3, _read_keras2] if facts.keras2 else [_read_keras3]
    problems: list[str] = []
    for reader in readers:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                network = reader(file, bool(facts.unsafe))
        except Exception as error:  # whatever a reader fails on is a problem of the file
            problems.append(f"{type(error).__name__}: {first_line(error, 200)}")
            continue
        if facts.format != "savedmodel" and len(network.inputs) != 1:
            raise ModelFileError(f"takes {len(network.inputs)} inputs; an image classifier takes one.", facts.path.name)
        return network
    raise ModelFileError(
        f"cannot be rebuilt as a network ({'; then '.join(problems)}).",
        facts.path.name,
        "Open it in the environment it was trained in and save it with model.save('name.keras').",
    )


def import_tensorflow() -> None:
    """Import TensorFlow without the messages it prints about the hardware; exceptions still get through."""
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
    """The serving signature of a SavedModel, called like a Keras model. Its layers are not accessible."""

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
            raise ModelFileError(f"takes {len(inputs)} inputs; an image classifier takes one.")
        self._input, spec = next(iter(inputs.items()))
        self.inputs = [spec]
        self.dtype = spec.dtype

    def __call__(self, images: Any, training: bool = False) -> Any:  # noqa: ARG002 (called like a Keras model)
        import tensorflow as tf

        return self._call(**{self._input: tf.cast(images, self.dtype)})


def _read_keras3(file: Path, trusted: bool) -> Any:
    import keras

    own = _application_layers("keras.src.applications")
    return keras.models.load_model(str(file), custom_objects=own, compile=False, safe_mode=not trusted)


def _read_keras2(file: Path, trusted: bool) -> Any:
    import tf_keras

    own = _application_layers("tf_keras.src.applications")
    return tf_keras.models.load_model(str(file), custom_objects=own, compile=False, safe_mode=not trusted)


def _application_layers(package: str) -> dict[str, Any]:
    """Custom layers of Keras' own Inception-ResNet and ConvNeXt, which HDF5 files cannot locate."""
    found: dict[str, Any] = {}
    for module, names in (("inception_resnet_v2", ("CustomScaleLayer",)), ("convnext", ("LayerScale", "StochasticDepth"))):
        holder = importlib.import_module(f"{package}.{module}")
        found |= {name: getattr(holder, name) for name in names if hasattr(holder, name)}
    return found


def _read_saved_model(file: Path, trusted: bool) -> Any:  # noqa: ARG001 (called like the others)
    return SavedModelNetwork(str(file))
