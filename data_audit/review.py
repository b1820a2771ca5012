"""A person's word on marker flags: kept in one SQLite file, drawn at random, with what it says about the detector here.

A verdict is about a picture (the hash of its file) and a marker, so it outlives new tables and new audits. Two tabs may
write at once, and a killed process leaves whole verdicts.
"""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from core import diagnoses
from core.errors import RecordError, WriteError
from core.markers import DETECTED
from datasets.dataset import Dataset
from evaluation.intervals import Figure, undefined, wilson

Side = Literal["flagged", "not flagged"]
SIDES: tuple[Side, ...] = ("flagged", "not flagged")
CLEAN = 58  # in a row without an error: with 95 % confidence fewer than 5 % are wrong, .95⁵⁸ = .05 (SelfClean, Gröger 2024)
NARROW = 0.03  # half the width of the interval at which reviewing may end
WAIT = 10  # seconds for another writer


@dataclass(frozen=True)
class Reviewed:
    """What verdicts say about one marker on one dataset. precision: share of the flagged that bear it; missed: share of the
    others that bear it; share: of all images, from both; in_a_row: verdicts since the last error, on the side shown; clean: the same in the
    stratum where they are fewest; by_stratum: images looked at of malignant and of benign ones."""

    marker: str
    flagged: int
    others: int
    seen: Mapping[Side, int]
    precision: Figure
    missed: Figure
    share: Figure
    in_a_row: Mapping[Side, int]
    clean: Mapping[Side, int]
    by_stratum: Mapping[Side, Mapping[str, int]]

    def enough(self, side: Side) -> str:
        """Why reviewing this side may stop; empty while it should go on."""
        figure = self.precision if side == "flagged" else self.missed
        if self.seen[side] >= (self.flagged if side == "flagged" else self.others):
            return "all of them were looked at"
        if self.clean[side] >= CLEAN:
            if self.marker in DETECTED:
                return f"{CLEAN} in a row were right, so with 95 % confidence fewer than 5 % are wrong"
            return f"{CLEAN} in a row did not show it, so with 95 % confidence fewer than 5 % do"
        if figure.defined and (figure.high - figure.low) / 2 <= NARROW:
            return f"the interval is ± {NARROW:.0%} or narrower"
        return ""


class Verdicts:
    """The file of verdicts; every call opens it anew, so that threads and processes may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=WAIT, isolation_level="IMMEDIATE")  # a writer waits, it never has to give up
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS verdicts (number INTEGER PRIMARY KEY, content TEXT NOT NULL, marker TEXT NOT NULL, "
                "present INTEGER CHECK (present IN (0, 1)), UNIQUE (content, marker))"
            )
            with connection:
                yield connection
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise WriteError("cannot be written (the disk is full).", str(self.path), "Free some space, then try again.") from error
            raise RecordError(f"cannot be read as verdicts ({error}).", str(self.path), "Move it elsewhere, or restore a copy.") from error
        finally:
            connection.close()

    def give(self, content: str, marker: str, present: bool | None) -> None:
        """Confirm (True), reject (False) or put aside (None); a later verdict replaces an earlier one."""
        with self._open() as connection:
            connection.execute("DELETE FROM verdicts WHERE content = ? AND marker = ?", (content, marker))
            row = (content, marker, None if present is None else int(present))
            connection.execute("INSERT INTO verdicts (content, marker, present) VALUES (?, ?, ?)", row)

    def take_back(self, marker: str) -> None:
        """Forget the last verdict on this marker."""
        with self._open() as connection:
            connection.execute("DELETE FROM verdicts WHERE number = (SELECT MAX(number) FROM verdicts WHERE marker = ?)", (marker,))

    def of(self, marker: str) -> pd.DataFrame:
        """content, present (1, 0, NaN for put aside), in the order they were given."""
        if not self.path.exists():
            return pd.DataFrame({"content": pd.Series(dtype=object), "present": pd.Series(dtype=float)})
        with self._open() as connection:
            asked = "SELECT content, present FROM verdicts WHERE marker = ? AND typeof(content) = 'text' AND coalesce(present, 0) IN (0, 1)"
            rows = connection.execute(f"{asked} ORDER BY number", (marker,)).fetchall()
        return pd.DataFrame(rows, columns=["content", "present"]).astype({"present": float})


def strata(dataset: Dataset) -> np.ndarray:
    """object (N,), in the table's order: malignant, benign or not known; as many are drawn of each, as a detector may err more in one."""
    named = dataset.table["diagnosis"]
    return np.array([(diagnoses.malignancy(d) if isinstance(d, str) else None) or "not known" for d in named], object)


