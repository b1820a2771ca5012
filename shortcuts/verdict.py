"""Does the classifier use a marker? From effects to one of three words."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from core.markers import EVERYWHERE, NO_DETECTOR, UNDETECTED
from core.wording import count
from evaluation.multiple import holm
from shortcuts.effects import Effect, Flips, effects_of
from shortcuts.rule import FEWEST, FLIPS, LEVEL, ON_LESION

NEVER_TRIED = {"removal": "none of the tested images shows it", "insertion": "every tested image shows it, or it cannot be drawn"}

Verdict = Literal["used", "not seen to matter", "can't tell"]


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
    made = judged_trials(trials)
    effects: list[Effect] = []
    flips: list[Flips] = []
    for (marker, direction), rows in made.groupby(["marker", "direction"], sort=False):
        found, turned = effects_of(str(marker), str(direction), rows, classes)
        effects += found
        flips.append(turned)
    tested = [k for k, e in enumerate(effects) if not np.isnan(e.p) and e.lesions >= FEWEST]
    for k, adjusted in zip(tested, holm([effects[k].p for k in tested]), strict=True):
        effects[k] = replace(effects[k], adjusted=float(adjusted))
    return [
        _judge(m, [e for e in effects if e.marker == m], [f for f in flips if f.marker == m], trials[trials["marker"] == m])
        for m in markers
    ]


def judged_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """The experiments a verdict rests on: those that could be made, removals and insertions of the usual size and strength, of markers
    beside the lesion."""
    made = usual_dose(trials)
    return made[~_on_lesion(made)]


def on_lesion(trials: pd.DataFrame) -> pd.DataFrame:
    """Those that change the lesion as well, and are reported apart: a marker that lies everywhere does not count."""
    made = usual_dose(trials)
    return made[_on_lesion(made)]


def _on_lesion(made: pd.DataFrame) -> pd.Series:
    return (made["on_lesion"] > ON_LESION) & ~made["marker"].isin(list(EVERYWHERE))


def usual_dose(trials: pd.DataFrame) -> pd.DataFrame:
    """The experiments that could be made, removals and insertions of the usual size and strength."""
    made = trials[trials["reason"] == ""]
    usual = made["size"].isna() | ((made["size"] == 1.0) & (made["strength"] == made["strength"].max()))
    return made[usual]


def _judge(marker: str, effects: list[Effect], flips: list[Flips], tried: pd.DataFrame) -> Judged:
    notes = _notes(tried, flips)
    if marker in UNDETECTED:
        notes = (f"{NO_DETECTOR}; where no mask or column says it is there, a photograph counts as one without it", *notes)

    def judged(verdict: Verdict, why: str) -> Judged:
        return Judged(marker, verdict, why, tuple(effects), tuple(flips), notes)

    enough = [e for e in effects if e.lesions >= FEWEST]
    if not enough:
        most = max((f.lesions for f in flips), default=0)
        return judged("can't tell", f"only {most} lesions could be tried; {FEWEST} are needed.")
    sure = [e for e in enough if e.adjusted < LEVEL]
    of = {f.direction: f for f in flips}
    standing_out = [e for e in sure if e.beyond and not of[e.direction].outdone]
    telling = [e for e in standing_out if e.moves or of[e.direction].telling]
    if telling:
        worst = max(telling, key=lambda e: abs(e.excess.value))
        against = [
            e for e in sure if e.target == worst.target and e.direction != worst.direction and e.excess.value * worst.excess.value < 0
        ]
        if against:
            return judged("can't tell", f"removal and insertion contradict each other: {_words(worst, of)}; {_words(against[0], of)}.")
        return judged("used", _words(worst, of) + ".")
    if all(e.harmless for e in enough) and all(f.within[1] < FLIPS for f in flips if f.lesions >= FEWEST):
        largest = max(min(max(abs(v) for v in e.within), max(abs(v) for v in e.alone)) for e in enough)
        turning = max(0.0, *(f.within[1] for f in flips if f.lesions >= FEWEST))
        return judged(
            "not seen to matter",
            f"at most {largest:.3f} of any class's probability and {turning:.1%} of the decisions are compatible with these images.",
        )
    widest = max((e for e in enough if not e.harmless), key=lambda e: e.within[1] - e.within[0], default=None)
    if widest is None:
        worst_flips = max((f for f in flips if f.lesions >= FEWEST), key=lambda f: f.within[1])
        return judged(
            "can't tell",
            f"up to {worst_flips.within[1]:.1%} more decisions may turn than with the control ({worst_flips.direction}, "
            f"{worst_flips.lesions:,} lesions); {FLIPS:.0%} is the margin.",
        )
    outdone = [e for e in sure if not e.harmless and e not in standing_out]
    if outdone:
        e = max(outdone, key=lambda e: abs(e.excess.value))
        return judged(
            "can't tell",
            f"with {e.direction}, the marker being there moves P({e.target}) by {e.change.value:+.2f} and turns "
            f"{of[e.direction].change.value:.0%} of the decisions, its control moves it by {e.control.value:+.2f} and turns "
            f"{of[e.direction].control.value:.0%}: any change as strong disturbs this network, and the marker's own effect "
            "cannot be told apart.",
        )
    needed = max((e.needed for e in enough if not np.isnan(e.needed)), default=float("nan"))
    many = f" About {needed:,.0f} lesions would settle the probabilities." if needed > widest.lesions else ""
    return judged(
        "can't tell",
        f"the intervals reach beyond the margins ({widest.target}, {widest.direction}: {widest.within[0]:+.3f} to {widest.within[1]:+.3f}) "
        f"and {'no effect is sure' if not sure else 'it is not sure that an effect is large enough'}.{many}",
    )


def _words(e: Effect, flips: dict[str, Flips]) -> str:
    did = {"removal": "removing it", "insertion": "inserting it"}[e.direction]
    sign = -1 if e.direction == "removal" else 1
    f = flips[e.direction]
    return (
        f"{did} moves P({e.target}) by {sign * e.change.value:+.2f}, its control by {sign * e.control.value:+.2f} (its presence, less the "
        f"control's: {e.excess.value:+.2f} [{e.excess.low:+.2f}, {e.excess.high:+.2f}], {e.images:,} images of {e.lesions:,} lesions) and "
        f"turns {f.change.value:.0%} of the decisions, the control {f.control.value:.0%}"
    )


def _notes(tried: pd.DataFrame, flips: Sequence[Flips]) -> tuple[str, ...]:
    notes = []
    have = {f.direction for f in flips}
    for direction in ("removal", "insertion"):
        rows = tried[tried["direction"] == direction]
        if direction not in have:
            reasons = rows["reason"].value_counts()
            why = str(reasons.index[0]) if len(reasons) else NEVER_TRIED[direction]
            notes.append(f"no {direction}: {why}")
        elif (rows["reason"] != "").any():
            n = int((rows["reason"] != "").sum())
            notes.append(
                f"{direction} could not be tried on {count(n, 'image')}: {rows['reason'][rows['reason'] != ''].value_counts().index[0]}"
            )
    return tuple(notes)
