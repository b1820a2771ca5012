"""The search: its space, its trials, one that was cut off, and its report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import TrainingError, WriteError
from core.runs import finish
from models.architectures import PRESETS
from reports.tuning_report import tuning_html
from training.order import Order
from training.space import Range, make_space, read_space, with_values
from training.tune import Search, network_of, tune

Orders = Callable[..., Order]
HUBER = PRESETS["huber2020"]
SPACE = {"rate": {"low": 1e-4, "high": 1e-2, "log": True}, "batch": [8, 16], "options.dropout": {"low": 0.1, "high": 0.6}}


def search(order: Orders, folder: Path, trials: int = 3, **fields: Any) -> Search:
    asked = order(phases=[{"epochs": 2, "rate": 1e-3}], images=90, **fields)
    return Search(asked, make_space(SPACE, HUBER), trials, folder)


def test_a_search_ends_with_its_best_and_one_that_was_cut_off_ends_the_same(order: Orders, tmp_path: Path) -> None:
    whole = finish(tune(search(order, tmp_path / "whole")))
    values = [t["balanced_accuracy"] for t in whole["trials"]]
    assert [t["state"] for t in whole["trials"]] == ["complete"] * 3 and whole["best"]["balanced_accuracy"] == max(values)
    assert len({t["settings"]["rate"] for t in whole["trials"]}) == 3
    assert all(1e-4 <= t["settings"]["rate"] <= 1e-2 and t["settings"]["batch"] in (8, 16) for t in whole["trials"])
    kept = sorted(p.name for p in (tmp_path / "whole" / "trials").glob("*.keras"))
    assert kept == [network_of(tmp_path, whole["best"]["number"]).name]
    assert whole["importance"] is None and "only 3 trials" in whole["importance_reason"]

    cut = search(order, tmp_path / "cut")
    for steps in (20, 30):
        run = tune(cut)
        for _ in range(steps):
            next(run)
        run.close()
    again = finish(tune(cut))
    assert again["trials"] == whole["trials"]
    assert json.loads((tmp_path / "cut" / "tune.json").read_text())["best"] == whole["best"]

    with pytest.raises(TrainingError, match="holds another search"):
        finish(tune(search(order, tmp_path / "cut", seed=4)))
    page = tuning_html({**whole, "trials": [{**whole["trials"][0], "reason": "<script>"}]})
    assert "<script>" not in page and "&lt;script&gt;" in page and "<svg" in page


def test_a_trial_nobody_can_train_fails_alone(order: Orders, tmp_path: Path) -> None:
    asked = search(order, tmp_path / "s", 2)
    space = make_space({"augmentation.cutout": {"low": 20, "high": 40}}, HUBER)  # larger than the pictures
    told = finish(tune(Search(asked.order, space, 2, tmp_path / "s")))
    assert [t["state"] for t in told["trials"]] == ["fail", "fail"] and "out of bounds" in told["trials"][0]["reason"]
    assert told["best"] is None and "No trial" in tuning_html(told)


def test_values_become_settings() -> None:
    hitta = PRESETS["hitta2023"].recipe
    made = with_values(hitta, {"rate": 5e-4, "batch": 16, "options.dropout": 0.1, "augmentation.rotation": 10.0})
    assert [p.rate for p in made.phases] == pytest.approx([5e-4, 5e-5]) and made.batch == 16
    assert made.options == {"dropout": 0.1} and made.augmentation == {"rotation": 10.0}
    assert with_values(HUBER.recipe, {"augmentation.zoom": 0}).augmentation.keys() == HUBER.recipe.augmentation.keys() - {"zoom"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"colour": [1, 2]}, "'colour' is not a setting that can be searched. Choose: rate, batch"),
        ({"options.width": [1, 2]}, "'options.width' is not a setting"),
        ({"rate": {"low": 1, "high": 0.1}}, "rate: low (1) must be below high (0.1)"),
        ({"rate": {"low": 0, "high": 0.1, "log": True}}, "a logarithmic range must start above 0"),
        ({"rate": 3}, "Give {low: …, high: …}, or a list of two or more"),
        ({"batch": [16]}, "Give {low: …, high: …}, or a list of two or more"),
    ],
)
def test_spaces_that_are_none(content: dict, message: str) -> None:
    with pytest.raises(TrainingError) as told:
        make_space(content, HUBER)
    assert message in str(told.value)


def test_a_space_from_a_file(write: Callable[[str, str], Path]) -> None:
    space = read_space(write("space.yaml", "rate: {low: 1.0e-4, high: 0.01, log: true}\noptimiser: [adam, sgd]\n"), HUBER)
    assert space == {"rate": Range(low=1e-4, high=0.01, log=True), "optimiser": ("adam", "sgd")}
    for text, message in (("- a\n", "is not a search space"), ("a: [", "is not valid YAML near line 1")):
        with pytest.raises(TrainingError, match=message):
            read_space(write("bad.yaml", text), HUBER)


@pytest.mark.parametrize("name", ["benbrahim2020", "alexanderson2024"])
def test_presets_bring_a_space_of_their_own(name: str) -> None:
    assert "rate" in make_space(PRESETS[name].space, PRESETS[name])


def test_a_full_disk_ends_the_search_and_not_its_trials(order: Orders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any) -> None:
        raise WriteError("cannot be written (No space left on device).", "checkpoint.npz")

    wanted = search(order, tmp_path, trials=1)
    with monkeypatch.context() as disk:
        disk.setattr("training.checkpoint.save", full)
        with pytest.raises(WriteError, match="No space left"):
            finish(tune(wanted))
    assert [t["state"] for t in finish(tune(wanted))["trials"]] == ["complete"]
