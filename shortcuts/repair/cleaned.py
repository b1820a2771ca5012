"""A copy of a dataset without its markers: filled, cropped away, or balanced so that they no longer tell the diagnosis."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from shutil import rmtree
from typing import Any, Literal

import cv2
import numpy as np
import pandas as pd

from core.atomic import write_bytes
from core.errors import DatasetError, ImageError
from core.exports import safe_csv
from core.records import OBJECT, read_record
from core.runs import Run, part
from data_audit.quality import Border, View, black_border
from data_audit.scan import mask_file
from datasets.dataset import Dataset
from imaging.decode import encode_jpeg, encode_png
from imaging.resize import scale_image
from shortcuts.filling import fill, widened
from shortcuts.lesion import crop_to_lesion
from shortcuts.repair.bearing import bearing, marker_places
from shortcuts.subjects import outline

How = Literal["fill", "crop", "trim", "leave"]
HOWS: dict[str, str] = {
    "fill": "markers filled with skin",
    "crop": "cropped to the lesion",
    "trim": "black borders cut off",
    "leave": "pictures as they are",
}
IMAGES, MASKS, NOTES, ABOUT = "images", "masks", ".done", "cleaned.json"
QUALITY = 95
AHEAD = 8


@dataclass(frozen=True)
class Asked:
    """markers: that are to go; how: a key of HOWS; filling: a key of FILLINGS; keep: bool (N,), images that are copied, None for all."""

    markers: tuple[str, ...]
    how: How = "fill"
    filling: str = "telea"
    seed: int = 0
    keep: np.ndarray | None = None


@dataclass(frozen=True)
class Cleaned:
    """Image ids: copied; changed; left: said to bear a marker (or, cropped, to have a lesion) that nobody could find in the picture;
    unreadable, which are not in the copy."""

    copied: tuple[str, ...]
    changed: tuple[str, ...]
    left: tuple[str, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True)
class _Copy:
    image_id: str
    name: str
    done: tuple[str, ...] | None  # what was done to it; None where it could not be read


def write_cleaned(data: Dataset, borne: np.ndarray, asked: Asked, folder: Path, seen: Path, about: Mapping[str, str]) -> Run[Cleaned]:
    """`images/`, lesion masks in `masks/`, `metadata.csv` and `cleaned.json`, the last last. A killed run goes on; one that ended is
    only read.

    borne: float (N, M), which image bears which of the markers; seen: folder in which what the detectors saw is kept. The table names
    what was done to each image in `cleaned`. Raises DatasetError if the folder holds another copy or the dataset itself.
    """
    kept = "all" if asked.keep is None else hashlib.sha256(asked.keep.tobytes()).hexdigest()
    stamp = {**about, "markers": list(asked.markers), "how": asked.how, "filling": asked.filling, "seed": asked.seed, "kept": kept}
    before = _claim(folder, data, stamp)
    if before is not None:
        return before
    table = data.table if asked.keep is None else data.table[asked.keep]
    expected = dict(zip(data.table["image_id"], np.nan_to_num(borne).any(axis=1), strict=True))
    copies: list[_Copy] = []
    with ThreadPoolExecutor(2) as pool:
        waiting = iter(table["image_id"])

        def more(n: int) -> list[Any]:
            return [pool.submit(_copy, data, str(i), asked, folder, seen) for i in islice(waiting, n)]

        ahead = more(AHEAD)
        while ahead:
            copies.append(ahead.pop(0).result())
            ahead += more(1)
            yield len(copies), len(table)
    made = [c for c in copies if c.done is not None]
    write_bytes(folder / "metadata.csv", _metadata(table, made).encode())
    found = Cleaned(
        tuple(c.image_id for c in made),
        tuple(c.image_id for c in made if c.done),
        tuple(c.image_id for c in made if not c.done and (asked.how == "crop" or (asked.how == "fill" and expected[c.image_id]))),
        tuple(c.image_id for c in copies if c.done is None),
    )
    write_bytes(folder / ABOUT, json.dumps({**stamp, **vars(found)}, indent=1).encode())
    rmtree(folder / NOTES)
    return found


def clean(
    data: Dataset, asked: Asked, balance: bool, folder: Path, seen: Path, verdicts: Path | None, about: Mapping[str, str]
) -> Run[Cleaned]:
    """The whole of it: which images bear the markers, which of them are kept, and the copy. balance: keep only so many that each
    diagnosis bears them equally often."""
    borne = yield from part(bearing(data, asked.markers, seen, verdicts, places=asked.how == "fill"), 0, 0.4)
    keep = balanced(data.table["diagnosis"].reset_index(drop=True), borne.any, asked.seed) if balance else asked.keep
    return (yield from part(write_cleaned(data, borne.values, replace(asked, keep=keep), folder, seen, about), 0.4, 1))


def balanced(labels: pd.Series, bears: np.ndarray, seed: int = 0) -> np.ndarray:
    """bool (N,): images to keep so that every diagnosis bears the marker equally often, as many as that allows.

    labels: diagnosis a row; bears: float (N,), 1, 0 or NaN. Rows without either are left out. Where a diagnosis has no image with the
    marker all kept ones are without it. Raises DatasetError where nothing is left of a diagnosis.
    """
    known = labels.notna().to_numpy() & ~np.isnan(bears)
    kinds = list(labels[known].unique())
    if len(kinds) < 2:
        raise DatasetError("cannot be balanced: it takes images of two diagnoses at least.", todo="Fill or crop instead.")
    of = np.array([[((labels == k).to_numpy() & known & (bears == b)).sum() for b in (1, 0)] for k in kinds], float)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.unique(of[:, 0] / of.sum(axis=1))
        kept = [np.nanmin(np.stack([of[:, 0] / r, of[:, 1] / (1 - r)]), axis=0) for r in shares]  # 0/0 sets no limit
    usable = [k for k, counts in enumerate(kept) if (counts >= 1).all()]
    if not usable:
        raise DatasetError("cannot be balanced: a diagnosis always comes with the marker and another never.", todo="Fill or crop instead.")
    best = max(usable, key=lambda k: kept[k].sum())
    keep, rng = np.zeros(len(labels), bool), np.random.default_rng(seed)
    for kind, n in zip(kinds, kept[best], strict=True):
        with_it = round(n * float(shares[best]))
        for b, count in ((1, with_it), (0, int(n + 1e-9) - with_it)):
            rows = np.flatnonzero((labels == kind).to_numpy() & known & (bears == b))
            keep[rng.permutation(rows)[:count]] = True
    return keep


def _claim(folder: Path, data: Dataset, stamp: Mapping[str, Any]) -> Cleaned | None:
    """Make the folder this copy's; what was copied, where it is whole already."""
    inside, own = folder.resolve(), data.root.resolve()
    if inside == own or own in inside.parents or inside in own.parents:
        raise DatasetError("would lie inside the dataset, or hold it.", str(folder), "Choose another --out.")
    path = folder / ABOUT
    if path.exists():
        described = ("what a copy was made from", "Choose another folder or name.")
        before = read_record(path, OBJECT, *described)
        if any(before.get(k) != v for k, v in stamp.items()):
            raise DatasetError("holds another copy already.", str(folder), "Choose another folder or name.")
        if "copied" in before:
            return read_record(path, Cleaned, *described)
    elif (folder / "metadata.csv").exists() or (folder / IMAGES).exists():
        raise DatasetError("holds something else already.", str(folder), "Choose an empty --out.")
    for name in (IMAGES, MASKS, NOTES):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_bytes(path, json.dumps(dict(stamp), indent=1).encode())
    return None


