"""A dataset's photographs as the shortcut lab gets them: fitted to the network, with lesion and markers where they lie then."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from data_audit.markers.detector import find_markers
from datasets.dataset import Dataset
from imaging.resize import fit_image, scale_image, thumbnail
from models.card import ModelCard
from shortcuts.experiment import Subject
from shortcuts.lesion import crop_to_lesion, segment_lesion

SEEN = 0.2  # share of a network's pixel that a marker must cover to count as there
DETECTED = 384  # pixels of the longer side at which markers and lesion are looked for


@dataclass(frozen=True)
class Outlined:
    """A photograph and what lies where in it. image: uint8 RGB (H, W, 3) as it is; lesion, markers: bool masks of any size over the
    whole picture; lesion None where nothing stands out."""

    image: np.ndarray
    lesion: np.ndarray | None
    markers: Mapping[str, np.ndarray]


def outline(image: np.ndarray, lesion: np.ndarray | None = None, markers: Mapping[str, np.ndarray] | None = None) -> Outlined:
    """image: uint8 RGB of any size; lesion, markers: masks that are known. None where nobody knows them: then markers are found by the
    detectors, and the lesion by its colour."""
    small = thumbnail(image, DETECTED)
    if markers is None:
        found = find_markers(small)
        markers = {name: mask for name in found.flags if found.flags[name] and (mask := found.mask(name)).any()}
    if lesion is None:
        size = small.shape[:2]
        hidden = np.zeros(size, bool)
        for mask in markers.values():
            hidden |= scale_image(mask.astype(np.uint8), size, "nearest") > 0
        lesion = segment_lesion(small, hidden)
    return Outlined(image, lesion, markers)


def fit(card: ModelCard, outlined: Outlined) -> Subject:
    """As the network gets it; markers too small for it to see are not there."""
    image, size = outlined.image, outlined.image.shape[:2]

    def fitted(picture: np.ndarray) -> np.ndarray:
        return fit_image(picture, card.size, card.resize.geometry, card.resize.interpolation)

    seen = {name: _fit_mask(card, mask, size) for name, mask in outlined.markers.items()}
    there = {name: mask for name, mask in seen.items() if mask.any()}
    if outlined.lesion is None:
        return Subject(fitted(image), None, there)
    cropped = fitted(crop_to_lesion(image, outlined.lesion))
    return Subject(fitted(image), _fit_mask(card, outlined.lesion, size), there, cropped)


def outline_image(data: Dataset, image_id: str) -> Outlined:
    """Of a dataset's image; its own masks come before the detectors'. Raises ImageError."""
    known = data.markers(image_id) if data.marker_masks else None
    return outline(data.read(image_id), data.mask(image_id), known)


def _fit_mask(card: ModelCard, mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask over the whole picture of a size, as the network sees it: bool (H, W)."""
    whole = mask
    if mask.shape != size and card.resize.geometry != "stretch":  # cutting and padding go by the picture's own proportions
        whole = scale_image(mask.astype(np.uint8), size, "nearest") > 0
    return np.squeeze(fit_image((whole * np.uint8(255))[..., None], card.size, card.resize.geometry, "area")) > 255 * SEEN
