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
from shortcuts.rule import FEWEST, HARMLESS, LEVEL, ON_LESION

NEVER_TRIED = {"removal": "none of the tested images shows it", "insertion": "every tested image shows it, or it cannot be drawn"}

Verdict = Literal["used", "not seen to matter", "can't tell", "not tested"]


@dataclass(frozen=True)
class Judged:
    """One marker: the verdict, why in words with numbers, and what it rests on; lead: the effect that the words are about, if any."""

    marker: str
    verdict: Verdict
    why: str
    effects: tuple[Effect, ...]
    flips: tuple[Flips, ...]
    notes: tuple[str, ...] = field(default_factory=tuple)
    lead: Effect | None = None


def judge(trials: pd.DataFrame, classes: Sequence[str], markers: Sequence[str]) -> list[Judged]:
    """trials: of `run_dataset`, at the usual dose; classes: of its probability columns. One verdict a marker, by the constants above."""
    made = judged_trials(trials)
    effects: list[Effect] = []
    flips: list[Flips] = []
    for (marker, direction), rows in made.groupby(["marker", "direction"], sort=False):
        found, turned = effects_of(str(marker), str(direction), rows, classes)
        effects += found
        flips.append(turned)
        for kind, some in _kinds(rows):
            found, turned = effects_of(str(marker), str(direction), some, classes, kind)
            effects += found
            flips.append(turned)
    tested = [k for k, e in enumerate(effects) if not np.isnan(e.p) and e.lesions >= FEWEST]
    for k, adjusted in zip(tested, holm([effects[k].p for k in tested]), strict=True):
        effects[k] = replace(effects[k], adjusted=float(adjusted))
    return [
        _judge(m, [e for e in effects if e.marker == m], [f for f in flips if f.marker == m], trials[trials["marker"] == m])
        for m in markers
    ]


def _kinds(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The kinds of a marker that were inserted, where there are several: a network may use one of them."""
    if "kind" not in rows or rows["kind"].nunique() < 2:
        return []
    return [(str(kind), some) for kind, some in rows.groupby("kind")]


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
    whole = [f for f in flips if not f.kind]
    notes = _notes(tried, whole)
    if marker in UNDETECTED:
        notes = (f"{NO_DETECTOR}; where no mask or column says it is there, a photograph counts as one without it", *notes)

    def judged(verdict: Verdict, why: str, lead: Effect | None = None) -> Judged:
        return Judged(marker, verdict, why, tuple(e for e in effects if not e.kind), tuple(whole), notes, lead)

    enough = [e for e in effects if e.lesions >= FEWEST]
    if not enough:
        most = max((f.lesions for f in flips), default=0)
        return judged("can't tell", f"only {most} lesions could be tried; {FEWEST} are needed.")
    sure = [e for e in enough if e.adjusted < LEVEL]
    of = {(f.direction, f.kind): f for f in flips}
    telling = [e for e in sure if e.beyond and e.large and e.particular and not of[e.direction, e.kind].outdone]
    if telling:
        lead = max(telling, key=lambda e: e.surely)
        against = [e for e in telling if e.target == lead.target and e.sign != lead.sign]
        if against:
            return judged("can't tell", f"removal and insertion contradict each other: {_words(lead, of)}; {_words(against[0], of)}.")
        return judged("used", _words(lead, of) + "." + _in_no_order(lead, of[lead.direction, lead.kind]), lead)
    if marker in UNDETECTED and "removal" not in {f.direction for f in whole}:
        return judged(
            "not tested",
            f"{NO_DETECTOR}, and none is known to be in these photographs: what lies in them was not tried. Those that LesionLens "
            "draws are not seen to be used, but others may look different.",
        )
    enough, flips = [e for e in enough if not e.kind], whole
    few_turn = all(f.within[1] < HARMLESS for f in flips if f.lesions >= FEWEST)
    if all(e.harmless for e in enough) and few_turn and not any(e.beyond and e.large for e in sure):
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
            f"{worst_flips.lesions:,} lesions); {HARMLESS:.0%} is the margin.",
        )
    disturbing = [e for e in sure if not e.kind and not e.harmless and e.in_no_order]
    if disturbing:
        e = max(disturbing, key=lambda e: e.surely)
        f = of[e.direction, ""]
        return judged(
            "can't tell",
            f"inserting it moves P({e.target}) by {e.change.value:+.2f} and turns {f.change.value:.0%} of the decisions, but the "
            f"same change in no order does much the same ({e.change.value - e.beyond_order.value:+.2f}, {f.scrambled.value:.0%}): "
            "this network answers to hard edges and strong colours, and no more can be said of the marker itself.",
        )
    needed = max((e.needed for e in enough if not np.isnan(e.needed)), default=float("nan"))
    many = f" About {needed:,.0f} lesions would settle the probabilities." if needed > widest.lesions else ""
    return judged(
        "can't tell",
        f"the intervals reach beyond the margins ({widest.target}, {widest.direction}: {widest.within[0]:+.3f} to {widest.within[1]:+.3f}) "
        f"and {'no effect is sure' if not sure else 'it is not sure that an effect is large enough'}.{many}",
    )


def _in_no_order(e: Effect, f: Flips) -> str:
    if not e.in_no_order:
        return ""
    return (
        f" The same change in no order moves it by {e.change.value - e.beyond_order.value:+.2f} and turns {f.scrambled.value:.0%}: the "
        "network answers to hard edges and strong colours, of which this marker is one."
    )


def _words(e: Effect, flips: dict[tuple[str, str], Flips]) -> str:
    did = {"removal": "removing it", "insertion": f"inserting it ({e.kind})" if e.kind else "inserting it"}[e.direction]
    sign = -1 if e.direction == "removal" else 1
    f = flips[e.direction, e.kind]
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
