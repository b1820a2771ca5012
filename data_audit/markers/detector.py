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

SIDE = 256  # pixels; the whole picture is stretched to a square, so its aspect ratio does not matter
LEARNED = ("ink", "sticker", "ruler", "hair", "dark_corner", "gel_border", "gel_bubble")
NETWORK = Path(__file__).with_name("markers.onnx")
CARD = Path(__file__).with_name("markers.card.yaml")
FRAME = 0.02  # share of the area that is black border, from which it is a frame

_own = threading.local()  # OpenCV's networks are not to be shared between threads


@dataclass(frozen=True)
class Found:
    """scores: 0…1 a marker, in the order of MARKERS; bits uint8 (H, W): bit k where marker k lies, flagged or not."""

    scores: dict[str, float]
    bits: np.ndarray

    def mask(self, marker: str) -> np.ndarray:
        return (self.bits >> MARKERS.index(marker) & 1).astype(bool)

    def flagged(self) -> dict[str, bool]:
        """Scores at or above the thresholds of the card."""
        return {marker: score >= thresholds()[marker] for marker, score in self.scores.items()}


def find_markers(picture: np.ndarray, border: Border | None = None) -> Found:
    """picture: uint8 RGB (H, W, 3), at best 256 to 512 pixels on its longer side; the mask has its size.

    border: what `black_border` says of it, where that is known already.
    """
    scores, planes = _network_says(picture)
    height, width = picture.shape[:2]
    bits = np.zeros((height, width), np.uint8)
    for marker, plane in zip(LEARNED, planes, strict=True):
        large = cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)
        bits |= (large > 0).astype(np.uint8) << MARKERS.index(marker)
    frame = black_border(View(picture)) if border is None else border
    bits |= _framed(frame, height, width).astype(np.uint8) << MARKERS.index("black_frame")
    found = dict(zip(LEARNED, map(float, scores), strict=True))
    found["black_frame"] = min(1.0, frame.share / (2 * FRAME))
    return Found({marker: found[marker] for marker in MARKERS}, bits)


@cache
def card() -> Mapping[str, Any]:
    """What the detectors learned from, their thresholds and measured figures."""
    return dict(yaml.safe_load(CARD.read_text(encoding="utf-8")))


@cache
def thresholds() -> Mapping[str, float]:
    """Score from which a marker is flagged."""
    return {marker: float(card()["markers"][marker]["threshold"]) for marker in MARKERS}


def _network_says(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores (7,) and, a pixel, the logit of each marker lying there: float32 (7, SIDE, SIDE)."""
    if not hasattr(_own, "network"):
        _own.network = cv2.dnn.readNetFromONNX(str(NETWORK))
    square = scale_image(picture, (SIDE, SIDE), "area" if min(picture.shape[:2]) >= SIDE else "bilinear")
    _own.network.setInput(np.ascontiguousarray(square.transpose(2, 0, 1)[None], np.float32))
    scores, logits = _own.network.forward(("scores", "masks"))
    n, half = len(LEARNED), SIDE // 2
    cells = logits.reshape(n, 2, 2, half, half).transpose(0, 3, 1, 4, 2)
    return scores[0], np.ascontiguousarray(cells.reshape(n, SIDE, SIDE))


def _framed(border: Border, height: int, width: int) -> np.ndarray:
    mask = np.ones((height, width), bool)
    inner = (
        slice(round(border.top * height), height - round(border.bottom * height)),
        slice(round(border.left * width), width - round(border.right * width)),
    )
    mask[inner] = False
    return mask
