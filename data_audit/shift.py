"""Dataset shift between two sets of images: which features differ, by how much, and how well the two can be separated."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from data_audit.associations import MAX_LEVELS, cramers_v, mean_difference
from data_audit.evidence import Potential, Shift, Shifts
from data_audit.findings import Finding
from data_audit.potential import PREDICTABLE, as_numbers, discriminate, folds
from evaluation.multiple import corrected

MEANS, SHARES = "difference of means", "Cramér's V"
LARGE, SOME = {MEANS: 0.5, SHARES: 0.3}, {MEANS: 0.2, SHARES: 0.1}  # effect sizes (Cohen 1988)
NAMED = 12  # features named in a finding


def shifts(features: pd.DataFrame, second: np.ndarray, groups: np.ndarray) -> list[Shift]:
    """Every feature of the second set against the first, the largest effect first.

    features: numbers or text (N, k), NaN for unknown; second: bool (N,); groups: int (N,), images of one lesion.
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
    return sorted(corrected(found), key=lambda s: -abs(np.nan_to_num(s.effect)))


def beyond(shift: Shift, limits: Mapping[str, float]) -> bool:
    """Whether the shift is significant and its effect reaches the limit of its kind (`LARGE`, `SOME`)."""
    return shift.q <= 0.05 and abs(shift.effect) >= limits[shift.kind]


def domain_classifier(features: pd.DataFrame, second: np.ndarray, groups: np.ndarray, names: tuple[str, str]) -> Potential:
    """How well a classifier separates the two sets by these features, cross-validated with whole groups held out."""
    return discriminate("all of it", f"{names[1]} from {names[0]}", as_numbers(features), second, groups, folds(second, groups))


def shift_findings(found: list[Shift], separated: Potential, names: tuple[str, str]) -> list[Finding]:
    """One finding: how well the two sets can be separated, and which features differ."""
    some = [s for s in found if beyond(s, SOME)]
    if not some and not separated.low > 0.5:
        return []
    strong = any(beyond(s, LARGE) for s in found) or separated.low >= PREDICTABLE
    differing = "; ".join(describe(s, names) for s in some[:NAMED]) or "no single feature by much"
    return [
        Finding(
            f"{names[1]} differs from {names[0]}",
            "moderate" if strong else "note",
            f"A classifier separates {names[1]} from {names[0]} with an AUC of {separated.figure:.2f} (0.5 is chance). "
            f"Differences: {differing}.",
            (),
            Shifts(separated.auc, separated.low, separated.high, tuple(found)),
            "Results on one do not carry over to the other where they differ: report them by these features, or match the two.",
        )
    ]


def describe(s: Shift, names: tuple[str, str]) -> str:
    what = s.feature.replace("_", " ")
    if s.kind == MEANS:
        return f"{what} {s.first:.3g} in {names[0]}, {s.second:.3g} in {names[1]} ({s.effect:+.2f} standard deviations)"
    return f"{what} “{s.value}” {s.first:.1%} in {names[0]}, {s.second:.1%} in {names[1]} (Cramér's V {s.effect:.2f})"


def _of_numbers(name: str, values: np.ndarray, second: np.ndarray, groups: np.ndarray) -> Shift:
    a, b = values[~second], values[second]
    pooled = float(np.sqrt((a.var() * len(a) + b.var() * len(b)) / len(values)))
    effect, p = mean_difference(values / pooled if pooled > 0 else values, second, groups)
    return Shift(name, MEANS, effect.value, effect.low, effect.high, p, np.nan, float(a.mean()), float(b.mean()))


def _of_kinds(name: str, values: pd.Series, second: np.ndarray, groups: np.ndarray) -> Shift:
    kinds, names = pd.factorize(values)
    table = np.stack([np.bincount(kinds[side], minlength=len(names)) for side in (~second, second)], axis=1).astype(float)
    v, p = cramers_v(table, len(np.unique(groups)))
    shares = table / table.sum(axis=0)
    most = int(np.abs(shares[:, 1] - shares[:, 0]).argmax())
    a, b = shares[most]
    return Shift(name, SHARES, v, np.nan, np.nan, p, np.nan, float(a), float(b), str(names[most]))
