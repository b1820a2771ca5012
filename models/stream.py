"""Many images on their way into a network: read, decoded and resized in threads while it runs."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from core.errors import ImageError
from imaging.decode import read_image
from imaging.resize import fit_image
from models.card import ModelCard, scale_pixels
from models.classifier import BATCH, Classifier


@dataclass(frozen=True)
class Batch:
    """Prepared images with their positions, and the reasons why others could not be read, by position."""

    rows: list[int]
    images: np.ndarray
    errors: dict[int, str]


def stream_batches(
    classifier: Classifier, pictures: Sequence[Any], batch: int = BATCH, workers: int = 2, read: Callable[[Any], np.ndarray] = read_image
) -> Iterator[Batch]:
    """Read, decode and resize images in threads while the network works on the previous batch.

    pictures: files, or whatever `read` turns into uint8 RGB (H, W, 3). Unreadable ones (ImageError) are left out of the batch and
    listed in `errors`. Memory use does not depend on the number of images: at most two batches are read ahead.
    """
    load = partial(_load, classifier.card, read)
    with ThreadPoolExecutor(workers) as pool:
        for chunk, results in _ahead(pool, load, pictures, batch):
            read_all = dict(zip(chunk, results, strict=True))
            errors = {row: result for row, result in read_all.items() if isinstance(result, str)}
            fitted = {row: result for row, result in read_all.items() if row not in errors}
            pixels = np.stack(list(fitted.values())) if fitted else np.zeros((0, *classifier.card.size, 3), np.uint8)
            yield Batch(list(fitted), scale_pixels(classifier.card, pixels), errors)


def _ahead(
    pool: ThreadPoolExecutor, load: Callable[[Any], Any], pictures: Sequence[Any], batch: int
) -> Iterator[tuple[list[int], list[Any]]]:
    chunks = iter([list(range(i, min(i + batch, len(pictures)))) for i in range(0, len(pictures), batch)])
    waiting = [(c, [pool.submit(load, pictures[i]) for i in c]) for c in islice(chunks, 2)]
    try:
        while waiting:
            chunk, futures = waiting.pop(0)
            results = [future.result() for future in futures]
            waiting += [(c, [pool.submit(load, pictures[i]) for i in c]) for c in islice(chunks, 1)]
            yield chunk, results
    finally:
        for _, futures in waiting:
            for future in futures:
                future.cancel()


def _load(card: ModelCard, read: Callable[[Any], np.ndarray], picture: Any) -> np.ndarray | str:
    try:
        image = read(picture)
    except ImageError as error:
        return str(error)
    return fit_image(image, card.size, card.resize.geometry, card.resize.interpolation)
