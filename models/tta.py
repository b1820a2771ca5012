"""Test-time augmentation: the same network on several views of a picture, its answers put together."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from models.classifier import Classifier, Prediction

ZOOM = 1.05
PLAIN = 0.4  # weight of the picture as it is; the views share the rest (Steppan & Hanke 2020)


def corners(prepared: np.ndarray) -> Iterator[np.ndarray]:
    """Eight views of float (N, H, W, 3): enlarged by 5 %, cut out at each of the four corners, and each mirrored."""
    n, height, width, _ = prepared.shape
    size = round(width * ZOOM), round(height * ZOOM)
    large = np.stack([cv2.resize(image, size, interpolation=cv2.INTER_LINEAR) for image in prepared]) if n else prepared
    for top in (0, size[1] - height):
        for left in (0, size[0] - width):
            view = large[:, top : top + height, left : left + width]
            yield np.ascontiguousarray(view)
            yield np.ascontiguousarray(view[:, :, ::-1])


def turns(prepared: np.ndarray) -> Iterator[np.ndarray]:
    """Turned by a half, and by quarters where pictures are square."""
    for quarters in (1, 2, 3) if prepared.shape[1] == prepared.shape[2] else (2,):
        yield np.ascontiguousarray(np.rot90(prepared, quarters, axes=(1, 2)))


def predict_views(classifier: Classifier, prepared: np.ndarray, turned: bool = False) -> Prediction:
    """Probabilities: 0.4 of the picture's own and 0.6 of the mean over its views; logits likewise.

    turned: quarter turns besides the corners.
    """
    plain = classifier.predict(prepared)
    views = [classifier.predict(v) for v in corners(prepared)] + (
        [classifier.predict(v) for v in turns(prepared)] if turned else []
    )

    def blend(name: str) -> np.ndarray:
        others = np.mean([getattr(v, name) for v in views], axis=0)
        return np.asarray(PLAIN * getattr(plain, name) + (1 - PLAIN) * others)

    return Prediction(blend("logits"), blend("probabilities"))


def told(turned: bool) -> dict[str, str]:
    """What an export says of it."""
    views = "corners and mirror" + (", turns" if turned else "")
    return {"tta": f"{views}; zoom {ZOOM}; {PLAIN} of the picture itself"}
