"""Remedies for class imbalance: class weights and sampling counts, ready to copy."""

import numpy as np
import pandas as pd

BETA = 0.999


def balancing(counts: pd.DataFrame, beta: float = BETA) -> pd.DataFrame:
    """counts: columns diagnosis, images. A row per class with

    inverse frequency: N / (classes × images of the class); effective number: (1 − β)/(1 − βⁿ), scaled to mean 1 (Cui 2019,
    arXiv:1901.05555), and the effective number of samples (1 − βⁿ)/(1 − β) itself; undersample, oversample: images of each class after
    sampling to the rarest or the commonest; prior: prevalence to divide scores by (Saerens 2002, doi:10.1162/089976602753284446).
    """
    table = counts[["diagnosis", "images"]].copy()
    n = table["images"].astype(float)
    table["inverse frequency"] = n.sum() / (len(n) * n)
    table["effective images"] = (1 - beta**n) / (1 - beta)
    table["effective number"] = (1 / table["effective images"]) / (1 / table["effective images"]).mean()
    table["undersample"], table["oversample"] = counts["images"].min(), counts["images"].max()
    table["prior"] = n / n.sum()
    return table


def as_python(table: pd.DataFrame, column: str) -> str:
    """One column as a Python dictionary to paste into a training script."""
    return "{" + ", ".join(f"{d!r}: {v:.6g}" for d, v in zip(table["diagnosis"], table[column], strict=True)) + "}"


def entropy(images: np.ndarray) -> float:
    """Normalised entropy of the class distribution: 1 for equal classes, 0 for one class."""
    share = images[images > 0] / images.sum()
    return float(-(share * np.log(share)).sum() / np.log(len(share))) if len(share) > 1 else 0.0
