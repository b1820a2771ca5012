"""Panels of the Shortcuts page: a study of one or two markers on screen, and what to do about it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import streamlit as st

from core.version import __version__
from data_audit.evidence import GoesWith
from data_audit.findings import Finding
from datasets.dataset import Dataset
from evaluation.intervals import Figure, undefined
from imaging.decode import encode_jpeg
from shortcuts.alarms import Alarms
from shortcuts.drawing import INSERTED
from shortcuts.plan import Plan
from shortcuts.repair.trap import Odds
from shortcuts.study import Apart, Dosed, Example, MarkerStudy
from tests.pages.conftest import said
from tests.ui.panels import RUNS_PAGES, Answering, alternatives, classifier, drawn, effect, marker_study, photograph, pictures, study
from ui.parts import navigation
from ui.services import audits, services
from ui.shortcuts import repair, verdicts
from ui.shortcuts import study as lab
from ui.worker.jobs.repair import CleanCopy, LayTrap, WeighImages
from ui.worker.jobs.shortcuts import RunShortcuts

pytestmark = RUNS_PAGES


# --- one marker -----------------------------------------------------------------------------------------


def judged(tmp_path: Path, of: MarkerStudy, **changes: Any) -> Any:
    return drawn(verdicts.marker_verdict, "ink", of, study({"ink": of}, **changes), tmp_path)


def test_a_verdict_and_what_it_rests_on(tmp_path: Path) -> None:
    page = judged(tmp_path, marker_study(agreement="the heat lies on it, and it is used"))
    assert [e.label for e in page.expander] == ["Ink: used"]
    assert [m.value for m in page.markdown] == ["Removing it moves mel.", "Attention: the heat lies on it, and it is used."]
    # those taken away first, from the highest excess down
    assert alternatives(page) == ["Effects of ink: mel, removed +0.27, nv, removed -0.18, mel, inserted +0.09"]
    turned, rates = (d.value for d in page.dataframe)
    assert turned.to_numpy().tolist() == [["removed", 100, 80, "12.0% [7.0%, 20.0%]", "1.0% [0.0%, 5.0%]"]]
    assert rates.to_numpy().tolist() == [
        ["removed", "unchanged", "90.0% [80.0%, 95.0%]", "75.0% [70.0%, 80.0%]"],
        ["removed", "changed", "60.0% [50.0%, 70.0%]", "85.0% [80.0%, 90.0%]"],
        ["removed", "control", "88.0% [78.0%, 94.0%]", "–"],
        ["removed", "cropped to the lesion", "70.0% [60.0%, 80.0%]", "80.0% [75.0%, 85.0%]"],
    ]
    assert page.caption[0].value == "Sensitivity and specificity of deciding for melanoma (mel) on the same photographs."
    assert page.caption[1].value.endswith("minus its share of the area: +12.3% [+8.0%, +17.0%].") and len(page.caption) == 2


def test_nothing_is_said_of_what_was_not_measured(tmp_path: Path) -> None:
    page = judged(tmp_path, marker_study(effects=(), flips=(), attention=undefined("no map")))
    assert not alternatives(page) and not page.dataframe and not page.caption and len(page.markdown) == 1


@pytest.mark.parametrize(("verdict", "told"), [("can't tell", True), ("not seen to matter", False)])
def test_how_many_lesions_would_settle_it(tmp_path: Path, verdict: str, told: bool) -> None:
    """Of those that would need more lesions than there are, the one that would need most."""
    effects = (
        effect("mel", "removal", 0.02, 40, 120.4),
        effect("nv", "insertion", -0.04, 1_040, 2_345.6),
        effect("bkl", "removal", 0.01, 5_000, 3_000),
    )
    page = judged(tmp_path, marker_study(verdict, effects=effects, flips=(), attention=undefined("no map")))
    lines = [
        "With 1,040 lesions, the interval of nevus (nv), inserted, is -0.07 to -0.01 at 90 %. About 2,346 lesions would bring it within "
        "the margins, if mean and spread remain the same."
    ]
    assert [c.value for c in page.caption] == (lines if told else [])


def test_doses_notes_and_markers_on_the_lesion_are_told(tmp_path: Path) -> None:
    apart = Apart("removal", effect("mel", "removal", 0.18), marker_study().flips[0])
    of = marker_study(effects=(), flips=(), attention=undefined("no map"), on_lesion=(apart,), notes=("seen by a detector",))
    doses = (
        Dosed("ink", 0.5, 0.85, "mel", 20, Figure(0.0512, 0.01, 0.09)),
        Dosed("ink", 1.6, 0.4, "mel", 1_020, Figure(-0.126, -0.2, -0.1)),
        Dosed("ink", 1.0, 0.4, "mel", 0, undefined("no image")),
        Dosed("hair", 1.0, 0.4, "mel", 9, Figure(0.9, 0.8, 1.0)),
    )
    page = judged(tmp_path, of, doses=doses)
    assert alternatives(page) == ["Effect of ink by size and strength: size 0.5 strength 85% +0.05, size 1.6 strength 40% -0.13"]
    # the change is the excess by 0.9, the control a ninth of the excess; ± 0.04
    assert page.caption[0].value.endswith(
        "(images: 100): P(mel) with − without +0.20 [+0.16, +0.24], control +0.02 [-0.02, +0.06]; 12% [7%, 20%] of the decisions change."
    )
    assert page.caption[1].value == "Seen by a detector."


def test_examples_bear_their_scores_and_missing_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "i8.jpg").write_bytes(encode_jpeg(photograph().image, 90))
    one = Example("ink", "removal", "i8", "i8.jpg", "mel", 0.873, 0.4, 0.866)
    examples = (one, replace(one, file="gone.jpg"), replace(one, marker="hair"))
    page = judged(tmp_path, marker_study(effects=(), flips=()), examples=examples)
    assert pictures(page) == ["i8: unchanged, removed, control. P(mel) 0.87, 0.40, 0.87"]
    assert any("closest to the median" in c.value for c in page.caption)


# --- the study ------------------------------------------------------------------------------------------

INK = Finding("association", "grave", "…", ("i6", "i8", "elsewhere"), GoesWith("ink (mask)", 9.0, 2.0, 30.0, 0.001, 0.01, "ink"))
HAIR = Finding("association", "note", "…", ("i1",), GoesWith("hair", 1.1, 0.9, 1.3, 0.4, 0.5, "hair"))  # a note is no finding to act on


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answering: Answering) -> Path:
    """The folder of a study; the workspace behind the page."""
    answering({})
    folder = tmp_path / "shortcuts"
    folder.mkdir()
    (folder / "shortcuts.json").write_text("{}")
    monkeypatch.setattr(lab, "result_folder", lambda *_: folder)
    monkeypatch.setattr(audits, "findings", lambda data: None)
    return folder


def laboratory(monkeypatch: pytest.MonkeyPatch, data: Dataset, **changes: Any) -> tuple[Any, list[list[str]]]:
    """The page with three markers judged, and which of them repairs are offered for."""
    offered: list[list[str]] = []
    of = {"hair": marker_study("not seen to matter"), "ruler": marker_study("can't tell"), "ink": marker_study("used")}
    found = study({m: replace(s, effects=(), flips=()) for m, s in of.items()}, **changes)
    monkeypatch.setattr(lab, "kept_study", lambda path: found)
    monkeypatch.setattr(lab, "repair_panel", lambda data, used: offered.append(used))
    return drawn(lab.lab, classifier(), data), offered


def test_a_link_leads_to_the_repair_of_one_marker(kept: Path, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    monkeypatch.setattr(st, "query_params", {"marker": "hair"})
    offered: list[list[str]] = []
    monkeypatch.setattr(lab, "repair_panel", lambda data, used: offered.append(used))
    page = drawn(lab.lab, classifier(), data, session={"lab-part": navigation.REPAIR})
    assert offered == [["hair"]] and not page.multiselect and not page.expander


@pytest.mark.parametrize(("named", "chosen"), [("hair", ["hair"]), ("black_frame", list(INSERTED)), ("no marker", list(INSERTED))])
def test_a_link_chooses_the_marker_that_is_tried(
    kept: Path, monkeypatch: pytest.MonkeyPatch, data: Dataset, named: str, chosen: list[str]
) -> None:
    monkeypatch.setattr(st, "query_params", {"marker": named})
    page, _ = laboratory(monkeypatch, data)
    assert page.multiselect(key="lab-markers").value == chosen
    assert [i.value[:60] for i in page.info] == (
        ["No experiment can show whether a classifier uses a black fra"] if named == "black_frame" else []
    )


def test_verdicts_stand_alone_without_an_audit(kept: Path, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    page, offered = laboratory(monkeypatch, data)
    assert page.subheader[0].value == "Verdicts" and offered == [["ink"]]
    table = page.dataframe[0].value
    assert table.columns.tolist() == ["marker", "the classifier"]
    assert table.to_numpy().tolist() == [["ink", "used"], ["ruler", "can't tell"], ["hair", "not seen to matter"]]
    assert [e.label for e in page.expander] == ["Ink: used", "Ruler: can't tell", "Hair: not seen to matter"]
    rule = next(c.value for c in page.caption if "photographs were tested" in c.value)
    assert (
        rule.startswith("1,234 photographs were tested: those drawn at random and those drawn for a marker")
        and "by at least 0.07 or turns at least 7% more decisions one way." in rule
        and "unless 10% of the decisions surely turn" in rule
    )
    assert "With fewer than 12 lesions" in rule
    assert not any("False alarms" in line or "Images with" in line for line in said(page))


def test_verdicts_are_crossed_with_the_audit(kept: Path, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    monkeypatch.setattr(audits, "findings", lambda data: (INK, HAIR))
    alarms = Alarms(1_000, 6, 0.0512, 0.03, 0.08, 0.035, 0.0171, 0.0704)
    page, _ = laboratory(monkeypatch, data, false_alarms=alarms)
    assert page.subheader[0].value == "What to fix first"
    assert page.dataframe[0].value["in the data"].tolist() == ["associated with the diagnosis", "no finding", "no finding"]
    advice = [m.value for m in page.markdown if m.value.startswith("- **")]
    assert [a.split("**: ")[0] for a in advice] == ["- **ink", "- **ruler", "- **hair"]
    assert advice[0].startswith("- **ink**: Fix first:")
    assert [link.proto.label for link in page.get("page_link")] == ["Melanoma (mel)"] * 2  # those of the dataset
    assert any(
        "5.1% of the unadjusted 95 % intervals exclude 0 (6 tests × 1,000 repeats, 3.0% to 8.0% a test; 5 % is meant); a marker would be "
        "called used in 3.5% of the repeats [1.7%, 7.0%]." in line
        for line in said(page)
    )


def test_a_study_is_downloaded(kept: Path, monkeypatch: pytest.MonkeyPatch, data: Dataset, saved: dict[str, Any]) -> None:
    laboratory(monkeypatch, data)
    assert set(saved) == {"one-ten-shortcuts.html", "one-ten-shortcuts.json"}
    assert json.loads(saved["one-ten-shortcuts.json"]) == {} and "1,234" in saved["one-ten-shortcuts.html"]


def test_what_is_tested_is_what_was_chosen(kept: Path, monkeypatch: pytest.MonkeyPatch, data: Dataset, answering: Answering) -> None:
    (kept / "shortcuts.json").unlink()
    worker = answering({})
    page = drawn(lab.lab, classifier(), data)
    page.multiselect(key="lab-markers").set_value(["ink"])
    page.number_input(key="lab-images").set_value(60)
    page.toggle(key="lab-again").set_value(True).run()
    page.button[0].click().run()
    (job,) = worker.asked
    assert isinstance(job, RunShortcuts) and (job.split, job.plan) == ("test", Plan(("ink",), 60, again=True))


def test_studies_of_different_plans_lie_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: Dataset) -> None:
    monkeypatch.setattr(services, "workspace", lambda: SimpleNamespace(result_path=lambda *of: tmp_path / "predictions.parquet"))
    asked = [("test", Plan(("ink",))), (None, Plan(("ink",))), ("test", Plan(("ink",), 60)), ("test", Plan(("ink",), again=True))]
    folders = {lab.result_folder(classifier(), data, split, plan) for split, plan in asked}
    assert len(folders) == 4 and {f.parent for f in folders} == {tmp_path}
    assert lab.result_folder(classifier(), data, *asked[0]) in folders


# --- repairs --------------------------------------------------------------------------------------------


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a workspace's datasets."""
    datasets = tmp_path / "datasets"
    held = SimpleNamespace(
        root=tmp_path, datasets=datasets, verdicts=tmp_path / "verdicts.sqlite", place_for_dataset=lambda name: datasets / name
    )
    monkeypatch.setattr(services, "workspace", lambda: held)
    return datasets


