"""A table with a row per image, and images somewhere below the same folder."""

from pathlib import Path

import pandas as pd

from core.errors import DatasetError
from datasets.files import Listing, stem
from datasets.tables import Raw, find_columns, read_table


def read_ham10000(listing: Listing) -> Raw | None:
    """HAM10000's own columns (Tschandl 2018): lesion_id, image_id, dx."""
    return _read_with(listing, {"lesion_id", "image_id", "dx"})


def read_isic_cli(listing: Listing) -> Raw | None:
    """An `isic image download`: metadata.csv with isic_id and licence columns."""
    return _read_with(listing, {"isic_id", "attribution"}) or _read_with(listing, {"isic_id", "copyright_license"})


def read_any(listing: Listing) -> Raw | None:
    """The table with an image column that names the most images."""
    stems = {s.lower() for s in listing.by_stem()}
    best: tuple[int, Raw] | None = None
    for table, frame in _tables(listing):
        columns = find_columns(frame)
        if "image_id" not in columns:
            continue
        named = frame[columns["image_id"]].dropna().map(lambda v: stem(str(v).replace("\\", "/")).lower())
        score = int(named.isin(stems).sum()) + ("diagnosis" in columns)
        if best is None or score > best[0]:
            best = score, Raw(frame, columns, table)
    return best[1] if best else None


def _read_with(listing: Listing, wanted: set[str]) -> Raw | None:
    for table, frame in _tables(listing):
        if wanted <= {c.lower() for c in frame.columns}:
            return Raw(frame, find_columns(frame), table)
    return None


def _tables(listing: Listing) -> list[tuple[str, pd.DataFrame]]:
    """Readable tables, those nearest the top first; broken ones are skipped."""
    found = []
    for table in sorted(listing.tables, key=lambda t: (t.count("/"), t))[:40]:
        if table.endswith(".txt"):
            continue
        try:
            found.append((table, read_table(listing.root / Path(table))))
        except DatasetError:
            continue
    return found
