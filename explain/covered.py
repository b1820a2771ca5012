"""Does the score depend on the picture at all? The same photograph with everything covered."""

from dataclasses import dataclass
from typing import get_args

import numpy as np

from explain.baselines import Baseline, Colour, baseline_images
from explain.faithfulness import SATURATED, log_odds
from models.classifier import Classifier

CONSTANT = 1e-3  # log odds within which the score is the same whatever the picture; sums in another order move it by less

FAR_OUT = 16.0  # log odds from which on a probability in single precision is 1 (or 0)
COVERED = 1 + len(get_args(Baseline))  # predictions it takes


@dataclass(frozen=True)
class Covered:
    """Probability and log odds of the target, float (4,): of the photograph, then of nothing but each baseline."""

    probability: np.ndarray
    log_odds: np.ndarray

    @property
    def constant(self) -> bool:
        """Whether the score depends on nothing in the picture."""
        return bool(np.ptp(self.log_odds) < CONSTANT)

    @property
    def saturated(self) -> bool:
        """Whether the probability is exactly 1 or 0, or reads 1.000 or 0.000 with everything covered as well."""
        return bool(abs(self.log_odds[0]) >= FAR_OUT or self.log_odds.min() >= SATURATED or self.log_odds.max() <= -SATURATED)


def covered(classifier: Classifier, image: np.ndarray, target: int, colour: Colour | None = None) -> Covered:
    """image: one prepared image float32 (H, W, 3); colour: RGB 0–255 of the baseline `mean`."""
    bases = [baseline_images(classifier, image[None], kind, colour)[0] for kind in get_args(Baseline)]
    found = classifier.predict(np.stack([image, *bases]))
    return Covered(found.probabilities[:, target].astype(float), log_odds(classifier, found, target))
