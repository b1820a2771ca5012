"""Pages without a browser: each script run as the frame runs it, with the sidebar beside it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.runs import finish
from data_audit.audit import audit_dataset
from demo.classifiers import install
from models.predictions import write_predictions
from reports.audit_report import audit_html
from reports.pictures import write_page
from tests.conftest import PROJECT
from ui.frame import first_start
from ui.parts.navigation import PAGES
from ui.services import audits, predictions, services, trainings
from workspace import Workspace

SCRIPT = """
import runpy
from ui.parts import choice
from ui.parts.components import show_errors
with show_errors():
    choice.sidebar()
    runpy.run_path({path!r})
"""
SECONDS = 120  # after which a page is taken to hang
OpenPage = Callable[..., AppTest]


def open_page(address: str, **query: str) -> AppTest:
    """A page as a link opens it."""
    page = AppTest.from_string(SCRIPT.format(path=str(PROJECT / "pages" / f"{PAGES[address].script}.py")), default_timeout=SECONDS)
    for key, value in query.items():
        page.query_params[key] = value
    return page.run()


def said(page: AppTest) -> list[str]:
    """Messages and text of the page, in order of their kinds."""
    kinds = (page.error, page.warning, page.info, page.success, page.markdown, page.caption)
    return [element.value for kind in kinds for element in kind]


def _serve(space: Workspace) -> Iterator[Workspace]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLENS_WORKSPACE", str(space.root))
        st.cache_resource.clear()
        st.cache_data.clear()
        yield space
        services.worker().stop()
        st.cache_resource.clear()
        st.cache_data.clear()


@pytest.fixture(autouse=True, scope="module")
def quick_pages(heap_set_aside: None) -> None:
    """Pages are run here."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, small_dataset: Path) -> Iterator[Workspace]:
    """The shipped classifiers and a small dataset, audited and predicted by one of them; the pages' own worker behind it."""
    root = tmp_path_factory.mktemp("pages")
    space = Workspace(root / "workspace")
    install(space.models)
    space.register_dataset("tiny", Path(shutil.copytree(small_dataset, root / "tiny")))
    for one in _serve(space):
        data, opened = services.dataset("tiny"), services.model("demo-honest")
        audit = finish(audit_dataset(data, audits.folder(data)))
        write_page(audits.folder(data), audit_html(data, audit))
        table = services.start(predictions.run(opened, data)).result(120)
        write_predictions(table, predictions.result_path(opened, data))
        yield one
        for name in trainings.names():
            state = trainings.look(name).state
            if state is not None and state.alive:
                psutil.Process(state.pid).kill()


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace that holds nothing, in which the demo would take long to draw."""
    monkeypatch.setattr(first_start, "DRAW", (sys.executable, "-c", "print('3 900 demo', flush=True); import time; time.sleep(3)"))
    yield from _serve(Workspace(tmp_path / "workspace"))
