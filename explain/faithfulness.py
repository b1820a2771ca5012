"""Does the map point at what the network uses? Deletion and insertion, compared with uninformed controls.

A map is faithful if the score falls fast when its strongest pixels are removed, and rises fast when they are restored
(Petsiuk 2018, arXiv:1806.07421). Lesions lie in the middle, so any map that points at the middle does well: the
controls are random maps and the image centre.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import logsumexp

from core.runs import Run
from explain.baselines import Baseline, Colour, baseline_images
from explain.perturbation import scored
from imaging.resize import enlarge
from models.classifier import Classifier, Prediction

STEPS, RANDOM_MAPS = 20, 5
SATURATED = 7.0  # log odds from which on a probability reads 1.000 (or, below zero, 0.000)
Unit = Literal["probability", "log odds"]


@dataclass(frozen=True)
class Faithfulness:
    """Curves of the target's score, float (steps + 1,), over the share 0…1 of the image removed (deletion) or
    restored (insertion), most important pixels first.

    random_…: float (maps, steps + 1), for random maps of the same resolution; centre_…: for the image centre.
    unit: of the score. log_odds: the same curves in log odds, which go on moving where the probability has reached 0 or 1.
    """

    deletion: np.ndarray
    insertion: np.ndarray
    random_deletion: np.ndarray
    random_insertion: np.ndarray
    centre_deletion: np.ndarray
    centre_insertion: np.ndarray
    baseline: str
    unit: Unit = "probability"
    log_odds: "Faithfulness | None" = None

    @property
    def judged(self) -> "Faithfulness":
        """The curves to judge by: in log odds where the photograph's probability reads 1.000 or 0.000."""
        odds = self.log_odds
        return odds if odds is not None and abs(odds.deletion[0]) >= SATURATED else self

    @property
    def random(self) -> np.ndarray:
        """Score of each random map."""
        return np.array([area(i) - area(d) for i, d in zip(self.random_insertion, self.random_deletion, strict=True)])

    @property
    def centre(self) -> float:
        """Score of the image centre."""
        return area(self.centre_insertion) - area(self.centre_deletion)

    @property
    def deletion_area(self) -> float:
        """0…1, the lower the better."""
        return area(self.deletion)

    @property
    def insertion_area(self) -> float:
        """0…1, the higher the better."""
        return area(self.insertion)

    @property
    def score(self) -> float:
        """Insertion minus deletion area."""
        return self.insertion_area - self.deletion_area

    @property
    def over_random(self) -> float:
        return self.score - float(self.random.mean())

    @property
    def over_centre(self) -> float:
        return self.score - self.centre

    @property
    def gain(self) -> float:
        """Over the best of all controls: every random map, and the centre."""
        return self.score - max(float(self.random.max()), self.centre)

    @property
    def rise(self) -> float:
        """Score of the whole photograph, less that of the covered one."""
        return float(self.deletion[0] - self.deletion[-1])

    @property
    def reach(self) -> float:
        """How far the score moves on this photograph: the highest minus the lowest of all curves."""
        every = [np.ravel(v) for k, v in vars(self).items() if isinstance(v, np.ndarray)]
        return float(np.ptp(np.concatenate(every)))


def faithfulness(
    classifier: Classifier,
    image: np.ndarray,
    target: int,
    importance: np.ndarray,
    baseline: Baseline = "blur",
    colour: Colour | None = None,
    steps: int = STEPS,
    random_maps: int = RANDOM_MAPS,
    seed: int = 0,
) -> Run[Faithfulness]:
    """image: one prepared image float32 (H, W, 3); importance: float (h, w), highest first.

    baseline, colour: what removed pixels are replaced by (see `baseline_images`). Its cost: `predictions`.
    """
    size = image.shape[:2]
    base = baseline_images(classifier, image[None], baseline, colour)[0]
    rng = np.random.default_rng(seed)
    controls = [enlarge(rng.standard_normal(importance.shape), size) for _ in range(random_maps)]
    ranks = [_ranks(x) for x in (enlarge(importance, size), *controls, _centre(size))]
    shares = np.arange(1, steps) / steps
    pictures = (picture for rank in ranks for picture in _both_ways(image, base, rank, shares))
    found = yield from scored(classifier, pictures, 0, 2 * len(ranks) * (steps - 1))
    ends = classifier.predict(np.stack([image, base]))
    inner, outer = (log_odds(classifier, p, target) for p in (found, ends))
    unbounded = _curves(inner, outer, steps, baseline, "log odds")
    return replace(_curves(found.probabilities[:, target], ends.probabilities[:, target], steps, baseline), log_odds=unbounded)


def log_odds(classifier: Classifier, prediction: Prediction, target: int) -> np.ndarray:
    """Log odds of a class, float (N,): what its logit is above all others, or above 0 where every class has a sigmoid of its own."""
    logits = prediction.logits.astype(float)
    if classifier.card.output in ("sigmoid", "multi-label"):
        return logits[:, target]
    return logits[:, target] - logsumexp(np.delete(logits, target, axis=1), axis=1)


def predictions(steps: int = STEPS, random_maps: int = RANDOM_MAPS) -> int:
    """How many predictions the curves of one map take."""
    return 2 * (random_maps + 2) * (steps - 1) + 2


def _curves(inner: np.ndarray, outer: np.ndarray, steps: int, baseline: str, unit: Unit = "probability") -> Faithfulness:
    """inner: scores in the order of the pictures; outer: of the whole image and of nothing but the baseline."""
    scores, (whole, empty) = inner.astype(float).reshape(-1, 2, steps - 1), outer.astype(float)
    deletion = np.stack([np.concatenate([[whole], s[0], [empty]]) for s in scores])
    insertion = np.stack([np.concatenate([[empty], s[1], [whole]]) for s in scores])
    return Faithfulness(deletion[0], insertion[0], deletion[1:-1], insertion[1:-1], deletion[-1], insertion[-1], baseline, unit)


def area(curve: np.ndarray) -> float:
    """Area under a curve over equal steps from 0 to 1."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))


def _both_ways(image: np.ndarray, base: np.ndarray, rank: np.ndarray, shares: np.ndarray) -> Iterator[np.ndarray]:
    for share in shares:
        yield np.where((rank < share)[..., None], base, image)
    for share in shares:
        yield np.where((rank < share)[..., None], image, base)


def _ranks(importance: np.ndarray) -> np.ndarray:
    """Each pixel's rank in order of decreasing importance, as a share 0…1 of all pixels."""
    order = np.argsort(-importance, axis=None, kind="stable")
    ranks = np.empty(order.size)
    ranks[order] = np.arange(order.size) / order.size
    return ranks.reshape(importance.shape)


def _centre(size: tuple[int, int]) -> np.ndarray:
    y, x = ((np.arange(n) + 0.5) / n - 0.5 for n in size)
    return -np.hypot(y[:, None], x[None, :])
