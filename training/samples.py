"""Which images a classifier is trained, validated and tested on: mapped to its classes, and split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core import diagnoses
from core.atomic import write_bytes
from core.errors import TrainingError
from core.wording import count
from data_audit.resplit import resplit, together
from datasets.dataset import Dataset
from models.architectures.recipe import SPLITS, By, Recipe

TODO = {
    "lesion": "Split by image, choose fewer classes, or give that split a larger share.",
    "patient": "Split by lesion or image, choose fewer classes, or give that split a larger share.",
    "image": "Choose fewer classes, or give that split a larger share.",
}


@dataclass(frozen=True)
class Samples:
    """image_ids, labels (int, by `classes`), splits (of SPLITS) and lesions (ids, NaN where unknown) of N images, in the dataset's order.
    left_out: reason → images."""

    image_ids: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    classes: tuple[str, ...]
    left_out: dict[str, int]
    lesions: np.ndarray

    @property
    def leaking(self) -> int | None:
        """Test images that show a lesion which is in training as well; None without lesion ids."""
        named = pd.notna(self.lesions)
        if not named.any():
            return None
        taught = self.lesions[(self.splits == "train") & named]
        return int(np.isin(self.lesions[self.splits == "test"], list(set(taught))).sum())

    def rows(self, split: str) -> np.ndarray:
        return np.flatnonzero(self.splits == split)

    def counts(self) -> dict[str, dict[str, int]]:
        """split → class → images."""
        return {s: {c: int((self.labels[self.rows(s)] == k).sum()) for k, c in enumerate(self.classes)} for s in SPLITS}

    def without(self, unreadable: Sequence[str]) -> "Samples":
        """Without images that could not be read."""
        kept = ~np.isin(self.image_ids, list(unreadable))
        left_out = {**self.left_out, "cannot be read": int((~kept).sum())}
        found = Samples(self.image_ids[kept], self.labels[kept], self.splits[kept], self.classes, left_out, self.lesions[kept])
        _no_class_empty(found, "image")
        return found


def choose_samples(dataset: Dataset, recipe: Recipe) -> Samples:
    """Stratified and seeded. Raises TrainingError where a class is unknown, fewer than two have images, or a split lacks one."""
    table = dataset.table
    classes = _classes(dataset, recipe.classes)
    mapping = diagnoses.label_map(table["diagnosis"].dropna().unique(), classes)
    codes = {diagnoses.code_or_name(c): k for k, c in enumerate(classes)}
    label = table["diagnosis"].map(mapping).map(codes)
    has_file = table["file"].notna()
    left_out = {
        "without a picture file": int((~has_file).sum()),
        "without a diagnosis": int((has_file & table["diagnosis"].isna()).sum()),
        "of a diagnosis that is none of the classes": int((has_file & table["diagnosis"].notna() & label.isna()).sum()),
    }
    kept = np.flatnonzero(has_file & label.notna())
    if not len(kept):
        raise TrainingError("has no image of these classes.", dataset.name, "See `dataset show`.")
    labels = label.to_numpy()[kept].astype(int)
    seen = np.unique(labels)
    if len(seen) < 2:
        raise TrainingError(f"all its images are {classes[seen[0]]}.", dataset.name, "A classifier needs at least two classes.")
    missing = [classes[k] for k in range(len(classes)) if k not in seen]
    if missing:
        raise TrainingError(f"has no image of class {', '.join(missing)}.", dataset.name, "Leave it out of --classes.")
    groups = _groups(dataset, recipe.split.by)[kept]
    if recipe.images and recipe.images < len(kept):
        some = _some(labels, groups, recipe.images, recipe.seed)
        left_out["not drawn"] = len(kept) - len(some)
        kept, labels, groups = kept[some], labels[some], groups[some]
    fractions = dict(zip(SPLITS, recipe.split.fractions, strict=True))
    splits = resplit(pd.Series(labels.astype(str)), groups, fractions, recipe.seed).astype(str)
    lesions = table["lesion_id"].to_numpy(object)[kept]
    found = Samples(table["image_id"].to_numpy(str)[kept], labels, splits, classes, {k: v for k, v in left_out.items() if v}, lesions)
    _no_class_empty(found, recipe.split.by)
    return found


def write_split(samples: Samples, path: Path) -> None:
    """image_id, diagnosis and split as CSV."""
    names = np.array(samples.classes)[samples.labels]
    frame = pd.DataFrame({"image_id": samples.image_ids, "diagnosis": names, "split": samples.splits})
    write_bytes(path, frame.to_csv(index=False).encode())


def leak_in_words(leaking: int, tested: int) -> str:
    """What it means for the test that lesions are in both splits. leaking: of this many test images."""
    which = f"{leaking:,} of {count(tested, 'test image')} ({leaking / tested:.0%})"
    return f"{which} show a lesion that is in training as well: test figures may be better than they would be on new patients."


def _classes(dataset: Dataset, wanted: Sequence[str]) -> tuple[str, ...]:
    if not wanted:
        return tuple(sorted(map(str, dataset.classes)))
    labels = dataset.table["diagnosis"].dropna().unique()
    reached = {diagnoses.code_or_name(c) for c in diagnoses.label_map(labels, wanted).values() if c is not None}
    unknown = [c for c in wanted if diagnoses.code_or_name(c) not in reached]
    if unknown:
        todo = f"Its diagnoses: {', '.join(map(str, dataset.classes[:20])) or 'none'}. Choose with --classes."
        raise TrainingError(f"has no image of class {', '.join(unknown)}.", dataset.name, todo)
    return tuple(wanted)


def _groups(dataset: Dataset, by: By) -> np.ndarray:
    """int (N,): images that stay together. Raises TrainingError where the ids are missing."""
    columns = {"image": (), "lesion": ("lesion_id",), "patient": ("patient_id", "lesion_id")}[by]
    if columns and dataset.table[columns[0]].isna().all():
        raise TrainingError(f"has no {by} ids, so it cannot be split by {by}.", dataset.name, "Split by image: --by image.")
    return together([dataset.table[c].to_numpy(object) for c in columns], len(dataset))


def _some(labels: np.ndarray, groups: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """About that many rows, in whole groups, with class shares about the same."""
    share = wanted / len(labels)
    drawn = resplit(pd.Series(labels.astype(str)), groups, {"in": share, "out": 1 - share}, seed)
    return np.flatnonzero(drawn == "in")


def _no_class_empty(samples: Samples, by: str) -> None:
    for split, counts in samples.counts().items():
        empty = [k for k, n in enumerate(counts.values()) if n == 0]
        if empty:
            missing = ", ".join(f"{samples.classes[k]} ({count(int((samples.labels == k).sum()), 'image')} in all)" for k in empty)
            raise TrainingError(f"split by {by}, {split} is left without {missing}.", "Training", TODO[by])
