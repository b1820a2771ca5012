"""What a marker does to a classifier's scores: from trials to effects with intervals by lesion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.intervals import Figure, mean, ratio, undefined
from shortcuts.rule import DISTURBS, EXACT, FLIPS, HARMLESS, MOVES, WITHIN

ONE_SIDED = 1.6448536269514722  # standard normal, 95 %
SIGNS = 20_000  # drawn for the permutation test where not all can be tried
NO_ORDER = undefined("only insertions have their change in no order beside them")
NOT_MEASURED = undefined("not measured by the version that wrote this")


@dataclass(frozen=True)
class Effect:
    """What the marker being there does to one class's probability: P(with) − P(without) both for removal and for insertion. change: of the
    marker; control: of as much skin changed that is no marker; excess: their difference, 95 %; within: its 90 % interval; alone: the
    marker's own 90 % interval; p: of the excess being 0, and adjusted over all tests; needed: lesions with which the 90 % interval would
    fit inside the margins, NaN where no number would do. decided: as excess, of the share of decisions for the class. beyond_order,
    decided_beyond_order: change and share of decisions less those of the same change in no order, where one was made (insertions);
    kind: of the inserted marker, "" for all together."""

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
    decided: Figure = NOT_MEASURED
    beyond_order: Figure = NO_ORDER
    decided_beyond_order: Figure = NO_ORDER
    kind: str = ""

    @property
    def beyond(self) -> bool:
        """Whether the marker moves the class further than its control does, and in the direction of the excess. Otherwise the excess is
        the control's doing."""
        return abs(self.change.value) > abs(self.control.value) and self.change.value * self.excess.value > 0

    @property
    def sign(self) -> float:
        """Of the excess: +1 or −1."""
        return float(np.sign(self.excess.value))

    @property
    def large(self) -> bool:
        """Whether it moves the probability, by itself and beyond its control, or the decisions far enough."""
        moves = min(abs(self.excess.value), abs(self.change.value)) >= MOVES
        return moves or at_least(self.decided, self.sign, FLIPS)

    @property
    def particular(self) -> bool:
        """Whether it is this marker's: large beyond the same change in no order as well, or so large that it matters anyhow. A removal
        has no such change beside it: what was there is the marker itself."""
        return not self.in_no_order or self.sign * nearest(self.decided, self.sign) >= DISTURBS

    @property
    def in_no_order(self) -> bool:
        """Whether the same change in no order does much the same."""
        return self.beyond_order.defined and not (
            at_least(self.beyond_order, self.sign, MOVES) or at_least(self.decided_beyond_order, self.sign, FLIPS)
        )

    @property
    def surely(self) -> float:
        """How far the marker's presence moves the class at least, beyond its control: the end of the interval nearer 0."""
        return max(self.excess.low, -self.excess.high, 0.0)

    @property
    def harmless(self) -> bool:
        """Whether the marker's change, or what of it goes beyond its control, lies inside the margins at 90 %."""
        return any(low > -HARMLESS and high < HARMLESS for low, high in (self.within, self.alone))


def at_least(figure: Figure, sign: float, margin: float) -> bool:
    """Whether a figure reaches a margin in a direction, and surely lies on that side of 0."""
    return figure.defined and sign * figure.value >= margin and sign * nearest(figure, sign) > 0


def nearest(figure: Figure, sign: float) -> float:
    """The end of the interval nearer 0, if the figure lies in that direction."""
    return figure.low if sign > 0 else figure.high


@dataclass(frozen=True)
class Flips:
    """Decisions that turn: share with the marker's change, with its control's, and the excess with its 95 and 90 % interval; scrambled:
    share with an insertion's change in no order, where one was made; kind: of the inserted marker, "" for all together."""

    marker: str
    direction: str
    images: int
    lesions: int
    change: Figure
    control: Figure
    excess: Figure
    within: tuple[float, float]
    scrambled: Figure = NO_ORDER
    kind: str = ""

    @property
    def outdone(self) -> bool:
        """Whether the control surely turns more decisions than the marker does."""
        return self.excess.high < 0


