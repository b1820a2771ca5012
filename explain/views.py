"""Maps of combined predictions: from several views of an image, or from several classifiers."""

from collections.abc import Sequence

import numpy as np

from explain.cam import cam
from imaging.resize import scale_image
from models.classifier import Classifier
from models.tta import PLAIN, views


def cam_of_views(
    classifier: Classifier, prepared: np.ndarray, targets: np.ndarray, method: str, layer: str | None = None, turned: bool = False
) -> np.ndarray:
    """The maps of `predict_views`: 0.4 of the image's own and 0.6 of the mean over its views, each mapped back to the image.

    prepared float32 (N, H, W, 3), targets int (N,). Returns float32 (N, H, W), signed.
    """
    height, width = prepared.shape[1:3]
    plain = cam(classifier, prepared, targets, method, layer)[1]
    own = np.stack([scale_image(m.astype(np.float32), (height, width), "bilinear") for m in plain])
    total, seen = np.zeros_like(own), np.zeros_like(own)
    for view in views(prepared, turned):
        back = view.back(cam(classifier, view.images, targets, method, layer)[1])
        total += np.nan_to_num(back)
        seen += ~np.isnan(back)
    return np.asarray(PLAIN * own + (1 - PLAIN) * np.where(seen > 0, total / np.maximum(seen, 1), own), np.float32)


def mean_of_maps(maps: Sequence[np.ndarray], weights: Sequence[float] | None = None) -> np.ndarray:
    """The mean of several classifiers' maps float (h, w) of one image, all of the same extent: each relative to its own strongest
    value, because logits of different networks are not comparable; signed, NaN where a network does not see the image."""
    unit = [m / top if (top := float(np.nanmax(np.abs(m), initial=0))) > 0 else m for m in maps]
    return np.asarray(np.average(unit, axis=0, weights=weights), np.float32)
