"""A dataset's images as subjects of explanation: their files, lesions and masks."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from datasets.dataset import Dataset
from explain.comparison import Subject
from imaging.resize import scale_image


def subjects(data: Dataset, image_ids: Sequence[str]) -> list[Subject]:
    """The images that have a file; masks are read on demand."""
    found = [(i, data.path(i)) for i in image_ids]
    return [Subject(i, path, data.group_of[i], partial(known_masks, data, i)) for i, path in found if path is not None]


def drawn(data: Dataset, sample: int, seed: int = 0) -> list[Subject]:
    """A random sample of images with a file, in the dataset's order."""
    ids = [i for i in data.table["image_id"] if data.path(i) is not None]
    chosen = np.random.default_rng(seed).choice(len(ids), min(sample, len(ids)), replace=False)
    return subjects(data, [ids[k] for k in sorted(chosen)])


def known_masks(data: Dataset, image_id: str) -> dict[str, np.ndarray]:
    """Boolean masks at the mask files' size: `lesion` and the markers, where the dataset has them."""
    lesion = data.mask(image_id)
    return {**({"lesion": lesion} if lesion is not None else {}), **data.markers(image_id)}


def masks_over(data: Dataset, image_id: str, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """The same masks at the image's size (height, width)."""
    return {k: scale_image(m.astype(np.uint8), size, "nearest").astype(bool) for k, m in known_masks(data, image_id).items()}
