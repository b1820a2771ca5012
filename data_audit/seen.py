"""A dataset with the measurements of its images, and the features that follow from both."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.runs import Run
from data_audit.images import images_frame
from data_audit.markers.present import Present, known_markers, present_markers
from data_audit.potential import PERSON, PERSON_SET, TAKING
from data_audit.review import Verdicts
from data_audit.scan import Scan, scan_dataset
from data_audit.skin import SKIN
from datasets.dataset import Dataset, Problem

SKIN_SET, TAKING_SET = "the skin around the lesion", "image size and borders"


@dataclass(frozen=True)
class Seen:
    """scan: one row per image; markers: each by its best source; frame: the future `images.parquet`; problems: of reading."""

    dataset: Dataset
    scan: Scan
    markers: Sequence[Present]
    frame: pd.DataFrame
    problems: Sequence[Problem] = ()


def see_dataset(dataset: Dataset, kept: Path, masks: Path, verdicts: Verdicts | None) -> Run[Seen]:
    """Scans every image (or reads earlier measurements from `kept`) and adds the dataset's own markers."""
    scan = yield from scan_dataset(dataset, kept, masks)
    masked, problems = known_markers(dataset)
    markers = present_markers(dataset, masked, scan.frame, verdicts)
    return Seen(dataset, scan, markers, images_frame(dataset, scan), problems)


def feature_sets(seen: Seen) -> dict[str, pd.DataFrame]:
    """Sets of features, without the lesion, from which the label may be predictable."""
    frame = seen.frame
    markers = pd.DataFrame({m.name: m.likely for m in seen.markers}, index=frame.index)
    sizes = frame[["width", "height"]].astype(float)
    taking = sizes.assign(aspect=sizes["width"] / sizes["height"], border_share=frame["border_share"])[list(TAKING)]
    skin = frame[list(SKIN)]
    person = seen.dataset.table[list(PERSON)].reset_index(drop=True)
    sets = {
        "markers": markers,
        SKIN_SET: skin,
        TAKING_SET: taking,
        "markers, skin around the lesion, image size and borders together": pd.concat([markers, skin, taking], axis=1),
    }
    return sets | ({PERSON_SET: person} if person.notna().any().any() else {})


def comparable(seen: Seen) -> pd.DataFrame:
    """Features by which two sets of images are compared."""
    table = seen.dataset.table[["diagnosis", "age", "sex", "site", "confirmation"]].reset_index(drop=True)
    sets = feature_sets(seen)
    markers = pd.DataFrame({m.marker: m.likely for m in seen.markers})
    pictures = seen.frame[["sharpness", "brightness", "contrast", "colour_cast"]]
    return pd.concat([table, markers, sets[SKIN_SET], sets[TAKING_SET], pictures], axis=1)
