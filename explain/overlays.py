"""Photographs overlaid with the heatmap of a class, for reports."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from core.errors import ImageError
from explain.cam import WEIGHTS, cam
from explain.methods import default_method
from imaging.decode import read_image
from imaging.overlay import overlay
from imaging.resize import enlarge, seen_box, thumbnail
from models.classifier import Classifier

SIDE = 320


def decided_overlays(classifier: Classifier, files: Mapping[str, Path | None], decisions: Sequence[str]) -> dict[str, np.ndarray]:
    """image_id → uint8 RGB, at most 320 pixels long; left out where the image cannot be read or the classifier lacks that class or a
    spatial layer. decisions: a diagnosis code for each file."""
    if not classifier.explainable:
        return {}
    card, method = classifier.card, default_method(classifier)[0]
    found = {}
    for (image_id, path), code in zip(files.items(), decisions, strict=True):
        try:
            image = read_image(path) if path is not None else None
        except ImageError:
            continue  # the report leaves the image out as well
        if image is None or code not in card.codes:
            continue
        target = np.array([card.codes.index(code)])
        heatmap = cam(classifier, classifier.prepare([image]), target, method if method in WEIGHTS else "hirescam")[1][0]
        small = thumbnail(image, SIDE)
        large = enlarge(heatmap, small.shape[:2], seen_box(small.shape[:2], card.size, card.resize.geometry))
        found[image_id] = overlay(small, large, float(np.abs(heatmap).max(initial=0)))
    return found
