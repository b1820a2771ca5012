"""Pictures that are no dermoscopy photograph, and photographs seen otherwise: what an out-of-distribution score has to notice.

Far kinds are drawn, or cut out of the two natural photographs scikit-learn carries; near kinds are made of the photographs they are
given. All are uint8 RGB (H, W, 3).
"""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

SIZE = (450, 600)
PHOTOGRAPHS = 2
LETTERS = np.array(list("aaaabcddeeeeeefghhiiijklmnnnooopqrrrsssttttuuvwxyz    "))


def noise(rng: np.random.Generator, _: int) -> np.ndarray:
    """Random pixels: even, bell-shaped, or in squares."""
    height, width = SIZE
    way = rng.integers(3)
    if way == 0:
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    if way == 1:
        return np.clip(rng.normal(rng.uniform(90, 165), 40, (height, width, 3)), 0, 255).astype(np.uint8)
    small = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)


def wall(rng: np.random.Generator, _: int) -> np.ndarray:
    """A plain wall of any colour, lit from one side, with a little grain."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] / SIZE[1] - 0.5
    light = (rng.uniform(-40, 40) * x + rng.uniform(-40, 40) * y)[..., None]
    grain = rng.normal(0, rng.uniform(0.5, 4), (*SIZE, 3))
    return np.clip(rng.uniform(0, 255, 3) + light + grain, 0, 255).astype(np.uint8)


def page(rng: np.random.Generator, _: int) -> np.ndarray:
    """A page of text, now and then white on black."""
    picture = np.full((*SIZE, 3), rng.integers(205, 256), np.uint8)
    size, thick, left = float(rng.uniform(0.5, 1.3)), int(rng.integers(1, 3)), int(rng.integers(5, 30))
    for bottom in range(int(24 * size), SIZE[0], int(34 * size)):
        line = "".join(rng.choice(LETTERS, 90))
        cv2.putText(picture, line, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, size, (int(rng.integers(60)),) * 3, thick, cv2.LINE_AA)
    return 255 - picture if rng.random() < 0.2 else picture


def natural(rng: np.random.Generator, number: int) -> np.ndarray:
    """A part of a photograph of a temple, or of a flower."""
    return part_of(natural_photographs()[number % PHOTOGRAPHS], rng)


@lru_cache(maxsize=1)
def natural_photographs() -> list[np.ndarray]:
    """The two photographs scikit-learn carries."""
    from sklearn.datasets import load_sample_images

    return list(load_sample_images().images)


def part_of(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A part of 4 : 3 and 45 to 100 % of what fits, at random mirrored."""
    height = int(min(picture.shape[0], picture.shape[1] * 3 / 4) * rng.uniform(0.45, 1))
    width = int(height * 4 / 3)
    top, left = rng.integers(picture.shape[0] - height + 1), rng.integers(picture.shape[1] - width + 1)
    cut = picture[top : top + height, left : left + width]
    return np.ascontiguousarray(cut[:, ::-1] if rng.random() < 0.5 else cut)


def other_crop(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half of the width and height, from anywhere."""
    height, width = max(picture.shape[0] // 2, 1), max(picture.shape[1] // 2, 1)
    top, left = rng.integers(picture.shape[0] - height + 1), rng.integers(picture.shape[1] - width + 1)
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def magnified(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The middle, as if taken at two to three times the magnification."""
    share = 1 / rng.uniform(2, 3)
    height, width = max(round(picture.shape[0] * share), 1), max(round(picture.shape[1] * share), 1)
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def from_afar(picture: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """As if taken at half the magnification: smaller, in the middle of skin that goes on (mirrored)."""
    size = max(picture.shape[1] // 2, 1), max(picture.shape[0] // 2, 1)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    down, across = max(small.shape[0] // 2, 1), max(small.shape[1] // 2, 1)
    return cv2.copyMakeBorder(small, down, down, across, across, cv2.BORDER_REFLECT)


# name -> what draws the k-th picture, and how many differ in more than chance (None: all)
FAR: dict[str, tuple[Callable[[np.random.Generator, int], np.ndarray], int | None]] = {
    "noise": (noise, None),
    "plain walls": (wall, None),
    "text pages": (page, None),
    "natural photographs": (natural, PHOTOGRAPHS),
}
NEAR: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "other crops": other_crop,
    "higher magnification": magnified,
    "lower magnification": from_afar,
}
