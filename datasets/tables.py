"""Any CSV, TSV or Parquet file -> a frame of text, and the meaning of its columns."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import DatasetError

MAX_TABLE_BYTES = 500 * 1024**2
MISSING = ("", "unknown", "nan", "none", "null", "n/a", "na", "not specified", "unspecified", "-", "?")

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
    files."""

    frame: pd.DataFrame
    columns: dict[str, str]
    source: str = ""
    notes: list[str] = field(default_factory=list)


def split_name(text: str) -> str | None:
    """train, val or test for the usual spellings; None for anything else."""
    return next((name for name, spellings in _SPLITS.items() if text.strip().lower() in spellings), None)


def read_table(path: Path) -> pd.DataFrame:
    """All values as text, missing ones NaN, column names trimmed.

    Separated by comma, semicolon, tab or bar; UTF-8 with or without BOM, UTF-16 with BOM, else Latin-1. Raises DatasetError.
    """
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise DatasetError(f"is larger than {MAX_TABLE_BYTES // 2**20} MB.", path.name, "Split the table.")
    try:
        if path.suffix.lower() == ".parquet":
            frame = pd.read_parquet(path)
            frame = frame.astype(object).where(frame.notna(), np.nan).map(_as_text)
        else:
            text = _read_text(path)
            frame = pd.read_csv(io.StringIO(text), sep=_separator(text), dtype=str, keep_default_na=False, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error, ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DatasetError(f"cannot be read as a table ({reason}).", path.name) from error
    frame.columns = pd.Index([str(c).strip() for c in frame.columns])
    frame = frame.astype(object).apply(lambda column: column.str.strip())
    return frame.replace("", np.nan)


def find_columns(frame: pd.DataFrame, chosen: Mapping[str, str] | None = None) -> dict[str, str]:
    """Canonical name -> the table's column, chosen by the user or recognised by its name.

    A diagnosis column that is mostly missing or "unknown" is skipped for the next one.
    Raises DatasetError for a chosen column that does not exist.
    """
    known = {re.sub(r"[^a-z0-9]+", "_", c.lower()).strip("_"): c for c in reversed(list(frame.columns))}
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
            raise DatasetError(f"has no column {column!r}.", todo=f"Its columns: {', '.join(frame.columns[:30])}.")
        if name not in ALIASES:
            raise DatasetError(f"{name!r} is not a column of a dataset.", todo=f"Choose one of: {', '.join(ALIASES)}.")
        found = {k: c for k, c in found.items() if c != column} | {name: column}
    return found


def missing(values: pd.Series) -> pd.Series:
    """Where a text column has no value: empty, "unknown", "n/a"…"""
    return values.isna() | values.astype(str).str.strip().str.lower().isin(MISSING)


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, (str, int, float, bool, np.generic)) and bool(pd.notna(np.asarray(value))) else np.nan


def _read_text(path: Path) -> str:
    raw = path.read_bytes()
    if b"\x00" in raw[:4096] and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("it is not a text file")
    for encoding in ("utf-16",) if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "latin-1"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ValueError("its encoding is unknown")


def _separator(text: str) -> str:
    head = text.split("\n", 1)[0]
    return max((",", ";", "\t", "|"), key=head.count)
