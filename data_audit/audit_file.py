"""`Audit`: everything an audit says of a dataset, as `audit.json` holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import DatasetError
from core.records import read_record
from data_audit.evidence import Potential
from data_audit.findings import Finding
from datasets.dataset import Dataset

NAME = "audit.json"


@dataclass(frozen=True, kw_only=True)
class About:
    """What was audited, with what. against: the second dataset, where there is one."""

    lesionlens_version: str
    dataset: str
    dataset_sha256: str
    against: str | None = None
    against_sha256: str | None = None
    layout: str
    images: int
    lesions: int | None
    checks: tuple[str, ...]


@dataclass(frozen=True)
class ClassCount:
    """lesions: NaN where they are not named; share of the images with a diagnosis."""

    diagnosis: str
    images: int
    lesions: float
    share: float


@dataclass(frozen=True)
class Balance:
    """A row of `balancing`."""

    diagnosis: str
    images: int
    inverse_frequency: float = field(metadata={"json": "inverse frequency"})
    effective_images: float = field(metadata={"json": "effective images"})
    effective_number: float = field(metadata={"json": "effective number"})
    undersample: int
    oversample: int
    prior: float


@dataclass(frozen=True)
class MarkerCount:
    """source: mask, table, detector or hand."""

    marker: str
    source: str
    images: int


@dataclass(frozen=True)
class Associated:
    """An `Association`, its strength with the 95 % interval."""

    column: str
    target: str
    kind: str
    strength: float
    low: float
    high: float
    p: float
    q: float
    lesions: int
    images: int


@dataclass(frozen=True)
class Audit:
    """findings: the gravest first; distributions: as of `composition.distributions`."""

    about: About
    composition: tuple[ClassCount, ...]
    distributions: Mapping[str, Mapping[str, Mapping[str, Mapping[str, int]]]]
    balancing: tuple[Balance, ...]
    markers: tuple[MarkerCount, ...]
    associations: tuple[Associated, ...]
    shortcut_potential: tuple[Potential, ...]
    findings: tuple[Finding, ...]


def read_audit(folder: Path, dataset: Dataset) -> Audit:
    """The audit in this folder. Raises RecordError where there is none that can be read, DatasetError for an audit of other data."""
    audit = read_record(folder / NAME, Audit, "an audit", "Audit the dataset again, or name the folder that `audit` wrote to.")
    if audit.about.dataset_sha256 != dataset.sha256:
        raise DatasetError("is the audit of other data.", str(folder / NAME), "Audit this dataset again.")
    return audit
