"""`Study`: everything the lab says of a classifier on a dataset, as `shortcuts.json` holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.records import read_record
from evaluation.intervals import Figure
from shortcuts.alarms import Alarms
from shortcuts.effects import Effect, Flips
from shortcuts.rule import ATTENDS, DISTURBS, FEWEST, FLIPS, HARMLESS, LEVEL, MOVES, ON_LESION
from shortcuts.verdict import Verdict
from shortcuts.winkler import Rates

NAME = "shortcuts.json"


@dataclass(frozen=True)
class Rule:
    """The constants the verdicts were made by, as in `rule.py`."""

    level: float = LEVEL
    flips: float = FLIPS
    moves: float = MOVES
    disturbs: float = DISTURBS
    harmless: float = HARMLESS
    lesions: int = FEWEST
    attends: float = ATTENDS
    on_lesion: float = ON_LESION
    adjusted: str = "Holm, all markers, directions, kinds and classes"

    @property
    def in_words(self) -> str:
        """What the verdicts mean, as page and report say it."""
        return (
            f"Used: the marker's effect minus its control's is significant ({1 - self.level:.0%}, adjusted: {self.adjusted}), exceeds "
            f"the control's, and changes a probability by at least {self.moves:.2f} or turns at least {self.flips:.0%} more decisions one "
            f"way. Of an insertion this also has to hold against the same change in no order, unless {self.disturbs:.0%} of the decisions "
            f"surely turn. Not seen to matter: for every class the 90 % interval lies within ± {self.harmless:.2f}, and that of the "
            f"decisions below {self.harmless:.0%}. With fewer than {self.lesions:d} lesions the verdict is “can't tell”."
        )


@dataclass(frozen=True)
class Apart:
    """What changing markers that lie on the lesion does: the class it moves furthest, and the decisions that turn."""

    direction: str
    effect: Effect
    flips: Flips


@dataclass(frozen=True, kw_only=True)
class MarkerStudy:
    """One marker. attention: share of the evidence on it, less its share of the area; agreement: what to make of that; table: direction →
    photographs → rates of deciding for `table_of`."""

    verdict: Verdict
    why: str
    notes: tuple[str, ...]
    effects: tuple[Effect, ...]
    flips: tuple[Flips, ...]
    attention: Figure
    agreement: str | None = None
    table: Mapping[str, Mapping[str, Rates]]
    table_of: str
    on_lesion: tuple[Apart, ...]


@dataclass(frozen=True)
class Dosed:
    """Mean change of one class's probability by a marker of one size and strength."""

    marker: str
    size: float
    strength: float
    target: str = field(metadata={"json": "class"})
    images: int
    change: Figure


@dataclass(frozen=True)
class Example:
    """A strip of three pictures, and the class's probability in each; file: in the study's folder."""

    marker: str
    direction: str
    image_id: str
    file: str
    target: str = field(metadata={"json": "class"})
    base: float
    changed: float
    control: float


@dataclass(frozen=True)
class Study:
    """about: of the run; images: photographs tried; doses: of markers that were tried in several; false_alarms: where they were counted."""

    about: Mapping[str, str]
    rule: Rule
    images: int
    verdicts: Mapping[str, MarkerStudy]
    doses: tuple[Dosed, ...]
    false_alarms: Alarms | None
    examples: tuple[Example, ...]


def read_study(path: Path) -> Study:
    """Raises RecordError where there is none that can be read."""
    return read_record(path, Study, "a study of shortcuts", "Delete it and test the markers again.")
