"""Jobs on whole datasets: predictions, audits, and references of what they look like to a network."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from core.runs import Run, part
from data_audit.audit import Asked
from datasets.dataset import Dataset
from imaging.picture import Picture
from models.predictions import PredictionTable
from ui.worker.job import LongJob, QuickJob
from ui.worker.opened import opened
from ui.worker.records import ModelSpec

if TYPE_CHECKING:
    from evaluation.ood import Reference
    from models.check import CardCheck
    from studies.familiarity import Familiarity, Kind

MAX_OPEN = 3
_references: "dict[tuple[Path, int], Reference]" = {}


@dataclass(frozen=True, eq=False)
class PredictDataset(LongJob[PredictionTable]):
    """Scores of all images; what is done is kept if the run is stopped. views: combined from several views of each image."""

    spec: ModelSpec
    data: Dataset
    kept: Path
    views: bool = False
    writes: ClassVar[str] = "kept"

    def run(self) -> Run[PredictionTable]:
        from models.run import about_run, predict_dataset
        from models.tta import about_views, predict_views

        classifier, data = opened(self.spec), self.data
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        files = {i: data.path(i) for i in data.table["image_id"]}
        about = about_run(classifier, data.name, data.sha256)
        if self.views:
            return (yield from predict_dataset(classifier, files, about | about_views(turned=False), self.kept, predict_views))
        return (yield from predict_dataset(classifier, files, about, self.kept))


@dataclass(frozen=True, eq=False)
class CheckCard(LongJob["CardCheck"]):
    """Do labelled images support the card? sample: rows of a dataset with its root folder; groups: the lesion of each; left_out: the
    dataset's diagnoses without an output."""

    spec: ModelSpec
    root: Path
    sample: pd.DataFrame
    groups: tuple[str, ...]
    left_out: tuple[str, ...]

    def run(self) -> "Run[CardCheck]":
        from models.check import check_card

        return (yield from check_card(opened(self.spec), self.root, self.sample, self.groups, self.left_out))


@dataclass(frozen=True, eq=False)
class AuditDataset(LongJob[None]):
    """Findings, measurements and the report, kept in the folder."""

    data: Dataset
    folder: Path
    asked: Asked
    writes: ClassVar[str] = "folder"

    def run(self) -> Run[None]:
        from data_audit.audit import audit_dataset
        from reports.audit_report import audit_html
        from reports.pictures import write_page

        found = yield from audit_dataset(self.data, self.folder, self.asked)
        write_page(self.folder, audit_html(self.data, found, self.asked.against))


@dataclass(frozen=True, eq=False)
class FitReference(LongJob[None]):
    """The reference of what a dataset, or one split, looks like to the network; kept at path."""

    spec: ModelSpec
    data: Dataset
    split: str | None
    path: Path
    writes: ClassVar[str] = "path"

    def run(self) -> Run[None]:
        from studies.familiarity import kept_reference

        yield from kept_reference(opened(self.spec), self.data, self.split, self.path)


@dataclass(frozen=True, eq=False)
class LookFamiliar(QuickJob["Familiarity | None"]):
    """How familiar one picture is under the reference at path, written at stamp (ns); None where it cannot be read."""

    spec: ModelSpec
    path: Path
    stamp: int
    picture: Picture
    kept: ClassVar[int] = 128

    def run(self) -> "Familiarity | None":
        from models.ood import read_reference
        from studies.familiarity import look

        key = (self.path, self.stamp)
        if key not in _references:
            found = read_reference(self.path)
            if found is None:
                return None
            while len(_references) >= MAX_OPEN:
                del _references[next(iter(_references))]
            _references[key] = found[0]
        return look(opened(self.spec), _references[key], self.picture.pixels)


@dataclass(frozen=True, eq=False)
class JudgeKinds(LongJob["tuple[Reference, list[Kind]]"]):
    """The reference of a dataset or split, and how well it separates other kinds of images and other datasets from its own."""

    spec: ModelSpec
    data: Dataset
    split: str | None
    others: tuple[Dataset, ...]
    path: Path

    def run(self) -> "Run[tuple[Reference, list[Kind]]]":
        from studies.familiarity import judge_kinds, kept_reference

        classifier = opened(self.spec)
        reference = yield from part(kept_reference(classifier, self.data, self.split, self.path), 0, 0.4)
        return reference, (yield from part(judge_kinds(classifier, reference, self.data, self.split, self.others), 0.4, 1))