def test_the_markers_used_are_chosen_and_name_the_copy(space: Path, answering: Answering, data: Dataset) -> None:
    worker = answering({})
    page = drawn(repair.repair_panel, data, ["ink", "hair", "painted mark"])
    assert page.text_input[0].value == "ten-without-ink-hair"
    page.toggle(key="repair-balance").set_value(True)
    page.selectbox(key="repair-how").set_value("crop").run()
    assert page.text_input[0].value == "ten-balanced-cropped-ink-hair"
    page.button[0].click().run()
    (job,) = worker.asked
    assert isinstance(job, CleanCopy) and (job.asked.markers, job.asked.how, job.balance) == (("ink", "hair"), "crop", True)
    assert job.folder == space / "ten-balanced-cropped-ink-hair"


def test_a_copy_that_changes_nothing_is_not_made(space: Path, answering: Answering, data: Dataset) -> None:
    answering({})
    page = drawn(repair.repair_panel, data, ["ink"], session={"repair-how": "leave"})
    assert page.info[0].value.startswith("A copy with unchanged images repairs nothing") and not page.button
    assert drawn(repair.repair_panel, data, []).info[0].value.startswith("Choose the markers to act against.")


def test_a_copy_that_is_there_is_not_made_again(space: Path, answering: Answering, data: Dataset) -> None:
    answering({})
    (space / "ten-without-ink").mkdir(parents=True)
    (space / "ten-without-ink" / "cleaned.json").touch()
    page = drawn(repair.repair_panel, data, ["ink"])
    assert page.success[0].value.startswith("A copy of that name is in the workspace: **ten-without-ink**.") and not page.button


