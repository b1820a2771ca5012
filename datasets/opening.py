"""A folder or table -> `Dataset`: recognise the layout, map the columns, list problems and go on."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from core import diagnoses
from core.errors import DatasetError
from core.regular import shown
from core.tables import missing
from core.wording import count
from datasets.dataset import COLUMNS, Dataset, Problem
from datasets.files import MAX_DEPTH, Listing, Unusable, list_files, stem
from datasets.layouts import LAYOUTS
from datasets.splits import split_problems
from datasets.tables import Raw, find_columns, read_table, split_name

MAX_AGE = 120
_SEXES = {"m": "male", "male": "male", "f": "female", "female": "female", "man": "male", "woman": "female"}


def open_dataset(path: Path, layout: str | None = None, columns: Mapping[str, str] | None = None, name: str | None = None) -> Dataset:
    """Open a folder or a table; no picture is decoded.

    layout: one of LAYOUTS, None to recognise it. columns: canonical name -> the table's column.
    Raises DatasetError if no dataset is found there.
    """
    path = Path(path)
    try:
        path.stat()
    except (OSError, ValueError) as error:  # no such path, none that may be read, or none that could be one
        raise DatasetError("does not exist or cannot be read.", str(path)[:200], "Check the path.") from error
    root = path if path.is_dir() else path.parent
    if root != path and not path.is_file():
        raise DatasetError("is neither a folder nor a file.", str(path), "Choose the dataset's folder or its table.")
    listing = list_files(root)
    if root != path:
        frame, ragged = read_table(path)
        raw, found = Raw(frame, find_columns(frame), path.name, problems=ragged), "table"
    else:
        raw, found = _recognise(listing, layout)
    if columns:
        raw.columns = find_columns(raw.frame, columns, raw.source)
    if "image_id" not in raw.columns:
        known = shown(", ".join(raw.frame.columns[:30]))
        raise DatasetError("has no column of image ids.", raw.source, f"Map one: --columns image_id=NAME. Its columns: {known}.")
    problems = list(raw.problems)
    table, order = _canonical(raw, problems)
    table = _find_files(table, listing, problems)
    problems += [*_file_problems(table, listing, raw), *_table_problems(table)]
    present = set(table["image_id"])
    masks, marker_masks = ({k: v for k, v in of.items() if k in present} for of in (listing.masks, listing.marker_masks))
    return Dataset(name or path.name, root, found, table, tuple(p for p in problems if p.rows), masks, marker_masks, order)


def _recognise(listing: Listing, layout: str | None) -> tuple[Raw, str]:
    if layout is not None and layout not in LAYOUTS:
        raise DatasetError(f"{layout!r} is not a layout.", todo=f"Choose one of: {', '.join(LAYOUTS)}.")
    for name in [layout] if layout else LAYOUTS:
        raw = LAYOUTS[name](listing)
        if raw is not None and len(raw.frame):
            return raw, name
    if not listing.pictures and not listing.tables:
        why = "".join(f" {p.summary}" for p in _left_out(listing))
        raise DatasetError(f"contains neither images nor tables.{why}", str(listing.root), "Choose the dataset's folder.")
    if listing.refused and not listing.pictures:
        raise DatasetError("holds no table that can be read.", str(listing.root), next(iter(listing.refused.values())))
    unread = "".join(f" Left out: {why.rstrip('.')}." for why in list(listing.refused.values())[:3])
    raise DatasetError(
        f"matches no layout ({count(len(listing.pictures), 'image')}, {count(len(listing.tables), 'table')}).{unread}",
        str(listing.root),
        "Sort the images into one folder per class, or add a table with columns image_id and diagnosis.",
    )


def _canonical(raw: Raw, problems: list[Problem]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    source = raw.frame.reset_index(drop=True)
    text = {name: source[column] for name, column in raw.columns.items()}
    table = pd.DataFrame({c: text.get(c, pd.Series(np.nan, source.index, dtype=object)) for c in COLUMNS}).astype(object)
    if "file" in source and "file" not in raw.columns.values():
        table["file"] = source["file"]
    others = [c for c in source.columns if c not in raw.columns.values() and c != "file"]
    kept = {c: _free(c, {*table.columns, *source.columns}) if c in table.columns else c for c in others}
    table = pd.concat([table, source[others].rename(columns=kept)], axis=1)
    renamed = tuple(f"{c}: {new}" for c, new in kept.items() if c != new)
    summary = f"{count(len(renamed), 'column')} with a name that LesionLens gives to another column: renamed."
    problems.append(Problem("renamed columns", summary, renamed))
    named_file = pd.Series([str(v).replace("\\", "/") for v in table["image_id"]], table.index, dtype=object)
    table["_named"] = named_file
    suffix = re.compile(r"\.(jpe?g|png|tiff?|bmp|webp|hei[cf])$", re.IGNORECASE)
    with_path = table["file"].isna()
    table["image_id"] = [stem(n) if p and (suffix.search(n) or "/" in n) else n for n, p in zip(named_file, with_path, strict=True)]
    nameless = missing(raw.frame[raw.columns["image_id"]].reset_index(drop=True))
    rows = tuple(f"row {i + 2}" for i in np.flatnonzero(nameless))
    problems.append(Problem("rows without an image id", f"{count(len(rows), 'row')} without an image id: left out.", rows))
    table = table[~nameless.to_numpy()].reset_index(drop=True)
    order = tuple(table["image_id"])
    doubled = table["image_id"].duplicated()
    repeated = f"{count(int(doubled.sum()), 'row')} with the image id of an earlier row: left out."
    problems.append(Problem("duplicate image ids", repeated, tuple(sorted(set(table["image_id"][doubled])))))
    table = table[~doubled].reset_index(drop=True)
    return _values(table, problems), order


def _free(name: str, taken: set[str]) -> str:
    return next(new for n in range(1, len(taken) + 2) if (new := f"{name}.{n}") not in taken)


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
    shown = ", ".join(sorted({str(v) for v in written[wrong]})[:5])
    summary = f"{count(int(wrong.sum()), 'age')} not between 0 and {MAX_AGE} years ({shown}): treated as missing."
    problems.append(Problem("impossible ages", summary, tuple(ids[wrong])))
    table["age"] = age.where(~wrong)
    return table


def _map(values: pd.Series, change) -> pd.Series:  # type: ignore[no-untyped-def]
    changed = {v: change(str(v)) for v in values.dropna().unique()}
    return values.map(changed).astype(object)


def _find_files(table: pd.DataFrame, listing: Listing, problems: list[Problem]) -> pd.DataFrame:
    """The image file of each row, by path below the folder or by file name. Nothing outside the folder is looked at."""
    by_stem, known = listing.by_stem(), set(listing.pictures)
    files: list[object] = []
    several: list[str] = []
    for image_id, file, named in zip(table["image_id"], table["file"], table["_named"], strict=True):
        exact = next((f for f in (file, named) if isinstance(f, str) and f in known), None)
        matches = [exact] if exact else by_stem.get(str(image_id).lower(), [])
        if len(matches) > 1:
            matches = [m for m in matches if m.endswith("/" + named)] or matches
        if len(matches) > 1:
            several.append(image_id)
        files.append(matches[0] if matches else np.nan)
    table["file"] = pd.Series(files, index=table.index, dtype=object)
    summary = f"{count(len(several), 'image')} with several files of that name: the first is used."
    problems.append(Problem("several files for one image", summary, tuple(several)))
    return table.drop(columns="_named")


def _file_problems(table: pd.DataFrame, listing: Listing, raw: Raw) -> list[Problem]:
    lost = table["image_id"][table["file"].isna()]
    used = set(table["file"].dropna())
    extra = tuple(p for p in listing.pictures if p not in used)
    return [
        Problem("missing files", f"{count(len(lost), 'row')} without an image file.", tuple(lost)),
        Problem("images no row names", f"{count(len(extra), 'image file')} not in the table.", extra),
        Problem("unreadable images", f"{count(len(listing.empty), 'empty image file')} (0 bytes).", tuple(listing.empty)),
        Problem("unreadable tables", f"{count(len(listing.refused), 'table')} left out.", tuple(listing.refused.values())),
        *_left_out(listing),
        Problem("unreadable metadata", f"{count(len(raw.notes), 'unreadable metadata file')}.", tuple(raw.notes)),
    ]


# why an entry of the folder is left out -> the problem, what it is called, and what becomes of it
_UNUSABLE: dict[Unusable, tuple[str, str, str]] = {
    "outside": ("links out of the dataset", "outward link", ": not followed."),
    "dangling": ("links to nothing", "link", " to files that are not here: fetch them (git annex get, dvc pull), or copy them."),
    "loop": ("links in a circle", "link", " in a circle: left out."),
    "folder link": ("links to folders", "link", " to folders of the dataset: not followed."),
    "special": ("pipes, sockets and devices", "special file", " (pipe, socket or device): left out."),
    "name": ("names that cannot be shown", "file name", " not in UTF-8, or with control characters: left out. Rename them."),
    "deep": ("folders too deep", "folder", f" more than {MAX_DEPTH} levels down: left out."),
    "closed": ("folders that cannot be listed", "folder", " that cannot be listed: left out."),
}


def _left_out(listing: Listing) -> list[Problem]:
    return [
        Problem(kind, f"{count(len(rows), noun)}{rest}", tuple(rows))
        for why, (kind, noun, rest) in _UNUSABLE.items()
        if (rows := listing.unusable.get(why))
    ]


def _table_problems(table: pd.DataFrame) -> list[Problem]:
    ids = table["image_id"]
    named = table["diagnosis"].dropna()
    strange = named[[diagnoses.code_of(d) is None for d in named]]
    words = ", ".join(sorted(set(strange))[:8])
    by_lesion = table.groupby("lesion_id")["diagnosis"].nunique()
    torn = by_lesion[by_lesion > 1].index
    patterns = ids.map(lambda i: re.sub(r"\d+", "#", i))
    usual = patterns.mode().iloc[0] if len(ids) else ""
    others = ids[patterns != usual]
    unlabelled = ids[table["diagnosis"].isna()]
    return [
        Problem("images without a diagnosis", f"{count(len(unlabelled), 'image')} without a diagnosis.", tuple(unlabelled)),
        Problem(
            "unknown labels",
            f"{count(len(strange), 'image')} with a label the vocabulary does not know ({words}): kept as written.",
            tuple(ids[strange.index]),
        ),
        Problem(
            "lesions with two diagnoses",
            f"{count(len(torn), 'lesion')} with more than one diagnosis.",
            tuple(ids[table["lesion_id"].isin(torn)]),
        ),
        *split_problems(table),
        Problem(
            "rows from another source",
            f"{count(len(others), 'row')} with an id unlike {usual}: from another source?",
            tuple(others) if len(others) < 0.1 * len(ids) else (),
        ),
    ]
