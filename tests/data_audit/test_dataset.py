"""What a dataset counts as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_audit.groupings import groupings
from data_audit.quality import QUALITY
from datasets.dataset import COLUMNS, Dataset


def dataset(**columns: list) -> Dataset:
    n = len(next(iter(columns.values())))
    table = pd.DataFrame({c: columns.get(c, [np.nan] * n) for c in COLUMNS}).assign(image_id=[f"i{k}" for k in range(n)])
    return Dataset("x", Path("x"), "table", table.astype(dict.fromkeys(("lesion_id", "patient_id"), object)))


def test_patients_are_drawn_together_where_they_are_known() -> None:
    """Lesion L1 is Ann's though only one of its rows says so; a patient and a lesion of the same name stay two."""
    data = dataset(patient_id=["Ann", None, "Ann", None, None, "L9"], lesion_id=["L1", "L1", "L2", "L9", None, "L7"])
    c = data.clusters.tolist()
    assert c[0] == c[1] == c[2] and len({c[0], c[3], c[4], c[5]}) == 4
    assert data.counted == "patients or lesions or images"


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"patient_id": ["a", "b"], "lesion_id": ["c", None]}, "patients or lesions"),
        ({"lesion_id": ["c", "d"]}, "lesions"),
        ({"lesion_id": ["c", None]}, "lesions or images"),
        ({"age": [1, 2]}, "images"),
    ],
)
def test_the_word_for_what_is_counted(columns: dict[str, list], word: str) -> None:
    assert dataset(**columns).counted == word


def test_images_are_grouped_by_quarters_of_their_quality() -> None:
    data = dataset(age=[50] * 100)
    measured = pd.DataFrame({name: np.arange(100.0) for name in QUALITY}).assign(contrast=1.0, skin_tone="light")
    measured.loc[0, "sharpness"] = np.nan
    found = groupings(data, images=measured)
    assert "contrast" not in found and found["colour cast"].values.count("lowest quarter") == 25
    assert found["brightness"].values.count("middle half") == 50 and found["sharpness"].values[0] is None
