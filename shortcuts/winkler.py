"""The table of Winkler 2019: what a marker does to sensitivity and specificity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.intervals import Figure, ratio, undefined

COLUMNS = ("base", "changed", "control", "cropped")


@dataclass(frozen=True)
class Rates:
    """Of deciding for one class."""

    sensitivity: Figure
    specificity: Figure


def sensitivity_specificity(rows: pd.DataFrame, target: str, classes: Sequence[str]) -> dict[str, Rates]:
    """Of deciding for one class by the highest score, on the same photographs: as they are, changed, with the control, and cropped to the
    lesion (Winkler 2019, doi:10.1001/jamadermatol.2019.1735). rows: of one marker and direction; where a lesion could not be found its
    photograph is missing from the crops alone."""
    known = rows[rows["diagnosis"].isin(list(classes))]
    return {name: _figures(known[known[name].notna()], name, target, classes) for name in COLUMNS}


def _figures(known: pd.DataFrame, name: str, target: str, classes: Sequence[str]) -> Rates:
    if known.empty:
        none = undefined("no image has a diagnosis of these classes")
        return Rates(none, none)
    groups = np.unique(known["group"].to_numpy(str), return_inverse=True)[1]
    positive = (known["diagnosis"] == target).to_numpy()
    decided = np.stack(known[name].to_list()).argmax(axis=1) == classes.index(target)
    return Rates(
        ratio((decided & positive).astype(float), positive.astype(float), groups, f"no images of {target}"),
        ratio((~decided & ~positive).astype(float), (~positive).astype(float), groups, f"no images outside {target}"),
    )
