"""The seven diagnoses of HAM10000, each with its own colour, border and structure.

What is drawn follows the dermoscopic criteria of the field in a simplified way (Kittler 2016,
doi:10.1016/j.jaad.2015.11.038): it teaches what a network looks at, not what a lesion is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from demo.drawing.skin import BLOOD, BLUE_GREY, MELANIN, YELLOW, absorb
from imaging.fields import Rng, honeycomb, inside, smooth_noise, spots, strokes


@dataclass(frozen=True)
class Shape:
    """A lesion's outline. depth (H, W): 1 in the middle, 0 on the border, negative outside."""

    depth: np.ndarray
    angle: np.ndarray
    radius: float

    @property
    def mask(self) -> np.ndarray:
        return self.depth > 0

    def inner(self, softness: float) -> np.ndarray:
        """1 inside, 0 outside, with a border `softness` of the radius wide."""
        steep = (-self.depth / max(softness, 0.01) * 4).clip(-40, 40)
        return (1 / (1 + np.exp(steep))).astype(np.float32)


# diagnosis -> (irregularity of the outline, how long for its width, range of radius as a share of the height)
_OUTLINES = {
    "nv": (0.05, 0.15, (0.17, 0.30)),
    "mel": (0.22, 0.30, (0.22, 0.36)),
    "bkl": (0.10, 0.25, (0.18, 0.33)),
    "bcc": (0.13, 0.20, (0.16, 0.30)),
    "akiec": (0.16, 0.25, (0.20, 0.34)),
    "vasc": (0.06, 0.15, (0.14, 0.25)),
    "df": (0.05, 0.12, (0.15, 0.24)),
}


def draw_outline(rng: Rng, diagnosis: str, size: tuple[int, int]) -> Shape:
    """A lesion in the middle of the picture, outlined as its diagnosis is."""
    irregular, oblong, radii = _OUTLINES[diagnosis]
    h, w = size
    radius = rng.uniform(*radii) * h
    y, x = np.mgrid[:h, :w].astype(np.float32)
    x, y = x - w / 2, y - h / 2
    angle = np.arctan2(y, x) - rng.uniform(0, 2 * np.pi)
    border = np.ones(size, np.float32)
    for k in range(1, 9):
        border += irregular * rng.normal() / k**0.8 * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    border *= 1 + rng.uniform(0, oblong) * np.cos(2 * angle)
    return Shape(1 - np.hypot(x, y) / (radius * border.clip(0.35)), angle, radius)


def _nevus(rng: Rng, image: np.ndarray, shape: Shape) -> np.ndarray:
    """Even brown, a regular net that fades towards the border, sometimes globules."""
    size, body = shape.depth.shape, shape.inner(rng.uniform(0.12, 0.3))
    dark = rng.uniform(0.45, 0.9)
    image = absorb(image, body * dark * (0.75 + 0.35 * shape.depth.clip(0)), MELANIN)
    if rng.random() < 0.75:
        net = honeycomb(rng, size, rng.uniform(7, 11), 0.12) * body * (1 - 0.7 * shape.depth.clip(0))
        return absorb(image, 0.55 * dark * net, MELANIN)
    places = inside(rng, body, int(rng.integers(25, 50)))
    return absorb(image, 0.5 * spots(rng, size, places, (1.5, 3)), MELANIN)


