"""Images decoded once and kept at the network's size: in memory where they fit, else in a memory-mapped file."""

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil

from core.errors import ImageError, TrainingError
from core.runs import Run
from data_audit.scan import one_thread_a_call
from datasets.dataset import Dataset
from imaging.resize import fit_image
from models.card import Resize

RESIZE = Resize()
SHARE = 0.4  # of the free memory that images may take
AT_ONCE = 64


def fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A uint8 RGB image of any size → uint8 (H, W, 3), resized as the card of a trained network says."""
    return fit_image(image, size, RESIZE.geometry, RESIZE.interpolation)


def load_pixels(dataset: Dataset, image_ids: Sequence[str], size: tuple[int, int], file: Path) -> Run[tuple[np.ndarray, dict[str, str]]]:
    """uint8 (N, H, W, 3), fitted, and image_id → why it cannot be read (its row is black).

    More than `SHARE` of the free memory goes into the file. Raises TrainingError where that does not fit either.
    """
    pixels = _allocated((len(image_ids), *size, 3), file)
    errors: dict[str, str] = {}

    def load(row: int) -> None:
        try:
            pixels[row] = fitted(dataset.read(image_ids[row]), size)
        except ImageError as error:
            pixels[row] = 0
            errors[image_ids[row]] = str(error)

    with one_thread_a_call(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(image_ids), AT_ONCE):
            list(pool.map(load, range(start, min(start + AT_ONCE, len(image_ids)))))
            yield min(start + AT_ONCE, len(image_ids)), len(image_ids)
    return pixels, errors


def _allocated(shape: tuple[int, ...], file: Path) -> np.ndarray:
    wanted = int(np.prod(shape))
    if wanted <= SHARE * psutil.virtual_memory().available:
        return np.empty(shape, np.uint8)
    if wanted > shutil.disk_usage(file.parent).free * 0.9:
        what = f"the images take {wanted / 2**30:.1f} GB at {shape[1]} × {shape[2]} pixels, more than memory and disk have free."
        todo = "Train on fewer (--images) or smaller ones (--size), or free some space."
        raise TrainingError(what, str(file.parent), todo)
    return np.lib.format.open_memmap(file, "w+", np.uint8, shape)
