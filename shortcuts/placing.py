"""Where a marker is put that nobody placed: on clean skin near the lesion, across the picture's border, or around the lesion."""

from collections.abc import Sequence

import cv2
import numpy as np

ROOM = 1.1  # of a mark's reach, that must be free around its middle
CHOICES = 40  # places that are looked at; the nearest quarter to the lesion is drawn from
SEEN = 0.7  # share of a ring round the lesion that must be inside the picture and free


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


def around(lesion: np.ndarray | None, taken: Sequence[np.ndarray], size: tuple[int, int], away: float) -> np.ndarray | None:
    """(x, y) of the lesion's middle, where a ring so many pixels away from the lesion is mostly in the picture; else None."""
    if lesion is None or not lesion.any():
        return None
    ys, xs = np.nonzero(lesion)
    place = np.array([xs.mean(), ys.mean()])
    turn = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    x, y = (np.round(c + (reach_from(lesion, place) + away) * f(turn)).astype(int) for c, f in zip(place, (np.cos, np.sin), strict=True))
    inside = (x >= 0) & (x < size[1]) & (y >= 0) & (y < size[0])
    free = [not any(mask[b, a] for mask in taken) for a, b in zip(x[inside], y[inside], strict=True)]
    return place if sum(free) >= SEEN * len(turn) else None


def reach_from(lesion: np.ndarray, place: np.ndarray) -> float:
    """How far the lesion, bool (H, W), reaches from a place (x, y), in pixels; 0 where there is none."""
    ys, xs = np.nonzero(lesion)
    return float(np.hypot(xs - place[0], ys - place[1]).max(initial=0.0))


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
