"""The Review page asks about a marker nobody taught a detector, and says what is and is not known of it."""

from __future__ import annotations

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.markers import MARKERS, NO_DETECTOR, UNDETECTED
from core.runs import finish
from data_audit.audit import Asked, audit_dataset
from data_audit.review import Verdicts
from tests.conftest import PROJECT
from workspace import Workspace


def page(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, marker: str) -> AppTest:
    st.cache_resource.clear()  # the workspace of the test before
    monkeypatch.setenv("LESIONLENS_WORKSPACE", str(workspace.root))
    app = AppTest.from_file(str(PROJECT / "pages" / "review.py"), default_timeout=60)
    app.query_params["dataset"], app.query_params["marker"] = "tiny", marker
    app.session_state["dataset"] = "tiny"
    return app


@pytest.fixture
def audited(workspace: Workspace) -> Workspace:
    data = workspace.open_dataset("tiny")
    finish(audit_dataset(data, workspace.root / "results" / f"audit-{data.sha256[:16]}", Asked()))
    return workspace


@pytest.mark.parametrize("marker", UNDETECTED)
def test_no_detector_is_said_and_an_answer_is_kept(audited: Workspace, monkeypatch: pytest.MonkeyPatch, marker: str) -> None:
    app = page(audited, monkeypatch, marker).run()
    assert not app.exception and f"**{MARKERS[marker].question}**" in [m.value for m in app.markdown]
    said = " ".join(c.value for c in app.caption)
    assert NO_DETECTOR in said and "score of the detector" not in said and not app.toggle
    assert "– (none was looked at yet) of all images show it" in [m.value for m in app.markdown]
    app.button(key="answer-Y").click().run()
    assert not app.exception and Verdicts(audited.verdicts).of(marker)["present"].tolist() == [1.0]
    assert any("images of every kind must be looked at" in m.value for m in app.markdown)
    app.button(key="answer-Y").click().run()  # one malignant and one benign, drawn in turn
    assert any("of all images show it" in m.value and "100.0%" in m.value for m in app.markdown)
    assert not any("precision" in m.value or "missed" in m.value for m in app.markdown)


def test_a_detector_is_still_judged_by_its_flags(audited: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    app = page(audited, monkeypatch, "hair").run()
    assert not app.exception and app.toggle(key="outlined").value
    assert any("precision" in m.value for m in app.markdown) and any("score of the detector" in c.value for c in app.caption)
