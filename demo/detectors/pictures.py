"""Training images of the marker detectors: drawings, and manually labelled photographs with more markers drawn on them."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from core.diagnoses import HAM10000
from core.errors import DatasetError
from data_audit.markers.detector import LEARNED, SIDE
from data_audit.markers.present import label_columns, yes_or_no
from datasets.opening import open_dataset
from demo.drawing.markers import DRAW
from demo.drawing.photograph import draw_photograph
from demo.drawing.skin import TONES
from demo.drawing.wild import WILD
from imaging.resize import scale_image


@dataclass(frozen=True)
class Pictures:
    """images uint8 (N, SIDE, SIDE, 3). labels float32 (N, 7) in the order of LEARNED, NaN if unlabelled. bits uint8 (N, SIDE, SIDE):
    bit k is the mask of marker k. known bool (N, 7): the mask of a marker is complete, so that its zeros count too."""

    images: np.ndarray
    labels: np.ndarray
    bits: np.ndarray
    known: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: np.ndarray) -> "Pictures":
        return Pictures(self.images[rows], self.labels[rows], self.bits[rows], self.known[rows])


def join(parts: Sequence[Pictures]) -> Pictures:
    return Pictures(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("images", "labels", "bits", "known")))


def draw_pictures(n: int, seed: int) -> Pictures:
    """Drawings with the demo's markers, with markers as they occur in clinics, or with none."""
    images, bits = (np.stack(part) for part in zip(*_drawn(_draw_one, _seeds(seed, n)), strict=True))
    labels = _labels(bits).astype(np.float32)
    return Pictures(images, labels, bits, np.ones_like(labels, bool))


def draw_fresh(n: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Such drawings at their original size: image uint8 (H, W, 3) and bits uint8 (H, W) of each."""
    return _drawn(_draw_whole, _seeds(seed, n))


def read_labelled(folder: Path) -> tuple[Pictures, np.ndarray, pd.DataFrame]:
    """Manually labelled photographs: `markers.csv` (image_id and one 0/1 column per marker) beside `images/`.

    Returns them at SIDE, as originals uint8 (N, 256, 256, 3), and the table.
    """
    file = folder / "markers.csv"
    if not file.is_file():
        raise DatasetError("has no markers.csv (image_id, and one 0/1 column per marker).", str(folder))
    dataset = open_dataset(file)
    table, columns = dataset.table, label_columns(dataset.table)
    unknown = pd.Series(np.nan, table.index)
    labels = np.stack([yes_or_no(table[columns[m]]) if m in columns else unknown for m in LEARNED], 1).astype(np.float32)
    originals = np.stack([scale_image(dataset.read(i), (256, 256), "area") for i in table["image_id"]])
    images = np.stack([scale_image(image, (SIDE, SIDE), "area") for image in originals])
    bits = np.zeros(images.shape[:3], np.uint8)
    return Pictures(images, labels, bits, labels == 0), originals, table


def draw_on(originals: np.ndarray, labelled: Pictures, seed: int) -> Pictures:
    """The labelled photographs with one to three more markers drawn on each, whose masks are known exactly."""
    images, bits = (np.stack(part) for part in zip(*_drawn(_wear_one, originals, _seeds(seed, len(originals))), strict=True))
    return Pictures(images, np.maximum(labelled.labels, _labels(bits)), bits, labelled.labels == 0)


def _seeds(seed: int, n: int) -> range:
    return range(seed * 1_000_000, seed * 1_000_000 + n)


def _drawn(draw: Callable[..., tuple[np.ndarray, np.ndarray]], *arguments: Iterable[Any]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and bits, drawn in two processes."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        return list(pool.map(draw, *arguments, chunksize=32))


def _labels(bits: np.ndarray) -> np.ndarray:
    """bool (N, 7): which markers the bits (N, H, W) show."""
    return np.stack([(bits >> k & 1).any(axis=(1, 2)) for k in range(len(LEARNED))], 1)


def _draw_one(seed: int) -> tuple[np.ndarray, np.ndarray]:
    return _at_side(*_draw_whole(seed))


def _draw_whole(seed: int) -> tuple[np.ndarray, np.ndarray]:
    cv2.setNumThreads(1)
    rng = np.random.default_rng([seed, 31])
    diagnosis, tone = str(rng.choice(HAM10000)), str(rng.choice(list(TONES)))
    demo = rng.random() < 0.5
    worn = [m for m in DRAW if rng.random() < 0.3] if demo else []
    photograph = draw_photograph(diagnosis, tone, seed + 9_000_000_000, int(rng.integers(3)), worn)
    bits = np.zeros(photograph.lesion.shape, np.uint8)
    for marker, mask in photograph.markers.items():
        bits[mask] |= 1 << LEARNED.index(marker)
    return (photograph.image, bits) if demo else _wear(photograph.image, seed, share=0.3)


def _wear_one(image: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return _at_side(*_wear(image, seed, share=0.0))


def _wear(image: np.ndarray, seed: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw markers on an image: each with probability `share`, or one to three of them if that is 0."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng([seed, 17])
    names = list(WILD)
    some = set(rng.choice(names, int(rng.integers(1, 4)), replace=False)) if share == 0 else {n for n in names if rng.random() < share}
    bits = np.zeros(image.shape[:2], np.uint8)
    picture = image.astype(np.float32)
    for name in (n for n in names if n in some):
        picture, mask = WILD[name](rng, picture)
        bits[mask] |= 1 << LEARNED.index(name)
    return np.clip(picture, 0, 255).astype(np.uint8), bits


def _at_side(image: np.ndarray, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both at SIDE: a bit is set where at least two fifths of the pixel have it."""
    small = np.zeros((SIDE, SIDE), np.uint8)
    for k in range(len(LEARNED)):
        plane = cv2.resize((bits >> k & 1).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        small |= (plane >= 0.4).astype(np.uint8) << k
    return scale_image(image, (SIDE, SIDE), "area"), small
