"""A dataset three classes of which can be told apart by colour, small enough to be trained on in a second."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.runs import finish
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from imaging.decode import encode_png
from models.architectures import PRESETS
from models.architectures.recipe import changed
from training.order import Order
from training.run import train

COLOURS = {"nv": (200, 140, 120), "mel": (90, 60, 50), "bkl": (160, 150, 60)}
FIVE = {"phases": [{"epochs": 5, "rate": 3e-3}], "keep": "best", "optimiser": "nadam"}
EACH = 30  # lesions of each class, two photographs of each


@pytest.fixture(autouse=True)
def _for_this_test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a training process sets for good would hold for every test after it."""
    monkeypatch.setattr("training.run.deterministic", lambda: None)


@pytest.fixture(scope="session")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("coloured")
    (folder / "images").mkdir()
    rng, rows = np.random.default_rng(0), []
    for diagnosis, colour in COLOURS.items():
        for lesion in range(EACH):
            for shot in range(2):
                name = f"{diagnosis}{lesion:02d}{'ab'[shot]}"
                image = np.clip(np.array(colour) + rng.normal(0, 45, (24, 32, 3)), 0, 255).astype(np.uint8)
                (folder / "images" / f"{name}.png").write_bytes(encode_png(image))
                rows.append({"image_id": name, "lesion_id": f"{diagnosis}{lesion:02d}", "dx": diagnosis})
    pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
    return open_dataset(folder)


def make_order(data: Dataset, folder: Path, out: str = "net", **fields: Any) -> Order:
    """An order for the small network of Huber on 16 × 16 pixels; fields of the recipe may be given."""
    preset = PRESETS["huber2020"]
    usual = {
        "height": 16,
        "width": 16,
        "classes": ("nv", "mel", "bkl"),
        "split": {"by": "lesion", "fractions": (0.6, 0.2, 0.2)},
        "phases": [{"epochs": 3, "rate": 3e-3}],
        "batch": 16,
        "augmentation": {"flip-horizontal": 1, "rotation": 20, "cutout": 4},
    }
    return Order(preset, changed(preset.recipe, **{**usual, **fields}), data, folder / f"{out}.keras")


@pytest.fixture
def order(coloured: Dataset, tmp_path: Path) -> Callable[..., Order]:
    return partial(make_order, coloured, tmp_path)


@pytest.fixture(scope="session")
def trained(coloured: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Order:
    """A finished training of five epochs."""
    asked = make_order(coloured, tmp_path_factory.mktemp("trained"), **FIVE)  # type: ignore[arg-type]
    finish(train(asked))
    return asked
