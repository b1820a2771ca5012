"""`Recipe`: how a preset is trained. Every field can be set; contradictions are refused before any data are read."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from core.errors import TrainingError
from core.records import Checked, in_words

By = Literal["image", "lesion", "patient"]
Balance = Literal["none", "undersample", "oversample", "inverse", "effective"]
Schedule = Literal["constant", "exponential", "one-cycle", "plateau"]
Optimiser = Literal["adam", "nadam", "sgd"]
Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
Keep = Literal["last", "best"]

SPLITS = ("train", "val", "test")
MIN_SIDE, MAX_SIDE = 16, 1024
MAX_EPOCHS = 2000


class Split(Checked):
    """What is kept together, and the shares of training, validation and test."""

    by: By = "lesion"
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)

    @field_validator("fractions")
    @classmethod
    def _add_up(cls, fractions: tuple[float, float, float]) -> tuple[float, float, float]:
        if any(not f > 0 for f in fractions):
            raise ValueError("training, validation and test each need a share above 0")
        if not math.isclose(sum(fractions), 1, abs_tol=1e-6):
            raise ValueError(f"the shares {', '.join(f'{f:g}' for f in fractions)} add up to {sum(fractions):g}, not 1")
        return fractions


class Phase(Checked):
    """thaw: which layers of the base are trained: `all`, `none`, `half` (those nearer the output) or a number of the last ones.
    batch_norm: whether its batch normalisation is trained with them."""

    epochs: int = Field(ge=1, le=MAX_EPOCHS)
    rate: float = Field(gt=0, le=1)
    schedule: Schedule = "constant"
    thaw: Literal["all", "none", "half"] | Annotated[int, Field(ge=1)] = "all"
    batch_norm: bool = True


class Recipe(Checked):
    """Sizes in pixels. classes: in output order, empty for the dataset's diagnoses. augmentation: operation → amount.
    early_stopping: epochs without a lower validation loss, 0 for never. options: the preset's own hyperparameters.
    keep: the weights of each phase's last epoch, or of the one with the lowest validation loss."""

    height: int = Field(ge=MIN_SIDE, le=MAX_SIDE)
    width: int = Field(ge=MIN_SIDE, le=MAX_SIDE)
    classes: tuple[str, ...] = ()
    split: Split = Split()
    balance: Balance = "none"
    augmentation: dict[str, float] = Field(default_factory=dict)
    optimiser: Optimiser = "adam"
    batch: int = Field(default=32, ge=1, le=4096)
    phases: tuple[Phase, ...] = Field(min_length=1)
    early_stopping: int = Field(default=0, ge=0)
    keep: Keep = "last"
    precision: Precision = "float32"
    weights: str = "none"
    base: str = ""
    options: dict[str, float] = Field(default_factory=dict)
    images: int = Field(default=0, ge=0, description="size of a random sample, 0 for all")
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _classes_differ(self) -> "Recipe":
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes: one is listed twice")
        if len(self.classes) == 1:
            raise ValueError("classes: a classifier needs at least two")
        return self

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def epochs(self) -> int:
        return sum(p.epochs for p in self.phases)


def parse_shares(text: str) -> tuple[float, ...]:
    """80/10/10 or .8,.1,.1 → shares as written; the recipe checks whether they add up."""
    try:
        parts = [float(p) for p in re.split(r"[/:,\s]+", text.strip()) if p]
    except ValueError:
        parts = []
    if len(parts) != 3:
        raise TrainingError(f"{text!r} is not a split.", "Split", "Write training, validation and test: 80/10/10.")
    return tuple(p / 100 for p in parts) if max(parts) > 1 else tuple(parts)


def group(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The settings under a name, empty if there are none; raises TrainingError if they are not `name: value` lines."""
    given = fields.get(name) or {}
    if not isinstance(given, Mapping):
        raise TrainingError(f"{name} should consist of `name: value` lines.", "Training", "See --show.")
    return dict(given)


def changed(recipe: Recipe, **fields: Any) -> Recipe:
    """The recipe with other fields, checked again; raises TrainingError naming the field."""
    try:
        return Recipe(**{**recipe.model_dump(), **fields})
    except (ValidationError, TypeError) as error:
        raise TrainingError(in_words(error, "recipe"), "Training", "Correct it and start again.") from error
