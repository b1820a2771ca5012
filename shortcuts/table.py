"""The table of trials: one row an image, marker and direction, as it is kept in `trials.parquet`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.atomic import whole
from core.errors import RecordError
from core.tables import about_of, read_arrow

COLUMNS = (
    "image_id",
    "group",
    "diagnosis",
    "marker",
    "direction",
    "kind",
    "size",
    "strength",
    "on_lesion",
    "area_share",
    "evidence_share",
    "base",
    "changed",
    "control",
    "lent",
    "scrambled",
    "again",
    "cropped",
    "base_logits",
    "changed_logits",
    "control_logits",
    "reason",
)
SCORES = COLUMNS[11:21]  # one value a class


def empty_row() -> dict[str, Any]:
    """A row of which nothing is known yet."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    return row | {c: float("nan") for c in ("size", "strength", "on_lesion", "area_share", "evidence_share")} | {"reason": ""}


def trials_frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """All columns, in their order."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS))


def write_trials(frame: pd.DataFrame, about: Mapping[str, str], path: Path) -> None:
    """`trials.parquet`, whole or not at all."""
    plain = frame.copy()
    for column in SCORES:
        plain[column] = [None if v is None else np.asarray(v, np.float32).tolist() for v in plain[column]]
    arrow = pa.Table.from_pandas(plain, preserve_index=False).replace_schema_metadata({b"lesionlens": json.dumps(dict(about)).encode()})
    with whole(path) as part:
        pq.write_table(arrow, part, compression="zstd")


def read_trials(path: Path, about: Mapping[str, str]) -> pd.DataFrame | None:
    """What was written under the same `about`; None for anything else, torn files included."""
    try:
        arrow = read_arrow(path, RecordError)
        same = about_of(arrow) == dict(about)
    except (RecordError, ValueError):
        return None
    return arrow.to_pandas() if same else None
