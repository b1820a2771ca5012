"""What the input side of a training costs beside the network: it must never be the one that is waited for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.ratios import Row, compare_costs
from core.atomic import write_bytes
from core.runs import finish
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from imaging.decode import encode_jpeg
from models.architectures import PRESETS
from models.architectures.recipe import changed
from models.network import import_tensorflow
from training.build import build_network
from training.epoch import Taught, feed, run_epoch
from training.pixels import load_pixels

PHOTOGRAPHS, SIZE = 640, (450, 600)
PAIRS = 5
NETWORKS = ("benbrahim2020", "huber2020")  # the smallest, so the hardest to keep up with


def bench_train(say: Callable[[str], None]) -> list[Row]:
    """One epoch's pictures with the heaviest augmentation, and reading them from JPEG files, over the network's steps on the same pictures;
    and a whole epoch over these steps."""
    import_tensorflow()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        data = _dataset(Path(folder))
        for name in NETWORKS:
            say(name)
            rows += _one(name, data, Path(folder))
    return rows


def _one(name: str, data: Dataset, folder: Path) -> list[Row]:
    preset = PRESETS[name]
    heavy = {**PRESETS["huber2020"].recipe.augmentation, "lighting": 0.2, "cutout": 16}
    recipe = changed(preset.recipe, augmentation=heavy)
    network, _ = build_network(preset, recipe, 7)
    network.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    ids = data.table["image_id"].tolist()

    def read() -> np.ndarray:
        return finish(load_pixels(data, ids, recipe.size, folder / "pixels.npy"))[0]

    rows = np.arange(len(ids))
    taught = Taught(read(), rows, rows % 7, np.ones(len(ids), np.float32))
    ready = list(feed(taught, recipe, 1))

    def steps() -> None:
        for _ in run_epoch(network, ready):
            pass

    def pictures() -> None:
        for _ in feed(taught, recipe, 1):
            pass

    def epoch() -> None:
        for _ in run_epoch(network, feed(taught, recipe, 1)):
            pass

    size = f"{recipe.height} × {recipe.width}"
    told = f"{len(ids)} pictures at {size} for {name}"
    return [
        compare_costs(f"{told}: augmented and brought, over its steps", pictures, steps, PAIRS, 1.0, warm=1),
        compare_costs(f"{told}: a whole epoch over its steps alone", epoch, steps, PAIRS, warm=1),
        compare_costs(f"{told}: read from JPEG {SIZE[1]} × {SIZE[0]}, once, over one epoch's steps", read, steps, PAIRS, 1.0, warm=1),
    ]


def _dataset(folder: Path) -> Dataset:
    rng = np.random.default_rng(0)
    (folder / "images").mkdir()
    for k in range(PHOTOGRAPHS):
        image = np.clip(np.array([205, 160, 140]) + rng.normal(0, 12, (*SIZE, 3)), 0, 255).astype(np.uint8)
        write_bytes(folder / "images" / f"i{k}.jpg", encode_jpeg(image))
    table = pd.DataFrame({"image_id": [f"i{k}" for k in range(PHOTOGRAPHS)], "dx": ["nv", "mel"] * (PHOTOGRAPHS // 2)})
    table.to_csv(folder / "metadata.csv", index=False)
    return open_dataset(folder)
