"""Audits of the workspace's datasets: where they are kept, what they found, and people's verdicts on the markers."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from core.errors import RecordError
from core.tables import read_arrow
from data_audit.audit import CHECKS, Asked
from data_audit.audit_file import NAME, Audit, read_audit
from data_audit.findings import Finding
from data_audit.review import Verdicts
from data_audit.scan import mask_file
from datasets.dataset import Dataset
from ui.services import services
from ui.worker.jobs.datasets import AuditDataset

ALONE = Asked()


def folder(data: Dataset) -> Path:
    return services.workspace().root / "results" / f"audit-{data.sha256[:16]}"


def read(data: Dataset) -> Audit | None:
    """The kept audit, None if the dataset was not audited in its present state with these checks. Raises RecordError where the file is
    broken or of another version."""
    path = folder(data) / NAME
    audit = _audit(path.parent, data, path.stat().st_mtime_ns) if path.exists() else None
    return audit if audit and audit.about.checks == CHECKS else None


def kept(data: Dataset) -> Audit | None:
    """As `read`, but None where that raises, for pages that can do without an audit; the Dataset page shows the error."""
    try:
        return read(data)
    except RecordError:
        return None


def findings(data: Dataset) -> Sequence[Finding] | None:
    """The findings of the kept audit, None if there is none."""
    audit = kept(data)
    return audit.findings if audit else None


def images(data: Dataset) -> pd.DataFrame | None:
    """`images.parquet` of the kept audit, None if there is none."""
    path = folder(data) / "images.parquet"
    return _images(path, path.stat().st_mtime_ns) if kept(data) and path.exists() else None


def file(data: Dataset, name: str) -> bytes | None:
    """What an audit has written under this name (`REPORT`, `SPLIT`), None if there is nothing."""
    path = folder(data) / name
    return path.read_bytes() if path.exists() else None


def mask(data: Dataset, image_id: str) -> Path:
    """Where the marker mask of an image is, if it has one."""
    return mask_file(folder(data) / "markers", image_id)


def verdicts() -> Verdicts:
    """People's verdicts on marker flags, one file for the workspace."""
    return Verdicts(services.workspace().verdicts)


def run(data: Dataset, asked: Asked = ALONE) -> AuditDataset:
    """The job that audits it; one audit of a dataset runs at a time, whatever is asked for."""
    return AuditDataset(data, folder(data), asked)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=services.HASH_FUNCS)
def _audit(folder: Path, data: Dataset, stamp: int) -> Audit:
    return read_audit(folder, data)


@st.cache_data(max_entries=4, show_spinner=False)
def _images(path: Path, stamp: int) -> pd.DataFrame:
    return read_arrow(path, RecordError).to_pandas()
