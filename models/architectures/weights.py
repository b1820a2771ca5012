"""Where a base's weights come from: ImageNet through Keras, a weights file, another classifier, or nowhere."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import TrainingError
from models.architectures.borrowed import borrow_base, own_scaling
from models.architectures.preset import Base
from models.card import ModelCard
from models.files import check_weights_file

IMAGENET, NONE = "imagenet", "none"
PATIENCE = 30  # seconds without an answer from the server that keeps the weights

# application → range its base takes raw pixels to: "own" where its first layers do it
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
    """The base of that name with the weights asked for: `imagenet`, `none` or a file of weights; or the base of another network.

    network, card: an opened network whose base is taken instead. Raises TrainingError that says what to put where.
    """
    import keras

    if network is not None and card is not None:
        if card.colour_order == "bgr" or card.scaling == "caffe":
            raise TrainingError("takes its colours as BGR, which a base here cannot.", card.name, "Choose other --weights.")
        return Base(borrow_base(network, card, size), (*scaling_layers(card.scaling), *own_scaling(network, card)))
    make = getattr(keras.applications, name)
    fixed = {"include_top": False, "input_shape": (*size, 3)}
    scaling = scaling_layers(APPLICATIONS[name])
    if weights == IMAGENET:
        with _told(name):
            return Base(make(weights=IMAGENET, **fixed), scaling)
    base = make(weights=None, **fixed)
    if weights != NONE:
        check_weights_file(Path(weights))
        try:
            base.load_weights(weights)
        except (ValueError, OSError, KeyError) as error:
            first = str(error).strip().splitlines()[0][:200]
            raise TrainingError(
                f"holds no weights of {name} ({first}).", Path(weights).name, f"Save them from {name} without its top."
            ) from error
    return Base(base, scaling)


def scaling_layers(scaling: str) -> tuple[Any, ...]:
    """Layers from raw pixels 0–255 to a card's scaling."""
    import keras

    rescaling = keras.layers.Rescaling
    if scaling == "imagenet":
        spread = [(255 * s) ** 2 for s in (0.229, 0.224, 0.225)]
        return (keras.layers.Normalization(mean=[255 * m for m in (0.485, 0.456, 0.406)], variance=spread),)
    return {"0..1": (rescaling(1 / 255),), "-1..1": (rescaling(1 / 127.5, offset=-1),)}.get(scaling, ())


@contextmanager
def _told(name: str) -> Iterator[None]:
    """What Keras says when it cannot fetch weights becomes one message: which file, from where, to where."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    except Exception as error:  # Keras raises bare exceptions here
        told = str(error).strip().splitlines()[0]
        place = re.search(r"https?://\S+?\.h5", told)
        where = place.group(0) if place else "the file Keras names"
        raise TrainingError(
            f"its ImageNet weights cannot be fetched ({told.rsplit(' -- ', 1)[-1][:160]}).",
            name,
            f"Download {where} elsewhere and put {where.rsplit('/', 1)[-1]} into ~/.keras/models/, or train without: --weights none.",
        ) from error
    finally:
        socket.setdefaulttimeout(before)
