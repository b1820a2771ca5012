"""Multiple testing: adjusted p-values."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np


def benjamini_hochberg(p: Sequence[float]) -> np.ndarray:
    """Adjusted for the false discovery rate (Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x), float (N,);
    NaN stays NaN and does not count."""
    return _discoveries(p, "bh")


def benjamini_yekutieli(p: Sequence[float]) -> np.ndarray:
    """The same however the tests depend on each other (Benjamini & Yekutieli 2001, doi:10.1214/aos/1013699998), float (N,)."""
    return _discoveries(p, "by")


def corrected(found: Sequence[Any]) -> list[Any]:
    """Dataclass records with `q` set to their `p` adjusted by Benjamini–Hochberg."""
    return [replace(record, q=float(q)) for record, q in zip(found, benjamini_hochberg([f.p for f in found]), strict=True)]


def corrected_together(found: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Lists of records with `q` set to their `p` adjusted over all lists by Benjamini–Yekutieli: groups, classes and figures of the same
    images depend on each other either way."""
    q = iter(benjamini_yekutieli([f.p for of_one in found for f in of_one]))
    return [[replace(f, q=float(next(q))) for f in of_one] for of_one in found]


def _discoveries(p: Sequence[float], method: Literal["bh", "by"]) -> np.ndarray:
    from scipy.stats import false_discovery_control

    adjusted = np.array(p, float)
    known = ~np.isnan(adjusted)
    if known.any():
        adjusted[known] = false_discovery_control(adjusted[known], method=method)
    return adjusted


def holm(p: Sequence[float]) -> np.ndarray:
    """Adjusted so that the chance of any false positive stays at the level (Holm 1979), float (N,); NaN stays NaN."""
    adjusted = np.array(p, float)
    known = np.flatnonzero(~np.isnan(adjusted))
    order = known[np.argsort(adjusted[known], kind="stable")]
    steps = adjusted[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
