"""Where a classifier looks on average, relative to the lesion instead of the edges of the photograph."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from core.errors import ImageError
from core.runs import Run
from explain.cam import WEIGHTS
from explain.methods import attribute, default_method
from imaging.decode import read_image, read_mask
from imaging.resize import enlarge, scale_image, seen_box
from models.classifier import BATCH, Classifier

GRID, RADII = 60, 2.0  # cells per side, and how many lesion radii they reach from the centre
SIDE = 200  # pixels a map is enlarged to before it is centred


@dataclass(frozen=True)
class CentredMean:
    """Arrays float (60, 60), centred on the lesion and reaching 2 of its radii (of the circle of equal area) each way.

    heatmap: mean over images, each map divided by its largest absolute value, NaN where fewer than half of the images
    reach. lesion: share of the images whose lesion covers the cell. images: averaged; left_out: without a mask or unreadable.
    """

    heatmap: np.ndarray
    lesion: np.ndarray
    images: int
    left_out: int
    method: str


def mean_centred_map(classifier: Classifier, items: Sequence[tuple[Path, Path | None]], target: int) -> Run[CentredMean]:
    """items: photograph and lesion mask; target: class index."""
    chosen = default_method(classifier)[0]
    method = chosen if chosen in WEIGHTS else "hirescam"
    total, reached, lesion = np.zeros((3, GRID, GRID))
    images = 0
    for start in range(0, len(items), BATCH):
        yield start, len(items)
        read = [pair for item in items[start : start + BATCH] if (pair := _read(*item)) is not None]
        if not read:
            continue
        prepared = classifier.prepare([image for image, _ in read])
        maps = attribute(classifier, prepared, np.full(len(read), target), method).maps
        for (image, mask), heatmap in zip(read, maps, strict=True):
            small = _small(mask)
            centred = _centred(_enlarged(classifier, heatmap, image.shape[:2]), small)
            total += np.nan_to_num(centred)
            reached += ~np.isnan(centred)
            lesion += np.nan_to_num(_centred(small, small))
            images += 1
    yield len(items), len(items)
    mean = np.divide(total, reached, out=np.full_like(total, np.nan), where=(reached >= images / 2) & (reached > 0))
    return CentredMean(mean, lesion / max(images, 1), images, len(items) - images, method)


def _read(path: Path, mask_path: Path | None) -> tuple[np.ndarray, np.ndarray] | None:
    """Photograph and mask of the same size; None if either is missing or unreadable, or the mask is empty."""
    if mask_path is None:
        return None
    try:
        image = read_image(path)
        mask = scale_image(read_mask(mask_path).astype(np.uint8), image.shape[:2], "nearest").astype(bool)
    except ImageError:
        return None
    return (image, mask) if mask.any() else None


def _enlarged(classifier: Classifier, heatmap: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The map over the photograph, its longer side SIDE pixels, divided by its largest absolute value."""
    top = float(np.abs(heatmap).max(initial=0))
    shown = _shown(size)
    return enlarge(heatmap / (top or 1), shown, seen_box(shown, classifier.card.size, classifier.card.resize.geometry))


def _small(mask: np.ndarray) -> np.ndarray:
    return scale_image(mask.astype(np.uint8), _shown(mask.shape[:2]), "nearest")


def _shown(size: tuple[int, int]) -> tuple[int, int]:
    scale = SIDE / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _centred(values: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Values sampled on the grid around the centre of a mask of the same size; NaN outside the image."""
    y, x = np.nonzero(small)
    if len(y) == 0:  # a lesion of a few pixels, lost in shrinking
        return np.full((GRID, GRID), np.nan)
    radius = np.sqrt(len(y) / np.pi)
    offset = ((np.arange(GRID) + 0.5) / GRID * 2 - 1) * RADII * radius
    xs, ys = (grid.astype(np.float32) for grid in np.meshgrid(x.mean() + offset, y.mean() + offset))
    return cv2.remap(values.astype(np.float32), xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=float("nan"))