def changes(rows: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """What the marker (`changed`), its `control` or its `scrambled` change does: P(with) − P(without), and the same of the decision, 1 for
    the class decided for and 0 for the others; float (N, C) each, NaN where there is none. A control is compared with the photograph it
    was made of, which may be a lent one."""
    base = _scores(rows["base"])
    if column == "control" and "lent" in rows:
        lent = _scores(rows["lent"], base.shape[1])
        base = np.where(np.isnan(lent), base, lent)
    other = _scores(rows[column], base.shape[1])
    sign = np.where(rows["direction"] == "removal", -1.0, 1.0)[:, None]
    return sign * (other - base), sign * (_decisions(other) - _decisions(base))


def _scores(column: pd.Series, classes: int = 0) -> np.ndarray:
    return np.stack([np.full(classes, np.nan) if v is None else np.asarray(v, float) for v in column])


def _decisions(scores: np.ndarray) -> np.ndarray:
    """1.0 for the class with the highest score, float (N, C); NaN where there are no scores."""
    known = ~np.isnan(scores[:, 0])
    out = np.where(known[:, None], 0.0, np.nan) * np.ones_like(scores)
    out[known, scores[known].argmax(axis=1)] = 1.0
    return out


def effects_of(marker: str, direction: str, rows: pd.DataFrame, classes: Sequence[str], kind: str = "") -> tuple[list[Effect], Flips]:
    """Of one marker and direction: an effect a class, and the decisions that turn. rows: of `run_dataset`, at least one."""
    groups = np.unique(rows["group"].to_numpy(str), return_inverse=True)[1]
    lesions = int(groups.max()) + 1
    (change, turn), (control, turn_control), (order, turn_order) = (changes(rows, c) for c in ("changed", "control", "scrambled"))
    made = ~np.isnan(order[:, 0])
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
                mean(turn[:, k] - turn_control[:, k], groups, "no images"),
                mean((change - order)[made, k], groups[made], NO_ORDER.reason),
                mean((turn - turn_order)[made, k], groups[made], NO_ORDER.reason),
                kind,
            )
        )
    one, other, third = (np.abs(t).max(axis=1) for t in (turn, turn_control, turn_order))
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
        ratio(third[made], every[made], groups[made], NO_ORDER.reason),
        kind,
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
    """90 % interval of the mean, clustered (t on lesions − 1 degrees of freedom), and p of its being 0: by the same t, and under `EXACT`
    lesions by turning the signs of their sums, which needs no distribution."""
    from scipy.stats import t

    n = int(groups.max()) + 1
    if n < 2:
        return (float("nan"), float("nan")), float("nan")
    value = float(values.mean())
    residual = np.bincount(groups, values - value)
    spread = float(np.sqrt(n / (n - 1) * (residual**2).sum())) / len(values)
    half = float(t.ppf(0.5 + WITHIN / 2, n - 1)) * spread
    if n < EXACT:
        return (value - half, value + half), by_signs(np.bincount(groups, values))
    p = float(2 * t.sf(abs(value) / spread, n - 1)) if spread > 0 else (1.0 if value == 0 else 0.0)
    return (value - half, value + half), p


def by_signs(sums: np.ndarray) -> float:
    """Two-sided p of N sums being symmetric about 0: the share of all 2^N ways to turn their signs (of `SIGNS` at random, the one seen
    among them, from N = 15) whose total is as far from 0 (Fisher 1935)."""
    n = len(sums)
    if 2**n <= SIGNS:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = np.random.default_rng(n).choice([-1.0, 1.0], (SIGNS, n))
        signs[0] = 1.0
    seen = abs(float(sums.sum()))
    return float((np.abs(signs @ sums) >= seen * (1 - 1e-9)).mean())


def _needed(excess: Figure, within: tuple[float, float], lesions: int) -> float:
    """Lesions with which the 90 % interval would lie inside ± HARMLESS if mean and spread stay: the interval shrinks with their root."""
    room = HARMLESS - abs(excess.value)
    if np.isnan(within[0]) or room <= 0:
        return float("nan")
    return float(np.ceil(lesions * ((within[1] - within[0]) / 2 / room) ** 2))
