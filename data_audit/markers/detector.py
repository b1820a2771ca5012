"""Finds markers in one picture: a score 0…1 and a mask for each.

A small network of the project's own, kept as ONNX and run by OpenCV: no TensorFlow. What it learned from, and how often it
errs, stands in `markers.card.yaml` beside it; `python cli.py markers retrain` makes both anew.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from data_audit.dataset import MARKERS
from data_audit.quality import Border, View, black_border
from imaging.resize import scale_image

SIDE = 224  # pixels; the whole picture is stretched to a square, so its aspect ratio does not matter
LEARNED = ("ink", "sticker", "ruler", "hair", "dark_corner", "gel_border", "gel_bubble")
NETWORK = Path(__file__).with_name("markers.onnx")
CARD = Path(__file__).with_name("markers.card.yaml")
FRAME = 0.02  # share of the area that is black border, from which it is a frame

_own = threading.local()  # OpenCV's networks are not to be shared between threads


@dataclass(frozen=True)
class Found:
    """scores: 0…1 a marker, in the order of MARKERS; flags: at or above its threshold on the card; bits uint8 (H, W): bit k
    where marker k lies, of flagged ones alone."""

    scores: dict[str, float]
    flags: dict[str, bool]
    bits: np.ndarray

    def mask(self, marker: str) -> np.ndarray:
        """bool (H, W), all false for a marker that is not flagged."""
        return (self.bits >> MARKERS.index(marker) & 1).astype(bool)


def find_markers(picture: np.ndarray, border: Border | None = None) -> Found:
    """picture: uint8 RGB (H, W, 3), at best 256 to 512 pixels on its longer side; the mask has its size.

    border: what `black_border` says of it, where that is known already.
    """
    learned, planes = _network_says(picture)
    frame = black_border(View(picture)) if border is None else border
    told = dict(zip(LEARNED, map(float, learned), strict=True)) | {"black_frame": min(1.0, frame.share / (2 * FRAME))}
    scores = {marker: told[marker] for marker in MARKERS}
    flags = {marker: score >= thresholds()[marker] for marker, score in scores.items()}
    height, width = picture.shape[:2]
    bits = np.zeros((height, width), np.uint8)
    for k, marker in enumerate(MARKERS):
        if flags[marker]:
            mask = _framed(frame, height, width) if marker == "black_frame" else _lies(planes, marker, height, width)
            bits |= mask.astype(np.uint8) << k
    return Found(scores, flags, bits)


@cache
def card() -> Mapping[str, Any]:
    """What the detectors learned from, their thresholds and measured figures."""
    return dict(yaml.safe_load(CARD.read_text(encoding="utf-8")))


@cache
def thresholds() -> Mapping[str, float]:
    """Score from which a marker is flagged."""
    return {marker: float(card()["markers"][marker]["threshold"]) for marker in MARKERS}


def _network_says(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores (7,), and logits of each marker lying on a pixel, float32 (7, 2, 2, SIDE/2, SIDE/2): four to a cell of 2 × 2."""
    if not hasattr(_own, "network"):
        _own.network = cv2.dnn.readNetFromONNX(str(NETWORK))
    square = scale_image(picture, (SIDE, SIDE), "area" if min(picture.shape[:2]) >= SIDE else "bilinear")
    _own.network.setInput(cv2.dnn.blobFromImage(square))
    scores, logits = _own.network.forward(("scores", "masks"))
    return scores[0], logits.reshape(len(LEARNED), 2, 2, SIDE // 2, SIDE // 2)


def _lies(planes: np.ndarray, marker: str, height: int, width: int) -> np.ndarray:
    """bool (H, W) of one marker from the logits of all; a pixel belongs to it from the logit on its card."""
    cells = planes[LEARNED.index(marker)].transpose(2, 0, 3, 1)
    plane = np.ascontiguousarray(cells).reshape(SIDE, SIDE)
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) > card()["markers"][marker]["mask_logit"]


def _framed(border: Border, height: int, width: int) -> np.ndarray:
    mask = np.ones((height, width), bool)
    inner = (
        slice(round(border.top * height), height - round(border.bottom * height)),
        slice(round(border.left * width), width - round(border.right * width)),
    )
    mask[inner] = False
    return mask