def drawn_order(images: pd.DataFrame, marker: str, side: Side) -> np.ndarray:
    """Rows of `images.parquet` on this side, in an order that is random but the same for everybody."""
    rows = np.flatnonzero(_flags(images, marker) == (1.0 if side == "flagged" else 0.0))
    keys = [hashlib.blake2b(f"{marker} {c}".encode(), digest_size=8).digest() for c in images["content"].iloc[rows]]
    return rows[np.argsort(np.array(keys, dtype="S8"), kind="stable")] if len(rows) else rows


def next_row(images: pd.DataFrame, marker: str, side: Side, verdicts: pd.DataFrame, strata: np.ndarray) -> int | None:
    """The next picture nobody has judged, of the stratum (object (N,), a name an image) of which the fewest are; None when all are."""
    order = drawn_order(images, marker, side)
    judged = images["content"].iloc[order].isin(verdicts["content"]).to_numpy()
    looked_at = Counter(strata[order[judged]])
    return min(order[~judged], key=lambda k: looked_at[strata[k]], default=None)


def reviewed(images: pd.DataFrame, marker: str, verdicts: pd.DataFrame, strata: np.ndarray) -> Reviewed:
    """The detector on this dataset by the verdicts given so far; each stratum counts as many times as it has images.

    strata: object (N,), a name an image. Intervals by Wilson (1927), combined by MOVER (Zou & Donner 2008).
    """
    flags = pd.DataFrame({"flag": _flags(images, marker), "stratum": strata}, index=images["content"])
    flags = flags[flags["flag"].notna() & ~flags.index.duplicated()]
    given = verdicts.dropna(subset=["present"])
    decided = flags.join(given.set_index("content")["present"]).loc[[c for c in given["content"] if c in flags.index]]
    told = decided.assign(right=decided["flag"] == decided["present"])
    sides = {side: (flags["stratum"][flags["flag"] == f], told[told["flag"] == f]) for side, f in zip(SIDES, (1.0, 0.0), strict=True)}
    n = {side: len(here) for side, (here, _) in sides.items()}
    seen = {side: len(looked_at) for side, (_, looked_at) in sides.items()}
    found = {side: _one_side(*of) for side, of in sides.items()}
    share = _together([(n[side], found[side][0]) for side in SIDES])
    in_a_row = {side: _since_error(looked_at["right"].to_numpy()) for side, (_, looked_at) in sides.items()}
    (precision, _, _), (missed, _, _) = (found[side] for side in SIDES)
    clean, by_stratum = {side: of[1] for side, of in found.items()}, {side: of[2] for side, of in found.items()}
    return Reviewed(marker, n["flagged"], n["not flagged"], seen, precision, missed, share, in_a_row, clean, by_stratum)


def _one_side(strata: pd.Series, told: pd.DataFrame) -> tuple[Figure, int, dict[str, int]]:
    """Of the images of one side: the share that bears it, how many were right in a row in the stratum where they are fewest and not all
    were looked at, and how many were looked at of each stratum."""
    n = strata.value_counts()
    parts = {str(name): told[told["stratum"] == name] for name in n.index}
    share = _together([(int(n[name]), _share(part["present"].to_numpy() > 0)) for name, part in parts.items()])
    in_a_row = [_since_error(part["right"].to_numpy()) for name, part in parts.items() if len(part) < n[name]]
    return share, min(in_a_row, default=len(told)), {name: len(part) for name, part in parts.items()}


def _together(parts: Sequence[tuple[int, Figure]]) -> Figure:
    """Share of all images, each part weighted by its number of images; interval by MOVER (Zou & Donner 2008)."""
    used = [(count, figure) for count, figure in parts if count]
    if len(used) == 1:
        return used[0][1]
    if not used or not any(figure.defined for _, figure in used):
        return undefined("none was looked at yet")
    if not all(figure.defined for _, figure in used):
        return undefined("images of every kind must be looked at: malignant and benign, flagged and not")
    total = sum(count for count, _ in used)
    value = sum(count * f.value for count, f in used) / total
    below = np.sqrt(sum((count / total * (f.value - f.low)) ** 2 for count, f in used))
    above = np.sqrt(sum((count / total * (f.high - f.value)) ** 2 for count, f in used))
    return Figure(value, max(0.0, value - float(below)), min(1.0, value + float(above)))


def _share(present: np.ndarray) -> Figure:
    if len(present) == 0:
        return undefined("none was looked at yet")
    return Figure(float(present.mean()), *wilson(float(present.mean()), len(present)))


def _since_error(right: np.ndarray) -> int:
    wrong = np.flatnonzero(~right)
    return int(len(right) - (wrong[-1] + 1 if len(wrong) else 0))


def _flags(images: pd.DataFrame, marker: str) -> np.ndarray:
    """1, 0, NaN for pictures that could not be read. A marker without a detector is flagged nowhere."""
    if marker not in DETECTED:
        return np.where(images["content"].notna(), 0.0, np.nan)
    return images[f"{marker}_flag"].map({True: 1.0, False: 0.0}).to_numpy(float)
