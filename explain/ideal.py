"""What a class looks like to the network: activation maximisation, by tf-keras-vis on a flat copy of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from explain.standin import stand_in
from models.classifier import Classifier
from models.network import import_tensorflow

STEPS = 200


@dataclass(frozen=True)
class Ideal:
    """picture: uint8 RGB (H, W, 3), its logit and probability, and where the optimisation began."""

    picture: np.ndarray
    logit: float
    probability: float
    start_logit: float


def activation_maximisation(
    classifier: Classifier,
    target: int,
    steps: int = STEPS,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Ideal:
    """A picture that raises the logit of a class as far as gradient ascent gets (Erhan 2009; Olah 2017, doi:10.23915/distill.00007).

    It shows what the network answers to, which may be nothing that occurs in skin. Noise at the start, jitter,
    small rotations and a penalty on total variation keep it from being mere noise.
    """
    import_tensorflow()
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tf_keras_vis.activation_maximization import ActivationMaximization
        from tf_keras_vis.activation_maximization.callbacks import Callback
        from tf_keras_vis.utils.scores import CategoricalScore

        class Told(Callback):
            def __call__(self, i: int, *_: object, **__: object) -> None:
                progress(i + 1, steps)

        tf.random.set_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (its modifiers draw from there)
        network = classifier.function(("stand-in", "pixels"), lambda: stand_in(classifier, None, pixels=True))
        start = np.random.default_rng(seed).uniform(112, 144, (1, *classifier.card.size, 3)).astype(np.float32)
        found = ActivationMaximization(network)(
            CategoricalScore([target]), seed_input=start, input_range=(0, 255), steps=steps, callbacks=[Told()],
            optimizer=tf.keras.optimizers.RMSprop(1.0, 0.999),
        )  # fmt: skip
    picture = np.asarray(found)[0].round().clip(0, 255).astype(np.uint8)
    scores = classifier.predict(classifier.prepare([picture, start[0].round().astype(np.uint8)]))
    return Ideal(
        picture, float(scores.logits[0, target]), float(scores.probabilities[0, target]), float(scores.logits[1, target])
    )
