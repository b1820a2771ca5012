"""Balance, schedules, and what is said of a history."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.architectures import PRESETS
from models.architectures.recipe import Phase, changed
from training.balance import balanced
from training.epoch import figures
from training.folder import Epoch
from training.schedule import best_epoch, chosen_epoch, overfitting, plateau_rate, rate_schedule, stops_early

LABELS = np.array([0] * 6 + [1] * 2 + [2] * 1)


def epochs(val_losses: list[float], train: float = 0.5, val: float = 0.5, phase: int = 1) -> list[Epoch]:
    return [Epoch(phase, k, 1e-3, 1.0, 1.0, 1.0, train, train, loss, val, val) for k, loss in enumerate(val_losses, 1)]


def test_sampling_makes_classes_equal() -> None:
    under, weights = balanced(LABELS, "undersample", 0)
    assert np.bincount(LABELS[under]).tolist() == [1, 1, 1] and (weights == 1).all()
    over, _ = balanced(LABELS, "oversample", 0)
    assert np.bincount(LABELS[over]).tolist() == [6, 6, 6]
    assert np.bincount(over[LABELS[over] == 1]).max() == 3  # each as often as every other
    assert (balanced(LABELS, "undersample", 1)[0] != under).any()


def test_weights_by_hand() -> None:
    rows, inverse = balanced(LABELS, "inverse", 0)
    assert rows.tolist() == list(range(9))
    assert inverse[[0, 6, 8]] == pytest.approx([9 / (3 * 6), 9 / (3 * 2), 9 / 3])  # mean 1 already
    effective = balanced(LABELS, "effective", 0)[1]
    by_hand = np.array([(1 - 0.999) / (1 - 0.999**n) for n in (6, 2, 1)])
    assert effective[0] / effective[8] == pytest.approx(by_hand[0] / by_hand[2])
    assert effective.mean() == pytest.approx(1)
    assert (balanced(LABELS, "none", 0)[1] == 1).all()


def test_exponential_and_one_cycle_by_hand() -> None:
    exponential = rate_schedule(Phase(epochs=1, rate=1e-3, schedule="exponential"), 10)
    assert float(exponential(0)) == pytest.approx(1e-3)
    assert float(exponential(100_000)) == pytest.approx(0.96e-3)
    assert float(exponential(50_000)) == pytest.approx(1e-3 * 0.96**0.5)
    cycle = rate_schedule(Phase(epochs=1, rate=1e-2, schedule="one-cycle"), 100)
    assert float(cycle(0)) == pytest.approx(1e-2 / 25)
    assert float(cycle(15)) == pytest.approx((1e-2 / 25 + 1e-2) / 2)
    assert float(cycle(30)) == pytest.approx(1e-2)
    assert float(cycle(65)) == pytest.approx(1e-2 * (1 + 1e-4) / 2, rel=1e-3)
    assert float(cycle(100)) == pytest.approx(1e-6)
    assert rate_schedule(Phase(epochs=1, rate=0.5), 9) == 0.5


def test_a_plateau_of_three_epochs_divides_the_rate_by_ten() -> None:
    phase = Phase(epochs=9, rate=1e-2, schedule="plateau")
    assert plateau_rate(phase, epochs([3, 2, 2.5, 2.4])) == 1e-2
    assert plateau_rate(phase, epochs([3, 2, 2.5, 2.4, 2.3])) == pytest.approx(1e-3)
    assert plateau_rate(phase, epochs([3, 2, 2.5, 2.4, 2.3, 2.2, 2.2, 2.2])) == pytest.approx(1e-4)
    assert plateau_rate(phase, epochs([3, 2, 2.5, 2.4, 1.9])) == 1e-2
    assert plateau_rate(phase, epochs([1] * 60)) == 1e-6


def test_stopping_early_and_the_epoch_chosen() -> None:
    usual = PRESETS["huber2020"].recipe
    patient = changed(usual, early_stopping=2)
    assert not stops_early(patient, epochs([3, 2, 2.5])) and stops_early(patient, epochs([3, 2, 2.5, 2.1]))
    assert not stops_early(usual, epochs([3, 2, 2.5, 2.1, 2.1, 2.1])) and not stops_early(patient, [])
    history = epochs([3, 2, 2.5, 2.1])
    assert best_epoch(history).epoch == 2
    assert best_epoch(epochs([float("nan"), 2.0])).epoch == 2
    assert chosen_epoch(changed(usual, keep="best"), history).epoch == 2
    assert chosen_epoch(usual, history).epoch == 4


def test_overfitting_in_words() -> None:
    assert overfitting(epochs([1.0])).startswith("Too early to judge overfitting")
    worse = [Epoch(1, k, 1e-3, 1.0, 1.0, 1.0, 0.9, 0.5 + 0.08 * k, 0.5 + 0.1 * k, 0.6, 0.6) for k in range(1, 6)]
    told = overfitting(worse)
    assert "on training images is 30 points higher than in validation" in told  # .5 + .4 − .6
    assert "growing (+8.0 points per epoch)" in told
    assert "lowest 4 epochs ago (epoch 1: 0.600, now 1.000)" in told
    level = overfitting(epochs([3, 2, 1], train=0.5, val=0.6))
    assert "on training images is the same as in validation" in overfitting(epochs([2, 1], train=0.504, val=0.5))
    assert "10 points lower" in level and "steady" in level and "epochs ago" not in level


def test_figures_by_hand() -> None:
    outputs = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.9, 0.1]])
    told = figures(outputs, np.array([0, 0, 1, 1]))
    assert told.loss == pytest.approx(-np.log([0.8, 0.4, 0.7, 0.1]).mean())
    assert told.accuracy == told.balanced_accuracy == 0.5
    uneven = figures(outputs[:3], np.array([0, 0, 1]))
    assert uneven.accuracy == pytest.approx(2 / 3) and uneven.balanced_accuracy == 0.75
    one_unit: Any = figures(outputs[:, 1:], np.array([0, 0, 1, 1]))
    assert one_unit == told
