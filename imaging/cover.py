"""Part of an image replaced by a fill."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

BLUR = 0.1  # standard deviation, as a share of the shorter side

# fill → the whole image as it would be filled, uint8 RGB (H, W, 3); covered: bool (H, W)
FILLS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "blurred": lambda image, covered: cv2.GaussianBlur(image, (0, 0), max(0.5, BLUR * min(image.shape[:2]))),
    "mean colour": lambda image, covered: np.broadcast_to(
        image[~covered].mean(axis=0).round().astype(np.uint8) if not covered.all() else np.uint8(128), image.shape
    ),
    "black": lambda image, covered: np.zeros_like(image),
}


def cover(image: np.ndarray, covered: np.ndarray, fill: str) -> np.ndarray:
    """uint8 RGB (H, W, 3) with the places where the bool (H, W) mask is true replaced; fill: a key of FILLS."""
    return np.where(covered[..., None], FILLS[fill](image, covered), image).astype(np.uint8)


def discs(size: tuple[int, int], strokes: Sequence[Sequence[float]]) -> np.ndarray:
    """Bool (height, width): inside any of the discs (x, y, radius); x and radius in shares of the width, y of the height."""
    drawn = np.zeros(size, np.uint8)
    height, width = size
    for x, y, radius in strokes:
        cv2.circle(drawn, (round(x * width), round(y * height)), max(1, round(radius * width)), 1, -1)
    return drawn.astype(bool)
