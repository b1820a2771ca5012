"""`images.parquet`: one row an image with what was measured and seen; and the markers that are known by masks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atomic import part_name
from data_audit.dataset import MARKERS, Dataset
from data_audit.scan import Scan
from errors import ImageError


def known_markers(dataset: Dataset) -> dict[str, np.ndarray]:
    """Marker → bool (N,) in the table's order, where the dataset brings marker masks; empty where it brings none."""
    if not dataset.marker_masks:
        return {}
    present = {marker: np.zeros(len(dataset), bool) for marker in MARKERS}
    for k, image_id in enumerate(dataset.table["image_id"]):
        try:
            for marker in dataset.markers(image_id):
                present[marker][k] = True
        except ImageError:  # a mask that cannot be read says nothing
            continue
    return {marker: flags for marker, flags in present.items() if flags.any()}


def write_images(dataset: Dataset, scan: Scan, cluster: np.ndarray, path: Path, about: Mapping[str, str]) -> None:
    """Sizes, errors, quality and the cluster of photographs that are the same; all at once or not at all."""
    frame = scan.frame.assign(cluster=cluster[: len(scan.frame)])
    frame.insert(1, "lesion_id", dataset.table["lesion_id"].to_numpy(object))
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), "lesionlens": json.dumps({"about": dict(about)})})
    pq.write_table(arrow, part_name(path), compression="zstd")
    part_name(path).replace(path)
