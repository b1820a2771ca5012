"""A dataset or a picture explained: raw maps with their predictions, kept as Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atomic import part_name
from explain.cam import cam
from models.classifier import BATCH, Classifier, Prediction, stream_batches

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("method", pa.string()),
        ("layer", pa.string()),
        ("target", pa.string()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("scale", pa.float32()),
        ("map", pa.binary()),
    ]
)


@dataclass(frozen=True)
class ExplainedBatch:
    """rows: places in the list of files; maps float32 (n, h, w) signed; targets: class names; errors by row."""

    rows: list[int]
    prediction: Prediction
    maps: np.ndarray
    targets: list[str]
    errors: dict[int, str]


def explain_files(
    classifier: Classifier,
    paths: Sequence[Path],
    method: str,
    target: str | None = None,
    layer: str | None = None,
    batch: int = BATCH,
) -> Iterator[ExplainedBatch]:
    """Predict and explain picture files batch by batch; target None explains each image's own decision."""
    index = None if target is None else classifier.target_index(target)
    for loaded in stream_batches(classifier, paths, batch):
        n = len(loaded.rows)
        targets = None if index is None else np.full(n, index, np.int32)
        if n:
            prediction, maps = cam(classifier, loaded.images, targets, method, layer)
        else:
            nothing = np.zeros((0, len(classifier.card.classes)), np.float32)
            prediction, maps = Prediction(nothing, nothing), np.zeros((0, 1, 1), np.float32)
        decided = prediction.logits.argmax(1) if targets is None else targets
        names = [classifier.card.classes[int(k)] for k in decided]
        yield ExplainedBatch(loaded.rows, prediction, maps, names, loaded.errors)


class MapWriter:
    """Writes `explanations.parquet` as batches come; the file appears when it is whole."""

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        self.path, self._part = path, part_name(path)
        self._schema = SCHEMA.with_metadata({"lesionlens": json.dumps({"about": dict(about)})})
        self._writer = pq.ParquetWriter(self._part, self._schema, compression="zstd")

    def write(self, image_ids: Sequence[str], method: str, layer: str, targets: Sequence[str], maps: np.ndarray) -> None:
        """maps float32 (n, h, w): stored as float16 of map / scale, row-major, scale = largest absolute value."""
        n = len(maps)
        scales = np.abs(maps).reshape(n, -1).max(1, initial=0).astype(np.float32)
        unit = maps / np.where(scales > 0, scales, 1)[:, None, None]
        columns = [
            list(image_ids), [method] * n, [layer] * n, list(targets), [maps.shape[1]] * n, [maps.shape[2]] * n,
            scales, [m.astype(np.float16).tobytes() for m in unit],
        ]  # fmt: skip
        self._writer.write_table(pa.table(dict(zip(SCHEMA.names, columns, strict=True)), schema=self._schema))

    def close(self, keep: bool = True) -> None:
        self._writer.close()
        self._part.replace(self.path) if keep else self._part.unlink()


def read_maps(path: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """(image_id, target, float32 (h, w) signed map in the method's own units) of `explanations.parquet`."""
    for row in pq.read_table(path).to_pylist():
        unit = np.frombuffer(row["map"], np.float16).reshape(row["height"], row["width"])
        yield row["image_id"], row["target"], unit.astype(np.float32) * row["scale"]
