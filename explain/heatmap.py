"""`Explanation`: a raw, signed heatmap with everything needed to read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Explanation:
    """One class of one image. heatmap: float32 (h, w) at the layer's resolution; positive values speak
    for the class, negative ones against it; units are those of the method, not rescaled."""

    method: str
    target: str
    layer: str
    heatmap: np.ndarray

    def __post_init__(self) -> None:
        if self.heatmap.ndim != 2 or self.heatmap.dtype != np.float32:
            raise ValueError(f"a heatmap is float32 (h, w), not {self.heatmap.dtype} {self.heatmap.shape}")

    @property
    def scale(self) -> float:
        """Largest absolute value, 0 for an empty map."""
        return float(np.abs(self.heatmap).max(initial=0))

    @property
    def empty(self) -> bool:
        """Whether nothing speaks for the class: what ReLU would leave is nothing."""
        return not bool((self.heatmap > 0).any())

    @property
    def coarse(self) -> bool:
        return min(self.heatmap.shape) < 5


def share_inside(heatmap: np.ndarray, mask: np.ndarray) -> float:
    """Share of the positive evidence that lies in the mask, 0…1; NaN for an empty map.

    heatmap: float (H, W), already enlarged to the mask's size; mask: bool (H, W).
    """
    positive = np.clip(np.nan_to_num(heatmap, nan=0.0), 0, None)
    total = float(positive.sum())
    return float(positive[mask].sum()) / total if total > 0 else float("nan")
