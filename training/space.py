"""A search space: the settings to vary and their bounds, from a preset or a file.

    rate: {low: 1.0e-4, high: 1.0e-2, log: true}
    batch: [16, 32, 64]
    options.dropout: {low: 0.1, high: 0.6}
    augmentation.rotation: {low: 0, high: 30}

`rate` is the learning rate of the first phase; the others keep their ratio to it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator

from core.errors import TrainingError
from core.records import Checked, in_words, read_yaml
from models.architectures.preset import Preset
from models.architectures.recipe import Recipe, changed
from training.augmentation import OPERATIONS

FIELDS = ("batch", "optimiser", "balance", "early_stopping", "keep", "base", "weights")


class Range(Checked):
    """Numbers from low to high, both included; log: on a logarithmic scale; whole: integers only."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> "Range":
        if not self.low < self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        if self.log and self.low <= 0:
            raise ValueError("a logarithmic range must start above 0")
        return self


Choice = tuple[Any, ...]
Space = dict[str, "Range | Choice"]


def read_space(path: Path, preset: Preset) -> Space:
    """Raises TrainingError naming the setting."""
    return make_space(read_yaml(path, "search space", TrainingError, "See docs/training.md."), preset, path.name)


def make_space(content: Mapping[str, Any], preset: Preset, where: str = "search space") -> Space:
    """A checked space of plain values; raises TrainingError naming the setting."""
    space: Space = {}
    for name, given in content.items():
        _check_name(str(name), preset, where)
        if isinstance(given, Sequence) and not isinstance(given, str) and len(given) > 1:
            space[str(name)] = tuple(given)
            continue
        try:
            space[str(name)] = Range(**given)
        except (ValidationError, TypeError) as error:
            raise TrainingError(
                f"{name}: {in_words(error, 'range')}", where, "Give {low: …, high: …}, or a list of two or more."
            ) from error
    return space


def with_values(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with a trial's values; raises TrainingError where they are invalid."""
    fields: dict[str, Any] = {"options": dict(recipe.options), "augmentation": dict(recipe.augmentation)}
    for name, value in values.items():
        group, _, key = name.rpartition(".")
        if group == "augmentation" and value == 0:
            fields[group].pop(key, None)
        elif group:
            fields[group][key] = value
        elif name == "rate":
            factor = value / recipe.phases[0].rate
            fields["phases"] = [{**p.model_dump(), "rate": p.rate * factor} for p in recipe.phases]
        else:
            fields[name] = value
    return changed(recipe, **fields)


def _check_name(name: str, preset: Preset, where: str) -> None:
    group, _, key = name.rpartition(".")
    known = {"": ("rate", *FIELDS), "options": tuple(preset.recipe.options), "augmentation": tuple(OPERATIONS)}
    if key not in known.get(group, ()):
        all_names = [f"{g}.{k}" if g else k for g, keys in known.items() for k in keys]
        raise TrainingError(f"{name!r} is not a setting that can be searched.", where, f"Choose: {', '.join(all_names)}.")
