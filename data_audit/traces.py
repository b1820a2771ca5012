"""What is kept of a photograph to find it again: a small grey copy, and its most distinct points with what lies around them.

Points and descriptors are SIFT's (Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94), which light, turning and cropping leave alone, with
the square root that makes them comparable (RootSIFT, Arandjelović 2012). Of a descriptor's frequencies only the lowest are kept: a third
of the bytes, and a mirrored photograph differs from the photograph by signs alone.
"""

import threading
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

SIDE = 128  # pixels of the longer side of the small copy
KEPT = 140  # points of a photograph at most
LEAST = 0.003  # contrast of a point, so low that plain skin has some
GAIN, FLAT = 45, 3.0  # grey levels of one standard deviation after levelling, and of what counts as no contrast


def _frequencies() -> tuple[np.ndarray, np.ndarray]:
    """float32 (k, 128): the lowest frequencies of a descriptor's 4 × 4 cells of 8 directions; int8 (k,): their signs when mirrored."""
    cells, turns = np.arange(4) + 0.5, 2 * np.pi * np.arange(8) / 8
    rows, signs = [], []
    for down in range(4):
        for across in range(4):
            for around in range(5):
                for wave, odd in ((np.cos, 0), (np.sin, 1)):
                    if 1.5 * (down + across) + around > 5.5 or (odd and around in (0, 4)):  # both sines are zero
                        continue
                    waves = (np.cos(np.pi * cells * down / 4), np.cos(np.pi * cells * across / 4), wave(around * turns))
                    row = np.einsum("r,c,o->rco", *waves).ravel()
                    rows.append(row / np.linalg.norm(row))
                    signs.append(-1 if (down + odd) % 2 else 1)
    return np.array(rows, np.float32), np.array(signs, np.int8)


_WAVES, SIGNS = _frequencies()
_POINT = 4 * 2 + len(SIGNS)  # bytes
_own = threading.local()


@dataclass(frozen=True)
class Trace:
    """grey: uint8 (h, w); points: float (k, 4), x and y in pixels of `grey`, diameter, angle in radians; descriptors: int8 (k, 51)."""

    grey: np.ndarray
    points: np.ndarray
    descriptors: np.ndarray

    @cached_property
    def mirrored(self) -> "Trace":
        """Of the photograph seen in a mirror, left for right."""
        x, y, size, angle = self.points.T
        points = np.stack([self.grey.shape[1] - 1 - x, y, size, np.pi - angle], axis=1)
        return Trace(np.ascontiguousarray(self.grey[:, ::-1]), points, self.descriptors * SIGNS)

    def packed(self) -> bytes:
        return bytes(self.grey.shape) + self.grey.tobytes() + self.points.astype("<f2").tobytes() + self.descriptors.tobytes()


def unpacked(data: bytes) -> Trace:
    """The trace in `packed` bytes, which it goes on using; an empty one of none."""
    height, width = data[:2] or (0, 0)
    first = 2 * bool(data) + height * width
    k = (len(data) - first) // _POINT
    grey = np.frombuffer(data, np.uint8, height * width, 2 * bool(data)).reshape(height, width)
    points = np.frombuffer(data, "<f2", 4 * k, first).reshape(k, 4)
    return Trace(grey, points, np.frombuffer(data, np.int8, k * len(SIGNS), first + 8 * k).reshape(k, len(SIGNS)))


def trace(image: np.ndarray) -> Trace:
    """Of uint8 RGB (H, W, 3)."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    scale = SIDE / max(grey.shape)
    size = [max(1, round(s * scale)) for s in grey.shape[::-1]]
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    mean, spread = (float(v[0, 0]) for v in cv2.meanStdDev(grey))
    levelled = np.clip((grey - mean) * (GAIN / (spread + FLAT)) + 128, 0, 255).astype(np.uint8)
    keys, found = _sift().detectAndCompute(levelled, None)
    points = np.array([(*k.pt, k.size, np.deg2rad(k.angle)) for k in keys[:KEPT]], np.float32).reshape(-1, 4)
    described = np.zeros((0, 128)) if found is None else np.sqrt(found[:KEPT].astype(np.float32))
    return Trace(grey, points, np.clip(np.rint(2 * described @ _WAVES.T), -127, 127).astype(np.int8))


def _sift() -> cv2.SIFT:
    """One a thread: it is not promised that two may share one."""
    if not hasattr(_own, "sift"):
        _own.sift = cv2.SIFT.create(KEPT, 3, LEAST, 15, 1.6, cv2.CV_8U, True)
    return _own.sift
