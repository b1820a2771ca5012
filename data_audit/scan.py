"""One decode an image for all checks together: sizes, errors, quality, markers, skin, file hash, the small picture for comparing.

Kept as one Parquet file, written anew every 2,500 images, and taken up again: an image whose file has not changed is not
read a second time. Marker masks become one PNG an image that has any. Up to 25 kB an image are held in memory.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.atomic import whole, write_bytes
from core.errors import ImageError, RecordError
from core.markers import DETECTED, MARKERS
from core.runs import Run
from core.tables import RESULT, about_of, read_arrow
from data_audit.markers.detector import NETWORK, find_markers
from data_audit.quality import QUALITY, Border, View, black_border
from data_audit.quality import SIDE as MEASURED
from data_audit.skin import SKIN, skin_facts
from data_audit.traces import Trace, trace, unpacked
from datasets.dataset import Dataset
from imaging.decode import decode_at_least, encode_png, read_bytes, read_header
from imaging.resize import thumbnail

VERSION = 3  # of what is measured: results of another version, or of other detectors, are not taken up
SAVE_EVERY = 2500  # images
AHEAD = 64
LONGEST = 150  # characters of a mask file's name
MASKED = 512  # pixels of a marker mask's longer side at most
BORDERS = ("border_top", "border_bottom", "border_left", "border_right", "border_share")
MARKED = tuple(f"{marker}_{what}" for marker in DETECTED for what in ("score", "flag", "share"))


@dataclass(frozen=True)
class Scan:
    """frame: one row an image of the dataset, in its order: image_id, width, height, error, MARKED, content (hash of the
    file), QUALITY, BORDERS, SKIN; NaN where the image could not be read. traces: what each is found again by, empty there."""

    frame: pd.DataFrame
    traces: tuple[Trace, ...]

    @cached_property
    def readable(self) -> np.ndarray:
        return self.frame["error"].isna().to_numpy()


def scan_dataset(dataset: Dataset, kept: Path, masks: Path) -> Run[Scan]:
    """Measure every image, or read from `kept` what was measured before on the same file; marker masks go into `masks`."""
    masks.mkdir(parents=True, exist_ok=True)
    known = read_kept(kept)
    stamps = {i: _stamp(dataset.path(i)) for i in dataset.table["image_id"]}
    rows = {i: known[i] for i, stamp in stamps.items() if i in known and known[i]["stamp"] == stamp}
    todo = [i for i in stamps if i not in rows]
    total = len(stamps)
    yield len(rows), total
    fresh = 0
    try:
        for image_id, row in _measured(dataset, todo, stamps, masks):
            rows[image_id] = row
            fresh += 1
            if fresh % SAVE_EVERY == 0:
                _write(kept, rows)
            if fresh % 16 == 0:
                yield len(rows), total
    finally:
        if fresh:
            _write(kept, rows)
    yield total, total
    ordered = [rows[i] for i in stamps]
    frame = pd.DataFrame(ordered, columns=["image_id", *_blank()]).drop(columns="trace")
    return Scan(frame, tuple(unpacked(r["trace"]) for r in ordered))


def mask_file(masks: Path, image_id: str) -> Path:
    """Where an image's marker mask is; no id leads out of the folder."""
    name = quote(image_id, safe=" ()+,=@")
    if len(name) > LONGEST:
        name = f"{name[:LONGEST]}-{hashlib.blake2b(image_id.encode(), digest_size=8).hexdigest()}"
    return masks / f"{name}.png"


def _measured(dataset: Dataset, image_ids: list[str], stamps: Mapping[str, str], masks: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """In the order of the list; OpenCV works outside Python's lock, so threads use all cores, each of them on a picture of its own."""
    waiting = iter(image_ids)
    with one_thread_a_call(), ThreadPoolExecutor((os.cpu_count() or 2) + 1) as pool:

        def submit(n: int) -> list[Any]:
            return [(i, pool.submit(_measure, dataset.path(i), mask_file(masks, i))) for i in islice(waiting, n)]

        queue = submit(AHEAD)
        while queue:
            image_id, future = queue.pop(0)
            queue += submit(1)
            yield image_id, {"image_id": image_id, "stamp": stamps[image_id], **future.result()}


@contextmanager
def one_thread_a_call() -> Iterator[None]:
    """OpenCV splits no call among threads of its own meanwhile: they would only wait for each other."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _measure(path: Path | None, mask: Path) -> dict[str, Any]:
    row = _blank()
    if path is None:
        return {**row, "error": "no picture file"}
    try:
        data = read_bytes(path)
        header = read_header(data)
        image = decode_at_least(data, MEASURED, header)
    except ImageError as error:
        return {**row, "error": str(error)}
    view = View(thumbnail(image, MEASURED))
    border = black_border(view)
    marked, bits = _marked(thumbnail(image, MASKED), border, mask)
    edges = (border.top, border.bottom, border.left, border.right, border.share)
    return {
        **row,
        **marked,
        "width": header.width,
        "height": header.height,
        "content": hashlib.blake2b(data, digest_size=16).hexdigest(),
        **{name: measure(view) for name, measure in QUALITY.items()},
        **dict(zip(BORDERS, edges, strict=True)),
        **skin_facts(view.image, bits),
        "trace": trace(view.image).packed(),
    }


def _blank() -> dict[str, Any]:
    """What is known of a picture before it is read."""
    row: dict[str, Any] = {"width": np.nan, "height": np.nan, "error": None} | dict.fromkeys(MARKED)
    return row | {"content": None, **dict.fromkeys([*QUALITY, *BORDERS, *SKIN], np.nan), "trace": b""}


def _marked(picture: np.ndarray, border: Border, mask: Path) -> tuple[dict[str, Any], np.ndarray]:
    """MARKED of a picture, and bits (H, W) of the flagged markers, which go into the mask file."""
    found = find_markers(picture, border)
    if found.bits.any():
        write_bytes(mask, encode_png(found.bits))
    else:
        mask.unlink(missing_ok=True)
    row: dict[str, Any] = {}
    for marker in DETECTED:
        share = cv2.countNonZero(found.bits & np.uint16(1 << MARKERS[marker].bit)) / found.bits.size
        row |= {f"{marker}_score": found.scores[marker], f"{marker}_flag": found.flags[marker], f"{marker}_share": share}
    return row, found.bits


@cache
def _version() -> str:
    return f"{VERSION}-{hashlib.sha256(NETWORK.read_bytes()).hexdigest()[:16]}"


def _stamp(path: Path | None) -> str:
    """Changes when the file does."""
    try:
        facts = path.stat() if path is not None else None
    except OSError:
        return "missing"
    return f"{path}:{facts.st_size}:{facts.st_mtime_ns}" if facts else "none"


def _write(kept: Path, rows: Mapping[str, Mapping[str, Any]]) -> None:
    table = pa.Table.from_pylist(list(rows.values())).replace_schema_metadata({"lesionlens": json.dumps({"scan": _version()})})
    with whole(kept) as part:
        pq.write_table(table, part, compression="zstd")


def read_kept(kept: Path) -> dict[str, dict[str, Any]]:
    if not kept.exists():
        return {}
    try:
        table = read_arrow(kept, RecordError, limits=replace(RESULT, text=2**36))  # up to 25 kB an image
        about = about_of(table)
    except (RecordError, ValueError):  # torn: everything is measured again
        return {}
    return {row["image_id"]: row for row in table.to_pylist()} if about.get("scan") == _version() else {}
