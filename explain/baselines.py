"""What an image is replaced by where part of it is removed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, cast, get_args

import cv2
import numpy as np

from core.errors import ImageError, LesionLensError
from imaging.decode import read_image
from models.card import scale_pixels
from models.classifier import Classifier

Baseline = Literal["blur", "mean", "black"]
Colour = tuple[float, float, float]
BLUR = 0.1  # standard deviation of the blur, as a share of the shorter side


def baseline_images(classifier: Classifier, prepared: np.ndarray, kind: Baseline = "blur", colour: Colour | None = None) -> np.ndarray:
    """Uninformative counterparts of prepared images, float32 (N, H, W, 3) in the network's range.

    blur: each image blurred until its lesion is a smudge (Fong & Vedaldi 2017, arXiv:1704.03296).
    mean: one colour, the RGB 0–255 given as `colour` (a dataset's mean), else each image's own mean.
    black: the usual choice, and the worst here, because lesions are dark.
    Raises LesionLensError for another kind.
    """
    fills: dict[str, Callable[[], np.ndarray]] = {
        "blur": lambda: np.stack([_blur(image) for image in prepared]),
        "mean": lambda: np.broadcast_to(_mean(classifier, prepared, colour), prepared.shape).copy(),
        "black": lambda: np.broadcast_to(_scaled(classifier, np.zeros(3)), prepared.shape).copy(),
    }
    return fills[checked_baseline(kind)]() if len(prepared) else prepared


def mean_colour(paths: Sequence[Path], most: int = 100) -> Colour | None:
    """Mean RGB 0–255 over at most `most` image files, spread over the list; None if none can be read."""
    means = []
    for path in paths[:: max(1, len(paths) // most)][:most]:
        try:
            means.append(read_image(path).reshape(-1, 3).mean(axis=0))
        except ImageError:
            continue
    if not means:
        return None
    red, green, blue = np.mean(means, axis=0)
    return float(red), float(green), float(blue)


def checked_baseline(kind: str) -> Baseline:
    """The kind, if it exists; raises LesionLensError."""
    if kind not in get_args(Baseline):
        raise LesionLensError(f"unknown baseline {kind!r}.", todo=f"Choose: {', '.join(get_args(Baseline))}.")
    return cast(Baseline, kind)


def _blur(image: np.ndarray) -> np.ndarray:
    sigma = BLUR * min(image.shape[:2])
    return cv2.GaussianBlur(image, (0, 0), max(sigma, 0.5), borderType=cv2.BORDER_REFLECT)


def _mean(classifier: Classifier, prepared: np.ndarray, colour: Colour | None) -> np.ndarray:
    return prepared.mean(axis=(1, 2), keepdims=True) if colour is None else _scaled(classifier, np.asarray(colour))


def _scaled(classifier: Classifier, colour: np.ndarray) -> np.ndarray:
    return scale_pixels(classifier.card, colour.reshape(1, 1, 1, 3).astype(np.float32))