def _copy(data: Dataset, image_id: str, asked: Asked, folder: Path, seen: Path) -> _Copy:
    """The picture and its lesion mask, cleaned. What an earlier run wrote is not done again."""
    name = mask_file(folder, image_id).stem
    note = folder / NOTES / name
    if note.exists():
        return _Copy(image_id, name, tuple(note.read_text(encoding="utf-8").split()))
    try:
        picture, lesion, places = data.read(image_id), data.mask(image_id), marker_places(data, image_id, seen)
    except ImageError:
        return _Copy(image_id, name, None)
    done: tuple[str, ...] = ()
    if asked.how == "fill":
        done = tuple(m for m in asked.markers if m in places)
        height, width = picture.shape[:2]
        rim = np.zeros((height, width), bool)
        for marker in done:
            rim |= widened(scale_image(places[marker].astype(np.uint8), (height, width), "nearest") > 0, marker)
        picture = fill(picture, rim, asked.filling, np.random.default_rng([asked.seed, len(done)]))
    elif asked.how == "crop":
        found = outline(picture, lesion, places).lesion
        if found is not None:
            picture = np.ascontiguousarray(crop_to_lesion(picture, found))
            lesion = None if lesion is None else crop_to_lesion(lesion, found)
            done = ("cropped",)
    elif asked.how == "trim":
        border = black_border(View(picture))
        if border.share > 0 and border.top + border.bottom < 1 and border.left + border.right < 1:
            picture = _inside(picture, border)
            lesion = None if lesion is None else _inside(lesion, border)
            done = ("trimmed",)
    if lesion is not None:
        write_bytes(folder / MASKS / f"{name}.png", encode_png(cv2.cvtColor(lesion.astype(np.uint8) * 255, cv2.COLOR_GRAY2RGB)))
    write_bytes(folder / IMAGES / f"{name}.jpg", encode_jpeg(picture, QUALITY))
    write_bytes(note, " ".join(done).encode())
    return _Copy(image_id, name, done)


def _inside(image: np.ndarray, border: Border) -> np.ndarray:
    """What lies within a border, of a picture or mask of any size."""
    height, width = image.shape[:2]
    top, left = round(border.top * height), round(border.left * width)
    return np.ascontiguousarray(image[top : height - round(border.bottom * height), left : width - round(border.right * width)])


def _metadata(table: pd.DataFrame, made: Sequence[_Copy]) -> str:
    rows = table.set_index("image_id").loc[[c.image_id for c in made]].reset_index().drop(columns=["file"])
    rows["cleaned"] = [" ".join(c.done or ()) for c in made]
    names = [c.name for c in made]
    if names != list(rows["image_id"]):
        rows["original_image_id"] = rows["image_id"]
        rows["image_id"] = names
    return safe_csv(rows.rename(columns={"label": "written_label"}), {})
