"""The lab's own false alarms: the interval is the one figures have, and what is planted is counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evaluation.intervals import mean
from shortcuts.alarms import alarms_in_words, excluding, false_alarms
from shortcuts.table import COLUMNS

CLASSES = ("nv", "mel")


def trials(n: int, seed: int = 0, spread: float = 0.05) -> pd.DataFrame:
    """Controls drawn alike, one or two photographs a lesion."""
    rng = np.random.default_rng(seed)
    p = 0.3 + spread * rng.standard_normal((n, 3))
    rows = [
        dict.fromkeys(COLUMNS)
        | {
            "image_id": f"i{k}",
            "group": f"L{k // 2 if k < n // 2 else k}",
            "diagnosis": "nv",
            "marker": "ink",
            "direction": "insertion",
            "size": 1.0,
            "strength": 0.85,
            "on_lesion": 0.0,
            "area_share": 0.02,
            "reason": "",
            **{name: np.array([1 - p[k, c], p[k, c]]) for c, name in enumerate(("base", "control", "again"))},
        }
        for k in range(n)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).assign(changed=lambda f: f["base"])


def test_three_to_seven_percent_of_the_intervals_exclude_nothing() -> None:
    found = false_alarms(trials(120), CLASSES)
    assert found.tests == 2 and 0.03 <= found.lowest <= found.intervals <= found.highest <= 0.07
    assert found.verdicts <= 0.02
    assert "5 % is meant" in alarms_in_words(found)


def test_the_interval_is_that_of_every_other_mean() -> None:
    """One repeat by hand: the lesions drawn, the signs tossed, the mean with its interval."""
    rng = np.random.default_rng(3)
    difference, groups = rng.normal(0.02, 0.1, (60, 1)), np.repeat(np.arange(40), [2] * 20 + [1] * 20)
    for seed in range(40):
        share = excluding(difference, groups, 1, np.random.default_rng(seed))[0]
        again = np.random.default_rng(seed)
        drawn, sign = again.integers(40, size=40), again.choice([-1.0, 1.0], (40, 1))
        rows = [(s * difference[groups == g, 0], k) for k, (g, s) in enumerate(zip(drawn, sign[:, 0], strict=True))]
        figure = mean(np.concatenate([v for v, _ in rows]), np.concatenate([np.full(len(v), k) for v, k in rows]), "")
        assert share == float(figure.low > 0 or figure.high < 0)


def test_controls_that_never_differ_or_are_too_few_are_not_counted() -> None:
    same = trials(60).assign(again=lambda f: f["control"])
    assert not false_alarms(same, CLASSES, 10).tests
    few = false_alarms(trials(11), CLASSES, 10)
    assert np.isnan(few.intervals) and "12 lesions" in few.reason
    assert alarms_in_words(few).startswith("False alarms could not be counted")


def test_what_differs_in_truth_is_not_hidden_by_the_toss() -> None:
    """A verdict of the same data in which the marker does move the score stays what it is: alarms are counted on controls alone."""
    moved = trials(120).assign(changed=lambda f: [np.array([0.3, 0.7])] * len(f))  # type: ignore[list-item]
    assert false_alarms(moved, CLASSES, 200).verdicts == pytest.approx(false_alarms(trials(120), CLASSES, 200).verdicts)
