"""Panels of the Learn page: the steps of a map of two by two cells, its experiments, and the story of the ink."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st

from datasets.dataset import Dataset
from evaluation.intervals import Figure
from explain.cam import Steps
from explain.ideal import Ideal
from imaging.picture import Picture
from shortcuts.experiment import Impossible
from shortcuts.study import MarkerStudy
from tests.pages.conftest import said
from tests.ui.panels import LATE, RUNS_PAGES, Answering, answer, classifier, drawn, marker_study, photograph, pictures, scores, study
from ui.learn import cam_steps, experiments, story
from ui.services import predictions, services
from ui.worker.jobs.explanations import CamSteps, DrawIdeal, InspectPicture, MapGrid, Predict, Scramble
from ui.worker.jobs.shortcuts import TryMarker
from ui.worker.records import Inspection, Scrambled

pytestmark = RUNS_PAGES

# --- step by step ---------------------------------------------------------------------------------------

A = np.stack([np.array(m, np.float32) for m in ([[0, 0], [0, 0]], [[1, 2], [3, 4]], [[0, 0], [0, 2]])], axis=-1)  # means 0, 2.5, 0.5
G = np.stack([np.array(m, np.float32) for m in ([[1, 1], [1, 1]], [[0.5, 0.5], [0.5, 0.5]], [[-4, 0], [0, 0]])], axis=-1)  # 1, 0.5, −1
POOLED = Steps("grad-cam", A, G, np.array([1, 0.5, -1], np.float32), np.array([[0.5, 1], [1.5, 0]], np.float32), 3.0)  # ½ A₁ − A₂
CELLWISE = Steps("hirescam", A, G, G, (A * G).sum(axis=-1), 3.0)  # [[.5, 1], [1.5, 2]]: where A₂ is, G₂ is 0


def steps(answering: Answering, found: Steps, flattens: bool = False) -> Any:
    answering({CamSteps: found, Predict: scores(0.2, 0.3, 0.5)})
    opened = classifier(layers=[replace(LATE, height=2, width=2, channels=3)], reason="It flattens.", flattens=flattens)
    return drawn(cam_steps.cam_steps, opened, photograph(), 1, found.method)


def test_the_steps_of_grad_cam_in_numbers(answering: Answering) -> None:
    page = steps(answering, POOLED)
    lines = said(page)
    assert (
        "The photograph is resized to 24 × 20 pixels (stretch) and its values scaled to 0..1. The network's logit for melanoma (mel) is **3.000** "
        "(score 30.0%). The logit is explained, not the score: a score near 0 or 100 % hardly changes any more." in lines
    )
    assert (
        "The layer `body/late` has 3 feature maps of 2 × 2 cells. Each is bright where it finds its own pattern. The 3 that matter most here:"
        in lines
    )
    # weight × map, added up without signs: 10 / 2, 2 and 0, the strongest first
    assert [line for line in lines if line.startswith("map ")] == [
        "map 1: mean 2.500",
        "map 2: mean 0.500",
        "map 0: mean 0.000",
        "map 1: mean +5.00e-01",
        "map 2: mean -1.00e+00",
        "map 0: mean +1.00e+00",
    ]
    assert any(line.startswith("Grad-CAM uses the mean of each gradient map") and line.endswith("instead of 4.") for line in lines)
    assert page.dataframe[0].value.to_numpy().tolist() == [
        [1, "+5.000e-01", "2.500", "+1.250e+00"],
        [2, "-1.000e+00", "0.500", "-5.000e-01"],
        [0, "+1.000e+00", "0.000", "+0.000e+00"],
    ]
    assert "2 of 3 weights are positive." in lines
    assert (
        "The sum of all 3 maps, each times its weight. The sum is signed: it ranges from +0.000e+00 to +1.500e+00; highest in row 2, column 1. "
        "Blue cells are evidence against melanoma (mel)." in lines
    )
    assert "Only positive values are kept: 3 of 4 cells." in lines
    assert any(
        line.startswith("2 × 2 cells become 48 × 40 pixels") and line.endswith("one cell covers 24 × 20 pixels of the photograph.")
        for line in lines
    )
    assert not page.warning and "Weighted sum, from 0.00e+00 to 1.50e+00" in pictures(page)


def test_the_steps_of_hirescam_weigh_cell_by_cell(answering: Answering) -> None:
    page = steps(answering, CELLWISE)
    lines = said(page)
    assert "HiResCAM multiplies cell by cell: every map has 4 weights of its own; nothing is averaged." in lines
    assert [line for line in lines if ": adds " in line] == ["map 1: adds +5.000e+00", "map 0: adds +0.000e+00", "map 2: adds +0.000e+00"]
    assert any("it ranges from +5.000e-01 to +2.000e+00; highest in row 2, column 2." in line for line in lines)


def test_an_empty_map_and_a_network_that_flattens_are_warned_of(answering: Answering) -> None:
    page = steps(answering, replace(POOLED, heatmap=-np.ones((2, 2), np.float32)), flattens=True)
    assert [w.value for w in page.warning] == ["It flattens.", "Nothing is left: an empty map. This is a result, not an error."]
    assert "Only positive values are kept: 0 of 4 cells." in said(page)


# --- experiments ----------------------------------------------------------------------------------------


def test_maps_by_depth_are_numbered_and_empty_ones_named(answering: Answering) -> None:
    answering({MapGrid: [np.ones((12, 10), np.float32), -np.ones((6, 5), np.float32)]})
    page = drawn(experiments.by_depth, classifier(), photograph(), 1, "grad-cam")
    assert page.markdown[0].value.startswith("The same image, class and method (Grad-CAM for melanoma (mel)) at 2 layers. ")
    assert [c.value for c in page.caption][:2] == ["1 · early, 12 × 10", "2 · late, 6 × 5, empty"]


def test_scrambling_tells_what_is_left_of_the_order_of_places(answering: Answering) -> None:
    """Ranks 1 2 3 4 against 4 3 2 1, against 2 1 4 3 (1 − 6 · 4 / 60), and against a constant."""
    maps = [np.array(m, np.float32) for m in ([[1, 2], [3, 4]], [[4, 3], [2, 1]], [[2, 1], [4, 3]], [[1, 1], [1, 1]])]
    stages = ("", "head/out", "body/late", "body/early")
    answering({Scramble: [Scrambled(s, m, p) for s, m, p in zip(stages, maps, (0.731, 0.5, 0.25, 0.2), strict=True)]})
    page = drawn(experiments.scrambling, classifier(), photograph(), 1, "grad-cam")
    slider = page.select_slider(key="scrambled-to")
    assert slider.options == ["nothing", "1 · out", "2 · late", "3 · early"]
    assert page.markdown[-1].value.startswith("Spearman correlation of the two maps: **1.00**")
    for at, alike, score in (
        ("1 · out", "-1.00", "50.0"),
        ("2 · late", "0.60", "25.0"),
        ("3 · early", "undefined: a map is constant", "20.0"),
    ):
        page.select_slider(key="scrambled-to").set_value(at).run()
        assert page.markdown[-1].value.startswith(f"Spearman correlation of the two maps: **{alike}**")
        assert [c.value for c in page.caption][:2] == [
            "As trained. Score of melanoma (mel): 73.1%",
            f"Scrambled: {at}. Score of melanoma (mel): {score}%",
        ]


def test_what_a_class_looks_like_to_the_network(answering: Answering) -> None:
    answering({DrawIdeal: Ideal(np.full((8, 8, 3), 120, np.uint8), 12.345, 0.998, -1.5)})
    page = drawn(experiments.ideal, classifier(), 1)
    assert "is changed 200 times" in page.markdown[0].value
    assert page.markdown[1].value == "Logit of melanoma (mel): -1.50 for the noise, **12.35** for this image (score 99.8%)."
    page = drawn(experiments.ideal, classifier(layers=()), 1)
    assert page.info[0].value == "This network is a SavedModel, which may not provide gradients, so this is not possible here."


# --- the story ------------------------------------------------------------------------------------------


class Figures(dict[str, Figure]):
    """As much of an evaluation as the story reads."""

    def __init__(self, accuracy: Figure, sensitivity: Figure, specificity: Figure) -> None:
        super().__init__(accuracy=accuracy)
        mel = type("OfMelanoma", (dict,), {"name": "mel"})({"sensitivity": sensitivity, "specificity": specificity})
        self.per_class = [mel]


@pytest.fixture
def cast(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> story.Cast:
    """Of six test images the melanoma and one nevus bear ink."""
    rows = data.table.loc[data.table["split"] == "test", ["image_id", "diagnosis"]].reset_index(drop=True)
    rows["ink"] = rows["image_id"].isin(["i2", "i8"])
    monkeypatch.setattr(services, "picture", lambda data, image_id: Picture(np.full((48, 40, 3), 120, np.uint8)))
    return story.Cast({"A": classifier("demo-shortcut"), "B": classifier("demo-honest")}, data, rows, ("i8",))


@pytest.mark.parametrize(
    ("low", "told"),
    [
        (0.69, "95 % intervals, by lesion. They overlap: accuracy does not tell the two apart."),
        (0.71, "95 % intervals, by lesion. They do not overlap."),
    ],
)
def test_two_accuracies_overlap_or_lie_apart(cast: story.Cast, monkeypatch: pytest.MonkeyPatch, low: float, told: str) -> None:
    judged = {
        "demo-shortcut": Figures(Figure(0.6, 0.5, 0.7), Figure(0.5, 0.4, 0.6), Figure(0.9, 0.8, 0.95)),
        "demo-honest": Figures(Figure(0.8, low, 0.9), Figure(0.75, 0.7, 0.8), Figure(0.85, 0.8, 0.9)),
    }
    monkeypatch.setattr(predictions, "alone", lambda opened, data: opened)
    monkeypatch.setattr(predictions, "assessment", lambda made, data, split: SimpleNamespace(evaluation=judged[made.name]))
    page = drawn(story._figures, cast)
    assert page.markdown[0].value.startswith("Two classifiers were evaluated on the same 6 test images. ")
    assert page.dataframe[0].value.to_numpy().tolist() == [
        ["A", "60.0% [50.0%, 70.0%]", "50.0% [40.0%, 60.0%]", "90.0% [80.0%, 95.0%]"],
        ["B", f"80.0% [{low:.1%}, 90.0%]", "75.0% [70.0%, 80.0%]", "85.0% [80.0%, 90.0%]"],
    ]
    assert page.markdown[1].value == told
    page.radio(key=story.GUESSING).set_value("B").run()
    assert page.session_state[story.GUESS] == "B"


def test_what_the_data_would_teach(cast: story.Cast) -> None:
    """1 of 1 melanoma, 1 of 5 others: Wilson of a fifth of 4 (the spread between 5 lesions). Half an image in each cell of the table:
    1.5 · 4.5 / (1.5 · 0.5); Woolf's spread √(1/1.5 + 1/1.5 + 1/0.5 + 1/4.5) = 1.886, exp(ln 9 ± 1.96 · 1.886)."""
    page = drawn(story._data, cast)
    assert "**100%** of the melanomas and on **20% [3%, 66%]** of all others. The odds ratio is 9.0 [0.2, 362.5]." in page.markdown[0].value
    assert pictures(page) == [
        "i8, Melanoma (mel)",
        *(f"{i}, Nevus (nv)" for i in ("i3", "i4", "i5")),
    ]  # melanomas with ink, then what has neither


