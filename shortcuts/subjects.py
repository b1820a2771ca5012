"""A dataset's photographs as the shortcut lab gets them: fitted to the network, with lesion and markers where they lie then."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data_audit.dataset import Dataset
from data_audit.markers.detector import find_markers
from imaging.resize import fit_image, scale_image, thumbnail
from models.card import ModelCard
from shortcuts.experiment import Subject
from shortcuts.lesion import segment_lesion

SEEN = 0.2  # share of a network's pixel that a marker must cover to count as there
DETECTED = 384  # pixels of the longer side at which markers are looked for


def fit_subject(
    card: ModelCard, image: np.ndarray, lesion: np.ndarray | None = None, markers: Mapping[str, np.ndarray] | None = None
) -> Subject:
    """image: uint8 RGB of any size; lesion, markers: bool masks of any size over the whole picture, None where nobody knows them:
    then markers are found by the detectors, and the lesion by its colour."""
    if markers is None:
        small = thumbnail(image, DETECTED)
        found = find_markers(small)
        markers = {name: mask for name in found.flags if found.flags[name] and (mask := found.mask(name)).any()}
    fitted = fit_image(image, card.size, card.resize.geometry, card.resize.interpolation)
    seen = {name: _fit_mask(card, mask, image.shape[:2]) for name, mask in markers.items()}
    there = {name: mask for name, mask in seen.items() if mask.any()}
    if lesion is not None:
        return Subject(fitted, _fit_mask(card, lesion, image.shape[:2]), there)
    hidden = np.zeros(card.size, bool)
    for mask in there.values():
        hidden |= mask
    return Subject(fitted, segment_lesion(fitted, hidden), there)


def read_subject(card: ModelCard, data: Dataset, image_id: str) -> Subject:
    """Of a dataset's image; its own masks come before the detectors'. Raises ImageError."""
    known = data.markers(image_id) if data.marker_masks else None
    return fit_subject(card, data.read(image_id), data.mask(image_id), known)


def _fit_mask(card: ModelCard, mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask over the whole picture of a size, as the network sees it: bool (H, W)."""
    whole = mask
    if mask.shape != size and card.resize.geometry != "stretch":  # cutting and padding go by the picture's own proportions
        whole = scale_image(mask.astype(np.uint8), size, "nearest") > 0
    return (
        fit_image((whole * np.uint8(255))[..., None].repeat(3, -1), card.size, card.resize.geometry, "area")[..., 0] > 255 * SEEN
    )
