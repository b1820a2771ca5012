"""Near-duplicate photographs: a fingerprint per image, candidates by a tree, confirmation by aligning the two.

Lesion images look alike as wholes: a dark spot in the middle of skin. So similar fingerprints make only a candidate; a pair counts
when the fine detail of one correlates with the other's after one of eight rotations and mirrorings, and one of a few crops.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

SIDE = 64  # pixels of the square a photograph is compared at
RINGS = 6
TOGETHER = 200  # candidates compared between two progress reports
MAIN = 8  # directions in which fingerprints differ most
NEAR = 9.0  # distance of fingerprints up to which a pair is compared
SAME = 0.8  # correlation of fine detail from which it is the same photograph
CROPS = (1.0, 0.95, 0.9, 0.86)  # shares of a side that one may be of the other
SHIFT = 4  # pixels that one may lie beside the other
FINE, COARSE = 0.8, 2.5  # pixels: between these two blurs lies the detail that is compared
GREY = 1.5  # grey levels of detail that count as nothing
WINDOW = 0.9  # radius of the disc that is compared, 1 is to the edges

_RADIUS = np.hypot(*(np.indices((SIDE, SIDE)) - (SIDE - 1) / 2)) / (SIDE / 2)
_RINGS = np.stack([((_RADIUS * RINGS).astype(int) == k).ravel() for k in range(RINGS)]).astype(float)  # (6, 64 · 64)
_RINGS /= _RINGS.sum(axis=1, keepdims=True)


def _towards(shifts: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """complex64 (shifts, frequencies): each row evaluates a spectrum at one shift, so that only small shifts are computed."""
    return np.exp(2j * np.pi * np.outer(shifts, frequencies) / SIDE).astype(np.complex64)


_NEAR = np.arange(-SHIFT, SHIFT + 1)
_DOWN = _towards(_NEAR, np.arange(SIDE)) / np.complex64(SIDE)
_TWICE = np.r_[1, np.full(SIDE // 2 - 1, 2), 1]  # a real picture's spectrum is kept by half
_ACROSS = (_towards(_NEAR, np.arange(SIDE // 2 + 1)) * _TWICE / SIDE).T.astype(np.complex64)


@dataclass(frozen=True)
class Pair:
    """Rows of two images; correlation of their fine detail when aligned, −1…1."""

    one: int
    other: int
    correlation: float


def small_picture(image: np.ndarray) -> np.ndarray:
    """uint8 (64, 64, 3): the copy kept for comparison."""
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def fingerprint(small: np.ndarray) -> np.ndarray:
    """float32 (2 · 3 · 6,): mean and deviation of L*, a*, b* on six rings around the middle, invariant under rotation and mirroring."""
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (0, 0), 2).astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB).reshape(-1, 3)
    mean = _RINGS @ lab
    spread = np.sqrt(np.maximum(_RINGS @ (lab * lab) - mean * mean, 0))
    return np.stack([mean, spread], axis=1).ravel().astype(np.float32)


def same_photographs(smalls: np.ndarray, near: float = NEAR, same: float = SAME, border: int = 0) -> Iterator[tuple[int, int, list[Pair]]]:
    """(done, total, pairs found) while candidate pairs of smalls uint8 (N, 64, 64, 3) are compared; sub-quadratic by a tree.

    border: if not 0, only pairs that lie on both sides of it.
    """
    prints = np.stack([fingerprint(s) for s in smalls]) if len(smalls) else np.zeros((0, 6 * RINGS), np.float32)
    candidates = near_pairs(prints, near)
    if border:
        candidates = candidates[(candidates[:, 0] < border) != (candidates[:, 1] < border)]
    found: list[Pair] = []
    for k, (one, other) in enumerate(candidates):
        correlation = agreement(smalls[one], smalls[other])
        if correlation >= same:
            found.append(Pair(int(one), int(other), correlation))
        if k % TOGETHER == TOGETHER - 1:
            yield k + 1, len(candidates), found
    yield len(candidates), len(candidates), found


def near_pairs(prints: np.ndarray, near: float) -> np.ndarray:
    """int (M, 2): pairs of rows of float (N, k) at most `near` apart, by a tree over their principal components.

    A projection never increases a distance, so the tree misses no pair; the full distance decides.
    """
    from scipy.spatial import cKDTree

    if len(prints) < 2:
        return np.zeros((0, 2), int)
    centred = prints.astype(np.float64) - prints.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    flat = centred @ directions[:, -MAIN:]
    pairs = cKDTree(flat).query_pairs(near + 1e-6, output_type="ndarray")
    whole = [np.linalg.norm(centred[p[:, 0]] - centred[p[:, 1]], axis=1) for p in np.array_split(pairs, len(pairs) // 100_000 + 1)]
    return pairs[np.concatenate(whole) <= near]


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Highest correlation of fine detail over rotations, mirrorings, crops of either and small shifts, −1…1."""
    cropped = [np.stack([_detail(_cropped(small, share)) for share in CROPS]) for small in (one, other)]
    crops = [np.fft.rfft2(details) for details in cropped]
    turned = [np.fft.rfft2(np.stack(list(_turns(details[0])))) for details in cropped]  # the first is the whole
    return max(_best(turned[0], crops[1]), _best(turned[1], crops[0]))


def _best(turned: np.ndarray, crops: np.ndarray) -> float:
    """Spectra of eight rotations and mirrorings of one against those of each crop of the other, at all shifts up to `SHIFT` at once."""
    together = (np.conj(turned)[:, None] * crops).reshape(-1, SIDE // 2 + 1)
    across = (together @ _ACROSS).reshape(-1, SIDE, len(_NEAR)).transpose(1, 0, 2).reshape(SIDE, -1)
    return float((_DOWN @ across).real.max())


def _cropped(small: np.ndarray, share: float) -> np.ndarray:
    """The middle of a small image, enlarged to its size."""
    cut = round(SIDE * share)
    first = (SIDE - cut) // 2
    return cv2.resize(small[first : first + cut, first : first + cut], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _detail(small: np.ndarray) -> np.ndarray:
    """Band-passed grey image with local contrast normalised, so that no hard edge (a dark corner, a ruler) dominates; length 1, or zeros
    without detail."""
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = cv2.GaussianBlur(grey, (0, 0), FINE) - cv2.GaussianBlur(grey, (0, 0), COARSE)
    fine /= np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 1.5 * COARSE)) + GREY
    fine = np.where(_RADIUS < WINDOW, fine, 0)
    fine -= np.where(_RADIUS < WINDOW, fine.sum() / (_RADIUS < WINDOW).sum(), 0)
    length = float(np.sqrt((fine * fine).sum()))
    return fine / length if length > 1 else np.zeros_like(fine)


def _turns(square: np.ndarray) -> Iterator[np.ndarray]:
    for picture in (square, square[:, ::-1]):
        for quarter in range(4):
            yield np.rot90(picture, quarter)
