"""Scores, and how much of the evidence for them lies on a marker: each picture goes through the network once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explain.cam import WEIGHTS, cam
from explain.localisation import localise
from explain.methods import default_method
from imaging.resize import enlarge
from models.classifier import BATCH, Classifier


@dataclass(frozen=True)
class Scored:
    """probabilities, logits: float32 (N, C); maps: number of the picture → float32 (h, w), of the decision, signed."""

    probabilities: np.ndarray
    logits: np.ndarray
    maps: dict[int, np.ndarray]


def score(classifier: Classifier, pictures: Sequence[np.ndarray], looked_at: Sequence[bool]) -> Scored:
    """pictures: uint8 RGB (H, W, 3) at the network's input size; looked_at: of which the map is wanted, where the network shows one."""
    probabilities, logits = (np.zeros((len(pictures), len(classifier.card.classes)), np.float32) for _ in range(2))
    scored = Scored(probabilities, logits, {})
    method = map_method(classifier)
    mapped = np.asarray(looked_at, bool) & (method is not None)
    for wanted in (True, False):
        places = np.flatnonzero(mapped == wanted)
        for some in np.split(places, range(BATCH, len(places), BATCH)):
            if not len(some):
                continue
            prepared = classifier.scale(np.stack([pictures[k] for k in some]))
            if wanted and method is not None:
                scores, maps = cam(classifier, prepared, None, method)
                scored.maps.update(zip(some.tolist(), maps, strict=True))
            else:
                scores = classifier.predict(prepared)
            scored.probabilities[some], scored.logits[some] = scores.probabilities, scores.logits
    return scored


def map_method(classifier: Classifier) -> str | None:
    """The CAM that suits the network; None where it shows no layer."""
    if not classifier.explainable:
        return None
    method = default_method(classifier)[0]
    return method if method in WEIGHTS else "hirescam"


def share_on(heatmap: np.ndarray, mask: np.ndarray) -> float:
    """Share of the supporting evidence inside a mask bool (H, W); NaN for an empty map."""
    return localise(np.maximum(enlarge(heatmap, mask.shape), 0), mask).share
