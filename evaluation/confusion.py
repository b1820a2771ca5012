"""The confusion matrix: diagnoses in rows, predictions in columns."""

import numpy as np


def confusion(true: np.ndarray, decided: np.ndarray, n_classes: int) -> np.ndarray:
    """int (C, C): number of images by diagnosis (rows) and prediction (columns)."""
    if true.shape != decided.shape:
        raise ValueError(f"{len(true)} diagnoses and {len(decided)} decisions")
    return np.bincount(true * n_classes + decided, minlength=n_classes**2).reshape(n_classes, n_classes)


def row_percent(matrix: np.ndarray) -> np.ndarray:
    """float (C, C): percentages of each diagnosis; NaN in rows without images."""
    totals = matrix.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(totals > 0, 100 * matrix / totals, np.nan)
