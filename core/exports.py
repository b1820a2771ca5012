"""Exported tables: CSV without spreadsheet formulas, with its provenance in every row."""

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from core.text import cell

_CARRIED = ("lesionlens_version", "model", "model_sha256", "card_sha256", "dataset", "dataset_sha256", "split")


def safe_csv(frame: pd.DataFrame, about: Mapping[str, str]) -> str:
    """CSV text with a column per field of `about` (version, hashes, split), the same in every row.

    Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    table = frame.assign(**{f"about_{k}": v for k, v in about.items() if k in _CARRIED})
    for column in table.columns:
        if not pd.api.types.is_numeric_dtype(table[column]):
            table[column] = table[column].map(cell)
    return table.rename(columns=cell).to_csv(index=False)


def interval(figure: Mapping[str, Any], form: str = ".3f") -> str:
    """A figure from JSON as text: `0.912 [0.874, 0.941]`, – where it is undefined."""
    if figure["value"] is None:
        return "–"
    ends = f" [{figure['low']:{form}}, {figure['high']:{form}}]" if figure["low"] is not None else ""
    return f"{figure['value']:{form}}{ends}"


def json_name(field: Field) -> str:
    """A field's name in a file: `json` of its metadata where that is not a valid Python name."""
    return str(field.metadata.get("json", field.name))


def plain(value: Any) -> Any:
    """Records, NumPy and NaN -> plain JSON values; optional fields that are None are left out."""
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="json"))
    if is_dataclass(value):
        shown = [(f, getattr(value, f.name)) for f in fields(value)]
        return {json_name(f): plain(v) for f, v in shown if not (v is None and f.default is None)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
