"""`Dataset`: a table with one row per image, the locations of its files, and the problems found on opening."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import DatasetError, ImageError
from core.markers import unpack
from imaging.decode import read_bits, read_image, read_mask

# the columns every dataset has, whatever its files call them; others are kept under their own names
COLUMNS = ("image_id", "diagnosis", "lesion_id", "patient_id", "age", "sex", "site", "confirmation", "split", "label", "file")


@dataclass(frozen=True)
class Problem:
    """Something wrong with the table or the files, and the affected rows (image ids or file names)."""

    kind: str
    summary: str
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """table columns: COLUMNS (NaN for missing; `file` relative to root; age in years; diagnosis as a code where the vocabulary knows it,
    `label` as it was written) and any others."""

    name: str
    root: Path
    layout: str
    table: pd.DataFrame
    problems: tuple[Problem, ...] = ()
    masks: Mapping[str, str] = field(default_factory=dict)  # image_id -> file, relative to root
    marker_masks: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()  # image ids in the order of the metadata table, duplicates included

    def __post_init__(self) -> None:
        if self.table["image_id"].duplicated().any():
            raise ValueError("a dataset's image ids must be unique")

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The diagnoses, the commonest first."""
        return tuple(self.table["diagnosis"].value_counts().index)

    @cached_property
    def groups(self) -> pd.Series:
        """The unit of counting per image: the lesion, else the patient, else the image itself."""
        ids = self.table["image_id"].astype(object)
        for column in ("patient_id", "lesion_id"):
            ids = self.table[column].astype(object).where(self.table[column].notna(), ids)
        return ids

    @cached_property
    def clusters(self) -> pd.Series:
        """The unit of resampling per image: the patient, else the lesion, else the image itself. A lesion whose patient is given in one
        row is that patient's in all."""
        lesion = self.table["lesion_id"].astype(object)
        patient = self.table["patient_id"].astype(object)
        patient = patient.where(patient.notna(), patient.groupby(lesion).transform("first"))
        named = "patient " + patient.astype(str)
        return named.where(patient.notna(), "lesion " + self.groups.astype(str))

    @property
    def counted(self) -> str:
        """The word for what `clusters` counts."""
        known = {"patients": self.table["patient_id"].notna(), "lesions": self.table["lesion_id"].notna()}
        words = [word for word, there in known.items() if there.any()]
        complete = any(there.all() for there in known.values())
        return " or ".join(words if complete else [*words, "images"])

    @property
    def n_lesions(self) -> int | None:
        """Number of lesions; None if none is identified."""
        return int(self.table["lesion_id"].nunique()) if self.table["lesion_id"].notna().any() else None

    @cached_property
    def sha256(self) -> str:
        """Of the table as read and of the names and sizes of image and mask files; no image is read."""
        digest = hashlib.sha256(self.table.to_csv(index=False).encode())
        for file in (*self.table["file"].dropna(), *self.masks.values(), *self.marker_masks.values()):
            path = self.root / file
            digest.update(f"{file}:{path.stat().st_size if path.exists() else -1}\n".encode())
        return digest.hexdigest()

    @property
    def identity(self) -> tuple[str, str, str]:
        """Its cache key."""
        return self.name, str(self.root), self.sha256

    @cached_property
    def group_of(self) -> dict[str, str]:
        """`groups` by image id."""
        return dict(zip(self.table["image_id"], self.groups.astype(str), strict=True))

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {image_id: i for i, image_id in enumerate(self.table["image_id"])}

    def row(self, image_id: str) -> pd.Series:
        """One image's row; raises DatasetError for an unknown id."""
        if image_id not in self._rows:
            raise DatasetError(f"has no image {image_id!r}.", self.name)
        return self.table.iloc[self._rows[image_id]]

    def path(self, image_id: str) -> Path | None:
        """An image's file, or None."""
        file = self.row(image_id)["file"]
        return self.root / file if isinstance(file, str) else None

    def read(self, image_id: str) -> np.ndarray:
        """The decoded image; raises ImageError if it has no file or cannot be read."""
        path = self.path(image_id)
        if path is None:
            raise ImageError("has no image file in this dataset.", image_id)
        return read_image(path)

    def mask(self, image_id: str) -> np.ndarray | None:
        """Boolean (H, W) lesion mask, or None."""
        file = self.masks.get(image_id)
        return read_mask(self.root / file) if file else None

    def markers(self, image_id: str) -> dict[str, np.ndarray]:
        """Boolean (H, W) masks of the markers present; empty without a marker mask."""
        bits = self.marker_bits(image_id)
        return {} if bits is None else unpack(bits)

    def marker_bits(self, image_id: str) -> np.ndarray | None:
        """uint16 (H, W) of an image's marker mask, or None; raises ImageError."""
        file = self.marker_masks.get(image_id)
        return read_bits(self.root / file) if file else None


def read_marker_mask(path: Path) -> dict[str, np.ndarray]:
    """Marker → bool (H, W), of the markers present in a mask file of 16 or 8 bits. Raises ImageError."""
    return unpack(read_bits(path))
