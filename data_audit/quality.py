"""How a photograph was taken: sharpness, exposure, contrast, colour cast, black border. Pure functions of one picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from imaging.resize import thumbnail

SIDE = 256  # pixels of the longer side at which quality is measured, so that sizes can be compared
DARK = 20  # grey level under which a border counts as black


@dataclass(frozen=True)
class Border:
    """Share of height or width, 0…1, that is black on each side."""

    top: float
    bottom: float
    left: float
    right: float

    @property
    def share(self) -> float:
        """Of the area."""
        return 1 - max(0.0, 1 - self.top - self.bottom) * max(0.0, 1 - self.left - self.right)


def sharpness(image: np.ndarray) -> float:
    """Standard deviation of the Laplacian of the grey picture, in grey levels (Pech-Pacheco 2000, doi:10.1109/ICPR.2000.903548).

    Comparable between pictures of `SIDE` pixels only. Hairs and rulers raise it.
    """
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), cv2.CV_32F).std())


def brightness(image: np.ndarray) -> float:
    """Mean lightness L* 0…100 (CIE 1976)."""
    return float(_lab(image)[..., 0].mean())


def contrast(image: np.ndarray) -> float:
    """Standard deviation of lightness L*."""
    return float(_lab(image)[..., 0].std())


def overexposed(image: np.ndarray) -> float:
    """Share of pixels that are white in every channel (≥ 250)."""
    return float((image >= 250).all(axis=-1).mean())


def underexposed(image: np.ndarray) -> float:
    """Share of pixels that are black in every channel (≤ 10), borders and corners included."""
    return float((image <= 10).all(axis=-1).mean())


def colour_cast(image: np.ndarray) -> float:
    """Distance of the mean colour from skin's usual hue, in ΔE of a* and b* alone: |(a, b) − (14, 15)| (Chardon 1991)."""
    a, b = _lab(image)[..., 1:].reshape(-1, 2).mean(axis=0)
    return float(np.hypot(a - 14, b - 15))


def unlike_skin(image: np.ndarray) -> float:
    """Share of the lit pixels (L* > 12) whose hue no skin or lesion has: grey, green or blue (hue angle outside −75…125°).

    Documents, X-rays and landscapes come near 1. A close-up of skin without a dermatoscope does not.
    """
    lightness, a, b = np.moveaxis(_lab(thumbnail(image, 96)), -1, 0)
    hue = np.degrees(np.arctan2(b, a))
    lit = lightness > 12
    alike = lit & (hue > -75) & (hue < 125) & (np.hypot(a, b) > 2.5)
    return float(1 - alike.sum() / lit.sum()) if lit.any() else float("nan")


def black_border(image: np.ndarray) -> Border:
    """Rows and columns from each edge that are black throughout (the 95th percentile of their grey level is under 20)."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    rows = np.percentile(grey, 95, axis=1) < DARK
    columns = np.percentile(grey, 95, axis=0) < DARK
    return Border(_run(rows), _run(rows[::-1]), _run(columns), _run(columns[::-1]))


QUALITY: dict[str, Callable[[np.ndarray], float]] = {
    "sharpness": sharpness,
    "brightness": brightness,
    "contrast": contrast,
    "overexposed": overexposed,
    "underexposed": underexposed,
    "colour_cast": colour_cast,
    "unlike_skin": unlike_skin,
}


def _lab(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)


def _run(black: np.ndarray) -> float:
    return float((np.argmin(black) if not black.all() else len(black)) / len(black))
