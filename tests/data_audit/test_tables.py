"""Nothing a spreadsheet could run leaves the project."""

from __future__ import annotations

import io

import pandas as pd

from core.exports import safe_csv
from core.text import cell


def test_formulas_are_neutralised_and_numbers_kept() -> None:
    assert [cell(v) for v in ("=1+1", "+cmd", "-2+3", "@x", " =1", "-2.5", "+1e-3", "nv", 3)] == [
        "'=1+1",
        "'+cmd",
        "'-2+3",
        "'@x",
        "' =1",
        "-2.5",
        "+1e-3",
        "nv",
        3,
    ]


def test_tables_carry_what_they_were_made_from() -> None:
    back = pd.read_csv(io.StringIO(safe_csv(pd.DataFrame({"image_id": ["=x"], "mel": [0.5]}), {"model_sha256": "ab", "other": "no"})))
    assert back.to_dict("records") == [{"image_id": "'=x", "mel": 0.5, "about_model_sha256": "ab"}]
