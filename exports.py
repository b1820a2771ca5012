"""Tables people take away: CSV that a spreadsheet cannot be made to run, and that says what it was made from."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

_CARRIED = ("lesionlens_version", "model", "model_sha256", "card_sha256", "dataset", "dataset_sha256", "split")
_FORMULA = re.compile(r"^\s*[=+\-@\t\r]")
_NUMBER = re.compile(r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$")


def safe_csv(frame: pd.DataFrame, about: Mapping[str, str]) -> str:
    """CSV text with one column a field of `about` (version, hashes, parameters), the same in every row.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    told = frame.assign(**{f"about_{k}": v for k, v in about.items() if k in _CARRIED})
    for column in told.columns:
        if not pd.api.types.is_numeric_dtype(told[column]):
            told[column] = told[column].map(neutral)
    return told.rename(columns={c: neutral(c) for c in told.columns}).to_csv(index=False)


def neutral(value: object) -> object:
    """A value a spreadsheet shows and does not run."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.match(value):
        return "'" + value
    return value
