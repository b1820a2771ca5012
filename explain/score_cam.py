"""Score-CAM and Faster-Score-CAM, by tf-keras-vis on a flat copy of the network."""

import warnings
from functools import partial
from typing import Any

import numpy as np

from core.runs import Run
from explain.cam import spatial_layer
from explain.standin import MAPS, stand_in
from models.classifier import Classifier

FASTER = 32  # feature maps that Faster-Score-CAM keeps: those that vary most over the image
CHUNK_BYTES = 256 * 2**20  # of masked images held at a time


def score_cam(
    classifier: Classifier, prepared: np.ndarray, targets: np.ndarray, layer: str | None = None, most: int | None = None
) -> Run[np.ndarray]:
    """Σ_k p(target | image × enlarged A_k) A_k (Wang 2020, arXiv:1910.01279).

    prepared: float32 (N, H, W, 3); targets: int (N,). most: only that many feature maps, those with the largest standard
    deviation (Faster-Score-CAM); None uses all, a forward pass each.
    Returns float32 (N, h, w); the weights are probabilities, so evidence against a class does not show.
    """
    info = spatial_layer(classifier, layer)
    separate = classifier.card.output in ("sigmoid", "multi-label")
    keep = None if most is None else min(most, info.channels)
    step = info.channels if keep else max(1, CHUNK_BYTES // (4 * prepared[0].size if len(prepared) else 1))
    maps = np.zeros((len(prepared), info.height, info.width), np.float32)
    for k, (image, target) in enumerate(zip(prepared, targets, strict=True)):
        single = int(target) if separate else None
        network = classifier.function(("stand-in", info.path, single), partial(stand_in, classifier, info, single))
        for first in range(0, info.channels, step):
            yield k * info.channels + first, len(prepared) * info.channels
            network.get_layer(MAPS).channels = slice(first, first + step)
            maps[k] += _tf_keras_vis(network, image, 1 if separate else int(target), keep)
    return maps


def _tf_keras_vis(network: Any, image: np.ndarray, target: int, keep: int | None) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports SciPy under a deprecated name
        from tf_keras_vis.scorecam import Scorecam
        from tf_keras_vis.utils.scores import CategoricalScore

        found = Scorecam(network)(
            CategoricalScore([target]),
            image[None],
            penultimate_layer=MAPS,
            seek_penultimate_conv_layer=False,
            max_N=keep,
            activation_modifier=None,
            expand_cam=False,
            normalize_cam=False,
        )
    return np.asarray(found, np.float32)[0]
