"""Any CSV, TSV or Parquet file -> a frame of text, and the meaning of its columns."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from core.errors import DatasetError
from core.regular import shown
from core.tables import missing, read_header, read_text_table
from core.wording import count
from datasets.dataset import Problem
from datasets.files import Listing

# what a column may be called, the likeliest first
ALIASES: dict[str, tuple[str, ...]] = {
    name: tuple(words.split())
    for name, words in {
        "image_id": "image_id isic_id image_name image img_id filename file_name file image_path filepath path img name id",
        "diagnosis": "dx diagnosis label class diagnosis_3 diagnosis_2 diagnosis_1 benign_malignant category target lesion_type cell_type",
        "lesion_id": "lesion_id lesion",
        "patient_id": "patient_id patient subject_id",
        "age": "age age_approx age_approximate patient_age",
        "sex": "sex gender",
        "site": "localization site anatom_site_general anatom_site_general_challenge anatom_site_special location body_site "
        "anatomical_site region",
        "confirmation": "dx_type diagnosis_confirm_type confirmation confirm_type",
        "split": "split set partition subset",
    }.items()
}
_SPLITS = {"train": ("train", "training"), "val": ("val", "valid", "validation", "dev"), "test": ("test", "testing", "holdout")}


@dataclass
class Raw:
    """What a layout reads: a frame of text and the meaning of its columns; `file` may name each row's image. notes: unreadable metadata
    files; problems: of its tables."""

    frame: pd.DataFrame
    columns: dict[str, str]
    source: str = ""
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def split_name(text: str) -> str | None:
    """train, val or test for the usual spellings; None for anything else."""
    return next((name for name, spellings in _SPLITS.items() if text.strip().lower() in spellings), None)


def read_table(path: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """All values as text, missing ones NaN, column names trimmed and unique; and what is wrong with its rows. Raises DatasetError."""
    table, name = read_text_table(path, DatasetError), path.name
    long, short = (tuple(f"{name}, line {n}" for n in lines) for lines in (table.long, table.short))
    twice = ", ".join(table.doubled[:8])
    problems = [
        Problem("rows with too many cells", f"{count(len(long), 'row')} with more cells than the header: left out.", long),
        Problem("rows with too few cells", f"{count(len(short), 'row')} with fewer cells than the header: the last ones are empty.", short),
        Problem(
            "columns of one name",
            f"{count(len(table.doubled), 'name')} shared by several columns, apart from spaces ({twice}): the first is used, "
            "the others are numbered.",
            table.doubled,
        ),
        Problem("columns of lists", f"{count(len(table.nested), 'column')} whose cells hold lists or records: left out.", table.nested),
    ]
    return table.frame, [p for p in problems if p.rows]


def header(listing: Listing, table: str) -> list[str]:
    """The column names of a folder's table; none, and the reason noted, where they cannot be read."""
    try:
        return read_header(listing.root / table, DatasetError)
    except DatasetError as error:
        listing.refused[table] = f"{table}: {error.what}"
        return []


def raw_table(listing: Listing, table: str) -> Raw | None:
    """A folder's table; None, and the reason noted, where it cannot be read."""
    try:
        frame, problems = read_table(listing.root / table)
    except DatasetError as error:
        listing.refused[table] = f"{table}: {error.what}"
        return None
    if frame.empty:
        listing.refused[table] = f"{table}: has no rows{''.join(f'; {p.summary}' for p in problems)}"
        return None
    return Raw(frame, find_columns(frame), table, problems=problems)


def plain_name(column: str) -> str:
    """A column's name as ALIASES spell it: `Image ID` is image_id."""
    return re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")


def find_columns(frame: pd.DataFrame, chosen: Mapping[str, str] | None = None, where: str = "") -> dict[str, str]:
    """Canonical name -> the table's column, chosen by the user or recognised by its name.

    A diagnosis column that is mostly missing or "unknown" is skipped for the next one.
    Raises DatasetError for a chosen column that does not exist.
    """
    known = {plain_name(c): c for c in reversed(list(frame.columns))}
    found: dict[str, str] = {}
    for name, aliases in ALIASES.items():
        candidates = [known[a] for a in aliases if a in known and known[a] not in found.values()]
        if name == "diagnosis":
            filled = [c for c in candidates if not missing(frame[c]).mean() > 0.5]
            candidates = filled or candidates
        if candidates:
            found[name] = candidates[0]
    for name, column in (chosen or {}).items():
        if column not in frame.columns:
            raise DatasetError(f"has no column {column!r}.", where, f"Its columns: {shown(', '.join(frame.columns[:30]))}.")
        if name not in ALIASES:
            raise DatasetError(f"{name!r} is not a column of a dataset.", todo=f"Choose one of: {', '.join(ALIASES)}.")
        found = {k: c for k, c in found.items() if c != column} | {name: column}
    return found
