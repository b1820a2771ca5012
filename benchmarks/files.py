"""Synthetic photographs on disk, for benchmarks that start from files."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from core.atomic import write_bytes
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from imaging.decode import encode_jpeg

SIZE = (450, 600)  # height and width of the photographs


def write_dataset(folder: Path, images: Iterable[np.ndarray]) -> Dataset:
    """A dataset of JPEG files, diagnoses nv and mel in turn. images: uint8 RGB (H, W, 3)."""
    ids = []
    for k, image in enumerate(images):
        ids.append(f"i{k:04d}")
        write_bytes(folder / "images" / f"{ids[-1]}.jpg", encode_jpeg(image))
    diagnoses = [("nv", "mel")[k % 2] for k in range(len(ids))]
    pd.DataFrame({"image_id": ids, "dx": diagnoses}).to_csv(folder / "metadata.csv", index=False)
    return open_dataset(folder)
