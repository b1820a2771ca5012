"""A preview of augmentation: a contact sheet, each photograph beside what the network will see of it."""

import cv2
import numpy as np
import pandas as pd

from imaging.resize import scale_image
from models.architectures.preset import Preset
from models.architectures.recipe import Recipe
from models.network import import_tensorflow
from training.augmentation import apply, draw
from training.samples import Samples

VARIANTS, IMAGES = 6, 8
GAP, BAND, MIN_CELL = 6, 26, 120


def variants(preset: Preset, recipe: Recipe, pixels: np.ndarray, count: int = VARIANTS) -> np.ndarray:
    """uint8 (N, H, W, 3) at the network's size → uint8 (N, count, H, W, 3), as `count` epochs would show them."""
    import_tensorflow()
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(recipe.seed)
    made, inside = [], preset.inside()
    for epoch in range(count):
        drawn = draw(recipe.augmentation, len(pixels), recipe.size, np.random.default_rng([recipe.seed, 5, epoch]))
        images = apply(pixels, {k: tf.constant(v) for k, v in drawn.items()}, recipe.augmentation.get("cutout", 0))
        for layer in inside:
            images = layer(images, training=True)
        made.append(np.clip(np.asarray(images), 0, 255).round().astype(np.uint8))
    return np.stack(made, 1)


def examples(samples: Samples, seed: int, count: int = IMAGES) -> list[str]:
    """Ids of training images, the classes in turn, the same for the same seed."""
    rng = np.random.default_rng([seed, 6])
    rows = rng.permutation(samples.rows("train"))
    labels = samples.labels[rows]
    nth = pd.Series(labels).groupby(labels).cumcount()
    return [str(i) for i in samples.image_ids[rows[np.lexsort((labels, nth))[:count]]]]


def contact_sheet(originals: list[np.ndarray], made: np.ndarray) -> np.ndarray:
    """RGB uint8: a row per photograph, original and augmented; originals of any size, made as `variants` returns them."""
    height, width = made.shape[2:4]
    scale = max(1, round(MIN_CELL / min(height, width)))
    cell = (height * scale, width * scale)
    rows = []
    for original, shown in zip(originals, made, strict=True):
        pictures = [scale_image(original, cell), *(cv2.resize(v, cell[::-1], interpolation=cv2.INTER_NEAREST) for v in shown)]
        rows.append(np.concatenate([np.pad(p, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for p in pictures], 1))
    sheet = np.concatenate(rows)
    band = np.full((BAND, sheet.shape[1], 3), 255, np.uint8)
    for text, x in (("photograph", 2), ("as shown in training", cell[1] + GAP + 2)):
        cv2.putText(band, text, (x, BAND - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (60, 60, 60), 1, cv2.LINE_AA)
    return np.concatenate([band, sheet])
