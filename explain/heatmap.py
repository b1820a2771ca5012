"""`Explanation`: a raw, signed heatmap with everything needed to read it."""

from dataclasses import dataclass

import numpy as np

from explain.methods import METHODS
from models.layers import MIN_READABLE


@dataclass(frozen=True)
class Explanation:
    """One class of one image. heatmap: float32 (h, w) at the layer's resolution, in the method's own units; positive
    values are evidence for the class, negative ones against it."""

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
        """Whether there is no evidence for the class (of a sensitivity: whether nothing matters)."""
        return not (METHODS[self.method].evidence(self.heatmap) > 0).any()

    @property
    def coarse(self) -> bool:
        return min(self.heatmap.shape) < MIN_READABLE
