"""Augmented images, for the training form."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from imaging.picture import Picture
from models.architectures import find_preset
from models.architectures.recipe import Recipe
from ui.worker.job import QuickJob


@dataclass(frozen=True, eq=False)
class Augment(QuickJob[np.ndarray]):
    """Images as epochs may show them: uint8 (N, views, H, W, 3) at the network's input size."""

    preset: str
    recipe: Recipe
    pictures: tuple[Picture, ...]
    views: int
    kept: ClassVar[int] = 16
    waiting: ClassVar[str] = "Augmenting…"

    def run(self) -> np.ndarray:
        from training.pixels import fitted
        from training.preview import variants

        images = np.stack([fitted(p.pixels, self.recipe.size) for p in self.pictures])
        return variants(find_preset(self.preset), self.recipe, images, self.views)
