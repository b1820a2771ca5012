"""Jobs of the shortcut lab."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from core.runs import Run
from datasets.dataset import Dataset
from imaging.picture import Picture
from shortcuts.dose import Dose
from shortcuts.experiment import Impossible, Subject
from shortcuts.plan import Plan
from shortcuts.subjects import Outlined
from ui.worker.job import LongJob, QuickJob
from ui.worker.opened import opened
from ui.worker.records import ModelSpec

if TYPE_CHECKING:
    from shortcuts.one import Answer
    from shortcuts.whatif import WhatIf


@dataclass(frozen=True, eq=False)
class OutlinePicture(QuickJob[Outlined]):
    """Lesion and markers of a photograph: by the dataset's masks if there are any, else by detection."""

    picture: Picture
    data: Dataset | None
    image_id: str | None
    kept: ClassVar[int] = 16
    waiting: ClassVar[str] = "Looking for markers…"

    def run(self) -> Outlined:
        from shortcuts.subjects import outline

        lesion, markers = None, None
        if self.data is not None and self.image_id is not None:
            lesion = self.data.mask(self.image_id)
            markers = self.data.markers(self.image_id) if self.data.marker_masks else None
        return outline(self.picture.pixels, lesion, markers)


@dataclass(frozen=True, eq=False)
class TryMarker(QuickJob["Answer | Impossible"]):
    """One photograph with and without a marker. target: index of the class, None for the decision."""

    spec: ModelSpec
    subject: Subject
    marker: str
    target: int | None
    way: str
    dose: Dose | None
    seed: int
    waiting: ClassVar[str] = "Trying…"

    def run(self) -> "Answer | Impossible":
        from shortcuts.one import ask

        return ask(opened(self.spec), self.subject, self.marker, self.target, self.way, self.dose, self.seed)


@dataclass(frozen=True, eq=False)
class EvidenceOnMarkers(QuickJob[dict[str, float]]):
    """Share of the evidence on each marker that is present."""

    spec: ModelSpec
    subject: Subject
    target: int | None

    def run(self) -> dict[str, float]:
        from shortcuts.one import evidence_on

        return evidence_on(opened(self.spec), self.subject, self.target)


@dataclass(frozen=True, eq=False)
class TryPainted(QuickJob["Answer | Impossible"]):
    """One photograph with and without a painted mark. painted: bool (H, W) over the subject's picture."""

    spec: ModelSpec
    subject: Subject
    painted: np.ndarray
    colour: tuple[int, int, int]
    strength: float
    target: int | None
    seed: int
    waiting: ClassVar[str] = "Trying…"

    def run(self) -> "Answer | Impossible":
        from shortcuts.experiment import painted
        from shortcuts.one import answer

        trial = painted(self.subject, self.painted, self.colour, self.strength, np.random.default_rng(self.seed))
        return trial if isinstance(trial, Impossible) else answer(opened(self.spec), self.subject, trial, self.target)


@dataclass(frozen=True, eq=False)
class TryWhatIf(QuickJob["WhatIf"]):
    """One photograph with changes that have no control."""

    spec: ModelSpec
    outlined: Outlined
    changes: tuple[str, ...]
    target: int | None
    way: str
    waiting: ClassVar[str] = "Trying…"

    def run(self) -> "WhatIf":
        from shortcuts.whatif import what_if

        return what_if(opened(self.spec), self.outlined, self.changes, self.target, self.way)


@dataclass(frozen=True, eq=False)
class RunShortcuts(LongJob[None]):
    """The shortcut experiment over a dataset; writes `shortcuts.json` and `trials.parquet` into the folder."""

    spec: ModelSpec
    data: Dataset
    split: str | None
    plan: Plan
    folder: Path
    writes: ClassVar[str] = "folder"

    def run(self) -> Run[None]:
        from models.run import about_run
        from shortcuts.summary import try_dataset

        classifier = opened(self.spec)
        about = about_run(classifier, self.data.name, self.data.sha256) | {"split": self.split or "all"}
        yield from try_dataset(classifier, self.data, self.split, self.plan, about, self.folder)
