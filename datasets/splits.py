"""The splits of a dataset: leakage between them, and assigning them anew."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from core.errors import DatasetError
from core.tables import read_text_table
from core.wording import count
from datasets.dataset import Dataset, Problem

_TORN = (("lesion_id", "lesion"), ("patient_id", "patient"))


def with_splits(dataset: Dataset, splits: Mapping[str, str]) -> Dataset:
    """The dataset with its splits replaced (image_id → split) and checked again; images not listed have none."""
    table = dataset.table.assign(split=dataset.table["image_id"].map(dict(splits)).astype(object))
    kinds = {_kind(who) for _, who in _TORN}
    problems = [p for p in dataset.problems if p.kind not in kinds]
    return replace(dataset, table=table, problems=(*problems, *split_problems(table)))


def read_split(path: Path) -> dict[str, str]:
    """image_id → split of a CSV with these columns; raises DatasetError."""
    frame = read_text_table(path, DatasetError).frame
    if not {"image_id", "split"} <= set(frame.columns):
        raise DatasetError("cannot be read as a split (it lacks a column image_id or split).", str(path))
    return dict(zip(frame["image_id"], frame["split"], strict=True))


def split_problems(table: pd.DataFrame) -> list[Problem]:
    """Lesions and patients with images in more than one split, and how many test images are affected."""
    problems = []
    for column, who in _TORN:
        parts = table.groupby(column)["split"].nunique()
        leaked = table[column].isin(parts[parts > 1].index)
        if leaked.any():
            tested, n_test = int((leaked & (table["split"] == "test")).sum()), int((table["split"] == "test").sum())
            affected = f" ({tested:,} of {count(n_test, 'test image')} affected)" if n_test else ""
            summary = f"{count(int((parts > 1).sum()), who)} with images in more than one split{affected}."
            problems.append(Problem(_kind(who), summary, tuple(table["image_id"][leaked])))
    return problems


def _kind(who: str) -> str:
    return f"{who}s in several splits"
