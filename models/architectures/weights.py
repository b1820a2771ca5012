"""Where a base's weights come from: ImageNet through Keras, a weights file, another classifier, or random initialisation."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import TrainingError, first_line
from models.architectures.borrowed import borrow_base, own_scaling
from models.architectures.preset import Base
from models.card import IMAGENET_MEAN, IMAGENET_STD, ModelCard
from models.trial import tried_weights

IMAGENET, NONE = "imagenet", "none"
PATIENCE = 30  # seconds to wait for the server that hosts the weights

# application → scaling of the pixels its base takes: "own" if its first layers scale them
APPLICATIONS: dict[str, str] = {
    "EfficientNetB4": "own",
    "EfficientNetB5": "own",
    "EfficientNetV2B3": "own",
    "EfficientNetV2S": "own",
    "EfficientNetV2L": "own",
    "InceptionResNetV2": "-1..1",
    "ResNet152V2": "-1..1",
    "DenseNet201": "imagenet",
}


def find_base(name: str, weights: str, size: tuple[int, int], card: ModelCard | None = None, network: Any = None) -> Base:
    """The base of that name with the requested weights: `imagenet`, `none` or a weights file; or the base of another network.

    network, card: an opened network whose base is copied instead. Raises TrainingError.
    """
    import keras

    if network is not None and card is not None:
        if card.colour_order == "bgr" or card.scaling == "caffe":
            raise TrainingError("expects BGR images, which is not supported for a base.", card.name, "Choose other --weights.")
        return Base(borrow_base(network, card, size), (*scaling_layers(card.scaling), *own_scaling(network, card)))
    make = getattr(keras.applications, name)
    fixed = {"include_top": False, "input_shape": (*size, 3)}
    scaling = scaling_layers(APPLICATIONS[name])
    if weights == IMAGENET:
        with _downloading(name):
            return Base(make(weights=IMAGENET, **fixed), scaling)
    base = make(weights=None, **fixed)
    if weights != NONE:
        try:
            with tried_weights(Path(weights)) as copy:
                base.load_weights(copy)
        except (ValueError, OSError, KeyError) as error:
            reason = f"does not contain weights of {name} ({first_line(error, 200)})."
            raise TrainingError(reason, Path(weights).name, f"Save them from {name} without its top.") from error
    return Base(base, scaling)


def scaling_layers(scaling: str) -> tuple[Any, ...]:
    """Layers from raw pixels 0–255 to a card's scaling."""
    import keras

    rescaling = keras.layers.Rescaling
    if scaling == "imagenet":
        return (keras.layers.Normalization(mean=IMAGENET_MEAN.tolist(), variance=(IMAGENET_STD**2).tolist()),)
    return {"0..1": (rescaling(1 / 255),), "-1..1": (rescaling(1 / 127.5, offset=-1),)}.get(scaling, ())


@contextmanager
def _downloading(name: str) -> Iterator[None]:
    """Where Keras fails to download weights, a TrainingError says which file, from where, to where."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    except Exception as error:  # Keras raises bare exceptions here
        reason = first_line(error, 1000)
        address = re.search(r"https?://\S+?\.h5", reason)
        where = address.group(0) if address else "the file Keras names"
        raise TrainingError(
            f"its ImageNet weights cannot be downloaded ({reason.rsplit(' -- ', 1)[-1][:160]}).",
            name,
            f"Download {where} elsewhere and put {where.rsplit('/', 1)[-1]} into ~/.keras/models/, or train without: --weights none.",
        ) from error
    finally:
        socket.setdefaulttimeout(before)
