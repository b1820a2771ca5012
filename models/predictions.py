"""Predictions on disk: our own files (Parquet or CSV with class codes) and other tools' (any column names, no ids)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core import diagnoses
from core.atomic import whole
from core.errors import PredictionsError, first_line
from core.records import parse, read_yaml
from core.regular import shown
from core.tables import ABOUT, Limits, about_of, missing, read_arrow, read_text_table
from models.card import ModelCard

LIMITS = Limits(size=2 * 2**30, rows=5_000_000, columns=5_000, cells=50_000_000)


@dataclass(frozen=True)
class PredictionTable:
    """probabilities: float (N, C) for N unique image_ids, classes by code; logits (N, C) or None.

    errors: image ids without a prediction, with the reason. about: version, hashes, parameters.
    """

    image_ids: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: np.ndarray
    logits: np.ndarray | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.probabilities.shape != (len(self.image_ids), len(self.classes)):
            raise ValueError(f"scores {self.probabilities.shape} for {len(self.image_ids)} images, {len(self.classes)} classes")
        if len(set(self.classes)) != len(self.classes) or len(set(self.image_ids)) != len(self.image_ids):
            raise ValueError("classes and image ids must be unique")

    def frame(self) -> pd.DataFrame:
        """image_id, one probability column per class, `<class>_logit` where known."""
        data: dict[str, object] = {"image_id": list(self.image_ids)}
        data |= {c: self.probabilities[:, k] for k, c in enumerate(self.classes)}
        if self.logits is not None:
            data |= {f"{c}_logit": self.logits[:, k] for k, c in enumerate(self.classes)}
        return pd.DataFrame(data)


def column_names(card: ModelCard) -> tuple[str, ...]:
    """The names of a card's outputs in a predictions file: codes, or the card's own names where two share a code."""
    return tuple(c if card.codes.count(c) == 1 else n for c, n in zip(card.codes, card.classes, strict=True))


def merge_classes(codes: Sequence[str], probabilities: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Outputs of the same diagnosis (two kinds of benign keratosis) merged into one class, their scores added."""
    unique = tuple(dict.fromkeys(codes))
    if len(unique) == len(codes):
        return unique, probabilities
    return unique, np.stack([probabilities[:, [c == u for c in codes]].sum(1) for u in unique], axis=1)


def by_code(table: PredictionTable) -> PredictionTable:
    """The same with classes by their codes, merged by diagnosis; logits cannot be added and are dropped if any are merged."""
    codes, merged = merge_classes([diagnoses.code_or_name(c) for c in table.classes], table.probabilities)
    logits = table.logits if len(codes) == len(table.classes) else None
    return replace(table, classes=codes, probabilities=merged, logits=logits)


def write_predictions(table: PredictionTable, path: Path) -> None:
    """Parquet with `about` and `errors` as schema metadata, written atomically."""
    arrow = pa.Table.from_pandas(table.frame(), preserve_index=False)
    about = json.dumps({"about": dict(table.about), "errors": dict(table.errors), "classes": table.classes}).encode()
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), ABOUT: about})
    with whole(path) as part:
        pq.write_table(arrow, part, compression="zstd")


def read_predictions(
    path: Path, classes: Sequence[str] | None = None, rename: Mapping[str, str] | None = None, row_order: Sequence[str] | None = None
) -> PredictionTable:
    """Predictions in any table: score columns named by code, long name, `prob_<class>` or by number.

    classes: class of output 0, 1, 2… if columns are numbered. rename: label -> code, takes precedence over the vocabulary.
    row_order: image ids for a file without ids, which must have as many rows.
    Raises PredictionsError naming the column or row.
    """
    frame, written = _read(path)
    about, errors = dict(written.about), dict(written.errors)
    ours = bool(written.classes) and classes is None and not rename  # then the columns are named by class
    columns = {c: c for c in written.classes} if ours else _score_columns(frame, classes, rename or {}, path.name)
    if lacking := [c for c in columns if c not in frame.columns]:
        raise PredictionsError(f"has no column for its class {lacking[0]!r}.", path.name, "Predict again.")
    ids = _image_ids(frame, row_order, path.name)
    logit_names = [f"{c}_logit" for c in columns]
    try:
        scores = frame[list(columns)].to_numpy(dtype=float)
        logits = frame[logit_names].to_numpy(dtype=float) if set(logit_names) <= set(frame.columns) else None
    except (ValueError, TypeError) as error:
        raise PredictionsError(f"has scores that are not numbers ({error}).", path.name) from error
    wrong = ~np.isfinite(scores).all(axis=1)
    errors |= {ids[i]: "no score in the file" for i in np.flatnonzero(wrong)}
    ids, scores = [i for i, w in zip(ids, wrong, strict=True) if not w], scores[~wrong]
    if len(scores) == 0:
        raise PredictionsError("has no row with a score for every class.", path.name)
    outside = (scores < -1e-6) | (scores > 1 + 1e-6)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise PredictionsError(
            f"has {scores[row, column]:.4g} in column {list(columns)[column]!r} for {ids[row]}; scores must lie in 0…1.",
            path.name,
            "Save probabilities, not logits.",
        )
    repeated = pd.Index(ids)[pd.Index(ids).duplicated()]
    if len(repeated):
        raise PredictionsError(f"lists {repeated[0]!r} more than once.", path.name, "Keep one row per image.")
    names = tuple(columns.values())
    codes, merged = (names, scores) if ours else merge_classes(names, scores)
    if len(codes) < 2:
        raise PredictionsError(f"has scores of one class only ({codes[0]}).", path.name, "Give each output's class: --classes nv,mel,…")
    known = logits[~wrong] if logits is not None and len(codes) == len(columns) else None
    return PredictionTable(tuple(ids), codes, merged, known, errors, about)