def test_where_they_look_with_their_scores(cast: story.Cast, answering: Answering) -> None:
    p = {"demo-shortcut": scores(0.0, 0.876, 0.124), "demo-honest": scores(0.5, 0.4, 0.1)}
    maps = np.ones((3, 6, 5), np.float32)
    answering({InspectPicture: lambda job: Inspection(p[job.spec.path.stem].probabilities, np.zeros(3), maps, (0, 1, 2), job.method, LATE)})
    page = drawn(story._looking, cast)
    assert [c.value for c in page.caption] == ["P(mel) 0.88", "P(mel) 0.40"]
    assert pictures(page) == ["Heatmap of A for melanoma (mel) on i8", "Heatmap of B for melanoma (mel) on i8"]


def test_the_ink_is_taken_away(cast: story.Cast, answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "outline_image", lambda data, image_id: None)
    monkeypatch.setattr(story, "fit", lambda card, outlined: None)
    impossible = Impossible("ink", "removal", "no clean skin of its shape at its distance from the lesion")
    answering({TryMarker: lambda job: answer() if job.spec.path.stem == "demo-shortcut" else impossible})
    page = drawn(story._trying, cast)
    assert [c.value for c in page.caption] == ["unchanged: P(mel) 0.70", "without the ink: P(mel) 0.40", "control: P(mel) 0.65"]
    assert page.info[0].value == "No clean skin of its shape at its distance from the lesion. Choose another image."


