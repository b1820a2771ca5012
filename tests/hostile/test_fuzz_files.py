"""Mutants of valid pictures, tables and result files: each is read, or refused in one message, within bounded time.

A few of each run with every test; `make fuzz` goes on for FUZZ_SECONDS, with other seeds each day it is told to (FUZZ_SEED).
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import LesionLensError
from core.records import read_record
from core.tables import read_arrow
from data_audit.audit_file import Audit
from datasets.opening import open_dataset
from explain.map_file import MAPS, read_maps
from imaging.decode import decode, decode_at_least, read_bits
from models.predictions import read_predictions, read_rename
from tests.hostile.drawn import exif, photo, saved, with_segment
from tests.hostile.mutation import mutant

SLOWEST = 10.0  # seconds for one mutant
SEED = int(os.environ.get("FUZZ_SEED", "0"))


def as_parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


TABLE = pa.table({"image_id": ["a", "b"], "dx": ["nv", "mel"], "age": [50, None], "mel": [0.1, 0.9], "nv": [0.9, 0.1]})
CSV = b'image_id,dx,age,mel,nv\na,nv,50,0.1,0.9\n"b ""x""",mel,,0.5,0.5\nc,"two\nlines",7,0.2,0.8\n'
ROW = {"image_id": "a", "method": "m", "layer": "l", "target": "mel", "height": 2, "width": 3, "scale": 1.0, "map": bytes(12)}


def picture(path: Path) -> None:
    data = path.read_bytes()
    decode(data)
    decode_at_least(data, 16)


# valid file → the parser it is fed to
FED: dict[str, tuple[bytes, Callable[[Path], object]]] = {
    "x.jpg": (with_segment(saved("JPEG", photo((40, 48))), 0xE1, b"Exif\0\0" + exif([(0x0112, 3, 1, 6)])), picture),
    "progressive.jpg": (saved("JPEG", photo((40, 48)), progressive=True), picture),
    "x.png": (saved("PNG", photo((40, 48))), picture),
    "mask.png": (cv2.imencode(".png", (photo((40, 48))[..., 0] % 8).astype(np.uint16))[1].tobytes(), read_bits),
    "x.tiff": (saved("TIFF", photo((40, 48)), compression="tiff_lzw"), picture),
    "x.bmp": (saved("BMP", photo((40, 48))), picture),
    "x.webp": (saved("WEBP", photo((40, 48)), exif=b"Exif\0\0" + exif([(0x0112, 3, 1, 6)])), picture),
    "t.csv": (CSV, open_dataset),
    "t.tsv": (CSV.decode().replace(",", "\t").encode("utf-16"), open_dataset),
    "t.parquet": (as_parquet(TABLE), open_dataset),
    "p.csv": (CSV, read_predictions),
    "p.parquet": (as_parquet(TABLE.replace_schema_metadata({b"lesionlens": b'{"classes": ["mel", "nv"]}'})), read_predictions),
    "e.parquet": (as_parquet(pa.Table.from_pylist([ROW], schema=MAPS)), lambda p: list(read_maps(p))),
    "i.parquet": (as_parquet(TABLE), lambda p: read_arrow(p, LesionLensError).to_pandas()),
    "rename.yaml": (b"Malign: mel\nGutartig: &a nv\nx: *a\n", read_rename),
    "audit.json": (
        b'{"about": {"lesionlens_version": "1", "dataset": "x", "images": 3}, "findings": [1, 2.5, null]}',
        lambda p: read_record(p, Audit, "an audit", "Again."),
    ),
}


def feed(name: str, tmp_path: Path, seed: int) -> None:
    """One mutant, to its parser."""
    valid, parse = FED[name]
    path = tmp_path / name
    path.write_bytes(mutant(valid, np.random.default_rng([seed, *name.encode()])))
    began = time.process_time()
    try:
        parse(path)
    except LesionLensError as error:
        assert "\n" not in str(error) and len(str(error)) < 2_000, (seed, str(error))
    except Exception as error:
        raise AssertionError(f"seed {seed}: {error!r}") from error
    assert time.process_time() - began < SLOWEST, seed


@pytest.mark.parametrize("name", FED)
def test_some_mutants(name: str, tmp_path: Path) -> None:
    for seed in range(25):
        feed(name, tmp_path, seed)


# what was found before: statistics over which pyarrow ends the process, a line break in a column's name, a row without an id
FOUND: dict[str, bytes] = {
    "e.parquet": mutant(FED["e.parquet"][0], np.random.default_rng([764, *b"e.parquet"])),
    "t.csv": b'"im\nage_x",dx\na,nv\n',
    "p.csv": b"image_id,mel,nv\na,0.1,0.9\n,0.2,0.8\n",
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FOUND[name])
    with pytest.raises(LesionLensError) as caught:
        FED[name][1](tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", FED)
def test_mutants_for_as_long_as_asked(name: str, tmp_path: Path) -> None:
    end, seed = time.monotonic() + float(os.environ.get("FUZZ_SECONDS", "60")), SEED * 10_000_000
    while time.monotonic() < end:
        seed += 1
        feed(name, tmp_path, seed)
