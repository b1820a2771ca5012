"""`Audit`: the results of an audit, as stored in `audit.json`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import DatasetError
from core.records import read_record
from data_audit.evidence import Associated, Potential
from data_audit.findings import Finding
from datasets.dataset import Dataset

NAME = "audit.json"


@dataclass(frozen=True, kw_only=True)
class About:
    """What was audited, by which version. against: the second dataset, if any."""

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
    """lesions: NaN if not identified; share of the images with a diagnosis."""

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
class Audit:
    """findings: the most severe first; distributions: of `composition.distributions`."""

    about: About
    composition: tuple[ClassCount, ...]
    distributions: Mapping[str, Mapping[str, Mapping[str, Mapping[str, int]]]]
    balancing: tuple[Balance, ...]
    markers: tuple[MarkerCount, ...]
    associations: tuple[Associated, ...]
    shortcut_potential: tuple[Potential, ...]
    findings: tuple[Finding, ...]


def read_audit(folder: Path, dataset: Dataset) -> Audit:
    """The audit in a folder. Raises RecordError without a readable audit, DatasetError for an audit of other data."""
    audit = read_record(folder / NAME, Audit, "an audit", "Audit the dataset again, or give the folder `audit` wrote to.")
    if audit.about.dataset_sha256 != dataset.sha256:
        raise DatasetError("is the audit of other data.", str(folder / NAME), "Audit this dataset again.")
    return audit
