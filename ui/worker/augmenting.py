"""What augmentation makes of pictures, for the training form."""

from __future__ import annotations

import numpy as np

from models.architectures import find_preset
from models.architectures.recipe import Recipe


def augmented(preset: str, recipe: Recipe, images: list[np.ndarray], views: int) -> np.ndarray:
    """uint8 pictures at the network's size → (N, views, H, W, 3)."""
    from training.preview import variants

    return variants(find_preset(preset), recipe, np.stack(images), views)
