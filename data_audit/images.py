"""`images.parquet`: one row an image with what was measured and seen."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.atomic import whole
from core.errors import DatasetError
from core.markers import DETECTED
from core.tables import read_arrow
from data_audit.quality import QUALITY
from data_audit.scan import Scan
from data_audit.skin import tone_group
from datasets.dataset import Dataset


def images_frame(dataset: Dataset, scan: Scan) -> pd.DataFrame:
    """Sizes, errors, markers, quality and skin of every image, in the table's order."""
    frame = scan.frame.assign(skin_tone=scan.frame["ita"].map(tone_group))
    frame.insert(1, "lesion_id", dataset.table["lesion_id"].to_numpy(object))
    return frame


def read_images(folder: Path, dataset: Dataset) -> pd.DataFrame:
    """`images.parquet` of an audit's folder; raises DatasetError if there is none or it is of other images."""
    path = folder / "images.parquet"
    if not path.is_file():
        raise DatasetError("holds no images.parquet.", str(folder), "Name the folder an audit was written to.")
    frame = read_arrow(path, DatasetError).to_pandas()
    missing = [c for c in ("image_id", "skin_tone", *QUALITY, *(f"{m}_flag" for m in DETECTED)) if c not in frame]
    if missing:
        raise DatasetError(f"has no column {missing[0]!r}.", str(path), "Audit the dataset again.")
    wrong = [c for c in QUALITY if frame[c].dtype.kind != "f"]
    wrong += [f"{m}_flag" for m in DETECTED if not set(frame[f"{m}_flag"].dropna().unique()) <= {True, False}]
    if wrong:
        raise DatasetError(f"has other values in column {wrong[0]!r} than an audit writes.", str(path), "Audit the dataset again.")
    if list(frame["image_id"]) != list(dataset.table["image_id"]):
        raise DatasetError("is of other images than the dataset.", str(path), "Audit this dataset again.")
    return frame


def write_images(frame: pd.DataFrame, path: Path, about: Mapping[str, str]) -> None:
    """All at once or not at all."""
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), "lesionlens": json.dumps({"about": dict(about)})})
    with whole(path) as part:
        pq.write_table(arrow, part, compression="zstd")
