"""The one reader of strangers' tables: CSV, TSV and Parquet, within limits that are checked before anything is decoded."""

import codecs
import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.errors import LesionLensError, first_line
from core.regular import TooLarge, open_regular, read_regular

BATCH = 16_384  # rows decoded at a time
MISSING = ("", "unknown", "nan", "none", "null", "n/a", "na", "not specified", "unspecified", "-", "?")
MAX_RAGGED = 50_000  # rows that are left out one by one; with more, the header is wrong
ABOUT = b"lesionlens"  # the schema metadata in which our own files say what they were made from
MAX_ABOUT = 64 * 2**20  # bytes of it


@dataclass(frozen=True)
class Limits:
    """size: bytes of the file; text: bytes once decoded; cell: characters (bytes in Parquet) of one cell; line: bytes of one line."""

    size: int = 300 * 2**20
    rows: int = 2_000_000
    columns: int = 4_000
    cells: int = 30_000_000
    cell: int = 100_000
    line: int = 4 * 2**20
    text: int = 600 * 2**20


TABLE = Limits()
# what LesionLens writes itself: many figures an image, or an array in a cell
RESULT = Limits(size=4 * 2**30, rows=20_000_000, cells=100_000_000, cell=64 * 2**20)


@dataclass(frozen=True)
class Table:
    """frame: text, missing cells NaN, column names trimmed and unique. long: lines left out for having more cells than the header;
    short: lines with fewer, whose last cells are empty; doubled: names several columns had, numbered from the second one on;
    nested: columns left out because their cells hold lists or records."""

    frame: pd.DataFrame
    long: tuple[int, ...] = ()
    short: tuple[int, ...] = ()
    doubled: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()


def read_text_table(path: Path, refusal: type[LesionLensError], limits: Limits = TABLE) -> Table:
    """A table as text, whatever it holds.

    Separated by comma, semicolon, tab or bar; UTF-8 with or without BOM, UTF-16 or UTF-32 with BOM, else Latin-1. refusal: the error
    raised, in one message, for anything else or beyond the limits.
    """
    if path.suffix.lower() == ".parquet":
        arrow = read_arrow(path, refusal, limits=limits, flat=True)
        try:
            frame = pd.DataFrame({k: _as_text(column) for k, column in enumerate(arrow.columns)})
            with _opened(path, limits, flat=True) as file:
                nested = tuple(f.name for f in file.schema_arrow if pa.types.is_nested(f.type))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise refusal(f"cannot be read as a table ({_reason(error)}).", path.name, _todo(error)) from error
        return replace(_named(frame, arrow.column_names), nested=nested)
    try:
        return _read_csv(_as_utf8(read_regular(path, limits.size)), limits)
    except (OSError, ValueError, csv.Error) as error:  # ParserError and EmptyDataError are ValueErrors
        raise refusal(f"cannot be read as a table ({_reason(error)}).", path.name, _todo(error)) from error


def read_header(path: Path, refusal: type[LesionLensError]) -> list[str]:
    """The trimmed column names of a table, without reading it."""
    try:
        if path.suffix.lower() == ".parquet":
            with _opened(path, TABLE, flat=True) as file:
                return [name.strip() for name in file.schema_arrow.names]
        with open_regular(path) as file:
            text = _as_utf8(file.read(TABLE.line), cut=True)
        return [name.strip() for name in _header(text)]
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        raise refusal(f"cannot be read as a table ({_reason(error)}).", path.name, _todo(error)) from error


def read_arrow(
    path: Path, refusal: type[LesionLensError], columns: Sequence[str] | None = None, limits: Limits = RESULT, flat: bool = False
) -> pa.Table:
    """A Parquet file, decoded in bounded batches; columns: only those named; flat: without lists and records."""
    try:
        with _opened(path, limits, columns, flat) as file:
            names = [f.name for f in _wanted(file.schema_arrow, columns, flat)]
            batches, size = [], 0
            for part in file.iter_batches(BATCH, columns=names):
                batches.append(_decoded(part, limits))
                size += batches[-1].nbytes
                _check(size, limits.text, "bytes of content")
            plain = pa.schema([_plain(f) for f in _wanted(file.schema_arrow, columns, flat)])
            return pa.Table.from_batches(batches, plain).replace_schema_metadata(_own(file.schema_arrow))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise refusal(f"cannot be read as a table ({_reason(error)}).", path.name, _todo(error)) from error


def arrow_rows(path: Path, refusal: type[LesionLensError], batch: int = 1024, limits: Limits = RESULT) -> Iterator[pa.RecordBatch]:
    """A Parquet file batch by batch, for those too long to hold; `limits.text` is that of one batch."""
    try:
        with _opened(path, replace(limits, size=2**62, text=2**62, cells=2**62, rows=2**62)) as file:
            for part in file.iter_batches(batch):
                found = _decoded(part, limits)
                _check(found.nbytes, limits.text, "bytes of content")
                yield found
    except (OSError, ValueError, pa.ArrowException) as error:
        raise refusal(f"cannot be read as a table ({_reason(error)}).", path.name, _todo(error)) from error


