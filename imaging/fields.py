"""Random fields for synthetic images: smooth noise, nets, spots, strokes. All float32 (H, W)."""

import cv2
import numpy as np

Rng = np.random.Generator


def smooth_noise(rng: Rng, size: tuple[int, int], grain: float) -> np.ndarray:
    """Noise with features of about `grain` pixels, mean 0, spread about 1."""
    h, w = size
    small = rng.standard_normal((max(2, round(h / grain) + 2), max(2, round(w / grain) + 2))).astype(np.float32)
    return cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC)


def honeycomb(rng: Rng, size: tuple[int, int], pitch: float, jitter: float) -> np.ndarray:
    """A net with meshes of `pitch` pixels, 1 on its cords and 0 in its holes; jitter bends it."""
    h, w = size
    y, x = np.mgrid[:h, :w].astype(np.float32)
    x = x + jitter * pitch * smooth_noise(rng, size, pitch * 2.5)
    y = y + jitter * pitch * smooth_noise(rng, size, pitch * 2.5)
    turn = rng.uniform(0, np.pi)
    waves = sum(np.cos(2 * np.pi / pitch * (x * np.cos(turn + k * np.pi / 3) + y * np.sin(turn + k * np.pi / 3))) for k in range(3))
    return np.clip(1 - (waves + 1.5) / 2.6, 0, 1).astype(np.float32)


def spots(rng: Rng, size: tuple[int, int], centres: np.ndarray, radius: tuple[float, float], soft: float = 0.8) -> np.ndarray:
    """Discs at (n, 2) x, y centres, radii drawn from the range, with soft rims; 0…1."""
    field = np.zeros(size, np.float32)
    for x, y in centres:
        cv2.circle(field, (round(x), round(y)), max(1, round(rng.uniform(*radius))), 1.0, -1, cv2.LINE_AA)
    return cv2.GaussianBlur(field, (0, 0), soft)


def strokes(size: tuple[int, int], lines: list[np.ndarray], thickness: list[int], soft: float = 0.6) -> np.ndarray:
    """Polylines of (n, 2) points as a field 0…1."""
    field = np.zeros(size, np.float32)
    for line, thick in zip(lines, thickness, strict=True):
        cv2.polylines(field, [np.round(line * 8).astype(np.int32)], False, 1.0, thick, cv2.LINE_AA, shift=3)
    return cv2.GaussianBlur(field, (0, 0), soft) if soft > 0 else field


def inside(rng: Rng, field: np.ndarray, n: int) -> np.ndarray:
    """n random (x, y) places where the field is above .5; fewer where it is nowhere."""
    y, x = np.nonzero(field > 0.5)
    if len(x) == 0:
        return np.zeros((0, 2))
    pick = rng.integers(0, len(x), n)
    return np.stack([x[pick], y[pick]], axis=1)
