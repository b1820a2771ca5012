"""Heatmap -> RGB image. The scale is always given, never taken from the map, so that an empty map looks empty and maps compare.

Colours are safe for colour-blind readers: viridis for supporting evidence, blue against orange (also in lightness) for signed maps.
"""

import cv2
import numpy as np

SUPPORTING = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]])
DIVERGING = np.array([[5, 48, 97], [67, 147, 195], [247, 247, 247], [244, 165, 66], [166, 67, 0]])
CONTOUR = (255, 255, 255)


def overlay(image: np.ndarray, heatmap: np.ndarray, scale: float, opacity: float = 0.6, signed: bool = False) -> np.ndarray:
    """RGB uint8 (H, W, 3): the image under the colours of a float (H, W) map.

    scale: value of full colour (> 0, else nothing is drawn). opacity: 0…1 at full colour, fading with the value.
    signed: show opposing evidence too; otherwise negative values are clipped (ReLU).
    """
    value = np.nan_to_num(heatmap, nan=0.0) / scale if scale > 0 else np.zeros_like(heatmap)
    value = np.clip(value, -1 if signed else 0, 1)
    colours = _colours(value, signed)
    alpha = (opacity * np.abs(value) ** 0.8)[..., None]
    mixed = image * (1 - alpha) + colours * alpha
    unseen = np.isnan(heatmap)
    if unseen.any():
        mixed[unseen] = image[unseen] * 0.35
    return mixed.round().astype(np.uint8)


def draw_contour(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A copy of the image with the outline of a boolean (H, W) mask, white edged with black."""
    height, width = image.shape[:2]
    small = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    lines, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    drawn = image.copy()
    thick = max(1, round(max(height, width) / 300))
    cv2.drawContours(drawn, lines, -1, (0, 0, 0), thick + 2, cv2.LINE_AA)
    cv2.drawContours(drawn, lines, -1, CONTOUR, thick, cv2.LINE_AA)
    return drawn


def colour_picture(values: np.ndarray, limit: float, signed: bool = True) -> np.ndarray:
    """A map on its own as RGB uint8: blue–white–orange over ±limit, or viridis over 0…limit."""
    scaled = values / limit if limit > 0 else np.zeros_like(values)
    return _colours(np.clip(scaled, -1 if signed else 0, 1), signed).round().astype(np.uint8)


def colour_bar(signed: bool = False, width: int = 240, height: int = 12) -> np.ndarray:
    """The legend of `overlay` at full opacity, RGB uint8 (height, width, 3)."""
    row = np.linspace(-1 if signed else 0, 1, width)
    return np.repeat(_colours(row, signed)[None], height, 0).astype(np.uint8)


def _colours(value: np.ndarray, signed: bool) -> np.ndarray:
    """Float RGB (…, 3) of values 0…1, or −1…1 if signed."""
    stops, position = (DIVERGING, (value + 1) / 2) if signed else (SUPPORTING, value)
    at = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(position, at, stops[:, k]) for k in range(3)], axis=-1)
