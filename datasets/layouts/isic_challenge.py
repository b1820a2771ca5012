"""ISIC challenges 2016–2020: `…GroundTruth.csv`, one-hot or with a label column, and `…Metadata.csv`."""

from pathlib import Path

import numpy as np
import pandas as pd

from datasets.files import Listing
from datasets.tables import Raw, find_columns, read_table

_SPLITS = {"train": "train", "valid": "val", "test": "test"}


def read(listing: Listing) -> Raw | None:
    truths = [t for t in listing.tables if "groundtruth" in t.lower().replace("_", "") and t.lower().endswith(".csv")]
    if not truths:
        return None
    frame = pd.concat([_read_truth(listing.root / t, t) for t in truths], ignore_index=True)
    columns = find_columns(frame)
    if "image_id" not in columns:
        return None
    image = columns["image_id"]
    for table in listing.tables:
        if "metadata" in table.lower() and table.lower().endswith(".csv"):
            extra = read_table(listing.root / table)
            key = find_columns(extra).get("image_id")
            if key is not None:
                extra = extra.drop_duplicates(key).rename(columns={key: image})
                frame = _fill(frame, extra, image)
    return Raw(frame, find_columns(frame), truths[0])


def _read_truth(path: Path, name: str) -> pd.DataFrame:
    frame = read_table(path)
    if frame.shape[1] == 2 and str(frame.columns[0]).upper().startswith("ISIC_"):  # 2016 has no header row
        first = pd.DataFrame([list(frame.columns)])
        frame = pd.concat([first, frame.set_axis([0, 1], axis=1)], ignore_index=True)
        frame.columns = pd.Index(["image_id", "diagnosis"])
    one_hot = [c for c in frame.columns[1:] if frame[c].isin(["0", "1", "0.0", "1.0"]).all()]
    if one_hot and "diagnosis" not in frame and "benign_malignant" not in frame:
        frame["diagnosis"] = _from_one_hot(frame[one_hot].astype(float))
    split = next((split for word, split in _SPLITS.items() if word in name.lower()), None)
    if split and "split" not in frame:
        frame["split"] = split
    return frame


def _from_one_hot(hot: pd.DataFrame) -> pd.Series:
    """The column with the 1; 2017 encodes a nevus as neither melanoma nor seborrheic keratosis."""
    names = hot.idxmax(axis=1).astype(object).where(hot.sum(axis=1) == 1, np.nan)
    if {c.lower() for c in hot.columns} == {"melanoma", "seborrheic_keratosis"}:
        names = names.where(hot.sum(axis=1) != 0, "nevus")
    return names


def _fill(frame: pd.DataFrame, extra: pd.DataFrame, key: str) -> pd.DataFrame:
    """Joins metadata; columns in both are filled where the first is empty (one table per split)."""
    joined = frame.merge(extra, on=key, how="left", suffixes=("", "__extra"))
    for column in [c for c in joined.columns if str(c).endswith("__extra")]:
        own = column.removesuffix("__extra")
        joined[own] = joined[own].where(joined[own].notna(), joined[column])
        joined = joined.drop(columns=column)
    return joined
