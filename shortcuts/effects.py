"""What a marker does to a classifier's scores: from trials to effects with intervals by lesion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.intervals import Figure, mean, ratio
from shortcuts.rule import FLIPS, MOVES, WITHIN

ONE_SIDED = 1.6448536269514722  # standard normal, 95 %


@dataclass(frozen=True)
class Effect:
    """What the marker being there does to one class's probability, less what its control does: P(with) − P(without) both for removal and
    for insertion. change: of the marker alone; control; excess: their difference, 95 %; within: its 90 % interval; alone: the marker's own
    90 % interval; p, and adjusted over all tests; needed: lesions with which the 90 % interval would fit inside the margins, NaN where no
    number would do."""

    marker: str
    direction: str
    target: str
    images: int
    lesions: int
    change: Figure
    control: Figure
    excess: Figure
    within: tuple[float, float]
    alone: tuple[float, float]
    p: float
    adjusted: float
    needed: float

    @property
    def beyond(self) -> bool:
        """Whether the marker moves the class further than its control does, and in the direction of the excess. Otherwise the excess is
        the control's doing."""
        return abs(self.change.value) > abs(self.control.value) and self.change.value * self.excess.value > 0

    @property
    def moves(self) -> bool:
        """Whether it moves the probability far enough, by itself and beyond its control."""
        return min(abs(self.excess.value), abs(self.change.value)) >= MOVES

    @property
    def harmless(self) -> bool:
        """Whether the marker's change, or what of it goes beyond its control, lies inside the margins at 90 %."""
        return any(low > -MOVES and high < MOVES for low, high in (self.within, self.alone))


@dataclass(frozen=True)
class Flips:
    """Decisions that turn: share with the marker's change, with its control's, and the excess with its 95 and 90 % interval."""

    marker: str
    direction: str
    images: int
    lesions: int
    change: Figure
    control: Figure
    excess: Figure
    within: tuple[float, float]

    @property
    def telling(self) -> bool:
        """Whether enough more decisions turn than with the control, and not by chance alone."""
        return self.excess.value >= FLIPS and self.excess.low > 0

    @property
    def outdone(self) -> bool:
        """Whether the control surely turns more decisions than the marker does."""
        return self.excess.high < 0


def signed(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """P(with the marker) − P(without), of the marker and of its control: float (N, C) each."""
    base, changed, control = (np.stack(rows[c].to_list()).astype(float) for c in ("base", "changed", "control"))
    sign = np.where(rows["direction"] == "removal", -1.0, 1.0)[:, None]
    return sign * (changed - base), sign * (control - base)


def effects_of(marker: str, direction: str, rows: pd.DataFrame, classes: Sequence[str]) -> tuple[list[Effect], Flips]:
    """Of one marker and direction: an effect a class, and the decisions that turn. rows: of `run_dataset`, at least one."""
    groups = np.unique(rows["group"].to_numpy(str), return_inverse=True)[1]
    lesions = int(groups.max()) + 1
    change, control = signed(rows)
    found = []
    for k, target in enumerate(classes):
        excess = change[:, k] - control[:, k]
        figure = mean(excess, groups, "no images")
        within, p = _one_sided(excess, groups)
        found.append(
            Effect(
                marker,
                direction,
                target,
                len(rows),
                lesions,
                mean(change[:, k], groups, "no images"),
                mean(control[:, k], groups, "no images"),
                figure,
                within,
                _one_sided(change[:, k], groups)[0],
                p,
                float("nan"),
                _needed(figure, within, lesions),
            )
        )
    decided, turned, by_control = (np.stack(rows[c].to_list()).argmax(axis=1) for c in ("base", "changed", "control"))
    one, other = (turned != decided).astype(float), (by_control != decided).astype(float)
    every = np.ones(len(rows))
    return found, Flips(
        marker,
        direction,
        len(rows),
        lesions,
        ratio(one, every, groups, "no images"),
        ratio(other, every, groups, "no images"),
        mean(one - other, groups, "no images"),
        _flips_within(one - other, groups),
    )


def _flips_within(excess: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """90 % interval of the excess of flips. Where none turned on either side it is Wilson's bound for none of so many lesions: having
    seen none does not mean that there are none."""
    if np.ptp(excess) > 0:
        return _one_sided(excess, groups)[0]
    bound = ONE_SIDED**2 / (int(groups.max()) + 1 + ONE_SIDED**2)
    value = float(excess[0])
    return value - bound, value + bound


def _one_sided(values: np.ndarray, groups: np.ndarray) -> tuple[tuple[float, float], float]:
    """90 % interval of the mean, and p of its being 0, both clustered (t on lesions − 1 degrees of freedom)."""
    from scipy.stats import t

    n = int(groups.max()) + 1
    if n < 2:
        return (float("nan"), float("nan")), float("nan")
    value = float(values.mean())
    residual = np.bincount(groups, values - value)
    spread = float(np.sqrt(n / (n - 1) * (residual**2).sum())) / len(values)
    half = float(t.ppf(0.5 + WITHIN / 2, n - 1)) * spread
    p = float(2 * t.sf(abs(value) / spread, n - 1)) if spread > 0 else (1.0 if value == 0 else 0.0)
    return (value - half, value + half), p


def _needed(excess: Figure, within: tuple[float, float], lesions: int) -> float:
    """Lesions with which the 90 % interval would lie inside ± MOVES if mean and spread stay: the interval shrinks with their root."""
    room = MOVES - abs(excess.value)
    if np.isnan(within[0]) or room <= 0:
        return float("nan")
    return float(np.ceil(lesions * ((within[1] - within[0]) / 2 / room) ** 2))
