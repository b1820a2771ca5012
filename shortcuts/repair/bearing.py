"""Which images bear the markers that are to be repaired, and where in the picture they lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import DatasetError
from core.markers import DETECTED, MARKERS, NO_DETECTOR, marker_name
from core.runs import Run
from data_audit.markers.present import known_markers, label_columns, yes_or_no
from data_audit.scan import mask_file
from data_audit.seen import see_dataset
from datasets.dataset import Dataset, read_marker_mask

SCAN, MASKS = ".scan.parquet", "markers"  # as an audit names them


@dataclass(frozen=True)
class Bearing:
    """values: float (N, M) in the order of the dataset's table and of `markers`: 1 borne, 0 not, NaN where nobody and nothing looked."""

    markers: tuple[str, ...]
    values: np.ndarray

    @property
    def any(self) -> np.ndarray:
        """float (N,): whether an image bears any of them; NaN where that is not known."""
        return np.where(np.isnan(self.values).any(axis=1), np.nan, np.nan_to_num(self.values).max(axis=1))


def bearing(data: Dataset, markers: Sequence[str], folder: Path, verdicts: Path | None = None, places: bool = False) -> Run[Bearing]:
    """By the dataset's masks or labels; the detectors look through the pictures only for what these do not say.

    places: whether it is also to be known where in the picture they lie, which labels do not say.
    folder: where what they saw is kept, as an audit keeps it. verdicts: what people said of their flags. Raises DatasetError for an
    unknown marker, and where no image bears any of them.
    """
    unknown = [m for m in markers if m not in MARKERS]
    if unknown or not markers:
        raise DatasetError(f"{', '.join(unknown) or 'nothing'} is no marker.", todo=f"Choose: {', '.join(MARKERS)}.")
    columns = label_columns(data.table)
    masked = known_markers(data)[0]
    known = {
        m: masked.get(m, np.zeros(len(data), bool)).astype(float) for m in markers if m in masked or (data.marker_masks and m in DETECTED)
    }
    known |= {m: yes_or_no(data.table[columns[m]]) for m in markers if m in columns and m not in known and not places}
    if set(markers) <= set(known):
        found = [known[m] for m in markers]
    else:
        from data_audit.review import Verdicts

        seen = yield from see_dataset(data, folder / SCAN, folder / MASKS, Verdicts(verdicts) if verdicts else None)
        values = {m.marker: m.values for m in seen.markers}  # each by its best source, as the audit has it
        if unseen := [marker_name(m) for m in markers if m not in values]:
            what = f"does not say which images show {' and '.join(unseen)} ({NO_DETECTOR})."
            raise DatasetError(what, data.name, "Bring marker masks or a column of yes and no, or judge images on the Review page.")
        found = [values[m] for m in markers]
    borne = Bearing(tuple(markers), np.stack(found, axis=1))
    if not np.nansum(borne.values):
        names = " or ".join(marker_name(m) for m in markers)
        raise DatasetError(f"has no image that shows {names}.", data.name, "Audit it to see what is there.")
    return borne


def marker_places(data: Dataset, image_id: str, folder: Path) -> dict[str, np.ndarray]:
    """Marker → bool mask over the picture: the dataset's own, else what the detectors saw and kept in the folder; empty where neither is.
    Raises ImageError for a mask that cannot be read."""
    if data.marker_masks:
        return data.markers(image_id)
    path = mask_file(folder / MASKS, image_id)
    return read_marker_mask(path) if path.exists() else {}
