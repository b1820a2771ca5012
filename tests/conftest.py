"""Fixtures of all rooms: small drawn data, shipped classifiers, and the real data where they are."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from demo.classifiers import WEIGHTS, install
from demo.cohort import Cohort, draw_cohort
from demo.datasets import metadata_table, write_shots
from workspace import Workspace

PROJECT = Path(__file__).resolve().parents[1]
OF_ONE_RUN = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
TRIALS = Path(tempfile.gettempdir()) / f"lesionlens-trials-{OF_ONE_RUN}"  # a network that several tests open is tried once
os.environ.setdefault("LESIONLENS_TRIALS", str(TRIALS))
SMALL = {"nv": 14, "mel": 10, "bkl": 8}


def pytest_sessionstart(session: pytest.Session) -> None:
    """Removes what runs that were killed have left."""
    if not hasattr(session.config, "workerinput"):
        for left in TRIALS.parent.glob("lesionlens-trials-*"):
            if not psutil.pid_exists(int(left.name.rpartition("-")[2])):
                shutil.rmtree(left, ignore_errors=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # the workers of a parallel run are done by then
        shutil.rmtree(TRIALS, ignore_errors=True)


@pytest.fixture(autouse=True)
def main_module_stays() -> Iterator[None]:
    """A page run without a browser leaves its script as `__main__`, which processes that are spawned later would run."""
    kept = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = kept


@pytest.fixture(scope="module")
def heap_set_aside() -> Iterator[None]:
    """Streamlit collects all garbage after each run of a page; what earlier tests left (networks, mostly) need not be looked through."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real public data, where the environment says they are."""
    folder = os.environ.get("LESIONLENS_REAL_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real data: set LESIONLENS_REAL_DATA to a folder with HAM10000 and published networks")
    return Path(folder)


@pytest.fixture(scope="session")
def small_cohort() -> Cohort:
    return draw_cohort(5, "TINY", SMALL)


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory, small_cohort: Cohort) -> Path:
    """About 45 drawn images of three diagnoses in HAM10000's layout."""
    folder = tmp_path_factory.mktemp("tiny")
    for part in ("images", "masks", "markers"):
        (folder / part).mkdir()
    write_shots(folder, small_cohort.shots)
    metadata_table(small_cohort.shots).to_csv(folder / "metadata.csv", index=False)
    return folder


@pytest.fixture
def workspace(tmp_path: Path, small_dataset: Path) -> Workspace:
    """The shipped classifiers and the small dataset."""
    space = Workspace(tmp_path / "workspace")
    install(space.models)
    space.register_dataset("tiny", small_dataset)
    return space


@pytest.fixture(scope="session")
def honest() -> Path:
    return WEIGHTS / "demo-honest.keras"


@pytest.fixture(scope="session")
def shortcut() -> Path:
    return WEIGHTS / "demo-shortcut.keras"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a text file below the test's folder."""

    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return put
