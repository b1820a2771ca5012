"""Predictions of the workspace: made in the worker, kept by hash, combined and evaluated."""

import threading
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.errors import LesionLensError
from datasets.dataset import Dataset
from evaluation.evaluate import USUAL, How
from models.predictions import PredictionTable, read_predictions, write_predictions
from studies.assess import Assessment, assess
from ui.services import services
from ui.worker.client import Task
from ui.worker.jobs.datasets import PredictDataset


@dataclass(frozen=True)
class PredictionSet:
    """Predictions for a dataset, as they are evaluated and explained. members: the classifiers they come from, each with its weight;
    views: whether several views of each image were combined."""

    name: str
    table: PredictionTable
    members: tuple[services.OpenModel, ...]
    weights: tuple[float, ...]
    views: bool

    @property
    def first(self) -> services.OpenModel:
        return self.members[0]

    @property
    def alone(self) -> bool:
        """Whether they are one classifier's, for each image as it is."""
        return len(self.members) == 1 and not self.views


def result_path(opened: services.OpenModel, data: Dataset, views: bool = False) -> Path:
    path = services.workspace().result_path(opened.spec.sha256, opened.card.sha256, data.sha256)
    return path.with_name("predictions-tta.parquet") if views else path


def run(opened: services.OpenModel, data: Dataset, views: bool = False) -> PredictDataset:
    """The job that runs the classifier over the dataset."""
    path = result_path(opened, data, views)
    return PredictDataset(opened.spec, data, path.with_name(f"{path.stem}.part.parquet"), views)


def start(opened: services.OpenModel, data: Dataset, views: bool = False) -> None:
    """Run the classifier over the dataset in the worker; several sessions share one run."""
    job = run(opened, data, views)
    running = services.task(job)
    if running is None or running.finished:
        threading.Thread(target=_keep, args=(services.start(job), result_path(opened, data, views)), daemon=True).start()


def kept(opened: services.OpenModel, data: Dataset, views: bool = False) -> PredictionTable | None:
    path = result_path(opened, data, views)
    return _read(str(path), path.stat().st_mtime_ns) if path.exists() else None


def alone(opened: services.OpenModel, data: Dataset) -> PredictionSet | None:
    """The classifier's own predictions; None where it was not run over the dataset."""
    table = kept(opened, data)
    return None if table is None else PredictionSet(opened.name, table, (opened,), (1.0,), False)


def assessment(predicted: PredictionSet, data: Dataset, split: str | None, how: How = USUAL) -> Assessment:
    """The evaluation of a prediction set; raises PredictionsError."""
    return _assessment(predicted.table, data, split, how)


def _keep(begun: Task[PredictionTable], path: Path) -> None:
    try:
        write_predictions(begun.result(), path)
    except LesionLensError as error:  # the page shows the task's error
        begun.error = error


@st.cache_resource(max_entries=8, show_spinner=False)
def _read(path: str, stamp: int) -> PredictionTable:
    return read_predictions(Path(path))


@st.cache_resource(max_entries=16, show_spinner="Evaluating…", hash_funcs=services.HASH_FUNCS)
def _assessment(table: PredictionTable, data: Dataset, split: str | None, how: How) -> Assessment:
    return assess(table, data, split=split, how=how)
