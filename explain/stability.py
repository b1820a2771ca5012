"""Does the map stay the same when the photograph changes in ways that do not matter?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.runs import Run
from explain.methods import DEFAULT, Settings, attribution
from explain.similarity import spearman
from imaging.decode import decode, encode_jpeg
from models.classifier import Classifier

NOISE = 3.0  # standard deviation in grey levels of 255
JPEG_QUALITY = 90


def _noise(image: np.ndarray) -> np.ndarray:
    return _whole(image + np.random.default_rng(0).normal(0, NOISE, image.shape))


def _shift(image: np.ndarray) -> np.ndarray:
    return np.pad(image, ((1, 0), (1, 0), (0, 0)), mode="edge")[:-1, :-1]


def _jpeg(image: np.ndarray) -> np.ndarray:
    return decode(encode_jpeg(image, JPEG_QUALITY))


def _brightness(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda image: _whole(image.astype(float) * factor)


def _whole(values: np.ndarray) -> np.ndarray:
    return values.round().clip(0, 255).astype(np.uint8)


CHANGES: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "noise": (f"noise of {NOISE:.0f} grey levels", _noise),
    "shift": ("a shift by one pixel", _shift),
    "jpeg": (f"JPEG at quality {JPEG_QUALITY}", _jpeg),
    "brighter": ("10 % brighter", _brightness(1.1)),
    "darker": ("10 % darker", _brightness(0.9)),
}


@dataclass(frozen=True)
class Stability:
    """For each change: Spearman correlation of the maps (NaN if one is constant), change of the target's
    probability, and whether the predicted class changes."""

    correlation: dict[str, float]
    probability_change: dict[str, float]
    flips: dict[str, bool]

    @property
    def lowest(self) -> tuple[str, float]:
        """The change under which the map changes most, and the correlation; NaN counts as the lowest."""
        worst = min(self.correlation, key=lambda k: np.nan_to_num(self.correlation[k], nan=-1.0))
        return worst, self.correlation[worst]


def stability(
    classifier: Classifier, fitted: np.ndarray, target: int, method: str, layer: str | None = None, settings: Settings = DEFAULT
) -> Run[Stability]:
    """fitted: one image uint8 (H, W, 3) at the network's input size."""
    changed = [fitted, *(change(fitted) for _, change in CHANGES.values())]
    targets = np.full(len(changed), target)
    found = yield from attribution(classifier, classifier.scale(np.stack(changed)), targets, method, layer, settings)
    probabilities, decided = found.prediction.probabilities[:, target], found.prediction.logits.argmax(1)
    maps = dict(zip(CHANGES, found.maps[1:], strict=True))
    if maps["shift"].shape == fitted.shape[:2]:  # a map at full resolution moves with the image
        maps["shift"] = np.pad(maps["shift"], ((0, 1), (0, 1)), mode="edge")[1:, 1:]
    return Stability(
        {k: float(spearman(found.maps[:1], m[None])[0]) for k, m in maps.items()},
        {k: float(p - probabilities[0]) for k, p in zip(CHANGES, probabilities[1:], strict=True)},
        {k: bool(d != decided[0]) for k, d in zip(CHANGES, decided[1:], strict=True)},
    )
