"""ISIC challenges 2016–2020: `…GroundTruth.csv`, one-hot or with a label column, and `…Metadata.csv`."""

import numpy as np
import pandas as pd

from datasets.files import Listing
from datasets.tables import Raw, find_columns, raw_table

_SPLITS = {"train": "train", "valid": "val", "test": "test"}


def read(listing: Listing) -> Raw | None:
    truths = [t for t in listing.tables if "groundtruth" in t.lower().replace("_", "") and t.lower().endswith(".csv")]
    if not truths:
        return None
    read = [raw for t in truths if (raw := raw_table(listing, t)) is not None]
    if not read:
        return None
    frame = pd.concat([_truth(raw.frame, raw.source) for raw in read], ignore_index=True)
    columns = find_columns(frame)
    if "image_id" not in columns:
        return None
    image = columns["image_id"]
    for table in listing.tables:
        if "metadata" in table.lower() and table.lower().endswith(".csv") and (extra := raw_table(listing, table)) is not None:
            read.append(extra)
            if (key := extra.columns.get("image_id")) is not None:
                frame = _filled(frame, extra.frame.drop_duplicates(key).set_index(key), image)
    return Raw(frame, find_columns(frame), read[0].source, problems=[p for raw in read for p in raw.problems])


def _truth(frame: pd.DataFrame, name: str) -> pd.DataFrame:
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


def _filled(frame: pd.DataFrame, extra: pd.DataFrame, image: str) -> pd.DataFrame:
    """Joins metadata, indexed by image; columns in both are filled where the first is empty (one table per split)."""
    found = {c: frame[image].map(extra[c]) for c in extra.columns if c != image}
    own = {c: frame[c].where(frame[c].notna(), found[c]) if c in found else frame[c] for c in frame.columns}
    return pd.DataFrame({**own, **{c: values for c, values in found.items() if c not in own}})
