"""Attribution by forward passes alone: cover parts of the image and see how the logit changes.

Works for every network that predicts, SavedModels included, at the cost of hundreds of predictions.
"""

from collections.abc import Iterator
from itertools import islice

import cv2
import numpy as np

from core.runs import Run
from explain.baselines import Baseline, Colour, baseline_images
from models.classifier import BATCH, Classifier, Prediction

OCCLUSION_GRID = 14
RISE_MASKS, RISE_GRID, RISE_SHOWN = 1000, 7, 28


def occlusion(
    classifier: Classifier,
    prepared: np.ndarray,
    targets: np.ndarray,
    grid: int = OCCLUSION_GRID,
    baseline: Baseline = "blur",
    colour: Colour | None = None,
) -> Run[np.ndarray]:
    """Drop of the logit when a window is covered (Zeiler & Fergus 2014, arXiv:1311.2901).

    The window is two cells of a grid × grid lattice wide and moves by one cell; a cell's value is the mean over
    the windows that cover it. prepared: float32 (N, H, W, 3); targets: int (N,).
    Returns float32 (N, grid, grid), signed, in units of the logit; positive: covering it lowers the logit.
    """
    rows, columns = _edges(prepared.shape[1], grid), _edges(prepared.shape[2], grid)
    windows = [(i, j) for i in range(-1, len(rows) - 1) for j in range(-1, len(columns) - 1)]
    maps = np.zeros((len(prepared), len(rows) - 1, len(columns) - 1), np.float32)
    bases = baseline_images(classifier, prepared, baseline, colour)
    for k, (image, base, target) in enumerate(zip(prepared, bases, targets, strict=True)):
        pictures = (_cover(image, base, rows, columns, window) for window in windows)
        covered = yield from scored(classifier, pictures, k * len(windows), len(prepared) * len(windows))
        whole = classifier.predict(image[None]).logits[0, int(target)]
        total, count = np.zeros((2, *maps.shape[1:]))
        for (i, j), logit in zip(windows, covered.logits[:, int(target)], strict=True):
            cells = np.s_[max(i, 0) : i + 2, max(j, 0) : j + 2]
            total[cells] += whole - logit
            count[cells] += 1
        maps[k] = total / count
    return maps


def rise(
    classifier: Classifier,
    prepared: np.ndarray,
    targets: np.ndarray,
    masks: int = RISE_MASKS,
    grid: int = RISE_GRID,
    baseline: Baseline = "blur",
    colour: Colour | None = None,
    seed: int = 0,
) -> Run[np.ndarray]:
    """Mean logit of the masked images in which a pixel is visible, minus the mean over all (Petsiuk 2018, arXiv:1806.07421).

    masks: random masks per image, each half visible through a coarse grid that is enlarged and shifted.
    The paper takes probabilities and subtracts nothing; the logit does not saturate, and the mean makes the map signed.
    Returns float32 (N, h, w), h and w at most 28, in units of the logit.
    """
    size = prepared.shape[1:3]
    shown = (min(RISE_SHOWN, size[0]), min(RISE_SHOWN, size[1]))
    small = np.stack([_shrink(mask, shown) for mask in _rise_masks(seed, masks, size, grid)]).reshape(masks, -1)
    visible = np.maximum(small.sum(axis=0), 1e-6)
    maps = np.zeros((len(prepared), *shown), np.float32)
    bases = baseline_images(classifier, prepared, baseline, colour)
    for k, (image, base, target) in enumerate(zip(prepared, bases, targets, strict=True)):
        pictures = (base + mask[..., None] * (image - base) for mask in _rise_masks(seed, masks, size, grid))
        logits = (yield from scored(classifier, pictures, k * masks, len(prepared) * masks)).logits[:, int(target)]
        maps[k] = ((logits - logits.mean()) @ small / visible).reshape(shown)
    return maps


def scored(classifier: Classifier, pictures: Iterator[np.ndarray], done: int, total: int) -> Run[Prediction]:
    """Scores of a stream of prepared images (H, W, 3), batch by batch. done: of the total, before the first."""
    found: list[Prediction] = []
    while batch := list(islice(pictures, BATCH)):
        yield done + BATCH * len(found), total
        found.append(classifier.predict(np.stack(batch)))
    return Prediction(np.concatenate([f.logits for f in found]), np.concatenate([f.probabilities for f in found]))


def _edges(size: int, grid: int) -> np.ndarray:
    return np.linspace(0, size, min(grid, size) + 1).round().astype(int)


def _cover(image: np.ndarray, base: np.ndarray, rows: np.ndarray, columns: np.ndarray, window: tuple[int, int]) -> np.ndarray:
    i, j = window
    pixels = np.s_[rows[max(i, 0)] : rows[min(i + 2, len(rows) - 1)], columns[max(j, 0)] : columns[min(j + 2, len(columns) - 1)]]
    covered = image.copy()
    covered[pixels] = base[pixels]
    return covered


def _rise_masks(seed: int, masks: int, size: tuple[int, int], grid: int) -> Iterator[np.ndarray]:
    """Random coarse grids, enlarged smoothly and shifted by up to one cell: float32 (H, W) in 0…1, one at a time to save memory."""
    rng = np.random.default_rng(seed)
    cell = (-(-size[0] // grid), -(-size[1] // grid))
    for _ in range(masks):
        coarse = (rng.random((grid + 1, grid + 1)) < 0.5).astype(np.float32)
        large = cv2.resize(coarse, ((grid + 1) * cell[1], (grid + 1) * cell[0]), interpolation=cv2.INTER_LINEAR)
        y, x = rng.integers(0, cell[0]), rng.integers(0, cell[1])
        yield large[y : y + size[0], x : x + size[1]]


def _shrink(mask: np.ndarray, shown: tuple[int, int]) -> np.ndarray:
    return cv2.resize(mask, (shown[1], shown[0]), interpolation=cv2.INTER_AREA)
