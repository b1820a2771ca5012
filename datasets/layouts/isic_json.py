"""The ISIC archive's own download: a JSON file with metadata beside each image."""

import json
from typing import Any

import pandas as pd

from core.errors import DatasetError
from core.regular import read_regular
from core.tables import TABLE
from datasets.files import Listing, stem
from datasets.tables import Raw, find_columns

MAX_JSON_BYTES = 1 << 20
MAX_FIELDS = 500  # of one file


def read(listing: Listing) -> Raw | None:
    stems = listing.by_stem()
    beside = [j for j in listing.jsons if stem(j).lower() in stems]
    if not beside:
        return None
    rows, notes = [], []
    for file in beside:
        path = listing.root / file
        try:
            content = json.loads(read_regular(path, MAX_JSON_BYTES).decode("utf-8-sig"))
            leaves = _leaves(content)
            if len(leaves) > MAX_FIELDS:
                raise ValueError("too many fields")
            json.dumps(leaves, ensure_ascii=False).encode()  # half characters are no text
            rows.append({"image_id": stem(file), **leaves})
        except (OSError, ValueError, RecursionError):
            notes.append(file)
            rows.append({"image_id": stem(file)})
    n_fields = len({name for row in rows for name in row})
    if n_fields > TABLE.columns or n_fields * len(rows) > TABLE.cells:
        raise DatasetError(
            f"holds {len(rows):,} JSON files with {n_fields:,} different fields, too many for one table.",
            str(listing.root),
            "Keep only the fields needed.",
        )
    frame = pd.DataFrame(rows)
    if not {"benign_malignant", "diagnosis", "age_approx", "diagnosis_1"} & set(frame.columns):
        return None
    return Raw(frame, find_columns(frame, {"image_id": "image_id"}), "JSON files", notes)


def _leaves(value: Any, depth: int = 0) -> dict[str, Any]:
    """{"meta": {"clinical": {"sex": "female"}}} -> {"sex": "female"}; lists and deep nesting are left out."""
    found: dict[str, Any] = {}
    if not isinstance(value, dict) or depth > 6:
        return found
    for key, item in value.items():
        if isinstance(item, dict):
            found |= _leaves(item, depth + 1)
        elif isinstance(item, (str, int, float, bool)) and key not in ("_id", "id", "name", "image_id"):
            found[str(key)] = str(item)
    return found