def missing(values: pd.Series) -> pd.Series:
    """Where a text column has no value: empty, "unknown", "n/a"…"""
    return values.isna() | values.astype(str).str.strip().str.lower().isin(MISSING)


def about_of(arrow: pa.Table) -> dict[str, Any]:
    """What a file of ours says it was made from; empty for others. Raises ValueError for metadata that are no JSON object."""
    raw = (arrow.schema.metadata or {}).get(ABOUT, b"{}")
    if len(raw) > MAX_ABOUT:
        raise ValueError("its metadata are too long")
    try:
        content = json.loads(raw)
    except RecursionError as error:
        raise ValueError("its metadata are nested too deeply") from error
    if not isinstance(content, dict):
        raise ValueError("its metadata are no JSON object")
    return content


class _Beyond(ValueError):
    """More than a limit allows."""


def _check(found: int, most: int, what: str) -> None:
    if found > most:
        raise _Beyond(f"it has {found:,} {what}; the limit is {most:,}")


def _reason(error: Exception) -> str:
    """Another library's first line in our words where it is a usual one."""
    text = first_line(error)
    if found := re.search(r"EOF inside string starting at row (\d+)", text):
        return f"a quotation mark in row {int(found[1]) + 1} is never closed"
    if isinstance(error, OSError):
        return str(error.strerror or text)
    return "a cell is too long" if "field larger than field limit" in text else text


def _todo(error: Exception) -> str:
    return "Split the table, or keep only the columns needed." if isinstance(error, _Beyond | TooLarge) else ""


@contextmanager
def _opened(path: Path, limits: Limits, columns: Sequence[str] | None = None, flat: bool = False) -> Iterator[pq.ParquetFile]:
    """The open file, checked by its footer alone. Texts are read as dictionaries, so that a long one repeated a million times stays
    small until `_decoded` has looked at it."""
    with open_regular(path) as handle:
        _check(os.fstat(handle.fileno()).st_size, limits.size, "bytes")
        limited = {"thrift_string_size_limit": MAX_ABOUT, "thrift_container_size_limit": 1_000_000}
        file = pq.ParquetFile(handle, **limited)
        about = file.metadata
        _check(about.num_rows, limits.rows, "rows")
        _check(about.num_columns, limits.columns, "columns")
        _check(about.num_row_groups * about.num_columns, 1_000_000, "parts")
        names = {f.name for f in _wanted(file.schema_arrow, columns, flat)}
        leaves = [k for k in range(about.num_columns) if about.schema.column(k).path.split(".")[0] in names]
        _check(about.num_rows * len(leaves), limits.cells, "cells")
        # not by column: pyarrow 26 ends the process over broken statistics of one
        _check(sum(about.row_group(g).total_byte_size for g in range(about.num_row_groups)), limits.text, "bytes of content")
        texts = [about.schema.column(k) for k in leaves if about.schema.column(k).physical_type == "BYTE_ARRAY"]
        if nested := [c.path for c in texts if "." in c.path]:
            raise ValueError(f"column {nested[0]!r} holds lists of text")
        yield pq.ParquetFile(handle, metadata=about, read_dictionary=[c.path for c in texts], **limited)


def _wanted(schema: pa.Schema, columns: Sequence[str] | None, flat: bool) -> list[pa.Field]:
    return [f for f in schema if (columns is None or f.name in columns) and not (flat and pa.types.is_nested(f.type))]


def _own(schema: pa.Schema) -> dict[bytes, bytes]:
    """What we wrote into the metadata; other libraries' may be anything, and pyarrow would read them."""
    return {key: value for key, value in (schema.metadata or {}).items() if key == ABOUT}


def _plain(field: pa.Field) -> pa.Field:
    return field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field


def _decoded(batch: pa.RecordBatch, limits: Limits) -> pa.RecordBatch:
    """The batch without dictionaries, once its size is known to be within the limits."""
    columns = list(batch.columns)
    for k, column in enumerate(columns):
        if pa.types.is_dictionary(column.type):
            if pa.types.is_binary(column.type.value_type) or pa.types.is_string(column.type.value_type):
                lengths = pc.binary_length(column.dictionary)
                _check(pc.max(lengths).as_py() or 0, limits.cell, f"bytes in a cell of column {batch.schema.names[k]!r}")
                _check(pc.sum(lengths.take(column.indices)).as_py() or 0, limits.text, "bytes of content")
            columns[k] = column.dictionary_decode()
    found = pa.RecordBatch.from_arrays(columns, schema=pa.schema([_plain(f) for f in batch.schema]))
    found.validate(full=True)  # texts that are not UTF-8, among others
    return found


def _as_text(column: pa.ChunkedArray) -> pd.Series:
    """Texts as they are, numbers as Python writes them, dates and the like as Arrow does. Raises pa.ArrowException for what is no text."""
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)):
        return column.cast(pa.string()).to_pandas().astype("str")
    return column.to_pandas().astype(object).dropna().map(str).reindex(range(len(column))).astype("str")


