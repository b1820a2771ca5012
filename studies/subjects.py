"""A dataset's images as subjects of explanation: their files, what counts as one, and their masks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from datasets.dataset import Dataset
from explain.comparison import Subject
from imaging.resize import scale_image


def subjects(data: Dataset, image_ids: Sequence[str]) -> list[Subject]:
    """Those of the images that have a file; masks are read when they are asked for."""
    group = dict(zip(data.table["image_id"], data.groups.astype(str), strict=True))
    found = [(i, data.path(i)) for i in image_ids]
    return [Subject(i, path, group[i], partial(known_masks, data, i)) for i, path in found if path is not None]


def drawn(data: Dataset, sample: int, seed: int = 0) -> list[Subject]:
    """So many images with a file, drawn at random, in the dataset's order."""
    ids = [i for i in data.table["image_id"] if data.path(i) is not None]
    chosen = np.random.default_rng(seed).choice(len(ids), min(sample, len(ids)), replace=False)
    return subjects(data, [ids[k] for k in sorted(chosen)])


def known_masks(data: Dataset, image_id: str) -> dict[str, np.ndarray]:
    """Boolean masks in the mask files' own pixels: `lesion` and the markers, as far as the dataset has them."""
    lesion = data.mask(image_id)
    return {**({"lesion": lesion} if lesion is not None else {}), **data.markers(image_id)}


def masks_over(data: Dataset, image_id: str, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """The same masks at the photograph's size (height, width)."""
    return {k: scale_image(m.astype(np.uint8), size, "nearest").astype(bool) for k, m in known_masks(data, image_id).items()}