@pytest.mark.parametrize(
    ("verdicts", "guess", "told"),
    [
        (("used", "not seen to matter"), "A", "You guessed A: right. Classifier A uses the ink."),
        (("used", "not seen to matter"), "B", "You guessed B: it is the other one. Classifier A uses the ink."),
        (("can't tell", "used"), "can't tell yet", "Classifier B uses the ink."),
        (("used", "used"), "A", "On these images, the experiment does not single one out."),
    ],
)
def test_the_verdict_of_the_story(
    cast: story.Cast,
    answering: Answering,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    verdicts: tuple[str, str],
    guess: str,
    told: str,
) -> None:
    of = dict(zip(("demo-shortcut", "demo-honest"), verdicts, strict=True))

    def folder(opened: services.OpenModel, *_: object) -> Path:
        (tmp_path / opened.name).mkdir(exist_ok=True)
        (tmp_path / opened.name / "shortcuts.json").touch()
        return tmp_path / opened.name

    def kept(path: Path) -> Any:
        made: Mapping[str, MarkerStudy] = {"ink": marker_study(of[path.parent.name])}
        return study(made)

    monkeypatch.setattr(story, "result_folder", folder)
    monkeypatch.setattr(story, "kept_study", kept)
    answering({})
    page = drawn(story._verdict, cast, session={story.GUESS: guess})
    assert "(150 random images, and half as many again with ink)" in page.markdown[0].value
    assert page.markdown[1].value == f"**Classifier A: {verdicts[0]}.** Removing it moves mel."
    assert [x.value for x in (*page.success, *page.info)] == [told]
    assert any("is not an acquittal" in c.value for c in page.caption) == ("can't tell" in verdicts)
    table = page.dataframe[0].value
    assert len(table) == 6  # the crops are left out
    assert table.columns.tolist() == [
        "classifier",
        "ink",
        "photographs",
        "specificity for melanoma (mel)",
        "sensitivity for melanoma (mel)",
    ]
    assert table.iloc[:3].to_numpy().tolist() == [
        ["A", "removed", "unchanged", "75% [70%, 80%]", "90% [80%, 95%]"],
        ["A", "removed", "changed", "85% [80%, 90%]", "60% [50%, 70%]"],
        ["A", "removed", "control", "–", "88% [78%, 94%]"],
    ]


