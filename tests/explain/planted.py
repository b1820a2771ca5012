"""A network whose evidence is known, and pictures in which it is planted: the class is where the green square is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.card import ModelCard
from models.classifier import Classifier
from models.files import FileFacts

SIZE, SQUARE = 32, 8


def planted_classifier(path: Path | None = None) -> Classifier:
    """relu(green − (red + blue)/2 − ¼) of each pixel, mean of 2 × 2, global mean, logits (40 m, −40 m, 0)."""
    import keras

    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(2, 1, activation="relu", name="green")(inputs)
    x = keras.layers.AveragePooling2D(2)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    network = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    kernel = np.array([[-0.5, -0.5], [1, 1], [-0.5, -0.5]], np.float32).reshape(1, 1, 3, 2)
    network.layers[1].set_weights([kernel, np.array([-0.25, -0.25], np.float32)])
    network.layers[-1].set_weights([np.array([[20, -20, 0], [20, -20, 0]], np.float32), np.zeros(3, np.float32)])
    card = ModelCard(name="planted", classes=("green", "not green", "other"), height=SIZE, width=SIZE)
    if path is not None:
        network.save(path)
    return Classifier(network, card, FileFacts(path or Path("planted"), "keras", "", 0, "3"))


def planted_pictures(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Skin-coloured noise uint8 (n, 32, 32, 3), each with one green square; masks bool (n, 32, 32)."""
    rng = np.random.default_rng(seed)
    images = rng.normal((205, 160, 140), 6, (n, SIZE, SIZE, 3)).clip(0, 255).astype(np.uint8)
    masks = np.zeros((n, SIZE, SIZE), bool)
    for image, mask in zip(images, masks, strict=True):
        y, x = rng.integers(1, SIZE - SQUARE - 1, 2)
        mask[y : y + SQUARE, x : x + SQUARE] = True
        image[mask] = (40, 200, 50)
    return images, masks
