"""Where a marker is put that nobody placed: on clean skin near the lesion, or across the picture's border."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

ROOM = 1.1  # of a mark's reach, that must be free around its middle
CHOICES = 40  # places that are looked at; the nearest quarter to the lesion is drawn from


def beside(
    lesion: np.ndarray | None, taken: Sequence[np.ndarray], size: tuple[int, int], reach: tuple[float, float], rng: np.random.Generator
) -> np.ndarray | None:
    """(x, y) in pixels where a mark clears the lesion and what is taken, as near to the lesion as it can; None without room.

    lesion: bool (H, W) or None; taken: masks bool (H, W); reach: half width and half height in pixels.
    """
    possible = _clear(lesion, taken, size, reach, outside=False)
    ys, xs = np.nonzero(possible)
    if not len(xs):
        return None
    some = rng.choice(len(xs), min(CHOICES, len(xs)), replace=False)
    if lesion is not None and lesion.any():
        ly, lx = np.nonzero(lesion)
        distance = np.hypot(xs[some] - lx.mean(), ys[some] - ly.mean())
        some = some[np.argsort(distance)[: max(1, len(some) // 4)]]
    pick = int(rng.choice(some))
    return np.array([xs[pick], ys[pick]], float)


def across_border(
    lesion: np.ndarray | None, taken: Sequence[np.ndarray], size: tuple[int, int], reach: tuple[float, float], rng: np.random.Generator
) -> np.ndarray | None:
    """As `beside`, where the picture's border cuts the mark off."""
    height, width = size
    possible = _clear(lesion, taken, size, reach, outside=True)
    y, x = np.mgrid[:height, :width]
    possible &= np.minimum.reduce([x, y, width - 1 - x, height - 1 - y]) <= 0.3 * min(reach)
    ys, xs = np.nonzero(possible)
    if not len(xs):
        return None
    pick = int(rng.integers(len(xs)))
    return np.array([xs[pick], ys[pick]], float)


def _clear(
    lesion: np.ndarray | None, taken: Sequence[np.ndarray], size: tuple[int, int], reach: tuple[float, float], outside: bool
) -> np.ndarray:
    """bool (H, W): centres of a mark that touches nothing taken. outside: whether it may leave the picture."""
    free = np.ones(size, np.uint8)
    for mask in taken if lesion is None else [lesion, *taken]:
        free[mask] = 0
    wide, tall = (ROOM * max(1.0, r) for r in reach)
    if wide == tall:  # round
        inside = cv2.distanceTransform(np.pad(free, 1, constant_values=int(outside)), cv2.DIST_L2, cv2.DIST_MASK_5)
        return inside[1:-1, 1:-1] > wide
    shape = np.ones((2 * round(tall) + 1, 2 * round(wide) + 1), np.uint8)
    return cv2.erode(free, shape, borderType=cv2.BORDER_CONSTANT, borderValue=int(outside)) > 0