def _melanoma(rng: Rng, image: np.ndarray, shape: Shape) -> np.ndarray:
    """Several colours laid unevenly, a torn net, streaks at one side, a blue-grey veil, dots."""
    size, body = shape.depth.shape, shape.inner(0.10)
    patchy = smooth_noise(rng, size, shape.radius * 0.8)
    image = absorb(image, body * (0.75 + 0.55 * patchy).clip(0.1), MELANIN)
    net = honeycomb(rng, size, rng.uniform(8, 14), 0.45) * (smooth_noise(rng, size, shape.radius * 0.6) > 0)
    image = absorb(image, 0.6 * body * net, MELANIN)
    veil = ((smooth_noise(rng, size, shape.radius * 0.7) - 0.2) * 2).clip(0, 1) * (shape.depth > 0.15)
    image = absorb(image, 1.0 * veil, BLUE_GREY)
    red = ((smooth_noise(rng, size, shape.radius * 0.5) - 0.6) * 2).clip(0, 1) * body
    image = absorb(image, 0.45 * red, BLOOD)
    side = rng.uniform(0, 2 * np.pi)
    rays = np.cos(18 * shape.angle + 2 * smooth_noise(rng, size, 25)).clip(0) ** 2
    edge = np.exp(-(((shape.depth + 0.06) / 0.10) ** 2)) * (np.cos(shape.angle - side) > 0.2)
    image = absorb(image, 0.9 * edge * rays, MELANIN)
    dots = inside(rng, body, int(rng.integers(15, 40)))
    return absorb(image, 1.2 * spots(rng, size, dots, (1, 3.5)), MELANIN)


def _keratosis(rng: Rng, image: np.ndarray, shape: Shape) -> np.ndarray:
    """Sharply bordered and stuck on: ridges, white cysts, dark openings, a yellow cast."""
    size, body = shape.depth.shape, shape.inner(0.04)
    image = absorb(image, body * rng.uniform(0.3, 0.75), MELANIN)
    image = absorb(image, body * rng.uniform(0.2, 0.5), YELLOW)
    ridges = np.sin(6 * smooth_noise(rng, size, rng.uniform(14, 22)))
    image = absorb(image, 0.28 * body * ridges, MELANIN)
    openings = inside(rng, body, int(rng.integers(6, 20)))
    image = absorb(image, 1.3 * spots(rng, size, openings, (1.5, 4)), MELANIN)
    cysts = spots(rng, size, inside(rng, body, int(rng.integers(8, 24))), (1, 3), 0.9)[..., None]
    return image * (1 - 0.75 * cysts) + np.array([247, 238, 215], np.float32) * 0.75 * cysts


def _vessels(rng: Rng, shape: Shape, n: int) -> np.ndarray:
    """Branching lines that grow inwards from the border, 0…1."""
    h, w = shape.depth.shape
    lines: list[np.ndarray] = []
    thick: list[int] = []
    for _ in range(n):
        at = inside(rng, ((shape.depth > 0.02) & (shape.depth < 0.5)).astype(np.float32), 1)
        if not len(at):
            continue
        branches = [(at[0].astype(float), rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.0) * shape.radius, 2)]
        while branches and len(lines) < 60:
            start, turn, length, width = branches.pop()
            steps = max(4, int(length / 4))
            turns = turn + np.cumsum(rng.normal(0, 0.28, steps))
            line = start + np.cumsum(np.stack([np.cos(turns), np.sin(turns)], 1) * 4, axis=0)
            lines.append(line)
            thick.append(width)
            if length > 14:
                fork = line[int(steps * rng.uniform(0.35, 0.8))]
                branches += [(fork, turns[-1] + s * rng.uniform(0.5, 1.0), length * 0.5, 1) for s in (-1, 1)]
    return strokes((h, w), lines, thick, 0.5)


def _carcinoma(rng: Rng, image: np.ndarray, shape: Shape) -> np.ndarray:
    """Pink and shining, treelike vessels, blue-grey nests, sometimes a crusted ulcer."""
    size, body = shape.depth.shape, shape.inner(0.15)
    image = absorb(image, 0.30 * body, BLOOD)
    shine = (0.16 * body * (1 + smooth_noise(rng, size, 20)).clip(0))[..., None]
    image = image * (1 - shine) + 255 * shine * np.array([1, 0.93, 0.92], np.float32)
    image = absorb(image, 1.1 * _vessels(rng, shape, int(rng.integers(4, 8))) * (shape.depth > -0.15), BLOOD)
    nests = spots(rng, size, inside(rng, body, int(rng.integers(2, 8))), (4, 10), 2.0)
    image = absorb(image, 0.9 * nests, BLUE_GREY)
    if rng.random() < 0.4:
        ulcer = spots(rng, size, inside(rng, (shape.depth > 0.4).astype(np.float32), 1), (8, 16), 3.0)
        image = absorb(absorb(image, 0.9 * ulcer, BLOOD), 0.5 * ulcer, YELLOW)
    return image


