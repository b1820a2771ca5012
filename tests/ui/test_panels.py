"""Panels with numbers worked out by hand: ten images of eight lesions, and a classifier's scores for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.claim import WAITING
from core.diagnoses import full_name
from core.errors import Cancelled
from data_audit.review import Verdicts
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from evaluation.evaluate import How
from evaluation.intervals import Figure, undefined
from models.predictions import PredictionTable
from studies.assess import Assessment, assess
from tests.pages.conftest import said
from tests.ui.panels import RUNS_PAGES, TEN_IMAGES, alternatives, drawn, scores_of, tiles
from ui.dataset import composition
from ui.evaluate import comparison, evaluation, groups, thresholds
from ui.parts import choice, components, image_choice, long_runs
from ui.services import audits, services
from workspace import Workspace

pytestmark = RUNS_PAGES


# --- a dataset ------------------------------------------------------------------------------------------


def test_a_dataset_in_four_numbers(data: Dataset) -> None:
    page = drawn(composition.headline, data)
    assert tiles(page) == {"Images": "10", "Lesions": "8", "Imbalance": "6.0 : 1", "Baseline": "60.0%"}
    assert [c.value for c in page.caption] == ["Lesions photographed more than once: 2. Intervals and splits must count lesions."]


def test_what_a_dataset_does_not_say_is_not_made_up(write: Callable[[str, str], Any]) -> None:
    page = drawn(composition.headline, open_dataset(write("bare/table.csv", "image_id\nx\ny\n")))
    assert tiles(page) == {"Images": "2", "Lesions": "not named", "Imbalance": "undefined", "Baseline": "undefined"}
    assert not page.caption


def test_the_rows_of_a_problem_are_named_up_to_eight(data: Dataset) -> None:
    page = drawn(composition.problems, data)  # no picture is there
    assert [e.label for e in page.expander] == ["1 problem found on opening"]
    assert page.markdown[0].value == "**missing files**: 10 rows without an image file."
    assert page.caption[0].value == "`i0`, `i1`, `i2`, `i3`, `i4`, `i5`, `i6`, `i7` and 2 more"


def test_the_charts_of_a_dataset_count_images(data: Dataset) -> None:
    page = drawn(composition.crossfilter, data)
    assert set(alternatives(page)) == {
        "Diagnosis: nv 6 of 6, mel 3 of 3, bkl 1 of 1",
        "Sex: male 6 of 6, female 4 of 4",
        "Site: back 6 of 6, trunk 4 of 4",
        "Split: test 6 of 6, train 4 of 4",
        "Images by age: 0–10: 0, 10–20: 0, 20–30: 0, 30–40: 2, 40–50: 1, 50–60: 1, 60–70: 1, 70–80: 2, 80–90: 1, 90–100: 0",
    }
    assert "Missing ages: 2." in [c.value for c in page.caption]


def test_the_tables_of_a_dataset(data: Dataset) -> None:
    page = drawn(composition.details, data)
    classes = page.dataframe[0].value
    assert classes["diagnosis"].tolist() == ["nv", "mel", "bkl"] and classes["share"].tolist() == pytest.approx([60, 30, 10])
    assert any(line.startswith("Entropy 0.82 ") for line in said(page))  # −Σ p ln p / ln 3
    assert page.code[0].value == "{'nv': 0.555556, 'mel': 1.11111, 'bkl': 3.33333}"  # 10 / (3 · n)
    page.selectbox(key="weights").set_value("prior").run()
    assert page.code[0].value == "{'nv': 0.6, 'mel': 0.3, 'bkl': 0.1}"
    gone = page.dataframe[-1].value.set_index("column")
    assert gone.loc["age", "percent"] == pytest.approx(20)


def test_rows_are_searched_and_filtered(data: Dataset) -> None:
    def ids(search: str, **picked: image_choice.Picked) -> list[str]:
        return image_choice.filter_rows(data.table, search, picked)["image_id"].tolist()

    assert ids(" BACK ", diagnosis=["mel"]) == ["i6", "i7", "i8"]
    assert ids("", age=(40.0, 60.0)) == ["i2", "i3", "i4"]  # ends count, missing ages do not
    assert ids("", diagnosis=["bkl", "mel"], sex=["male"]) == ["i6", "i7", "i9"]
    assert ids("", diagnosis=[]) == data.table["image_id"].tolist()
    assert ids(".*") == []  # text, no pattern


# --- an evaluation --------------------------------------------------------------------------------------


def test_an_evaluation_in_its_first_figures(assessed: Assessment) -> None:
    page = drawn(evaluation.headline, assessed)
    shown = tiles(page)
    assert (shown["Accuracy"], shown["Majority baseline"], shown["Balanced accuracy"]) == ("60.0%", "60.0%", "44.4%")  # (4/6 + 2/3 + 0) / 3
    assert page.metric[1].delta == "always nevus (nv)"
    assert page.caption[0].value.startswith("10 images of 8 lesions.") and not page.info


def test_who_was_left_out_and_what_was_renamed_is_said(write: Callable[[str, str], Any]) -> None:
    renamed = TEN_IMAGES.replace(",mel,", ",melanoma,").replace("i9,bkl", "i9,scar") + "j0,,,,,,\n"
    data = open_dataset(write("renamed/table.csv", renamed))
    page = drawn(evaluation.headline, assess(scores_of([f"i{k}" for k in range(1, 10)]), data, how=How(resamples=0)))
    assert page.caption[0].value.startswith("8 images of 7 lesions")
    assert page.caption[1].value == "Left out: 2 images without a prediction; 1 image of a diagnosis the classifier has no class for."


def test_the_commonest_mistake_is_read_out(assessed: Assessment) -> None:
    page = drawn(evaluation.confusion, assessed)
    assert alternatives(page) == ["Confusion matrix of 3 classes. Commonest mistake: nevus (nv) decided as melanoma (mel), 2 images."]


def test_the_table_of_classes(assessed: Assessment) -> None:
    page = drawn(evaluation.figure_table, assessed)
    table = page.dataframe[0].value.set_index("class")
    assert table["images"].tolist() == ["1", "3", "6", "", ""]
    assert [cell.split()[0] for cell in table["Sensitivity"]] == ["0.00", "0.67", "0.67", "0.44", "0.60"]
    assert [cell.split()[0] for cell in table["Specificity"][:3]] == ["1.00", "0.71", "0.50"]  # 9/9, 5/7, 2/4
    assert "bkl: PPV undefined" in page.caption[0].value


def test_a_threshold_and_what_it_means_for_a_thousand(assessed: Assessment) -> None:
    page = drawn(thresholds.operating_point, assessed, [], None, lambda split: assessed)
    page.selectbox(key="way").set_value("the greatest sum of sensitivity and specificity (Youden)").run()
    lines = said(page)
    assert any(
        line.startswith(
            "Threshold 0.8000 by the greatest sum of sensitivity and specificity (Youden), chosen on these images. Chosen and evaluated"
        )
        for line in lines
    )
    figures = [m.value.split(" [")[0] for m in page.markdown if "**" in m.value][:4]
    assert figures == ["Sensitivity **66.7%**", "Specificity **100.0%**", "PPV **100.0%**", "NPV **87.5%**"]
    assert page.table[0].value.to_numpy().tolist() == [["2", "1"], ["0", "7"]]
    roc, _, people = alternatives(page)
    assert roc.startswith("ROC curve for melanoma (mel): AUC 0.86 ")  # 18 of the 21 pairs are in order
    assert people.endswith("200 have it, found, 100 have it, missed, 0 do not have it, alarmed, 700 do not have it, left alone")
    page.slider[0].set_value(0.2).run()
    figures = [m.value.split(" [")[0] for m in page.markdown if "**" in m.value][:4]
    assert figures == ["Sensitivity **100.0%**", "Specificity **57.1%**", "PPV **50.0%**", "NPV **100.0%**"]


def test_a_figure_by_group(assessed: Assessment, data: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(audits, "images", lambda data: None)
    monkeypatch.setattr(audits, "verdicts", lambda: Verdicts(tmp_path / "review.sqlite"))
    page = drawn(groups.by_groups, assessed, data)
    page.selectbox(key="group-by").set_value("sex")
    page.selectbox(key="group-class").set_value("nv")
    page.selectbox(key="group-figure").set_value("sensitivity").run()
    table = page.dataframe[0].value
    counted = table[["group", "images", "lesions", "of the class"]].to_dict("split")["data"]
    assert sorted(counted) == [["female", 4, 3, 3], ["male", 6, 5, 3]]
    shown = {row["group"]: (row["figure"].split()[0], row["gap"].split()[0]) for row in table.to_dict("records")}
    assert shown == {"female": ("0.33", "-0.67"), "male": ("1.00", "+0.67")}


def test_two_classifiers_disagree_the_surest_first(assessed: Assessment, data: Dataset) -> None:
    """The second gives every image to nv at 0.7: it differs where the first decides mel, at 0.6 to 0.9."""
    ids = data.table["image_id"].tolist()
    second = PredictionTable(tuple(ids), ("bkl", "mel", "nv"), np.tile([0.1, 0.2, 0.7], (len(ids), 1)))
    found = comparison.disagreements(assessed.rows, assess(second, data, how=How(resamples=0)).rows)
    assert [(d.image_id, d.diagnosis) for d in found] == [("i0", "nv"), ("i6", "mel"), ("i7", "mel"), ("i1", "nv")]
    assert {d.decisions for d in found} == {("mel", "nv")}
    assert [d.scores for d in found] == [pytest.approx(pair) for pair in ((0.7, 0.7), (0.9, 0.7), (0.8, 0.7), (0.6, 0.7))]


@pytest.mark.parametrize(
    ("code", "sentence", "label"),
    [
        ("mel", "melanoma (mel)", "Melanoma (mel)"),
        ("NV", "nevus (NV)", "Nevus (NV)"),
        ("benign", "benign", "benign"),
        ("x y", "x y", "x y"),
    ],
)
def test_a_diagnosis_is_named_in_full(code: str, sentence: str, label: str) -> None:
    assert (full_name(code), components.lesion_name(code)) == (sentence, label)


# --- shared parts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (89.4, "89 s"), (90, "2 min"), (330, "6 min"), (5_399, "90 min"), (5_400, "1.5 h"), (86_400, "24.0 h")],
)
def test_a_duration_in_words(seconds: float, words: str) -> None:
    assert long_runs.duration(seconds) == words


class Running:
    """A run as a page sees it, begun a minute ago."""

    def __init__(self, done: int, total: int, error: Exception | None = None) -> None:
        self.progress, self.error, self.finished = (done, total), error, error is not None
        self.started = time.monotonic() - 60
        self.stopped = False

    def cancel(self) -> None:
        self.stopped = True


def test_a_run_says_how_far_it_is_and_how_long_it_takes_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    job, run = SimpleNamespace(key="k"), Running(1_000, 4_000)
    monkeypatch.setattr(services, "task", lambda asked: run if asked is job else None)
    page = drawn(long_runs.follow, job, "Counting")
    bar = page.get("progress")[0]
    assert (bar.value, bar.text) == (25, "Counting: 1,000 of 4,000, about 3 min left")  # 60 s · 3,000 / 1,000
    run.progress = (0, 0)
    assert page.run().get("progress")[0].text == "Counting: getting ready"
    run.progress = WAITING
    assert page.run().get("progress")[0].text == "Counting: another process writes to the same place; this run waits for it"
    page.button[0].click().run()
    assert run.stopped


def test_a_run_that_ended_badly_says_why_and_can_be_begun_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    job, run = SimpleNamespace(key="k"), Running(1, 4, Cancelled("The run was stopped."))
    forgotten: list[object] = []
    monkeypatch.setattr(services, "task", lambda asked: None if forgotten else run)
    monkeypatch.setattr(services, "forget_task", forgotten.append)
    page = drawn(long_runs.under_way, job, "Counting", tmp_path / "result")
    assert [w.value for w in page.warning] == ["The run was stopped."]
    page.button[0].click().run()
    assert forgotten == [job] and not page.warning


@pytest.mark.parametrize(
    ("figure", "value", "below"),
    [(Figure(0.25, 0.1234, 0.5), "25.0%", "[12.3%, 50.0%]"), (undefined("nobody was counted"), "undefined", "nobody was counted")],
)
def test_a_figure_stands_with_its_interval_or_its_reason(figure: Figure, value: str, below: str) -> None:
    def tile() -> None:
        components.figure_metric(st.container(), "Share", figure)

    page = drawn(tile)
    assert (page.metric[0].value, page.metric[0].delta) == (value, below)


def test_a_gallery_links_each_picture_and_names_what_cannot_be_read() -> None:
    page = drawn(components.gallery, ["x", "y"], ["nv 90%", "mel 10%"], [np.zeros((8, 8, 3), np.uint8), None])
    assert [c.value for c in page.caption] == ["y: no readable picture"]
    assert [link.proto.label for link in page.get("page_link")] == ["nv 90%", "mel 10%"]
    assert [link.proto.query_string for link in page.get("page_link")] == ["image=x", "image=y"]


@pytest.mark.parametrize(
    ("link", "chosen", "warned"),
    [
        ({}, {"model": "demo-honest", "dataset": "tiny"}, False),
        ({"model": "demo-shortcut"}, {"model": "demo-shortcut", "dataset": "tiny"}, False),
        ({"dataset": "nowhere"}, {"model": "demo-honest", "dataset": "tiny"}, True),
    ],
)
def test_the_sidebar_chooses_and_writes_it_into_the_address(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, link: dict[str, str], chosen: dict[str, str], warned: bool
) -> None:
    monkeypatch.setattr(services, "workspace", lambda: workspace)
    monkeypatch.setattr(services, "worker", lambda: SimpleNamespace(pid=None))

    def page() -> None:
        from ui.parts import choice

        choice.sidebar()

    at = AppTest.from_function(page, default_timeout=60)
    for key, value in link.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception and {key: at.session_state[key] for key in chosen} == chosen and dict(at.query_params) == chosen
    assert len(at.warning) == warned and at.sidebar.button[0].disabled
    at.selectbox(key=choice.MODEL).set_value("demo-shortcut").run()
    assert at.query_params["model"] == "demo-shortcut"
