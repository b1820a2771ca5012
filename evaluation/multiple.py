"""Many questions at once: p-values adjusted (Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def benjamini_hochberg(p: Sequence[float]) -> np.ndarray:
    """Adjusted p-values, float (N,); NaN stays NaN and does not count."""
    values = np.asarray(p, float)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known])]
    adjusted = np.full(len(values), np.nan)
    raised = values[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(1, np.minimum.accumulate(raised[::-1])[::-1])
    return adjusted


def holm(p: Sequence[float]) -> np.ndarray:
    """p-values adjusted so that the chance of any false alarm among them all stays at the level (Holm 1979); float (N,), NaN stays."""
    values = np.asarray(p, float)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    adjusted = np.full(len(values), np.nan)
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted
