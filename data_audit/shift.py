"""Two sets of photographs against each other: what shifted, by how much, and how well the two are told apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from data_audit.associations import MAX_LEVELS, cramers_v, mean_difference
from data_audit.evidence import Shifted, Shifts
from data_audit.findings import Finding
from data_audit.potential import TELLING, Potential, as_numbers, folds, tell_apart
from evaluation.intervals import Figure
from evaluation.multiple import benjamini_hochberg

LARGE, SOME = 0.5, 0.2  # standardised difference of means (Cohen 1988); Cramér's V of .3 and .1 beside it
LARGE_V, SOME_V = 0.3, 0.1
TOLD = 12  # features named in a finding


@dataclass(frozen=True)
class Shift:
    """One feature in B against A. effect: difference of means over the pooled standard deviation, or Cramér's V; q: p after
    Benjamini–Hochberg; a, b: mean, or share of the value that changed most; value: that value."""

    feature: str
    kind: str  # "difference of means", "Cramér's V"
    effect: Figure
    p: float
    q: float
    a: float
    b: float
    value: str = ""

    @property
    def large(self) -> bool:
        return self.q <= 0.05 and abs(self.effect.value) >= (LARGE if self.kind == "difference of means" else LARGE_V)

    @property
    def some(self) -> bool:
        return self.q <= 0.05 and abs(self.effect.value) >= (SOME if self.kind == "difference of means" else SOME_V)


def shifts(features: pd.DataFrame, second: np.ndarray, groups: np.ndarray) -> list[Shift]:
    """Every feature of the second set against the first, the largest effect first.

    features: numbers or text (N, k), NaN for unknown; second: bool (N,); groups: int (N,), what counts as one.
    """
    found = []
    for column in features:
        values = features[column]
        known = values.notna().to_numpy()
        if not (known & second).any() or not (known & ~second).any():
            continue
        if pd.api.types.is_numeric_dtype(values) and values.nunique() > 2:
            found.append(_of_numbers(str(column), values[known].to_numpy(float), second[known], groups[known]))
        elif 1 < values.nunique() <= MAX_LEVELS:
            found.append(_of_kinds(str(column), values[known].astype(str), second[known], groups[known]))
    adjusted = benjamini_hochberg([s.p for s in found])
    told = [replace(s, q=float(q)) for s, q in zip(found, adjusted, strict=True)]
    return sorted(told, key=lambda s: -abs(np.nan_to_num(s.effect.value)))


def told_apart(features: pd.DataFrame, second: np.ndarray, groups: np.ndarray, names: tuple[str, str]) -> Potential:
    """How well the two sets are told apart by these features, cross-validated with groups held out whole."""
    return tell_apart("all of it", f"{names[1]} from {names[0]}", as_numbers(features), second, groups, folds(second, groups))


def shift_findings(found: list[Shift], apart: Potential, names: tuple[str, str]) -> list[Finding]:
    """One finding: how far the two are apart, and by what."""
    some = [s for s in found if s.some]
    if not some and not (apart.auc.defined and apart.auc.low > 0.5):
        return []
    strong = any(s.large for s in found) or (apart.auc.defined and apart.auc.low >= TELLING)
    by = "; ".join(describe(s, names) for s in some[:TOLD]) or "no single feature by much"
    return [
        Finding(
            f"{names[1]} differs from {names[0]}",
            "moderate" if strong else "note",
            f"{names[1]} and {names[0]} are told apart with an AUC of {apart.auc:.2f} (.5: not at all). What differs: {by}.",
            (),
            Shifts(apart.auc.value, apart.auc.low, apart.auc.high, tuple(_shifted(s) for s in found)),
            "Figures measured on one do not hold for the other where they differ: report them by what differs, or match the two.",
        )
    ]


def describe(s: Shift, names: tuple[str, str]) -> str:
    what = s.feature.replace("_", " ")
    if s.kind == "difference of means":
        return f"{what} {s.a:.3g} in {names[0]}, {s.b:.3g} in {names[1]} ({s.effect:+.2f} standard deviations)"
    return f"{what} “{s.value}” {s.a:.1%} in {names[0]}, {s.b:.1%} in {names[1]} (Cramér's V {s.effect.value:.2f})"


def _shifted(s: Shift) -> Shifted:
    return Shifted(s.feature, s.kind, s.effect.value, s.effect.low, s.effect.high, s.p, s.q, s.a, s.b, s.value)


def _of_numbers(name: str, values: np.ndarray, second: np.ndarray, groups: np.ndarray) -> Shift:
    a, b = values[~second], values[second]
    pooled = float(np.sqrt((a.var() * len(a) + b.var() * len(b)) / len(values)))
    figure, p = mean_difference(values / pooled if pooled > 0 else values, second, groups)
    return Shift(name, "difference of means", figure, p, np.nan, float(a.mean()), float(b.mean()))


def _of_kinds(name: str, values: pd.Series, second: np.ndarray, groups: np.ndarray) -> Shift:
    kinds, names = pd.factorize(values)
    table = np.stack([np.bincount(kinds[side], minlength=len(names)) for side in (~second, second)], axis=1).astype(float)
    v, p = cramers_v(table, len(np.unique(groups)))
    shares = table / table.sum(axis=0)
    most = int(np.abs(shares[:, 1] - shares[:, 0]).argmax())
    a, b = shares[most]
    return Shift(name, "Cramér's V", Figure(v), p, np.nan, float(a), float(b), str(names[most]))
