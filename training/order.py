"""What is to be trained, and everything that can be wrong with it before an image is read."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import TrainingError
from core.version import __version__
from datasets.dataset import Dataset
from models.architectures.preset import Base, Preset
from models.architectures.recipe import Recipe, changed, group
from models.classifier import Classifier
from models.network import import_tensorflow
from training.augmentation import check_augmentation
from training.build import build_network, freeze
from training.folder import Specification
from training.memory import check_memory
from training.samples import Samples, choose_samples


@dataclass(frozen=True)
class Order:
    """What is to be trained, on what, and where the network goes. donor: a classifier whose base is taken."""

    preset: Preset
    recipe: Recipe
    dataset: Dataset
    out: Path
    donor: Classifier | None = None


def fitted_recipe(preset: Preset, fields: Mapping[str, Any], donor: Classifier | None = None) -> Recipe:
    """The preset's recipe with these fields changed; its size is the base's own, or the donor's, unless one is given."""
    size: dict[str, int] = {}
    base = str(fields.get("base") or next(iter(preset.bases), ""))
    if donor is not None:
        size = {"height": donor.card.height, "width": donor.card.width}
    elif base in preset.sizes:
        size = {"height": preset.sizes[base], "width": preset.sizes[base]}
    options = {**preset.recipe.options, **group(fields, "options")}
    split = {**preset.recipe.split.model_dump(), **group(fields, "split")}
    return changed(preset.recipe, **{**size, **fields, "base": base, "options": options, "split": split})


def check_order(order: Order) -> tuple[Samples, Any, Base | None]:
    """Checks everything that can be wrong before an image is read; returns samples, network with its initial weights, and its base.
    Raises LesionLensErrors."""
    recipe, preset = order.recipe, order.preset
    if order.out.suffix != ".keras":
        raise TrainingError("is not a name for a network.", str(order.out), "Use one that ends in .keras.")
    unknown = [o for o in recipe.options if o not in preset.recipe.options]
    if unknown:
        known = ", ".join(preset.recipe.options) or "none"
        raise TrainingError(f"{preset.name} has no option {unknown[0]!r}.", "Training", f"It has: {known}.")
    check_augmentation(recipe.augmentation, recipe.size)
    samples = choose_samples(order.dataset, recipe)
    import_tensorflow()
    network, base = build_network(preset, recipe, len(samples.classes), order.donor)
    largest = max(recipe.phases, key=lambda p: (p.thaw != "none", p.thaw == "all"))
    freeze(network, base, largest)
    check_memory(network, recipe.batch, recipe.optimiser)
    return samples, network, base


def specification(order: Order) -> Specification:
    """What is written before the first epoch, and compared when training resumes."""
    import keras
    import tensorflow as tf

    versions = {
        "lesionlens": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    donor = order.donor.facts.sha256 if order.donor else None
    return Specification(order.preset.name, order.recipe, order.dataset.name, order.dataset.sha256, donor, versions)
