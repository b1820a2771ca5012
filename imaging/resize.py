"""An image at the network's input size, and a heatmap back at the image's.

Three geometries: `stretch` (the whole image, aspect ratio lost), `crop` (the central part with the input's aspect ratio) and `pad`
(the whole image on black). A heatmap must cover exactly the part of the image the network saw, so both directions live here, with
pixel centres at .5.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image

Geometry = Literal["stretch", "crop", "pad"]
Interpolation = Literal["nearest", "bilinear", "bilinear-antialias", "bicubic", "lanczos", "area"]

_CV2 = {"nearest": cv2.INTER_NEAREST_EXACT, "bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}
_PILLOW = {"bilinear-antialias": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}


@dataclass(frozen=True)
class Box:
    """The part of the image that fills the network's input, in image pixels; with `pad` larger than the image, so left or top may be
    negative."""

    left: float
    top: float
    width: float
    height: float


def seen_box(size: tuple[int, int], target: tuple[int, int], geometry: Geometry) -> Box:
    """The part of an image of size (height, width) that an input of the target size shows."""
    height, width = size
    if geometry == "stretch":
        return Box(0, 0, width, height)
    fit = min if geometry == "crop" else max
    scale = fit(height / target[0], width / target[1])
    box_w, box_h = target[1] * scale, target[0] * scale
    return Box((width - box_w) / 2, (height - box_h) / 2, box_w, box_h)


def fit_image(image: np.ndarray, target: tuple[int, int], geometry: Geometry, interpolation: Interpolation) -> np.ndarray:
    """uint8 RGB (H, W, 3) -> uint8 RGB of the target (height, width)."""
    height, width = image.shape[:2]
    box = seen_box((height, width), target, geometry)
    if geometry == "crop":
        top, left = round(box.top), round(box.left)
        image = image[top : top + max(1, round(box.height)), left : left + max(1, round(box.width))]
    elif geometry == "pad":
        y, x = round(-box.top), round(-box.left)
        image = cv2.copyMakeBorder(
            image, y, max(0, round(box.height) - height - y), x, max(0, round(box.width) - width - x), cv2.BORDER_CONSTANT, value=(0, 0, 0)
        )
    return scale_image(image, target, interpolation)


def scale_image(image: np.ndarray, target: tuple[int, int], interpolation: Interpolation = "area") -> np.ndarray:
    """uint8 (H, W, 3) or (H, W) stretched to (height, width)."""
    if image.shape[:2] == target:
        return image
    if interpolation in _CV2:
        return cv2.resize(image, (target[1], target[0]), interpolation=_CV2[interpolation])
    return np.asarray(Image.fromarray(image).resize((target[1], target[0]), _PILLOW[interpolation]))


def enlarge(heatmap: np.ndarray, size: tuple[int, int], box: Box | None = None) -> np.ndarray:
    """A small map enlarged to an image of `size` (height, width), bilinearly.

    Cell centres of the (h, w) map lie at (i + .5) / h of the box the network saw; values are linear between centres and constant beyond
    the outermost. Float32 (height, width), NaN where the network saw nothing (outside a crop).
    """
    box = box or Box(0, 0, size[1], size[0])
    h, w = heatmap.shape
    x = (np.arange(size[1], dtype=np.float32) + 0.5 - box.left) / box.width * w - 0.5
    y = (np.arange(size[0], dtype=np.float32) + 0.5 - box.top) / box.height * h - 0.5
    rows = _between(heatmap.astype(np.float32), y)
    large = _between(rows.T, x).T
    unseen = ((x < -0.5) | (x > w - 0.5))[None, :] | ((y < -0.5) | (y > h - 0.5))[:, None]
    large[unseen] = np.nan
    return np.ascontiguousarray(large, np.float32)


def _between(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rows of values (n, m) at fractional places (k,), linearly between rows: float32 (k, m)."""
    place = np.clip(at, 0, len(values) - 1)
    first = np.floor(place).astype(int)
    share = (place - first).astype(np.float32)[:, None]
    return values[first] * (1 - share) + values[np.minimum(first + 1, len(values) - 1)] * share


def thumbnail(image: np.ndarray, side: int = 160) -> np.ndarray:
    """The image with its longer side at most `side` pixels; never enlarged."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    return scale_image(image, (max(1, round(height * scale)), max(1, round(width * scale))), "area")