def _keratosis_actinic(rng: Rng, image: np.ndarray, shape: Shape) -> np.ndarray:
    """Ill-bordered redness with a net of pale follicles, white scale and yellow crust."""
    size, body = shape.depth.shape, shape.inner(0.45)
    image = absorb(image, 0.65 * body * (1 + 0.3 * smooth_noise(rng, size, 18)).clip(0), BLOOD)
    follicles = (1 - honeycomb(rng, size, rng.uniform(10, 15), 0.2)) ** 2 * body
    image = image * (1 - 0.35 * follicles[..., None]) + 235 * 0.35 * follicles[..., None]
    scale = ((smooth_noise(rng, size, 11) - 0.75) * 2.5).clip(0, 1) * body
    image = image * (1 - 0.8 * scale[..., None]) + np.array([246, 240, 228], np.float32) * 0.8 * scale[..., None]
    crust = ((smooth_noise(rng, size, 16) - 1.0) * 2.5).clip(0, 1) * body
    return absorb(absorb(image, 1.0 * crust, YELLOW), 0.5 * crust, MELANIN)


def _vascular(rng: Rng, image: np.ndarray, shape: Shape) -> np.ndarray:
    """Crowded red to violet lakes, sharply bordered, parted by pale septa."""
    size, body = shape.depth.shape, shape.inner(0.06)
    image = absorb(image, 0.7 * body, BLOOD)
    lakes = spots(rng, size, inside(rng, body, int(rng.integers(18, 34))), (4, 9), 1.2) * body
    image = absorb(image, rng.uniform(0.7, 1.3) * lakes, BLOOD)
    if rng.random() < 0.5:
        image = absorb(image, 0.8 * lakes * (smooth_noise(rng, size, 30) > 0), BLUE_GREY)
    return image


def _dermatofibroma(rng: Rng, image: np.ndarray, shape: Shape) -> np.ndarray:
    """A white, scar-like centre in a ring of fine brown net."""
    size, body = shape.depth.shape, shape.inner(0.35)
    image = absorb(image, 0.35 * body, MELANIN)
    ring = body * (1 - (shape.depth * 1.6).clip(0, 1))
    image = absorb(image, 0.45 * ring * honeycomb(rng, size, rng.uniform(6, 8), 0.15), MELANIN)
    scar = ((shape.depth - 0.35) * 3).clip(0, 1) * (0.8 + 0.2 * smooth_noise(rng, size, 8))
    scar = (0.7 * scar.clip(0, 1))[..., None]
    return image * (1 - scar) + np.array([244, 226, 218], np.float32) * scar


DRAW: dict[str, Callable[[Rng, np.ndarray, Shape], np.ndarray]] = {
    "akiec": _keratosis_actinic,
    "bcc": _carcinoma,
    "bkl": _keratosis,
    "df": _dermatofibroma,
    "mel": _melanoma,
    "nv": _nevus,
    "vasc": _vascular,
}

# what a lesion of each diagnosis is easily taken for
_MIMICS = {
    "akiec": ("bkl", "bcc"),
    "bcc": ("akiec", "vasc"),
    "bkl": ("nv", "mel"),
    "df": ("nv", "akiec"),
    "mel": ("nv", "bkl"),
    "nv": ("mel", "df"),
    "vasc": ("bcc", "mel"),
}
_AMBIGUOUS = 0.45  # share of lesions that show features of another diagnosis as well


def draw_lesion(rng: Rng, skin: np.ndarray, shape: Shape, diagnosis: str) -> np.ndarray:
    """The lesion on the skin, more or less pronounced; nearly half look partly like something else."""
    image = DRAW[diagnosis](rng, skin, shape)
    if rng.random() < _AMBIGUOUS:
        other = DRAW[str(rng.choice(_MIMICS[diagnosis]))](rng, skin, shape)
        image = image + rng.uniform(0.2, 0.6) * (other - image)
    return skin + rng.uniform(0.45, 1.0) * (image - skin)