def test_the_cast_knows_the_melanomas_with_ink_of_the_test(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """i6 has ink, too, but is of the training; i9 is no melanoma."""
    inked = data.table["image_id"].isin(["i6", "i8", "i9"]).to_numpy()
    monkeypatch.setattr(story, "known_ink", lambda data: inked)
    monkeypatch.setattr(services, "model", classifier)
    found = story._cast(data)
    assert found.inked == ("i8",) and [m.name for m in found.models.values()] == ["demo-shortcut", "demo-honest"]
    expected = pd.Series([False, False, False, False, True, True], name="ink")
    pd.testing.assert_series_equal(found.rows["ink"], expected)


def test_without_the_demo_the_story_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    space = SimpleNamespace(model_names=lambda: ["demo-honest"], dataset_names=lambda: ["ten"])
    monkeypatch.setattr(services, "workspace", lambda: space)
    page = drawn(story.story)
    assert page.info[0].value == (
        "This lesson needs the demo, and this workspace lacks demo-shortcut, demo-faulty. Run `python cli.py demo`."
    )


def test_the_steps_of_the_story_follow_each_other(cast: story.Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    names = SimpleNamespace(model_names=lambda: list(story.NAMES.values()), dataset_names=lambda: [story.DATA])
    monkeypatch.setattr(services, "workspace", lambda: names)
    monkeypatch.setattr(services, "dataset", lambda name: cast.data)
    monkeypatch.setattr(story, "_cast", lambda data: cast)
    monkeypatch.setattr(story, "STEPS", {name: lambda cast, name=name: st.write(f"step {name}") for name in story.STEPS})
    first, *_, last = story.STEPS
    onward = "When you have made up your mind, go to the next step."
    lines = said(drawn(story.story))
    assert f"step {first}" in lines and onward in lines
    assert any(line.startswith("Drawn images of ten, test split, and the two demo classifiers, whatever is chosen") for line in lines)
    lines = said(drawn(story.story, session={"story-step": last}))
    assert f"step {last}" in lines and onward not in lines
    monkeypatch.setattr(story, "_cast", lambda data: replace(cast, inked=()))
    assert drawn(story.story).info[0].value.startswith("This lesson needs melanomas with ink, ")
