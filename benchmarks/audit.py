"""The cost of the audit relative to cleanvision's default checks, and how the search for duplicate photographs scales."""

import contextlib
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.ratios import Row, compare_costs
from core.errors import LesionLensError
from core.runs import finish
from data_audit.audit import audit_dataset
from data_audit.likeness import same_photographs
from data_audit.traces import trace
from datasets.opening import open_dataset

MANY, FEW = 8_000, 2_000  # synthetic photographs searched for duplicates


def bench_audit(say: Callable[[str], None]) -> list[Row]:
    """Full audits over cleanvision on the same files (LESIONLENS_REAL_DATA), each from scratch."""
    rows = [_growth(say)]
    root = os.environ.get("LESIONLENS_REAL_DATA")
    if not root:
        raise LesionLensError("LESIONLENS_REAL_DATA is not set.", todo="Point it at a folder with ham10000/ and isic_uda1/.")
    for name, target, pairs in (("isic_uda1", 0.5, 5), ("ham10000", 1.5, 1)):
        say(name)
        rows.append(_beside_cleanvision(Path(root) / name, target, pairs))
    return rows


def _beside_cleanvision(folder: Path, target: float, pairs: int) -> Row:
    try:
        from cleanvision import Imagelab
    except ImportError as error:
        raise LesionLensError("cleanvision is not installed.", todo="pip install cleanvision (it is in requirements-dev).") from error
    dataset = open_dataset(folder)

    def ours() -> None:
        with tempfile.TemporaryDirectory() as out:
            finish(audit_dataset(dataset, Path(out)))

    def theirs() -> None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            Imagelab(data_path=str(folder / "images")).find_issues(verbose=False)

    warm = 1 if pairs > 1 else 0
    return compare_costs(f"audit over cleanvision's checks, {folder.name}, {len(dataset):,} images", ours, theirs, pairs, target, warm=warm)


def _growth(say: Callable[[str], None]) -> Row:
    """Search among many over search among few: quadratic cost would take (MANY / FEW)² times as long."""
    say(f"likeness among {MANY:,} synthetic photographs")
    rng = np.random.default_rng(0)
    traces = [trace(cv2.resize(rng.integers(40, 220, (24, 32, 3), np.uint8), (128, 96))) for _ in range(MANY)]
    many, few = (lambda n=n: finish(same_photographs(traces[:n])) for n in (MANY, FEW))
    times = MANY / FEW
    return compare_costs(f"likeness among {MANY:,} over {FEW:,} photographs (quadratic: {times**2:.0f})", many, few, 1, 2 * times, warm=0)
