"""One photograph laid over another by the points they share, and how far their fine detail agrees where both show something."""

import cv2
import numpy as np

from data_audit.traces import Trace

LIKE = 0.7  # cosine from which two points are taken for the same
ENOUGH = 4  # points that agree, below which nothing is laid
OFF = 4.0  # pixels that a point may lie beside its place
ASKEW = 0.5  # radians
MANY = 6  # points from which unequal scales and shear are fitted as well
FINE, COARSE = 1.0, 3.5  # pixels: between these two blurs lies the detail that is compared
FAINT = 0.4  # grey levels of detail that count as nothing
BLACK = 6  # grey level up to which a pixel is a frame or a turned photograph's corner, not part of it
RIM = np.ones((7, 7), np.uint8)  # of what is not compared around the edges
WRITTEN = 0.25  # share of the overlap, where the two agree least, that may be written on
NEARBY = 3.0  # pixels: within this blur agreement is judged for that
OVERLAP = 0.15  # share of a photograph that must be compared


def agreement(one: Trace, other: Trace) -> float:
    """Correlation of fine detail in most of the overlap, −1…1; −1 where the one cannot be laid over the other."""
    if not (len(one.points) and len(other.points)):
        return -1.0
    laid = _laid(one, other)
    if laid is None:
        return -1.0
    if np.linalg.det(laid[:, :2]) > 1:  # compared at the coarser of the two scales
        one, other, laid = other, one, cv2.invertAffineTransform(laid)
    return _correlation(one.grey, other.grey, laid)


def _laid(one: Trace, other: Trace) -> np.ndarray | None:
    """float (2, 3): from pixels of the one to pixels of the other, by the largest set of points alike that agree; None without one."""
    alike = _unit(one.descriptors) @ _unit(other.descriptors).T
    nearest = alike.argmax(axis=1)
    rows = np.arange(len(nearest))
    same = (alike.argmax(axis=0)[nearest] == rows) & (alike[rows, nearest] >= LIKE)
    if same.sum() < ENOUGH:
        return None
    points, theirs = one.points[same].astype(float), other.points[nearest[same]].astype(float)
    here, there = points[:, :2], theirs[:, :2]
    scale, turn = theirs[:, 2] / points[:, 2], theirs[:, 3] - points[:, 3]
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    matrices = np.stack([cos, -sin, sin, cos], axis=1).reshape(-1, 2, 2)  # what each pair of points alone would say
    places = np.einsum("hij,hmj->hmi", matrices, here[None] - here[:, None]) + there[:, None]
    far = np.linalg.norm(places - there, axis=2) > 1.5 * OFF * np.maximum(scale, 1)[:, None]
    agreeing = ~far & (np.cos(turn[:, None] - turn) > np.cos(ASKEW))
    inside = agreeing[agreeing.sum(axis=1).argmax()]
    for _ in range(3):
        if inside.sum() < ENOUGH:
            return None
        laid = _fitted(here[inside], there[inside])
        zoom = np.sqrt(abs(np.linalg.det(laid[:, :2])))
        if not 1 / 6 < zoom < 6:
            return None
        inside = np.linalg.norm(here @ laid[:, :2].T + laid[:, 2] - there, axis=1) < OFF * max(zoom, 1)
    return laid


def _unit(descriptors: np.ndarray) -> np.ndarray:
    rows = descriptors.astype(np.float32)
    return rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6)


def _fitted(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Least squares: an affine map of many points, a similarity of few."""
    ones, zeros = np.ones(len(here)), np.zeros(len(here))
    x, y = here.T
    if len(here) >= MANY:
        return np.linalg.lstsq(np.stack([x, y, ones], axis=1), there, rcond=None)[0].T
    rows = np.concatenate([np.stack([x, -y, ones, zeros], axis=1), np.stack([y, x, zeros, ones], axis=1)])
    a, b, right, down = np.linalg.lstsq(rows, there.T.ravel(), rcond=None)[0]
    return np.array([[a, -b, right], [b, a, down]])


def _correlation(one: np.ndarray, other: np.ndarray, laid: np.ndarray) -> float:
    """Of grey uint8 pictures, in the pixels of the other, over the part of the overlap where they agree best."""
    zoom = np.sqrt(abs(np.linalg.det(laid[:, :2])))
    size = other.shape[::-1]
    smooth = one.astype(np.float32)
    if zoom < 0.9:
        smooth = cv2.GaussianBlur(smooth, (0, 0), 0.5 * np.sqrt(1 / zoom**2 - 1))
    seen = cv2.warpAffine((one > BLACK).astype(np.uint8), laid, size, flags=cv2.INTER_NEAREST) & (other > BLACK)
    both = cv2.erode(seen, RIM, borderType=cv2.BORDER_CONSTANT, borderValue=0).astype(bool)
    if both.mean() < OVERLAP:
        return -1.0
    over = cv2.warpAffine(smooth, laid, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    a, b = (_detail(picture) * both for picture in (over, other.astype(np.float32)))
    products, lengths = _around(a * b), np.sqrt(_around(a * a) * _around(b * b))
    local = products / (lengths + 1e-6)
    both &= local >= np.quantile(local[both], WRITTEN)
    a, b = a[both] - a[both].mean(), b[both] - b[both].mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length > 1 else -1.0


def _around(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), NEARBY)


def _detail(grey: np.ndarray) -> np.ndarray:
    """Band-passed, its contrast normalised locally, so that no hard edge (a dark corner, a ruler) dominates."""
    fine = cv2.GaussianBlur(grey, (0, 0), FINE) - cv2.GaussianBlur(grey, (0, 0), COARSE)
    return fine / (np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 2 * COARSE)) + FAINT)
