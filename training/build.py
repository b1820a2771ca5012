"""A preset and a recipe → a network to train, frozen as the phase requires."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import ModelFileError, TrainingError
from models.architectures.preset import Base, Plan, Preset
from models.architectures.recipe import Phase, Recipe
from models.architectures.weights import IMAGENET, NONE, find_base
from models.classifier import Classifier
from models.layers import sublayers
from models.trial import tried_weights


def build_network(preset: Preset, recipe: Recipe, n_classes: int, donor: Classifier | None = None) -> tuple[Any, Base | None]:
    """The network with its initial weights, and its base, if it has one. donor: whose base is taken.

    Raises TrainingError for weights that are not available or do not fit.
    """
    import keras

    if preset.sigmoid and n_classes != 2:
        raise TrainingError(f"{preset.name} has two classes, not {n_classes}.", "Training", "Give two: --classes benign,malignant.")
    keras.utils.set_random_seed(recipe.seed)
    with _policy(recipe.precision):
        base = _base(preset, recipe, donor)
        try:
            network = preset.build(Plan(n_classes, recipe.size, recipe.options, base))
        except ValueError as error:  # images too small for the layers
            reason = str(error).strip().splitlines()[0][:160]
            what = f"{preset.name} cannot be built for {recipe.height} × {recipe.width} pixels ({reason})."
            raise TrainingError(what, "Training", "Choose another --size.") from error
    if base is None and recipe.weights != NONE:
        _load_whole(network, recipe.weights)
    return network, base


def freeze(network: Any, base: Base | None, phase: Phase) -> None:
    """Set which layers are trainable in a phase; those outside the base always are."""
    network.trainable = True
    if base is None:
        return
    layers = [layer for _, layer in sublayers(base.network)]
    last = {"all": len(layers), "none": 0, "half": len(layers) // 2}.get(str(phase.thaw))
    last = int(phase.thaw) if last is None else last
    base.network.trainable = True
    for k, layer in enumerate(layers):
        normalises = type(layer).__name__ == "BatchNormalization"
        layer.trainable = k >= len(layers) - last and (phase.batch_norm or not normalises)


def _base(preset: Preset, recipe: Recipe, donor: Classifier | None) -> Base | None:
    if not preset.bases:
        if donor is not None or recipe.base:
            raise TrainingError(f"{preset.name} has no base to replace.", "Training", "Leave out --base, and --weights of a classifier.")
        return None
    name = recipe.base or preset.bases[0]
    if name not in preset.bases:
        raise TrainingError(f"{preset.name} has no base {name!r}.", "Training", f"Choose: {', '.join(preset.bases)}.")
    taken = (donor.card, donor.network) if donor is not None else ()
    return find_base(name, recipe.weights, recipe.size, *taken)


def _load_whole(network: Any, weights: str) -> None:
    if weights == IMAGENET:
        raise TrainingError("this network has no ImageNet weights.", "Training", "Leave out --weights.")
    try:
        with tried_weights(Path(weights)) as copy:
            network.load_weights(copy)
    except (ValueError, OSError, KeyError) as error:
        raise ModelFileError(f"holds no weights of this network ({str(error).splitlines()[0][:160]}).", Path(weights).name) from error


@contextmanager
def _policy(name: str) -> Iterator[None]:
    """Layers created in this context compute with this precision."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
