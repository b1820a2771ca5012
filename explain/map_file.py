"""`explanations.parquet`: raw signed maps of any size, one row per map, written batch by batch and read back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.atomic import part_name, writing
from core.errors import RecordError
from core.tables import arrow_rows

MAPS = pa.schema(
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


class MapWriter:
    """Writes maps batch by batch; the file appears once it is complete. Raises WriteError if it cannot be written."""

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        self.path, self._part = path, part_name(path)
        with writing(path):
            self._writer = pq.ParquetWriter(self._part, described(MAPS, about), compression="zstd")

    def write(self, image_ids: Sequence[str], method: str, layer: str, targets: Sequence[str], maps: np.ndarray) -> None:
        """maps float32 (n, h, w): stored as float16 of map / scale, row-major, scale = largest absolute value."""
        n = len(maps)
        scales = np.abs(maps).reshape(n, -1).max(1, initial=0).astype(np.float32)
        unit = maps / np.where(scales > 0, scales, 1)[:, None, None]
        maps16 = [m.astype(np.float16).tobytes() for m in unit]
        labels = [list(image_ids), [method] * n, [layer] * n, list(targets)]
        columns = [*labels, [maps.shape[1]] * n, [maps.shape[2]] * n, scales, maps16]
        with writing(self.path):
            self._writer.write_table(pa.table(columns, schema=self._writer.schema))

    def close(self) -> None:
        """Complete the file and give it its name."""
        with writing(self.path):
            self._writer.close()
            self._part.replace(self.path)

    def discard(self) -> None:
        """Remove whatever has been written."""
        with suppress(OSError):  # on a full disk, the end of the file cannot be written either
            self._writer.close()
        self._part.unlink(missing_ok=True)


def read_maps(path: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """(image_id, target, float32 (h, w) signed map in the method's own units) of `explanations.parquet`, in file order.

    Raises RecordError for any other file.
    """
    for batch in arrow_rows(path, RecordError, 64):
        if not batch.schema.equals(MAPS, check_metadata=False) or any(column.null_count for column in batch.columns):
            raise RecordError("does not hold explanations.", str(path), "Explain the images again.")
        for row in batch.to_pylist():
            if len(row["map"]) != 2 * row["height"] * row["width"] or row["height"] < 1:
                raise RecordError(f"holds a broken map of {row['image_id']!r}.", str(path), "Explain the images again.")
            unit = np.frombuffer(row["map"], np.float16).reshape(row["height"], row["width"])
            yield row["image_id"], row["target"], unit.astype(np.float32) * row["scale"]


def described(schema: pa.Schema, about: Mapping[str, str]) -> pa.Schema:
    """A schema that says what the file was made from."""
    return schema.with_metadata({"lesionlens": json.dumps({"about": dict(about)})})
