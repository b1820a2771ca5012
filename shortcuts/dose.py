"""What is put into a photograph: which marker, of what kind, size and strength, and where."""

from dataclasses import dataclass

import numpy as np

Drawn = tuple[np.ndarray, np.ndarray]  # image float32 (H, W, 3) 0–255, mask bool (H, W)


@dataclass(frozen=True)
class Dose:
    """What is inserted. kind, colour: of the marker's own, None draws one at random; size: 1 is usual, of what stands in `INSERTED`;
    strength: 0…1, how much of the skin it covers; at: (x, y) as shares of width and height, None for where it usually lies."""

    marker: str
    kind: str | None = None
    colour: str | None = None
    size: float = 1.0
    strength: float = 0.85
    at: tuple[float, float] | None = None


def blend(under: np.ndarray, over: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """One picture (H, W, 3) over another, by a cover (H, W) of 0…1."""
    c = cover[..., None].astype(np.float32)
    return under * (1 - c) + over * c
