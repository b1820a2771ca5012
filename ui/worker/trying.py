"""What the worker does for the shortcut lab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from core.runs import Run
from ui.worker.opened import opened
from ui.worker.records import ModelSpec


def outline_of(image: np.ndarray, lesion: np.ndarray | None, markers: dict[str, np.ndarray] | None) -> Any:
    """`Outlined`: lesion and markers of a photograph, found where nobody outlined them."""
    from shortcuts.subjects import outline

    return outline(image, lesion, markers)


def try_marker(spec: ModelSpec, subject: Any, marker: str, target: int | None, way: str, dose: Any, seed: int) -> Any:
    """`Answer` of one photograph with and without a marker, or why it is `Impossible`."""
    from shortcuts.one import ask

    return ask(opened(spec), subject, marker, target, way, dose, seed)


def evidence_on_markers(spec: ModelSpec, subject: Any, target: int | None) -> dict[str, float]:
    """Share of the evidence on each marker that is there."""
    from shortcuts.one import evidence_on

    return evidence_on(opened(spec), subject, target)


def try_painted(
    spec: ModelSpec, subject: Any, painted: np.ndarray, colour: tuple[int, int, int], strength: float, target: int | None, seed: int
) -> Any:
    """`Answer` of one photograph with and without what somebody painted, or why it is `Impossible`."""
    from shortcuts.experiment import Impossible
    from shortcuts.experiment import painted as put_in
    from shortcuts.one import answer

    trial = put_in(subject, painted, colour, strength, np.random.default_rng(seed))
    return trial if isinstance(trial, Impossible) else answer(opened(spec), subject, trial, target)


def try_what_if(spec: ModelSpec, outlined: Any, changes: list[str], target: int | None, way: str) -> Any:
    """`WhatIf` of one photograph."""
    from shortcuts.whatif import what_if

    return what_if(opened(spec), outlined, changes, target, way)


def run_shortcuts(spec: ModelSpec, data: Any, split: str | None, plan: Any, folder: Path) -> Run[None]:
    """Markers tried over a dataset; `shortcuts.json` and `trials.parquet` in the folder."""
    from models.run import about_run
    from shortcuts.summary import try_dataset

    classifier = opened(spec)
    about = about_run(classifier, data.name, data.sha256) | {"split": split or "all"}
    yield from try_dataset(classifier, data, split, plan, about, folder)
