"""Image quality: sharpness, exposure, contrast, colour cast, black border. Pure functions of one image."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

SIDE = 256  # pixels of the longer side at which quality is measured, so that images of different size compare
LIT = 0.05  # share of a border's pixels that may be lit
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


@dataclass(frozen=True)
class View:
    """An image uint8 RGB (H, W, 3), and what several measures need of it, computed once."""

    image: np.ndarray

    @cached_property
    def grey(self) -> np.ndarray:
        return cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY)

    @cached_property
    def lab(self) -> np.ndarray:
        """CIELAB float32 (H, W, 3)."""
        return cv2.cvtColor(self.image.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)

    @cached_property
    def average(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of L*, a*, b*."""
        mean, spread = cv2.meanStdDev(self.lab)
        return mean[:, 0], spread[:, 0]


def sharpness(view: View) -> float:
    """Standard deviation of the Laplacian of the grey image, in grey levels (Pech-Pacheco 2000, doi:10.1109/ICPR.2000.903548).

    Comparable only between images of `SIDE` pixels. Hair and rulers raise it.
    """
    return float(cv2.meanStdDev(cv2.Laplacian(view.grey, cv2.CV_32F))[1][0, 0])


def brightness(view: View) -> float:
    """Mean lightness L* 0…100 (CIE 1976)."""
    return float(view.average[0][0])


def contrast(view: View) -> float:
    """Standard deviation of lightness L*."""
    return float(view.average[1][0])


def overexposed(view: View) -> float:
    """Share of pixels that are white in every channel (≥ 250)."""
    return float(cv2.countNonZero(cv2.inRange(view.image, (250,) * 3, (255,) * 3)) / view.grey.size)


def underexposed(view: View) -> float:
    """Share of pixels that are black in every channel (≤ 10), borders and corners included."""
    return float(cv2.countNonZero(cv2.inRange(view.image, (0,) * 3, (10,) * 3)) / view.grey.size)


def colour_cast(view: View) -> float:
    """Distance of the mean colour from that of typical skin, in a* and b* alone: |(a, b) − (14, 15)| (Chardon 1991)."""
    return float(np.hypot(view.average[0][1] - 14, view.average[0][2] - 15))


def unlike_skin(view: View) -> float:
    """Share of the lit pixels (L* > 12) with a hue that neither skin nor lesions have: grey, green or blue (hue angle outside −75…125°).

    Near 1 for documents, X-rays and landscapes, but not for clinical close-ups of skin.
    """
    lightness, a, b = np.moveaxis(view.lab[::3, ::3], -1, 0)
    lit = lightness > 12
    hue = np.degrees(np.arctan2(b, a))
    alike = lit & (hue > -75) & (hue < 125) & (np.hypot(a, b) > 2.5)
    return float(1 - alike.sum() / lit.sum()) if lit.any() else float("nan")


def black_border(view: View) -> Border:
    """Black rows and columns along each edge (at most a twentieth of their pixels has a grey level of 20 or more)."""
    lit = view.grey >= DARK
    rows, columns = lit.mean(axis=1) <= LIT, lit.mean(axis=0) <= LIT
    return Border(_run(rows), _run(rows[::-1]), _run(columns), _run(columns[::-1]))


QUALITY: dict[str, Callable[[View], float]] = {
    "sharpness": sharpness,
    "brightness": brightness,
    "contrast": contrast,
    "overexposed": overexposed,
    "underexposed": underexposed,
    "colour_cast": colour_cast,
    "unlike_skin": unlike_skin,
}


def _run(black: np.ndarray) -> float:
    return float((np.argmin(black) if not black.all() else len(black)) / len(black))
