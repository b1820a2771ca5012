"""Ten images of eight lesions, a classifier's scores for them, and who answers in the place of the worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from datasets.dataset import Dataset
from datasets.opening import open_dataset
from evaluation.evaluate import How
from studies.assess import Assessment, assess
from tests.ui.panels import TEN_IMAGES, Answering, Worker, scores_of
from ui.services import services


@pytest.fixture(autouse=True, scope="module")
def quick_pages(heap_set_aside: None) -> None:
    """Pages are run here."""


@pytest.fixture
def data(write: Callable[[str, str], Any]) -> Dataset:
    return open_dataset(write("ten/table.csv", TEN_IMAGES), name="ten")


@pytest.fixture
def assessed(data: Dataset) -> Assessment:
    return assess(scores_of(data.table["image_id"].tolist()), data, how=How(resamples=50))


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's download buttons would save, by the name of the file."""
    found: dict[str, Any] = {}

    def button(self: DeltaGenerator, label: str, data: Any, file_name: str, *_: object, **__: object) -> bool:
        found[file_name] = data() if callable(data) else data
        return False

    monkeypatch.setattr(DeltaGenerator, "download_button", button)
    monkeypatch.setattr(st, "download_button", lambda *args, **kwargs: button(st._main, *args, **kwargs))
    return found


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Puts a `Worker` with these answers behind the page."""

    def put(answers: Mapping[type, Any]) -> Worker:
        worker = Worker(answers)
        for name in ("ask", "task", "start"):
            monkeypatch.setattr(services, name, getattr(worker, name))
        return worker

    return put
