"""Where the evidence lies in relation to an outlined lesion or marker."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Localisation:
    """share: of the evidence inside the mask, 0…1, NaN for an empty map; area: share of the image inside the mask, which is
    what chance would give; hit: whether the strongest point lies inside (pointing game, Zhang 2018,
    doi:10.1007/s11263-017-1059-x), None for an empty map."""

    share: float
    area: float
    hit: bool | None


def localise(evidence: np.ndarray, mask: np.ndarray) -> Localisation:
    """evidence: float (H, W) ≥ 0, enlarged to the mask's size, NaN where the network did not see the image and nothing is
    counted; mask: bool (H, W)."""
    seen = ~np.isnan(evidence)
    known = np.where(seen, evidence, 0.0)
    total = float(known.sum(dtype=float))
    area = float(mask[seen].mean()) if seen.any() else float("nan")
    if total <= 0:
        return Localisation(float("nan"), area, None)
    strongest = np.unravel_index(int(known.argmax()), known.shape)
    return Localisation(float(known[mask].sum(dtype=float)) / total, area, bool(mask[strongest]))