def table_of(text: str | bytes) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text.decode() if isinstance(text, bytes) else text))


def test_weights_of_images(space: Path, answering: Answering, data: Dataset, saved: dict[str, Any]) -> None:
    frame = pd.DataFrame({"image_id": ["i0", "i6", "i9"], "weight": [0.8333, 2.5, float("nan")]})
    answering({WeighImages: (frame, ("mel without ink",))})
    page = drawn(repair.repair_panel, data, ["ink", "dark_corner"], session={"repair-way": "Training weights"})
    assert page.markdown[-1].value == (
        "Weights of 2 images: 0.833 to 2.50. With them, the diagnosis is no longer associated with ink and dark corner."
    )
    assert page.warning[0].value == "No image shows mel without ink: weights weaken the association but cannot remove it."
    table = table_of(saved["ten-weights.csv"])
    assert table["weight"].tolist()[:2] == [0.8333, 2.5] and set(table["about_dataset_sha256"]) == {data.sha256}
    assert set(table["about_lesionlens_version"].astype(str)) == {__version__}


def test_a_trap_shows_the_odds_on_either_side(space: Path, answering: Answering, data: Dataset, saved: dict[str, Any]) -> None:
    frame = pd.DataFrame({"image_id": ["i0", "i6"], "split": ["train", "test"]})
    odds = (
        Odds("ink", Figure(4.0, 2.0, 8.0), Figure(9.0, 4.5, 18.0), Figure(0.25, 0.1, 0.6)),
        Odds("dark_corner", Figure(2.0, 1.1, 4.0), Figure(2.5, 1.2, 5.0), Figure(1.5, 0.5, 4.0)),
        Odds("hair", Figure(0.5, 0.3, 0.9), Figure(0.25, 0.1, 0.6), undefined("one side is empty")),
    )
    worker = answering({LayTrap: (frame, odds)})
    page = drawn(repair.repair_panel, data, ["ink", "dark_corner", "hair"], session={"repair-way": "A trap split"})
    assert page.dataframe[0].value.to_numpy().tolist() == [
        ["ink", "4.00 [2.00, 8.00]", "9.00 [4.50, 18.00]", "0.25 [0.10, 0.60]"],
        ["dark corner", "2.00 [1.10, 4.00]", "2.50 [1.20, 5.00]", "1.50 [0.50, 4.00]"],
        ["hair", "0.50 [0.30, 0.90]", "0.25 [0.10, 0.60]", "–"],
    ]
    assert "the association with dark corner, hair is not reversed." in page.warning[0].value
    assert table_of(saved["ten-trap.csv"])["split"].tolist() == ["train", "test"]
    assert (worker.asked[-1].target, worker.asked[-1].share, worker.asked[-1].strength) == (None, 0.3, 1.0)
    page.selectbox(key="trap-class").set_value("mel")
    page.slider(key="trap-share").set_value(10).run()
    assert (worker.asked[-1].target, worker.asked[-1].share) == ("mel", 0.1)
