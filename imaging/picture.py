"""`Picture`: a decoded image with the hash that identifies it."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Picture:
    """pixels: uint8 RGB (H, W, 3), read-only, so that its hash stays valid."""

    pixels: np.ndarray

    def __post_init__(self) -> None:
        self.pixels.setflags(write=False)

    @cached_property
    def sha256(self) -> str:
        """Of the pixels, row by row."""
        return hashlib.sha256(np.ascontiguousarray(self.pixels).tobytes()).hexdigest()

    @property
    def identity(self) -> tuple[str, tuple[int, ...]]:
        """Its cache key."""
        return self.sha256, self.pixels.shape
