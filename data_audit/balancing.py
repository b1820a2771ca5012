"""What a trainer would do about class imbalance: weights and counts, ready to copy."""

from __future__ import annotations

import numpy as np
import pandas as pd

BETA = 0.999


def balancing(counts: pd.DataFrame, beta: float = BETA) -> pd.DataFrame:
    """counts: columns diagnosis, images. A row a class with

    inverse frequency: N / (classes × images of the class); effective number: (1 − β)/(1 − βⁿ), scaled to mean 1 (Cui 2019,
    arXiv:1901.05555), and the effective number of samples (1 − βⁿ)/(1 − β) itself; undersample, oversample: images of each
    class after sampling to the rarest or the commonest; prior: prevalence to divide scores by (Saerens 2002,
    doi:10.1162/089976602753284446).
    """
    n = counts["images"].to_numpy(float)
    effective = (1 - beta**n) / (1 - beta)
    weights = 1 / effective
    return pd.DataFrame(
        {
            "diagnosis": counts["diagnosis"],
            "images": counts["images"],
            "inverse frequency": n.sum() / (len(n) * n) if len(n) else n,
            "effective images": effective,
            "effective number": weights / weights.mean() if len(n) else weights,
            "undersample": int(n.min()) if len(n) else 0,
            "oversample": int(n.max()) if len(n) else 0,
            "prior": n / n.sum() if len(n) else n,
        }
    )


def as_python(table: pd.DataFrame, column: str) -> str:
    """One column as a dictionary to paste into a training script."""
    return "{" + ", ".join(f"{d!r}: {v:.6g}" for d, v in zip(table["diagnosis"], table[column], strict=True)) + "}"


def entropy(images: np.ndarray) -> float:
    """Of the class distribution, 1 when all classes are equal, 0 with one class."""
    share = images[images > 0] / images.sum()
    return float(-(share * np.log(share)).sum() / np.log(len(share))) if len(share) > 1 else 0.0
