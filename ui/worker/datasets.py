"""What the worker does with whole datasets: predictions, audits, and what they look like to a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.runs import Run
from models.predictions import PredictionTable
from ui.worker.opened import opened
from ui.worker.records import ModelSpec

MAX_OPEN = 3
_references: dict[tuple[Path, int], Any] = {}


def predict_dataset(
    spec: ModelSpec, files: dict[str, Path | None], name: str, digest: str, kept: Path, views: bool = False
) -> Run[PredictionTable]:
    """views: several of each image, put together."""
    from models.run import about_run
    from models.run import predict_dataset as run
    from models.tta import predict_views, told

    classifier = opened(spec)
    kept.parent.mkdir(parents=True, exist_ok=True)
    about = about_run(classifier, name, digest)
    if views:
        return (yield from run(classifier, files, about | told(turned=False), kept, predict_views))
    return (yield from run(classifier, files, about, kept))


def check_card(spec: ModelSpec, root: Path, sample: pd.DataFrame, groups: list[str]) -> Run[Any]:
    from models.check import check_card as run

    return (yield from run(opened(spec), root, sample, groups))


def audit_dataset(data: Any, folder: Path, asked: Any) -> Run[None]:
    """Findings, measurements and the report, kept in the folder."""
    from data_audit.audit import audit_dataset as run
    from reports.audit_report import write_report

    found = yield from run(data, folder, asked)
    write_report(data, found.content, folder, asked.against)


def fit_reference(spec: ModelSpec, data: Any, split: str | None, path: Path) -> Run[None]:
    """What a dataset, or one split, looks like to the network; kept at path."""
    from studies.familiarity import kept_reference

    yield from kept_reference(opened(spec), data, split, path)


def familiarity(spec: ModelSpec, path: Path, image: np.ndarray) -> Any:
    """`Familiarity` of one image under the reference at path; None where there is none."""
    from models.ood import read_reference
    from studies.familiarity import look

    key = (path, path.stat().st_mtime_ns) if path.exists() else None
    if key is None:
        return None
    if key not in _references:
        while len(_references) >= MAX_OPEN:
            del _references[next(iter(_references))]
        kept = read_reference(path)
        if kept is None:
            return None
        _references[key] = kept[0]
    return look(opened(spec), _references[key], image)


def judge_kinds(spec: ModelSpec, data: Any, split: str | None, others: list[Any], path: Path) -> Run[tuple[Any, list[Any]]]:
    """The reference of a dataset or split, and how well it tells other kinds of images and other datasets from its own."""
    from core.runs import part
    from studies.familiarity import judge_kinds as judge
    from studies.familiarity import kept_reference

    classifier = opened(spec)
    reference = yield from part(kept_reference(classifier, data, split, path), 0, 0.4)
    return reference, (yield from part(judge(classifier, reference, data, split, others), 0.4, 1))
