"""Weights for training under which a marker no longer goes with the diagnosis."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import DatasetError
from core.markers import marker_name
from datasets.dataset import Dataset
from shortcuts.repair.bearing import Bearing


@dataclass(frozen=True)
class Weights:
    """weights: float (N,), NaN where the diagnosis or a marker is not known; empty: combinations that no image shows, as
    "diagnosis with/without marker": with one of these the association is weakened, not broken."""

    weights: np.ndarray
    empty: tuple[str, ...]


def reweigh(labels: pd.Series, bears: np.ndarray, markers: tuple[str, ...]) -> Weights:
    """P(diagnosis) P(markers) / P(diagnosis, markers) of each image (Kamiran & Calders 2012, doi:10.1007/s10115-011-0463-8).

    labels: diagnosis a row; bears: float (N, M), 1, 0 or NaN. With several markers their combinations are what is weighed. Raises
    DatasetError for fewer than two diagnoses.
    """
    known = labels.notna().to_numpy() & ~np.isnan(bears).any(axis=1)
    weights = np.full(len(labels), np.nan)
    kind, kinds = pd.factorize(labels[known])
    if len(kinds) < 2:
        raise DatasetError("cannot be weighed: it takes images of two diagnoses at least.", todo="Name the column of diagnoses.")
    combination, patterns = pd.factorize(pd.Series([tuple(int(v) for v in row) for row in bears[known]]))
    counts = np.zeros((len(kinds), len(patterns)))
    np.add.at(counts, (kind, combination), 1)
    n = counts.sum()
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    weights[known] = (expected / np.maximum(counts, 1))[kind, combination]
    empty = [f"{kinds[k]} {_words(patterns[p], markers)}" for k, p in zip(*np.nonzero(counts == 0), strict=True)]
    return Weights(weights, tuple(empty))


def weigh_images(data: Dataset, borne: Bearing) -> tuple[pd.DataFrame, Weights]:
    """image_id and weight of every image, and what they cannot break."""
    found = reweigh(data.table["diagnosis"].reset_index(drop=True), borne.values, borne.markers)
    return pd.DataFrame({"image_id": data.table["image_id"].to_numpy(object), "weight": found.weights}), found


def _words(pattern: tuple[int, ...], markers: tuple[str, ...]) -> str:
    return " and ".join(f"{'with' if there else 'without'} {marker_name(m)}" for there, m in zip(pattern, markers, strict=True))
