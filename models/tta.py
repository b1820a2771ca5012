"""Test-time augmentation: the predictions of one network on several views of an image, combined."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from models.classifier import Classifier, Prediction

ZOOM = 1.05
PLAIN = 0.4  # weight of the unchanged image; the views share the rest (Steppan & Hanke 2020)


@dataclass(frozen=True)
class View:
    """Views float (N, H, W, 3) of images: enlarged to `size` (height, width), cropped at (top, left), perhaps mirrored, or
    rotated by so many quarter turns counter-clockwise."""

    images: np.ndarray
    size: tuple[int, int]
    top: int = 0
    left: int = 0
    mirrored: bool = False
    quarters: int = 0

    def back(self, maps: np.ndarray) -> np.ndarray:
        """Maps float (N, h, w) of the view → float32 (N, H, W) over the unchanged image; NaN outside the view."""
        height, width = self.images.shape[1:3]
        placed = np.full((len(maps), height, width), np.nan, np.float32)
        for k, one in enumerate(maps.astype(np.float32)):
            large = np.rot90(cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR), -self.quarters)
            whole = np.full(self.size, np.nan, np.float32)
            whole[self.top : self.top + height, self.left : self.left + width] = large[:, ::-1] if self.mirrored else large
            placed[k] = cv2.resize(whole, (width, height), interpolation=cv2.INTER_NEAREST)
        return placed


def views(prepared: np.ndarray, turned: bool = False) -> Iterator[View]:
    """Eight views of float (N, H, W, 3): enlarged by 5 %, cropped at each of the four corners, and each mirrored. turned: rotations as
    well, by half a turn, and by quarter turns if images are square."""
    n, height, width, _ = prepared.shape
    size = round(height * ZOOM), round(width * ZOOM)
    large = np.stack([cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR) for image in prepared]) if n else prepared
    for top in (0, size[0] - height):
        for left in (0, size[1] - width):
            cut = large[:, top : top + height, left : left + width]
            yield View(np.ascontiguousarray(cut), size, top, left)
            yield View(np.ascontiguousarray(cut[:, :, ::-1]), size, top, left, mirrored=True)
    for quarters in ((1, 2, 3) if height == width else (2,)) if turned else ():
        yield View(np.ascontiguousarray(np.rot90(prepared, quarters, axes=(1, 2))), (height, width), quarters=quarters)


def predict_views(classifier: Classifier, prepared: np.ndarray, turned: bool = False) -> Prediction:
    """Probabilities: 0.4 of the image's own and 0.6 of the mean over its views; logits likewise. turned: rotations as well."""
    plain = classifier.predict(prepared)
    others = [classifier.predict(v.images) for v in views(prepared, turned)]

    def blend(name: str) -> np.ndarray:
        return np.asarray(PLAIN * getattr(plain, name) + (1 - PLAIN) * np.mean([getattr(v, name) for v in others], axis=0))

    return Prediction(blend("logits"), blend("probabilities"))


def about_views(turned: bool) -> dict[str, str]:
    """How an export describes it."""
    seen = "corners and mirror" + (", turns" if turned else "")
    return {"tta": f"{seen}; zoom {ZOOM}; {PLAIN} of the picture itself"}
