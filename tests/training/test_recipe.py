"""Settings: what contradicts itself is refused in words, before anything is read."""

from __future__ import annotations

import pytest

from core.errors import TrainingError
from models.architectures import PRESETS, find_preset
from models.architectures.recipe import changed, parse_shares
from training.order import fitted_recipe


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"split": {"fractions": (0.8, 0.1, 0.2)}}, "the shares 0.8, 0.1, 0.2 add up to 1.1, not 1"),
        ({"split": {"fractions": (1.0, 0.0, 0.0)}}, "training, validation and test each need a share above 0"),
        ({"split": {"by": "hospital"}}, "split.by"),
        ({"classes": ("nv",)}, "a classifier needs at least two"),
        ({"classes": ("nv", "nv")}, "one is listed twice"),
        ({"phases": []}, "phases"),
        ({"phases": [{"epochs": 0, "rate": 1e-3}]}, "phases.0.epochs"),
        ({"phases": [{"epochs": 1, "rate": 0}]}, "phases.0.rate"),
        ({"batch": 0}, "batch"),
        ({"height": 4}, "height"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_what_contradicts_itself_is_refused(fields: dict, message: str) -> None:
    with pytest.raises(TrainingError) as told:
        changed(PRESETS["benbrahim2020"].recipe, **fields)
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_shares_are_percent_or_parts() -> None:
    assert parse_shares("80/10/10") == pytest.approx((0.8, 0.1, 0.1))
    assert parse_shares(".5, .25 .25") == (0.5, 0.25, 0.25)
    for text in ("80/20", "a/b/c", ""):
        with pytest.raises(TrainingError, match="is not a split"):
            parse_shares(text)


def test_a_preset_keeps_what_is_not_given() -> None:
    recipe = fitted_recipe(PRESETS["benbrahim2020"], {"split": {"by": "lesion"}, "options": {"dense": 64}})
    assert recipe.split.by == "lesion" and recipe.split.fractions == (0.8, 0.1, 0.1)
    assert recipe.options == {"dropout": 0.5, "dense": 64}


def test_a_base_brings_its_size() -> None:
    steppan = PRESETS["steppan2021"]
    assert fitted_recipe(steppan, {"base": "EfficientNetB5"}).size == (456, 456)
    assert fitted_recipe(steppan, {"base": "EfficientNetB5", "height": 96, "width": 96}).size == (96, 96)
    assert fitted_recipe(steppan, {}).size == (380, 380)


def test_presets_are_found_by_name() -> None:
    assert find_preset("huber2020").recipe.epochs == 50
    with pytest.raises(TrainingError, match="unknown preset 'huber'. Choose: benbrahim2020, huber2020"):
        find_preset("huber")
