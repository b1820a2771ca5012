"""What a class looks like to the network: activation maximisation, by tf-keras-vis on a flat copy of it."""

import warnings
from dataclasses import dataclass

import numpy as np

from core.runs import Run
from explain.standin import stand_in
from models.classifier import Classifier
from models.network import import_tensorflow

STEPS, AT_ONCE = 200, 25
RATE = 3.0  # grey levels of 255 per step


@dataclass(frozen=True)
class Ideal:
    """picture: uint8 RGB (H, W, 3), with its logit and probability, and the logit at the start."""

    picture: np.ndarray
    logit: float
    probability: float
    start_logit: float


def activation_maximisation(classifier: Classifier, target: int, steps: int = STEPS, seed: int = 0) -> Run[Ideal]:
    """An image that maximises the logit of a class by gradient ascent (Erhan 2009; Olah 2017, doi:10.23915/distill.00007).

    It shows what the network responds to, which may be nothing that occurs on skin. Noise at the start, jitter,
    small rotations and a penalty on total variation keep it from being mere noise.
    """
    import_tensorflow()
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports SciPy under a deprecated name
        from tf_keras_vis.activation_maximization import ActivationMaximization
        from tf_keras_vis.activation_maximization.input_modifiers import Jitter, Rotate2D
        from tf_keras_vis.utils.scores import CategoricalScore

    rotate = Rotate2D(1)
    rotate.random_generator = np.random.default_rng(seed)
    np.random.seed(seed)  # the jitter uses the global generator
    network = classifier.function(("stand-in", "pixels"), lambda: stand_in(classifier, None, pixels=True))
    start = np.random.default_rng(seed).uniform(112, 144, (1, *classifier.card.size, 3)).astype(np.float32)
    found = start
    for done in range(0, steps, AT_ONCE):
        yield done, steps
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = ActivationMaximization(network)(
                CategoricalScore([target]),
                seed_input=found,
                input_range=(0, 255),
                steps=min(AT_ONCE, steps - done),
                input_modifiers=[Jitter(4), rotate],
                optimizer=tf.keras.optimizers.Adam(RATE),
            )
    picture = np.asarray(found)[0].round().clip(0, 255).astype(np.uint8)
    scores = classifier.predict(classifier.prepare([picture, start[0].round().astype(np.uint8)]))
    return Ideal(picture, float(scores.logits[0, target]), float(scores.probabilities[0, target]), float(scores.logits[1, target]))
