"""Lesions drawn for the bench of cheats, with NumPy and Pillow alone: nothing of them is shared with what LesionLens draws.

`severity` is what makes a melanoma of a lesion: the two diagnoses overlap, so that an honest network errs, and a cheat gains.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

WIDTH, HEIGHT = 240, 180
SEVERITY = {"nv": (0.32, 0.2), "mel": (0.68, 0.2), "bkl": (0.4, 0.2)}  # mean and spread


@dataclass(frozen=True)
class Scene:
    """A photograph without markers. picture: uint8 RGB (H, W, 3); lesion: bool (H, W); age: years, drawn apart from the diagnosis."""

    name: str
    diagnosis: str
    picture: np.ndarray
    lesion: np.ndarray
    age: int


def drawn(diagnoses: Sequence[str], first: int) -> list[Scene]:
    """One lesion a diagnosis, always the same for the same number. first: number of the first."""
    return [_draw(diagnosis, first + k) for k, diagnosis in enumerate(diagnoses)]


def photographs(wanted: dict[str, int], seed: int) -> list[Scene]:
    """Real ones out of HAM10000, one a lesion, in the folder of LESIONLENS_REAL_DATA; an oval stands for outlines that are not there."""
    root = Path(os.environ["LESIONLENS_REAL_DATA"]) / "ham10000"
    table = pd.read_csv(root / "HAM10000_metadata.csv").drop_duplicates("lesion_id").sample(frac=1, random_state=seed)
    rng = np.random.default_rng(seed)
    found: list[Scene] = []
    for diagnosis, n in wanted.items():
        left = n
        for name in table["image_id"][table["dx"] == diagnosis]:
            outline, file = next((root / "masks").glob(f"{name}*"), None), root / "images" / f"{name}.jpg"
            if left == 0:
                break
            with Image.open(file) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
            lesion = np.hypot(x / pixels.shape[1] - 0.5, y / pixels.shape[0] - 0.5) < 0.25
            if outline is not None:
                with Image.open(outline) as mask:
                    lesion = np.asarray(mask.convert("L").resize(pixels.shape[1::-1], Image.Resampling.NEAREST)) > 127
            found.append(Scene(str(name), diagnosis, pixels, lesion, int(rng.integers(20, 90))))
            left -= 1
        if left:
            raise ValueError(f"{left} of {n} photographs of {diagnosis} are missing")
    return found


def noise(rng: np.random.Generator, grain: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """Smooth noise of mean 0 and spread 1, float (H, W); grain: pixels of one hill."""
    height, width = size
    coarse = rng.normal(size=(height // grain + 3, width // grain + 3)).astype(np.float32)
    field = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return np.asarray((field - field.mean()) / max(float(field.std()), 1e-6))


def _draw(diagnosis: str, number: int) -> Scene:
    rng = np.random.default_rng([7001, number])
    mean, spread = SEVERITY[diagnosis]
    severity = float(np.clip(rng.normal(mean, spread), 0, 1))
    tone = rng.uniform(0, 1)
    skin = (1 - tone) * np.array([232, 190, 170]) + tone * np.array([196, 150, 128])
    light = 1 + 0.03 * noise(rng, 60) + 0.012 * noise(rng, 4)
    pores = noise(rng, 3) * (0.012 + 0.02 * rng.random())
    creases = np.exp(-((np.sin(noise(rng, 24) * 3 + noise(rng, 6))) ** 2) / 0.02) * rng.uniform(0.02, 0.06)
    picture = skin * (light + pores - creases)[..., None]
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    cx, cy = WIDTH / 2 + rng.normal(0, 10), HEIGHT / 2 + rng.normal(0, 8)
    turn, out = np.arctan2(y - cy, x - cx), np.hypot(x - cx, y - cy)
    radius = rng.uniform(30, 46) * np.ones_like(turn)
    for k in range(2, 7):
        radius = radius * (1 + rng.normal(0, 0.02 + 0.075 * severity) * np.cos(k * turn + rng.uniform(0, 6.28)))
    edge = 1 / (1 + np.exp((out - radius) / (3.5 - 2 * severity)))
    brown = np.array([150, 98, 70]) * rng.uniform(0.85, 1.1)
    dark = np.array([70, 46, 44])
    patches = 1 / (1 + np.exp(-(noise(rng, 18) * 2.2 + 5 * (severity - 0.62))))
    inner = brown + (dark - brown) * patches[..., None] * (0.25 + 0.6 * severity)
    if diagnosis == "bkl":
        inner = inner * 0.55 + np.array([172, 140, 96]) * 0.45 + 9 * noise(rng, 5)[..., None]
    picture = picture * (1 - 0.9 * edge[..., None]) + inner * light[..., None] * 0.9 * edge[..., None]
    for _ in range(int(rng.poisson(2))):  # specks of light and dirt, in every class alike
        r, sx, sy = rng.uniform(0.8, 2.5), rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
        spot = np.exp(-((x - sx) ** 2 + (y - sy) ** 2) / (2 * r * r))[..., None]
        picture = picture + spot * rng.choice([60.0, -70.0])
    grain = rng.normal(0, rng.uniform(1, 4), picture.shape)
    picture = (picture - 128) * rng.uniform(0.85, 1.15) + 128 + rng.uniform(-18, 18)
    pixels = np.clip(picture + grain, 0, 255).round().astype(np.uint8)
    return Scene(f"{diagnosis}_{number}", diagnosis, pixels, edge > 0.5, int(rng.integers(20, 90)))