def read_rename(path: Path) -> dict[str, str]:
    """label -> code from a YAML or JSON mapping, or a table of two columns without a header."""
    if path.suffix.lower() in (".yaml", ".yml", ".json"):
        codes = read_yaml(path, "mapping of labels to codes", PredictionsError)
        if wrong := [label for label, code in codes.items() if not isinstance(code, str)]:
            raise PredictionsError(
                f"gives {wrong[0]!r} a code that is not a text.", path.name, "Write `label: code` lines, such as nevus: nv."
            )
        return codes
    table = read_text_table(path, PredictionsError)
    if table.frame.shape[1] != 2 or table.long:
        raise PredictionsError("cannot be read as labels and codes: it needs two columns.", path.name)
    pairs = [tuple(table.frame.columns), *table.frame.itertuples(index=False, name=None)]
    return {str(label): str(code) for label, code in pairs}


@dataclass(frozen=True)
class _Written:
    """What a file of ours says of itself."""

    about: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = ()


def _read(path: Path) -> tuple[pd.DataFrame, _Written]:
    """Numbers as numbers, text as text."""
    if not path.is_file():
        raise PredictionsError("does not exist, or is no file.", str(path), "Check the path.")
    if path.suffix.lower() == ".parquet":
        arrow = read_arrow(path, PredictionsError, limits=LIMITS, flat=True)
        try:
            written = parse(_Written, about_of(arrow))
        except ValueError as error:
            raise PredictionsError(f"cannot be read as predictions ({first_line(error)}).", path.name) from error
        if len({*arrow.column_names}) < arrow.num_columns or len({*written.classes}) < len(written.classes):
            raise PredictionsError("has several columns of one name.", path.name, "Correct the file.")
        return arrow.to_pandas(), written
    table = read_text_table(path, PredictionsError, LIMITS)
    if table.long or table.doubled:
        lines = ", ".join(map(str, table.long[:5]))
        what = f"has more cells than the header in line {lines}." if lines else f"has several columns named {table.doubled[0]!r}."
        raise PredictionsError(what, path.name, "Correct the file.")
    return table.frame.apply(lambda column: column if str(column.name).lower() in _IDS else _as_numbers(column)), _Written()


def _as_numbers(column: pd.Series) -> pd.Series:
    """The column as numbers where everything in it is one, or says that there is none."""
    text = column.where(~missing(column))
    numbers = pd.to_numeric(text, errors="coerce")
    return numbers if len(numbers) and numbers.notna().sum() == text.notna().sum() else column


_IDS = ("image_id", "isic_id", "image_name", "image", "filename", "file")
_PREFIX = re.compile(r"^(prob(ability)?|p|pred|score|class)[ _.:-]+|[ _.:-]+(prob(ability)?|score)$", re.IGNORECASE)


def _score_columns(frame: pd.DataFrame, classes: Sequence[str] | None, rename: Mapping[str, str], where: str) -> dict[str, str]:
    """Score column -> code."""

    def code(label: str) -> str:
        return rename.get(label) or diagnoses.code_or_name(label)

    if classes is not None:
        numbered = {int(m.group(1)): c for c in frame.columns if (m := re.fullmatch(r"\D*?(\d+)", str(c)))}
        named = {code(_PREFIX.sub("", c)): c for c in frame.columns}
        if set(range(len(classes))) <= set(numbered):
            return {numbered[i]: code(name) for i, name in enumerate(classes)}
        if len(set(classes)) < len(classes):
            raise PredictionsError("cannot be read with a class that is named twice.", where, "Name each score column's class once.")
        if all(code(name) in named for name in classes):
            return {named[code(name)]: code(name) for name in classes}
        raise PredictionsError(
            f"does not have score columns for all {len(classes)} classes given.",
            where,
            f"Its columns are: {shown(', '.join(map(str, frame.columns[:20])))}.",
        )
    found = {}
    for column in frame.columns:
        label = _PREFIX.sub("", str(column))
        known = rename.get(column) or rename.get(label) or diagnoses.code_of(label)
        numeric = pd.api.types.is_numeric_dtype(frame[column])
        if known and numeric and not str(column).endswith("_logit"):
            found[str(column)] = known
    if len(found) < 2:
        raise PredictionsError(
            "does not have score columns of two known classes or more.",
            where,
            f"Give the classes in output order: --classes nv,mel,… Its columns: {shown(', '.join(map(str, frame.columns[:20])))}.",
        )
    return found


def _image_ids(frame: pd.DataFrame, row_order: Sequence[str] | None, where: str) -> list[str]:
    if row_order is not None:
        if len(row_order) != len(frame):
            raise PredictionsError(f"has {len(frame):,} rows, the dataset {len(row_order):,}; --row-order needs the same number.", where)
        return list(row_order)
    lower = {str(c).lower(): c for c in frame.columns}
    column = next((lower[a] for a in _IDS if a in lower), None)
    if column is None:
        raise PredictionsError("names no images (no column image_id).", where, "If its rows are in the dataset's order, add --row-order.")
    if (nameless := frame[column].isna()).any():
        raise PredictionsError(f"names no image in row {int(nameless.argmax()) + 2}.", where, "Give every row its image's id.")
    names = frame[column].astype(str).str.replace("\\", "/", regex=False)
    return [re.sub(r"\.(jpe?g|png|tiff?|bmp|webp|hei[cf])$", "", n, flags=re.IGNORECASE) for n in names]
