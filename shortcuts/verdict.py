"""Does the classifier use a marker? From trials to effects with intervals, and from those to one of three words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from evaluation.intervals import Figure, mean, ratio, undefined
from evaluation.multiple import holm

# the rule, in numbers
LEVEL = 0.05  # of the tests, all markers and classes together (Holm 1979)
FEWEST = 30  # lesions an effect must rest on
FLIPS = 0.02  # excess of decisions that turn, from which a marker counts as used
MOVES = 0.05  # change of a probability, its own and beyond its control, from which it does

Verdict = Literal["used", "not seen to matter", "can't tell"]
ONE_SIDED = 1.6448536269514722  # standard normal, 95 %
WITHIN = 0.90  # level of the interval that must lie inside the margins for “not seen to matter” (two one-sided tests)


@dataclass(frozen=True)
class Effect:
    """What the marker being there does to one class's probability, less what its control does: P(with) − P(without) both for removal and
    for insertion. change: of the marker alone; control; excess: their difference, 95 %; within: its 90 % interval; alone: the
    marker's own 90 % interval; p, and adjusted
    over all tests; needed: lesions with which the 90 % interval would fit inside the margins, NaN where no number would do."""

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


@dataclass(frozen=True)
class Judged:
    """One marker: the verdict, why in words with numbers, and what it rests on."""

    marker: str
    verdict: Verdict
    why: str
    effects: tuple[Effect, ...]
    flips: tuple[Flips, ...]
    notes: tuple[str, ...] = field(default_factory=tuple)


def judge(trials: pd.DataFrame, classes: Sequence[str], markers: Sequence[str]) -> list[Judged]:
    """trials: of `run_dataset`, at the usual dose; classes: of its probability columns. One verdict a marker, by the constants above."""
    made = usual_dose(trials)
    effects: list[Effect] = []
    flips: list[Flips] = []
    for (marker, direction), rows in made.groupby(["marker", "direction"], sort=False):
        found, turned = _effects(str(marker), str(direction), rows, classes)
        effects += found
        flips.append(turned)
    tested = [k for k, e in enumerate(effects) if not np.isnan(e.p) and e.lesions >= FEWEST]
    for k, adjusted in zip(tested, holm([effects[k].p for k in tested]), strict=True):
        effects[k] = Effect(**{**vars(effects[k]), "adjusted": float(adjusted)})
    return [
        _judge(m, [e for e in effects if e.marker == m], [f for f in flips if f.marker == m], trials[trials["marker"] == m])
        for m in markers
    ]


def usual_dose(trials: pd.DataFrame) -> pd.DataFrame:
    """The experiments that could be made, removals and insertions of the usual size and strength."""
    made = trials[trials["reason"] == ""]
    usual = made["size"].isna() | ((made["size"] == 1.0) & (made["strength"] == made["strength"].max()))
    return made[usual]


def signed(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """P(with the marker) − P(without), of the marker and of its control: float (N, C) each."""
    base, changed, control = (np.stack(rows[c].to_list()).astype(float) for c in ("base", "changed", "control"))
    sign = np.where(rows["direction"] == "removal", -1.0, 1.0)[:, None]
    return sign * (changed - base), sign * (control - base)


def _effects(marker: str, direction: str, rows: pd.DataFrame, classes: Sequence[str]) -> tuple[list[Effect], Flips]:
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
                marker, direction, target, len(rows), lesions, mean(change[:, k], groups, "no images"),
                mean(control[:, k], groups, "no images"), figure, within, _one_sided(change[:, k], groups)[0], p, float("nan"),
                _needed(figure, within, lesions),
            )
        )  # fmt: skip
    decided, turned, by_control = (np.stack(rows[c].to_list()).argmax(axis=1) for c in ("base", "changed", "control"))
    one, other = (turned != decided).astype(float), (by_control != decided).astype(float)
    every = np.ones(len(rows))
    return found, Flips(
        marker, direction, len(rows), lesions, ratio(one, every, groups, "no images"), ratio(other, every, groups, "no images"),
        mean(one - other, groups, "no images"), _flips_within(one - other, groups),
    )  # fmt: skip


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


def _judge(marker: str, effects: list[Effect], flips: list[Flips], tried: pd.DataFrame) -> Judged:
    notes = _notes(tried, flips)

    def told(verdict: Verdict, why: str) -> Judged:
        return Judged(marker, verdict, why, tuple(effects), tuple(flips), notes)

    enough = [e for e in effects if e.lesions >= FEWEST]
    if not enough:
        most = max((f.lesions for f in flips), default=0)
        return told("can't tell", f"only {most} lesions could be tried; {FEWEST} are needed.")
    sure = [e for e in enough if e.adjusted < LEVEL]
    of = {f.direction: f for f in flips}
    telling = [e for e in sure if e.beyond and (e.moves or of[e.direction].telling)]
    if telling:
        worst = max(telling, key=lambda e: abs(e.excess.value))
        against = [
            e
            for e in sure
            if e.target == worst.target and e.direction != worst.direction and e.excess.value * worst.excess.value < 0
        ]
        if against:
            return told(
                "can't tell", f"removal and insertion speak against each other: {_words(worst, of)}; {_words(against[0], of)}."
            )
        return told("used", _words(worst, of) + ".")
    if all(e.harmless for e in enough) and all(f.within[1] < FLIPS for f in flips if f.lesions >= FEWEST):
        largest = max(min(max(abs(v) for v in e.within), max(abs(v) for v in e.alone)) for e in enough)
        turning = max(0.0, *(f.within[1] for f in flips if f.lesions >= FEWEST))
        return told(
            "not seen to matter",
            f"at most {largest:.3f} of any class's probability and {turning:.1%} of the decisions are compatible with these images.",
        )
    widest = max((e for e in enough if not e.harmless), key=lambda e: e.within[1] - e.within[0], default=None)
    if widest is None:
        worst_flips = max((f for f in flips if f.lesions >= FEWEST), key=lambda f: f.within[1])
        return told(
            "can't tell",
            f"up to {worst_flips.within[1]:.1%} more decisions may turn than with the control ({worst_flips.direction}, "
            f"{worst_flips.lesions:,} lesions); {FLIPS:.0%} is the margin.",
        )
    needed = max((e.needed for e in enough if not np.isnan(e.needed)), default=float("nan"))
    many = f" About {needed:,.0f} lesions would settle the probabilities." if needed > widest.lesions else ""
    return told(
        "can't tell",
        f"the intervals reach beyond the margins ({widest.target}, {widest.direction}: {widest.within[0]:+.3f} to {widest.within[1]:+.3f}) "
        f"and no effect is sure.{many}",
    )


def _words(e: Effect, flips: dict[str, Flips]) -> str:
    did = {"removal": "taking it away", "insertion": "putting it in"}[e.direction]
    sign = -1 if e.direction == "removal" else 1
    f = flips[e.direction]
    return (
        f"{did} moves P({e.target}) by {sign * e.change.value:+.2f}, its control by {sign * e.control.value:+.2f} (excess of the marker "
        f"being there {e.excess.value:+.2f} [{e.excess.low:+.2f}, {e.excess.high:+.2f}], {e.images:,} images of {e.lesions:,} lesions) and "
        f"turns {f.change.value:.0%} of the decisions, the control {f.control.value:.0%}"
    )


def _notes(tried: pd.DataFrame, flips: Sequence[Flips]) -> tuple[str, ...]:
    notes = []
    have = {f.direction for f in flips}
    for direction in ("removal", "insertion"):
        rows = tried[tried["direction"] == direction]
        if direction not in have:
            reasons = rows["reason"].value_counts()
            why = str(reasons.index[0]) if len(reasons) else "no image called for it"
            notes.append(f"no {direction}: {why}")
        elif (rows["reason"] != "").any():
            n = int((rows["reason"] != "").sum())
            notes.append(
                f"{direction} could not be tried on {n:,} images: {rows['reason'][rows['reason'] != ''].value_counts().index[0]}"
            )
    return tuple(notes)


def sensitivity_specificity(rows: pd.DataFrame, target: str, classes: Sequence[str]) -> dict[str, tuple[Figure, Figure]]:
    """Of deciding for one class by the highest score, on the same photographs: as they are, changed, and with the control (the table of
    Winkler 2019, doi:10.1001/jamadermatol.2019.1735). rows: of one marker and direction, with a diagnosis."""
    known = rows[rows["diagnosis"].isin(list(classes))]
    if known.empty:
        none = undefined("no image has a diagnosis of these classes")
        return dict.fromkeys(("base", "changed", "control"), (none, none))
    groups = np.unique(known["group"].to_numpy(str), return_inverse=True)[1]
    positive = (known["diagnosis"] == target).to_numpy()
    found = {}
    for name in ("base", "changed", "control"):
        decided = np.stack(known[name].to_list()).argmax(axis=1) == classes.index(target)
        found[name] = (
            ratio((decided & positive).astype(float), positive.astype(float), groups, f"no images of {target}"),
            ratio((~decided & ~positive).astype(float), (~positive).astype(float), groups, f"no images outside {target}"),
        )
    return found
