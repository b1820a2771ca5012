"""A person's word on marker flags: kept in one SQLite file, drawn at random, with what it says about the detector here.

A verdict is about a picture (the hash of its file) and a marker, so it outlives new tables and new audits. Two tabs may
write at once, and a killed process leaves whole verdicts.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from core.errors import RecordError, WriteError
from core.markers import DETECTED
from evaluation.intervals import Figure, undefined, wilson

Side = Literal["flagged", "not flagged"]
SIDES: tuple[Side, ...] = ("flagged", "not flagged")
CLEAN = 58  # in a row without an error: with 95 % confidence fewer than 5 % are wrong, .95⁵⁸ = .05 (SelfClean, Gröger 2024)
NARROW = 0.03  # half the width of the interval at which reviewing may end
WAIT = 10  # seconds for another writer


@dataclass(frozen=True)
class Reviewed:
    """What verdicts say about one marker on one dataset. precision: share of the flagged that bear it; missed: share of the
    others that bear it; share: of all images, from both; in_a_row: verdicts since the last error, on the side shown."""

    marker: str
    flagged: int
    others: int
    seen: Mapping[Side, int]
    precision: Figure
    missed: Figure
    share: Figure
    in_a_row: Mapping[Side, int]

    def enough(self, side: Side) -> str:
        """Why reviewing this side may stop; empty while it should go on."""
        figure = self.precision if side == "flagged" else self.missed
        if self.seen[side] >= (self.flagged if side == "flagged" else self.others):
            return "all of them were looked at"
        if self.in_a_row[side] >= CLEAN:
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


def drawn_order(images: pd.DataFrame, marker: str, side: Side) -> np.ndarray:
    """Rows of `images.parquet` on this side, in an order that is random but the same for everybody."""
    rows = np.flatnonzero(_flags(images, marker) == (1.0 if side == "flagged" else 0.0))
    keys = [hashlib.blake2b(f"{marker} {c}".encode(), digest_size=8).digest() for c in images["content"].iloc[rows]]
    return rows[np.argsort(np.array(keys, dtype="S8"), kind="stable")] if len(rows) else rows


def next_row(images: pd.DataFrame, marker: str, side: Side, verdicts: pd.DataFrame) -> int | None:
    """The next picture nobody has judged; None when all are."""
    judged = set(verdicts["content"])
    return next((int(k) for k in drawn_order(images, marker, side) if images["content"].iloc[k] not in judged), None)


def reviewed(images: pd.DataFrame, marker: str, verdicts: pd.DataFrame) -> Reviewed:
    """The detector on this dataset by the verdicts given so far; intervals by Wilson (1927)."""
    flags = pd.Series(_flags(images, marker), index=images["content"])
    flags = flags[flags.notna() & ~flags.index.duplicated()]
    decided = verdicts.dropna(subset=["present"])
    decided = decided[decided["content"].isin(flags.index)]
    side = flags.loc[decided["content"]].to_numpy() > 0
    present = decided["present"].to_numpy() > 0
    n = {"flagged": int((flags > 0).sum()), "not flagged": int((flags == 0).sum())}
    precision, missed = _share(present[side]), _share(present[~side])
    seen: dict[Side, int] = {"flagged": int(side.sum()), "not flagged": int((~side).sum())}
    in_a_row: dict[Side, int] = {"flagged": _since_error(present[side]), "not flagged": _since_error(~present[~side])}
    return Reviewed(marker, n["flagged"], n["not flagged"], seen, precision, missed, _overall(n, precision, missed), in_a_row)


def _overall(n: Mapping[str, int], precision: Figure, missed: Figure) -> Figure:
    """Share of all images that bear the marker: both sides weighted by their size; interval by MOVER (Zou & Donner 2008)."""
    sides = [(n["flagged"], precision), (n["not flagged"], missed)]
    used = [(count, figure) for count, figure in sides if count]
    if len(used) == 1 and not used[0][1].defined:
        return used[0][1]
    if not used or not all(figure.defined for _, figure in used):
        return undefined("both the flagged and the others must be looked at")
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
