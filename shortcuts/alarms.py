"""How often the lab raises a false alarm: two controls drawn alike are tried as if one of them were the marker."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.runs import Run, finish
from evaluation.intervals import wilson
from shortcuts.rule import FEWEST
from shortcuts.verdict import judge, judged_trials

REPEATS = 1000
JUDGED = 200  # repeats that go through the whole verdict, which costs more


@dataclass(frozen=True)
class Alarms:
    """intervals: share of the unadjusted 95 % intervals of one control less the other that exclude 0, over all markers, directions and
    classes; tests: how many of these; verdicts: share of repeats in which at least one marker would be called used, with its Wilson
    interval; reason: why nothing could be counted."""

    repeats: int
    tests: int
    intervals: float
    lowest: float
    highest: float
    verdicts: float
    verdicts_low: float
    verdicts_high: float
    reason: str = ""


def false_alarms(trials: pd.DataFrame, classes: Sequence[str], repeats: int = REPEATS, seed: int = 0) -> Alarms:
    """As `count_alarms`, to its end."""
    return finish(count_alarms(trials, classes, repeats, seed))


def count_alarms(trials: pd.DataFrame, classes: Sequence[str], repeats: int = REPEATS, seed: int = 0) -> Run[Alarms]:
    """trials: of a run with `Plan.again`. In each repeat lesions are drawn with replacement, and for each of them it is tossed which of its
    two controls is taken for the marker: nothing is there to be found."""
    made = judged_trials(trials)
    made = made[made["again"].notna()]
    rng = np.random.default_rng(seed)
    shares = []
    for _, rows in made.groupby(["marker", "direction"]):
        groups = np.unique(rows["group"].to_numpy(str), return_inverse=True)[1]
        if int(groups.max()) + 1 >= FEWEST:
            difference = (np.stack(rows["again"].to_list()) - np.stack(rows["control"].to_list())).astype(float)
            shares += [s for s in excluding(difference, groups, repeats, rng) if not np.isnan(s)]
    if not shares:
        nan = float("nan")
        return Alarms(repeats, 0, nan, nan, nan, nan, nan, nan, f"no marker could be tried twice on {FEWEST} lesions")
    called = 0
    for done in range(JUDGED):
        yield done, JUDGED
        called += _alarmed(made, classes, rng)
    alarmed = called / JUDGED
    return Alarms(repeats, len(shares), float(np.mean(shares)), min(shares), max(shares), alarmed, *wilson(alarmed, JUDGED))


def alarms_in_words(found: Alarms) -> str:
    """One or two sentences."""
    if np.isnan(found.intervals):
        return f"False alarms could not be counted: {found.reason}."
    return (
        f"False alarms: one control against another, {found.intervals:.1%} of the unadjusted 95 % intervals exclude 0 "
        f"({found.tests} tests × {found.repeats:,} repeats, {found.lowest:.1%} to {found.highest:.1%} a test; 5 % is meant); "
        f"a marker would be called used in {found.verdicts:.1%} of the repeats [{found.verdicts_low:.1%}, {found.verdicts_high:.1%}]."
    )


def excluding(difference: np.ndarray, groups: np.ndarray, repeats: int, rng: np.random.Generator) -> list[float]:
    """Share of repeats whose 95 % interval excludes 0, a class; NaN where the controls never differ. difference float (N, C)."""
    from scipy.stats import t

    n = int(groups.max()) + 1
    sums = np.zeros((n, difference.shape[1]))
    np.add.at(sums, groups, difference)
    sizes = np.bincount(groups)
    beyond = t.ppf(0.975, n - 1)
    excluded = np.zeros(difference.shape[1])
    for _ in range(repeats):
        drawn = rng.integers(n, size=n)
        total, images = sums[drawn] * rng.choice([-1.0, 1.0], (n, 1)), sizes[drawn]
        value = total.sum(axis=0) / images.sum()
        spread = np.sqrt(n / (n - 1) * ((total - value * images[:, None]) ** 2).sum(axis=0)) / images.sum()
        excluded += np.abs(value) > beyond * spread
    return [float("nan") if not sums[:, k].any() else float(excluded[k] / repeats) for k in range(len(excluded))]


def _alarmed(made: pd.DataFrame, classes: Sequence[str], rng: np.random.Generator) -> bool:
    """Whether the rule calls any marker used when controls take the markers' places."""
    names, groups = np.unique(made["group"].to_numpy(str), return_inverse=True)
    drawn, swapped = rng.integers(len(names), size=len(names)), rng.random(len(names)) < 0.5
    where = [np.flatnonzero(groups == g) for g in range(len(names))]
    rows = made.iloc[np.concatenate([where[g] for g in drawn])].copy()
    place = np.repeat(np.arange(len(drawn)), [len(where[g]) for g in drawn])
    first, second = rows["again"].to_numpy(object), rows["control"].to_numpy(object)
    turn = swapped[place]
    rows["group"] = place.astype(str)
    rows["changed"] = np.where(turn, second, first)
    rows["control"] = np.where(turn, first, second)
    return any(j.verdict == "used" for j in judge(rows, classes, list(dict.fromkeys(rows["marker"]))))
