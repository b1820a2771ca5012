"""What follows from the epochs so far: the rate after plateaus, early stopping, the best epoch, overfitting."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.wording import count
from models.architectures.recipe import Phase, Recipe
from training.folder import Epoch

PLATEAU, FACTOR, LOWEST = 3, 0.1, 1e-6  # epochs without a lower validation loss, the factor on the rate, its minimum
DECAY_STEPS, DECAY = 100_000, 0.96  # exponential: ×.96 every 100,000 steps, continuously
WARM, START, END = 0.3, 1 / 25, 1e-4  # one-cycle: share of steps going up, first and last rate relative to the highest


def rate_schedule(phase: Phase, steps: int) -> Any:
    """A phase's rate for Keras: a number that `plateau_rate` may lower, or a schedule over its steps.

    exponential: continuous decay; one-cycle: linear up, half cosine down (Smith & Topin 2019, arXiv:1708.07120; constant momentum).
    """
    from keras.optimizers import schedules

    if phase.schedule == "exponential":
        return schedules.ExponentialDecay(phase.rate, DECAY_STEPS, DECAY)
    if phase.schedule == "one-cycle":
        up = max(1, round(WARM * steps))
        return schedules.CosineDecay(phase.rate * START, max(1, steps - up), alpha=END, warmup_target=phase.rate, warmup_steps=up)
    return phase.rate


def plateau_rate(phase: Phase, epochs: Sequence[Epoch]) -> float:
    """The rate of the next epoch of a phase with the schedule `plateau`: a tenth after three epochs without a lower validation loss."""
    rate, best, waited = phase.rate, math.inf, 0
    for epoch in epochs:
        if epoch.val_loss < best:
            best, waited = epoch.val_loss, 0
            continue
        waited += 1
        if waited >= PLATEAU:
            rate, waited = max(rate * FACTOR, LOWEST), 0
    return rate


def best_epoch(epochs: Sequence[Epoch]) -> Epoch:
    """The first of those with the lowest validation loss."""
    return min(epochs, key=lambda e: math.inf if math.isnan(e.val_loss) else e.val_loss)


def stops_early(recipe: Recipe, epochs: Sequence[Epoch]) -> bool:
    """Whether a phase ends before its last epoch. epochs: of the phase."""
    if not recipe.early_stopping or not epochs:
        return False
    return epochs[-1].epoch - best_epoch(epochs).epoch >= recipe.early_stopping


def chosen_epoch(recipe: Recipe, history: Sequence[Epoch]) -> Epoch:
    """The epoch whose weights the classifier has."""
    last_phase = [e for e in history if e.phase == history[-1].phase]
    return best_epoch(last_phase) if recipe.keep == "best" else last_phase[-1]


def overfitting(history: Sequence[Epoch], window: int = 5) -> str:
    """How much better the classifier does on training images, and whether the gap is growing, in words."""
    if len(history) < 2:
        return "Too early to judge overfitting: fewer than two epochs."
    last = history[-1]
    gap = last.train_balanced_accuracy - last.val_balanced_accuracy
    points = round(100 * abs(gap))
    side = f"{count(points, 'point')} {'higher' if gap > 0 else 'lower'}" if points else "the same"
    parts = [f"In the last epoch balanced accuracy on training images is {side} {'than' if points else 'as'} in validation."]
    recent = history[-window:]
    slope = float(np.polyfit(range(len(recent)), [e.train_balanced_accuracy - e.val_balanced_accuracy for e in recent], 1)[0])
    if len(recent) >= 3:
        word = "growing" if slope > 0.005 else "shrinking" if slope < -0.005 else "steady"
        parts.append(f"Over the last {len(recent)} epochs the gap is {word} ({100 * slope:+.1f} points per epoch).")
    best = best_epoch(history)
    since = last.epoch - best.epoch
    if since >= 3 and last.val_loss > best.val_loss * 1.02:
        lowest = f"epoch {best.epoch}: {best.val_loss:.3f}, now {last.val_loss:.3f}"
        parts.append(f"Validation loss was lowest {since} epochs ago ({lowest}): further training has not helped on new images.")
    elif gap > 0.1:
        falling = "Validation loss is still falling, but figures" if best is last else "Figures"
        parts.append(f"{falling} on training images say little about new ones.")
    return " ".join(parts)