def _as_utf8(raw: bytes, cut: bool = False) -> bytes:
    """The same text in UTF-8 without BOM; cut: its end may be missing. Raises ValueError for what is no text."""
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            raw = codecs.getincrementaldecoder(encoding)().decode(raw, final=not cut).encode()
            break
    else:
        try:
            codecs.getincrementaldecoder("utf-8")().decode(raw, final=not cut)
        except UnicodeDecodeError:
            raw = raw.decode("latin-1").encode()
    if b"\0" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        raise ValueError(f"it is not a text file: line {line} holds a NUL byte")
    return raw


_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16"}
_MARKS |= {codecs.BOM_UTF16_BE: "utf-16"}


def _read_csv(raw: bytes, limits: Limits) -> Table:
    newline = b"\n" if b"\n" in raw else b"\r"
    lines = raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")  # each ends a record for pandas
    _check(lines, limits.rows + 1, "lines")
    starts = np.concatenate([[0], np.flatnonzero(np.frombuffer(raw, np.uint8) == newline[0]) + 1, [len(raw)]])
    longest = int(np.diff(starts).argmax())
    _check(int(starts[longest + 1] - starts[longest]), limits.line, f"bytes in line {longest + 1}")
    separator, names = _separator(raw), _header(raw)
    _check(len(names), limits.columns, "columns")
    _check(len(names) * lines, limits.cells, "cells")
    long: tuple[int, ...] = ()
    kept = raw
    try:
        frame = _parsed(raw, separator)
        ragged = not isinstance(frame.index, pd.RangeIndex)  # the first row is longer than the header
    except pd.errors.ParserError as error:
        if "Expected" not in str(error):
            raise
        ragged = True
    if ragged:
        cut = []
        for first, last, row in _records(raw, separator):
            if any(cell.strip() for cell in row[len(names) :]):
                cut.append((first, last))
                _check(len(cut), MAX_RAGGED, "rows with more cells than the header")
        long = tuple(first for first, _ in cut)
        kept = _without(raw, cut)
        frame = _parsed(kept, separator, range(len(names)))
    short: tuple[int, ...] = ()
    whole = (len(names) - 1) * (len(frame) + 1)
    if frame.shape[1] > 1 and (frame.iloc[:, -1] == "").any() and (b'"' in raw or kept.count(separator.encode()) < whole):
        short = tuple(first for first, _, row in _records(raw, separator) if len(row) < len(names))
    for name in frame.columns:
        _check(int(frame[name].str.len().max()) if len(frame) else 0, limits.cell, f"characters in a cell of column {name!r}")
    return _named(frame.apply(lambda column: column.str.strip()).replace("", np.nan), names, long, short)


def _parsed(raw: bytes, separator: str, used: range | None = None) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(raw), sep=separator, dtype=str, keep_default_na=False, skipinitialspace=True, usecols=used)


def _separator(raw: bytes) -> str:
    head = raw.lstrip()[: TABLE.line].splitlines()[:1]
    return max((",", ";", "\t", "|"), key=(head[0] if head else b"").decode(errors="replace").count)


def _records(raw: bytes, separator: str) -> Iterator[tuple[int, int, list[str]]]:
    """First and last line of each record, counted from 1, and its cells; without blank lines."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(raw), "utf-8", "replace", newline=""), delimiter=separator, skipinitialspace=True)
    before = 0
    for row in reader:
        if len(row) > 1 or (row and row[0].strip()):
            yield before + 1, reader.line_num, row
        before = reader.line_num


def _header(raw: bytes) -> list[str]:
    """The names of the columns as they are written, without empty ones at the end."""
    names = next(iter(_records(raw, _separator(raw))), (0, 0, []))[2]
    while names and not names[-1].strip():
        names.pop()
    if not names:
        raise ValueError("it is empty")
    return names


def _without(raw: bytes, cut: Sequence[tuple[int, int]]) -> bytes:
    left_out = {line for first, last in cut for line in range(first, last + 1)}
    lines = io.TextIOWrapper(io.BytesIO(raw), "utf-8", "replace", newline="")
    return "".join(line for number, line in enumerate(lines, 1) if number not in left_out).encode()


def _named(frame: pd.DataFrame, written: Sequence[str], long: tuple[int, ...] = (), short: tuple[int, ...] = ()) -> Table:
    """Column names trimmed and made unique: `dx` beside `dx ` becomes `dx` and `dx.1`."""
    trimmed = [str(name).strip() for name in written]
    trimmed += [str(name).strip() for name in frame.columns[len(trimmed) :]]
    taken, names = set(trimmed), list[str]()
    for name in trimmed:
        number, unique = 0, name or f"Unnamed: {len(names)}"
        while unique in names or (number and unique in taken):
            number += 1
            unique = f"{name}.{number}"
        names.append(unique)
    frame.columns = pd.Index(names)
    doubled = tuple(name for name, n in Counter(trimmed).items() if n > 1 and name)
    return Table(frame, long, short, doubled)
