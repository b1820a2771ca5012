"""A clean split: no lesion, patient or photograph in two splits, stratified by diagnosis."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from core.errors import DatasetError
from data_audit.content import components
from datasets.dataset import Dataset

NAMES = ("train", "val", "test")


def parse_fractions(text: str) -> dict[str, float]:
    """`70/15/15` or `80/20` (training/test) -> split: share, with sum 1; raises DatasetError for anything else."""
    written = re.split(r"[/:,\s]+", text.strip())
    parts = [float(p) if re.fullmatch(r"\d{1,9}(\.\d+)?", p) else 0.0 for p in written]
    if len(parts) not in (2, 3) or min(parts) <= 0:
        raise DatasetError(f"{text!r} is not a split.", todo="Write shares as 70/15/15 (train/val/test) or 80/20 (train/test).")
    names = NAMES if len(parts) == 3 else ("train", "test")
    return {name: p / sum(parts) for name, p in zip(names, parts, strict=True)}


def whole_groups(dataset: Dataset, cluster: np.ndarray) -> np.ndarray:
    """int (N,): groups of images that must stay together because they share a lesion, patient or photograph, even indirectly."""
    return together([dataset.table["lesion_id"].to_numpy(object), dataset.table["patient_id"].to_numpy(object), cluster], len(dataset))


def together(columns: Sequence[np.ndarray], n: int) -> np.ndarray:
    """int (n,): the group of each of n rows; rows that share a value of a column are in one; missing values join nothing."""
    ends: list[tuple[int, int]] = []
    first: dict[tuple[int, object], int] = {}
    for which, values in enumerate(columns):
        for row, value in enumerate(values):
            if pd.notna(value):
                ends.append((first.setdefault((which, value), row), row))
    return components(ends, n)


def resplit(labels: pd.Series, groups: np.ndarray, fractions: Mapping[str, float], seed: int = 0) -> np.ndarray:
    """Split names, object (N,). Whole groups, the largest first, each go to the split that lacks its classes most.

    labels: diagnosis per row, NaN counts as a class of its own; groups int (N,); fractions: split -> share, with sum 1.
    """
    kind, names = pd.factorize(labels.astype(object).where(labels.notna(), ""))
    _, group = np.unique(groups, return_inverse=True)
    content = np.zeros((group.max() + 1 if len(group) else 0, len(names)))
    np.add.at(content, (group, kind), 1)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(content))
    order = order[np.argsort(-content[order].sum(1), kind="stable")]
    shares = np.array(list(fractions.values()))
    total = content.sum(0)
    wanted = shares[:, None] * total
    have = np.zeros_like(wanted)
    chosen = np.zeros(len(content), int)
    for g in order:
        lack = ((wanted - have) / np.maximum(total, 1)) @ content[g]
        best = np.flatnonzero(lack >= lack.max() - 1e-12)
        chosen[g] = rng.choice(best)
        have[chosen[g]] += content[g]
    return np.array(list(fractions), object)[chosen[group]] if len(group) else np.array([], object)
