"""Finds markers in one picture: a score 0…1 and a mask for each.

A small network of the project's own, kept as ONNX and run by OpenCV: no TensorFlow. What it learned from, and how often it
errs, stands in `markers.card.yaml` beside it; `python cli.py markers retrain` makes both anew.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from core.markers import DETECTED, MARKERS, plane
from data_audit.quality import Border, View, black_border
from imaging.resize import scale_image

SIDE = 192  # pixels; the whole picture is stretched to a square, so its aspect ratio does not matter
LEARNED = ("ink", "sticker", "ruler", "hair", "dark_corner", "gel_border", "gel_bubble")
NETWORK = Path(__file__).with_name("markers.onnx")
CARD = Path(__file__).with_name("markers.card.yaml")
FRAME = 0.02  # share of the area that is black border, from which it is a frame
THIN = 1 / 36  # of the longer side: a dark line up to so thick stands out from its surroundings
DARKEST = 40  # grey levels; standing out more counts no more

_own = threading.local()  # OpenCV's networks are not to be shared between threads


@dataclass(frozen=True)
class Found:
    """scores: 0…1 a marker, in the order of DETECTED; flags: at or above its threshold on the card; bits uint16 (H, W): a
    marker's bit where it lies, of flagged ones alone."""

    scores: dict[str, float]
    flags: dict[str, bool]
    bits: np.ndarray

    def mask(self, marker: str) -> np.ndarray:
        """bool (H, W), all false for a marker that is not flagged."""
        return plane(self.bits, marker)


def find_markers(picture: np.ndarray, border: Border | None = None) -> Found:
    """picture: uint8 RGB (H, W, 3), at best 256 to 512 pixels on its longer side; the mask has its size.

    border: what `black_border` says of it, where that is known already.
    """
    if not hasattr(_own, "network"):
        _own.network = cv2.dnn.readNetFromONNX(str(NETWORK))
        _own.network.enableWinograd(False)  # costs more than it saves on maps so small
    learned, cells = look(_own.network, picture)
    frame = black_border(View(picture)) if border is None else border
    by_marker = dict(zip(LEARNED, map(float, learned), strict=True)) | {"black_frame": min(1.0, frame.share / (2 * FRAME))}
    scores = {marker: by_marker[marker] for marker in DETECTED}
    flags = {marker: score >= thresholds()[marker] for marker, score in scores.items()}
    height, width = picture.shape[:2]
    bits = np.zeros((height, width), np.uint16)
    darker = stands_out(picture) if any(flags.values()) else None
    for marker in DETECTED:
        if flags[marker]:
            if marker == "black_frame" or darker is None:
                mask = _framed(frame, height, width)
            else:
                facts = card()["markers"][marker]["mask"]
                mask = lies(cells[LEARNED.index(marker)], darker, facts["from"], facts["a_grey_level"])
            bits |= mask.astype(np.uint16) << MARKERS[marker].bit
    return Found(scores, flags, bits)


@cache
def card() -> Mapping[str, Any]:
    """What the detectors learned from, their thresholds and measured figures."""
    return dict(yaml.safe_load(CARD.read_text(encoding="utf-8")))


@cache
def thresholds() -> Mapping[str, float]:
    """Score from which a marker is flagged."""
    return {marker: float(card()["markers"][marker]["threshold"]) for marker in DETECTED}


def look(network: Any, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores (7,), and the logit of each marker lying on a pixel, by OpenCV's reading of the network: float32 (7, 2, 2, SIDE/2, SIDE/2),
    four to a cell of 2 × 2 pixels."""
    square = scale_image(picture, (SIDE, SIDE), "area" if min(picture.shape[:2]) >= SIDE else "bilinear")
    network.setInput(cv2.dnn.blobFromImage(square))
    scores, cells = network.forward(("scores", "masks"))
    return scores[0], cells.reshape(len(LEARNED), 2, 2, SIDE // 2, SIDE // 2)


def stands_out(picture: np.ndarray) -> np.ndarray:
    """float32 (H, W), 0…40: by how many grey levels a pixel is darker than what lies beside a thin dark line.

    Black hat, the first step of DullRazor (Lee 1997, doi:10.1016/S0010-4825(97)00020-6).
    """
    side = max(3, round(THIN * max(picture.shape[:2]))) | 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    darker = cv2.morphologyEx(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.MORPH_BLACKHAT, around)
    return np.minimum(darker, DARKEST).astype(np.float32)


def lies(cells: np.ndarray, darker: np.ndarray, least: float, a_grey_level: float) -> np.ndarray:
    """bool (H, W): where a marker's logit, enlarged to the picture, and what each grey level of standing out adds reach the least.

    The network says roughly where; the picture itself says which pixels are the hair, the tick or the stroke.
    """
    height, width = darker.shape
    plane = np.ascontiguousarray(cells.transpose(2, 0, 3, 1)).reshape(SIDE, SIDE)
    logits = cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)
    return logits + a_grey_level * darker > least if a_grey_level else logits > least


def _framed(border: Border, height: int, width: int) -> np.ndarray:
    mask = np.ones((height, width), bool)
    inner = (
        slice(round(border.top * height), height - round(border.bottom * height)),
        slice(round(border.left * width), width - round(border.right * width)),
    )
    mask[inner] = False
    return mask
