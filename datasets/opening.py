"""A folder or table -> `Dataset`: recognise the layout, name the columns, list what is wrong, go on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from core import diagnoses
from core.errors import DatasetError
from datasets.dataset import COLUMNS, Dataset, Problem
from datasets.files import Listing, list_files, stem
from datasets.layouts import LAYOUTS
from datasets.layouts.raw import Raw
from datasets.splits import split_problems
from datasets.tables import find_columns, missing, read_table, split_name

MAX_AGE = 120
_SEXES = {"m": "male", "male": "male", "f": "female", "female": "female", "man": "male", "woman": "female"}


def open_dataset(path: Path, layout: str | None = None, columns: Mapping[str, str] | None = None, name: str | None = None) -> Dataset:
    """Open a folder or a table; no picture is decoded.

    layout: one of LAYOUTS, None to recognise it. columns: canonical name -> the column that holds it.
    Raises DatasetError if nothing there is a dataset.
    """
    path = Path(path)
    try:
        path.stat()
    except (OSError, ValueError) as error:  # no such path, none that may be read, or none that could be one
        raise DatasetError("does not exist, or may not be read.", str(path)[:200], "Check the path.") from error
    root = path if path.is_dir() else path.parent
    listing = list_files(root)
    if path.is_file():
        frame = read_table(path)
        raw, found = Raw(frame, find_columns(frame), path.name), "table"
    else:
        raw, found = _recognise(listing, layout)
    if columns:
        raw.columns = find_columns(raw.frame, columns)
    if "image_id" not in raw.columns:
        known = ", ".join(raw.frame.columns[:30])
        raise DatasetError("names no images.", raw.source, f"Map a column: --columns image_id=NAME. It has: {known}.")
    problems: list[Problem] = []
    table, order = _canonical(raw, problems)
    table = _find_files(table, listing, problems)
    _check_files(table, listing, raw, problems)
    _check_table(table, problems)
    present = set(table["image_id"])
    return Dataset(
        name or path.name,
        root,
        found,
        table,
        tuple(problems),
        {k: v for k, v in listing.masks.items() if k in present},
        {k: v for k, v in listing.marker_masks.items() if k in present},
        order,
    )


def _recognise(listing: Listing, layout: str | None) -> tuple[Raw, str]:
    if layout is not None and layout not in LAYOUTS:
        raise DatasetError(f"{layout!r} is no layout.", todo=f"Choose one of: {', '.join(LAYOUTS)}.")
    for name in [layout] if layout else LAYOUTS:
        raw = LAYOUTS[name](listing)
        if raw is not None and len(raw.frame):
            return raw, name
    if not listing.pictures and not listing.tables:
        raise DatasetError("holds neither pictures nor tables.", str(listing.root), "Choose the dataset's folder.")
    raise DatasetError(
        f"fits no layout ({len(listing.pictures):,} pictures, {len(listing.tables)} tables).",
        str(listing.root),
        "Put the pictures in one folder a class, or add a table with columns image_id and diagnosis.",
    )


def _canonical(raw: Raw, problems: list[Problem]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    source = raw.frame.reset_index(drop=True)
    text = {name: source[column] for name, column in raw.columns.items()}
    table = pd.DataFrame({c: text.get(c, pd.Series(np.nan, source.index, dtype=object)) for c in COLUMNS}).astype(object)
    if "file" in source and "file" not in raw.columns.values():
        table["file"] = source["file"]
    others = [c for c in source.columns if c not in raw.columns.values() and c not in table.columns]
    table = pd.concat([table, source[others]], axis=1)
    named_file = pd.Series([str(v).replace("\\", "/") for v in table["image_id"]], table.index, dtype=object)
    table["_named"] = named_file
    suffix = re.compile(r"\.(jpe?g|png|tiff?|bmp|webp|hei[cf])$", re.IGNORECASE)
    with_path = table["file"].isna()
    table["image_id"] = [stem(n) if p and (suffix.search(n) or "/" in n) else n for n, p in zip(named_file, with_path, strict=True)]
    nameless = missing(raw.frame[raw.columns["image_id"]].reset_index(drop=True))
    if nameless.any():
        rows = tuple(f"row {i + 2}" for i in np.flatnonzero(nameless))
        problems.append(Problem("rows without an image id", f"{len(rows)} rows name no image; they are left out.", rows))
        table = table[~nameless.to_numpy()].reset_index(drop=True)
    order = tuple(table["image_id"])
    doubled = table["image_id"].duplicated()
    if doubled.any():
        rows = tuple(sorted(set(table["image_id"][doubled])))
        kept = f"{int(doubled.sum())} rows repeat an image id; the first of each is kept."
        problems.append(Problem("duplicate image ids", kept, rows))
        table = table[~doubled].reset_index(drop=True)
    return _values(table, problems), order


def _values(table: pd.DataFrame, problems: list[Problem]) -> pd.DataFrame:
    ids = table["image_id"]
    for column in ("diagnosis", "lesion_id", "patient_id", "sex", "site", "confirmation", "split"):
        table[column] = table[column].where(~missing(table[column]), np.nan)
    table["label"] = table["diagnosis"]
    table["diagnosis"] = _map(table["diagnosis"], diagnoses.code_or_name)
    table["sex"] = _map(table["sex"], lambda s: _SEXES.get(s.lower(), s.lower()))
    table["split"] = _map(table["split"], lambda s: split_name(s) or s)
    written = table["age"].where(~missing(table["age"]), np.nan)
    age = pd.to_numeric(written, errors="coerce").astype(float)
    wrong = written.notna() & ~age.between(0, MAX_AGE)
    if wrong.any():
        shown = ", ".join(sorted({str(v) for v in written[wrong]})[:5])
        problems.append(
            Problem("impossible ages", f"{int(wrong.sum())} ages are no age in years ({shown}); they count as missing.", tuple(ids[wrong]))
        )
    table["age"] = age.where(~wrong)
    return table


def _map(values: pd.Series, change) -> pd.Series:  # type: ignore[no-untyped-def]
    changed = {v: change(str(v)) for v in values.dropna().unique()}
    return values.map(changed).astype(object)


def _find_files(table: pd.DataFrame, listing: Listing, problems: list[Problem]) -> pd.DataFrame:
    """Give each row its picture, by path below the folder or by file name. Nothing outside is ever looked at."""
    by_stem, known = listing.by_stem(), set(listing.pictures)
    files: list[object] = []
    several: list[str] = []
    for image_id, file, named in zip(table["image_id"], table["file"], table["_named"], strict=True):
        if isinstance(file, str) and file in known:
            files.append(file)
            continue
        if named in known:
            files.append(named)
            continue
        matches = by_stem.get(str(image_id).lower(), [])
        if len(matches) > 1:
            tail = [m for m in matches if m.endswith("/" + named)]
            matches = tail or matches
            if len(matches) > 1:
                several.append(image_id)
        files.append(matches[0] if matches else np.nan)
    table["file"] = pd.Series(files, index=table.index, dtype=object)
    if several:
        told = f"{len(several)} images have several files of that name; the first is used."
        problems.append(Problem("several files for one image", told, tuple(several)))
    return table.drop(columns="_named")


def _check_files(table: pd.DataFrame, listing: Listing, raw: Raw, problems: list[Problem]) -> None:
    lost = tuple(table["image_id"][table["file"].isna()])
    if lost:
        problems.append(Problem("missing files", f"{len(lost)} rows have no picture file.", lost))
    used = set(table["file"].dropna())
    extra = tuple(p for p in listing.pictures if p not in used)
    if extra:
        problems.append(Problem("images no row names", f"{len(extra)} pictures are named by no row.", extra))
    if listing.empty:
        told = f"{len(listing.empty)} picture files are empty (0 bytes)."
        problems.append(Problem("unreadable images", told, tuple(listing.empty)))
    if listing.outside:
        told = f"{len(listing.outside)} links lead out of the folder and are left alone."
        problems.append(Problem("links out of the dataset", told, tuple(listing.outside)))
    if raw.notes:
        told = f"{len(raw.notes)} metadata files cannot be read."
        problems.append(Problem("unreadable metadata", told, tuple(raw.notes)))


def _check_table(table: pd.DataFrame, problems: list[Problem]) -> None:
    ids = table["image_id"]
    unlabelled = table["diagnosis"].isna()
    if unlabelled.any():
        told = f"{int(unlabelled.sum())} images have no diagnosis."
        problems.append(Problem("images without a diagnosis", told, tuple(ids[unlabelled])))
    strange = table["diagnosis"].dropna()
    strange = strange[[diagnoses.code_of(d) is None for d in strange]]
    if len(strange):
        names = ", ".join(sorted(set(strange))[:8])
        told = f"{len(strange)} images have labels the vocabulary does not know ({names}); they are kept as they are."
        problems.append(Problem("unknown labels", told, tuple(ids[strange.index])))
    if table["lesion_id"].notna().any():
        told_apart = table.groupby("lesion_id")["diagnosis"].nunique()
        torn = ids[table["lesion_id"].isin(told_apart[told_apart > 1].index)]
        if len(torn):
            told = f"{int((told_apart > 1).sum())} lesions have more than one diagnosis."
            problems.append(Problem("lesions with two diagnoses", told, tuple(torn)))
    problems.extend(split_problems(table))
    patterns = ids.map(lambda i: re.sub(r"\d+", "#", i))
    commonest = patterns.value_counts()
    others = patterns != commonest.index[0] if len(commonest) else patterns == ""
    if 0 < others.sum() < 0.1 * len(ids):
        told = f"{int(others.sum())} rows have ids of another kind than {commonest.index[0]}: another source?"
        problems.append(Problem("rows from another source", told, tuple(ids[others])))
