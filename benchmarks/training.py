"""The cost of a training's input pipeline relative to the network, which must never wait for it."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.files import SIZE, write_dataset
from benchmarks.ratios import Row, compare_costs, exhaust
from core.runs import finish
from datasets.dataset import Dataset
from models.architectures import PRESETS
from models.architectures.recipe import changed
from models.network import import_tensorflow
from training.build import build_network
from training.epoch import TrainingSet, feed, run_epoch
from training.pixels import load_pixels

PHOTOGRAPHS = 640
PAIRS = 5
NETWORKS = ("benbrahim2020", "huber2020")  # the smallest, so the hardest to keep up with


def bench_train(say: Callable[[str], None]) -> list[Row]:
    """One epoch's images with the heaviest augmentation, and reading them from JPEG files, over the network's steps on the same images;
    and a whole epoch over those steps."""
    import_tensorflow()
    rows, rng = [], np.random.default_rng(0)
    skin = (np.clip(np.array([205, 160, 140]) + rng.normal(0, 12, (*SIZE, 3)), 0, 255).astype(np.uint8) for _ in range(PHOTOGRAPHS))
    with tempfile.TemporaryDirectory() as folder:
        data = write_dataset(Path(folder), skin)
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
    taught = TrainingSet(read(), rows, rows % 7, np.ones(len(ids), np.float32))
    ready = list(feed(taught, recipe, 1))

    def steps() -> None:
        exhaust(run_epoch(network, ready))

    def pictures() -> None:
        exhaust(feed(taught, recipe, 1))

    def epoch() -> None:
        exhaust(run_epoch(network, feed(taught, recipe, 1)))

    what = f"{len(ids)} images at {recipe.height} × {recipe.width} for {name}"
    return [
        compare_costs(f"{what}: augmentation and loading over training steps", pictures, steps, PAIRS, 1.0, warm=1),
        compare_costs(f"{what}: a whole epoch over its steps alone", epoch, steps, PAIRS, warm=1),
        compare_costs(f"{what}: reading JPEG {SIZE[1]} × {SIZE[0]} once over one epoch's steps", read, steps, PAIRS, 1.0, warm=1),
    ]
