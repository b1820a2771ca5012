"""`Recipe`: how a preset is trained. Every field can be set; what contradicts itself is refused before anything is read."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import TrainingError

By = Literal["image", "lesion", "patient"]
Balance = Literal["none", "undersample", "oversample", "inverse", "effective"]
Schedule = Literal["constant", "exponential", "one-cycle", "plateau"]
Optimiser = Literal["adam", "nadam", "sgd"]
Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
Keep = Literal["last", "best"]

SPLITS = ("train", "val", "test")
MIN_SIDE, MAX_SIDE = 16, 1024
MAX_EPOCHS = 2000
MAX_BYTES = 1 << 20  # of a file of settings


class Split(BaseModel):
    """What stays together, and the shares of training, validation and test."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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


class Phase(BaseModel):
    """thaw: which layers of the base learn: `all`, `none`, `half` (those nearer the output) or a number of the last ones.
    batch_norm: whether its batch normalisations learn with them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(ge=1, le=MAX_EPOCHS)
    rate: float = Field(gt=0, le=1)
    schedule: Schedule = "constant"
    thaw: Literal["all", "none", "half"] | Annotated[int, Field(ge=1)] = "all"
    batch_norm: bool = True


class Recipe(BaseModel):
    """Sizes in pixels. classes: in output order, empty for the dataset's diagnoses. augmentation: operation → amount.
    early_stopping: epochs without a lower validation loss, 0 for never. options: the preset's own numbers.
    keep: the weights of each phase's last epoch, or of the one with the lowest validation loss."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    height: int = Field(ge=MIN_SIDE, le=MAX_SIDE)
    width: int = Field(ge=MIN_SIDE, le=MAX_SIDE)
    classes: tuple[str, ...] = ()
    split: Split = Split()
    balance: Balance = "none"
    augmentation: dict[str, float] = {}
    optimiser: Optimiser = "adam"
    batch: int = Field(default=32, ge=1, le=4096)
    phases: tuple[Phase, ...] = Field(min_length=1)
    early_stopping: int = Field(default=0, ge=0)
    keep: Keep = "last"
    precision: Precision = "float32"
    weights: str = "none"
    base: str = ""
    options: dict[str, float] = {}
    images: int = Field(default=0, ge=0, description="so many at random, 0 for all")
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _classes_differ(self) -> Recipe:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes: one is named twice")
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
    """80/10/10 or .8,.1,.1 → shares as they were written; whether they add up is the recipe's to say."""
    written = [p for p in re.split(r"[/:,\s]+", text.strip()) if p]
    try:
        parts = [float(p) for p in written]
    except ValueError:
        parts = []
    if len(parts) != 3:
        raise TrainingError(f"{text!r} is no split.", "Split", "Write training, validation and test: 80/10/10.")
    return tuple(p / 100 for p in parts) if max(parts) > 1 else tuple(parts)


def read_settings(path: Path, what: str) -> dict[str, Any]:
    """A YAML file of `name: value` lines; raises TrainingError in words. what: it should be."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TrainingError(f"is over 1 MB; that is no {what}.", path.name)
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise TrainingError(f"cannot be read as YAML ({str(error).splitlines()[0]}).", path.name) from error
    if not isinstance(content, dict) or not content:
        raise TrainingError(f"is no {what}: it should be lines of `name: value`.", path.name, "See docs/training.md.")
    return {str(k): v for k, v in content.items()}


def group(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The settings under a name, none where there are none; raises TrainingError where they are no `name: value` lines."""
    given = fields.get(name) or {}
    if not isinstance(given, Mapping):
        raise TrainingError(f"{name} should be lines of `name: value`.", "Training", "See --show.")
    return dict(given)


def changed(recipe: Recipe, **fields: Any) -> Recipe:
    """The recipe with other fields, checked anew; raises TrainingError naming the field."""
    return make_recipe({**recipe.model_dump(), **fields})


def make_recipe(fields: Mapping[str, Any]) -> Recipe:
    """A checked recipe from plain values; raises TrainingError in words."""
    try:
        return Recipe(**fields)
    except (ValidationError, TypeError) as error:
        raise TrainingError(in_words(error), "Training", "Correct it and start again.") from error


def in_words(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"these are no settings ({error})."
    parts = []
    for problem in error.errors()[:4]:
        field = ".".join(str(p) for p in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        given = problem.get("input")
        shown = f" (it is {given!r})" if isinstance(given, (str, int, float)) else ""
        parts.append(f"{field}: {message}{shown}" if field else message)
    return "; ".join(dict.fromkeys(parts)) + "."
