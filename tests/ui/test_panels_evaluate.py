"""Panels of the Evaluate page with two classifiers' scores for the ten images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.errors import ImageError, PredictionsError
from datasets.dataset import Dataset
from evaluation.calibration import CORRECTIONS, Correction
from evaluation.evaluate import How
from explain.centred import CentredMean
from imaging.overlay import overlay
from imaging.picture import Picture
from models.predictions import PredictionTable
from studies.assess import Assessment, assess
from tests.pages.conftest import said
from tests.ui.panels import CLASSES, RUNS_PAGES, Answering, alternatives, classifier, drawn, pictures, scores_of, tiles
from ui.evaluate import calibration, comparison, ensembles, heatmaps
from ui.evaluate.ensembles import Recipe
from ui.parts.choice import ALL
from ui.parts.components import NO_LAYER
from ui.services import predictions, services
from ui.services.predictions import PredictionSet
from ui.worker.jobs.datasets import PredictDataset
from ui.worker.jobs.explanations import ExplainImages, MeanMap

pytestmark = RUNS_PAGES

IDS = tuple(f"i{k}" for k in range(10))


def of_melanoma(scores: Mapping[str, float], usual: float = 0.0) -> PredictionTable:
    """Scores for mel, the rest for nv."""
    mel = np.array([scores.get(i, usual) for i in IDS])
    return PredictionTable(IDS, CLASSES, np.column_stack([np.zeros(10), mel, 1 - mel]))


def alone(table: PredictionTable, name: str = "one") -> PredictionSet:
    return PredictionSet(name, table, (classifier(name),), (1.0,), False)


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """A workspace of two classifiers."""
    held = SimpleNamespace(root=tmp_path, model_names=lambda: ["one", "two"], dataset_names=lambda: ["ten"])
    monkeypatch.setattr(services, "workspace", lambda: held)
    monkeypatch.setattr(services, "model", classifier)
    return held


# --- calibration ----------------------------------------------------------------------------------------


def judged(table: PredictionTable, data: Dataset, split: str | None = None) -> Assessment:
    return assess(table, data, split=split, how=How(resamples=0))


def test_how_far_scores_are_off_and_what_deciding_by_them_is_worth(data: Dataset) -> None:
    """One nevus and two melanomas score 0.8, one melanoma and the six others 0.

    Calibration error: (7 · 1/7 + 3 · |2/3 − 0.8|) / 10. Brier: (1 + 0.64 + 2 · 0.04) / 10; reliability (7 · (1/7)² + 3 · (2/15)²) / 10,
    resolution (7 · (1/7 − 0.3)² + 3 · (2/3 − 0.3)²) / 10, uncertainty 0.3 · 0.7. Net benefit 0.2 − 0.1 · odds: above 0.3 − 0.7 · odds from
    odds of 1/6 (14.3 %) on, above 0 up to odds of 2 (66.7 %).
    """
    page = drawn(calibration.calibration, judged(of_melanoma({"i0": 0.8, "i6": 0.8, "i7": 0.8}), data), [], None, lambda split: None)
    assert page.selectbox(key="calibration-class").value == "mel" and page.selectbox(key="correction").disabled
    reliable, worth = alternatives(page)
    assert reliable == "Reliability of the scores for melanoma (mel); furthest off: mean score 0%, share 14%"
    line = page.markdown[0].value
    assert line.startswith(
        "Scores as they are: calibration error **0.140**, Brier score **0.172** (reliability 0.020 − resolution 0.058 + "
    )
    assert line.endswith(" 0.000 within bins)") and "+ uncertainty 0.210" in line
    assert worth == "Net benefit for melanoma (mel): by the score better than both from 15% to 66%"
    assert page.caption[0].value.startswith("Each point is about a tenth of the 10 images;")
    assert (
        "By the score it is better than both from 15% to 66%. The threshold is the probability of melanoma (mel)" in page.caption[1].value
    )


def test_one_score_for_everybody_is_never_better_than_treating_all(data: Dataset) -> None:
    """Below the score both treat everybody, and differ by rounding alone."""
    page = drawn(calibration.calibration, judged(of_melanoma({f"i{k}": 0.5 for k in range(10)}), data), [], None, lambda split: None)
    assert alternatives(page)[1] == "Net benefit for melanoma (mel): by the score nowhere better than both"


def test_scores_that_tell_nothing_are_worth_nothing(data: Dataset) -> None:
    page = drawn(calibration.calibration, judged(of_melanoma({}), data), [], None, lambda split: None)
    assert alternatives(page)[1] == "Net benefit for melanoma (mel): by the score nowhere better than both"


def test_a_correction_is_fitted_on_another_split(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Corrected to a third each: |1/6 − 1/3| off; Brier score (5 · (1/3)² + (2/3)²) / 6."""
    fitted: list[tuple[list[float], list[int]]] = []

    def thirds(p: np.ndarray, true: np.ndarray) -> Correction:
        fitted.append((p[:, 1].tolist(), true.tolist()))
        return lambda scores: np.full_like(scores, 1 / 3)

    monkeypatch.setitem(CORRECTIONS, "temperature", thirds)
    table = of_melanoma({"i0": 0.8, "i6": 0.8, "i8": 0.8})
    arguments = judged(table, data, "test"), ["test", "train"], "test", lambda split: judged(table, data, split)
    page = drawn(calibration.calibration, *arguments, session={"correction": "temperature"})
    assert page.selectbox(key="fitted-on").options == ["train"]
    assert fitted[0] == ([0.8, 0, 0.8, 0], [2, 2, 1, 1])  # i0, i1, i6, i7
    assert page.markdown[1].value.startswith("Scores corrected: calibration error **0.167**, Brier score **0.167** (reliability 0.028 ")


def test_of_one_class_alone_nothing_can_be_said(data: Dataset) -> None:
    only = replace(data, table=data.table[data.table["diagnosis"] == "nv"])
    page = drawn(calibration.calibration, judged(of_melanoma({}), only), [], None, lambda split: None)
    assert page.caption[0].value == "Only one class occurs here, so there is nothing to tell apart." and not alternatives(page)


# --- a second classifier --------------------------------------------------------------------------------

SECOND = PredictionTable(IDS, CLASSES, np.array([[0.05, 0.9, 0.05] if i == "i6" else [0.1, 0.2, 0.7] for i in IDS]))  # nv, but for i6


def two(monkeypatch: pytest.MonkeyPatch, data: Dataset, second: PredictionTable, assessed: Assessment, split: str | None = None) -> Any:
    monkeypatch.setattr(predictions, "alone", lambda opened, data: alone(second, opened.name))
    monkeypatch.setattr(services, "picture", lambda data, image_id: (_ for _ in ()).throw(ImageError("is not there.", image_id)))
    first = alone(scores_of(IDS))
    return drawn(comparison.comparison, first, data, assessed, split, session={"compare-with": "two"})


def test_how_a_second_classifier_differs(
    space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, data: Dataset, assessed: Assessment
) -> None:
    """Right by the second alone: i0 and i1, of one lesion; by the first alone: i7. χ² = (2 − 1)² / (2² + 1²), p 0.655.

    Accuracy 7/10 less 6/10; balanced accuracy (1 + 1/3 + 0) / 3 less (2/3 + 2/3 + 0) / 3. All differ in two of eight lesions.
    """
    page = two(monkeypatch, data, SECOND, assessed)
    assert page.markdown[0].value == (
        "On the same 10 images, **two** minus **one**. Only two is right on 2, only one on 1 (p 0.655, McNemar's test by lesion)."
    )
    shown = tiles(page)
    assert shown["Accuracy"] == "+0.100" and shown["Balanced accuracy"].lstrip("+-") == "0.000" and len(shown) == 4
    assert alternatives(page) == ["Confusion matrix of two minus that of one; +1 right decisions"]
    table = page.dataframe[0].value
    assert table.loc["mel", "Sensitivity"].startswith("-0.333") and table.loc["nv", "Sensitivity"].startswith(
        "+0.333"
    )  # 1/3 − 2/3; 1 − 2/3
    assert table.loc["mel", "Specificity"].startswith("+0.286")  # 7/7 − 5/7


def test_images_they_decide_differently(
    space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, data: Dataset, assessed: Assessment
) -> None:
    page = two(monkeypatch, data, SECOND, assessed)
    captions = [c.value for c in page.caption if c.value != "no readable picture"]
    assert "**They decide 3 images differently**, the most confident disagreements first" in [m.value for m in page.markdown]
    assert captions[-9:] == [
        *("i0 · diagnosis **Nevus (nv)**", "one: Melanoma (mel) 70%", "two: Nevus (nv) 70% ✓"),
        *("i7 · diagnosis **Melanoma (mel)**", "one: Melanoma (mel) 80% ✓", "two: Nevus (nv) 70%"),
        *("i1 · diagnosis **Nevus (nv)**", "one: Melanoma (mel) 60%", "two: Nevus (nv) 70% ✓"),
    ]


def test_two_that_decide_alike(space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, data: Dataset, assessed: Assessment) -> None:
    page = two(monkeypatch, data, scores_of(IDS), assessed)
    assert page.markdown[0].value == "On the same 10 images, **two** minus **one**. Only two is right on 0, only one on 0."
    assert page.caption[-1].value == "They decide every image alike."


def test_a_small_p_is_not_written_out() -> None:
    assert [comparison._p(p) for p in (0.0009, 0.001, 0.0456)] == ["< 0.001", "0.001", "0.046"]


def test_two_with_other_classes_are_not_compared(
    space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, data: Dataset, assessed: Assessment
) -> None:
    other = PredictionTable(IDS, ("mel", "nv"), np.full((10, 2), 0.5))
    page = two(monkeypatch, data, other, assessed)
    assert page.warning[0].value.startswith(
        "the two cannot be compared: one has the classes bkl, mel, nv, the other mel, nv."
    ) and not tiles(page)


def test_without_another_classifier_none_is_offered(
    space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, data: Dataset, assessed: Assessment
) -> None:
    space.model_names = lambda: ["one"]
    page = two(monkeypatch, data, SECOND, assessed)
    assert page.caption[0].value.startswith("There is no other classifier in this workspace.") and not page.selectbox
    several = replace(alone(SECOND), members=(classifier(), classifier("two")))
    page = drawn(comparison.comparison, several, data, assessed, None)
    assert page.selectbox(key="compare-with").options == ["none", "one"]  # an ensemble is compared with its members


# --- several together -----------------------------------------------------------------------------------


def truth_at(right: str, high: float = 0.8, low: float = 0.2) -> PredictionTable:
    """The diagnosis gets `high` on these images and `low` on the others."""
    rows = []
    for i in IDS:
        of_truth = high if i in right.split() else low
        mel = of_truth if i in ("i6", "i7", "i8") else 1 - of_truth
        rows.append([0.0, mel, 1 - mel])
    return PredictionTable(IDS, CLASSES, np.array(rows))


def put_together(
    monkeypatch: pytest.MonkeyPatch, data: Dataset, recipe: Recipe, **tables: PredictionTable
) -> tuple[PredictionSet, list[str]]:
    """The predictions of a recipe, and what the page says of them."""
    found: list[PredictionSet] = []
    monkeypatch.setattr(predictions, "kept", lambda opened, data, views: tables[opened.name])

    def panel() -> None:
        made = ensembles.combined(classifier(), data, recipe)
        assert made is not None
        found.append(made)
        ensembles.recipe_line(made, recipe)

    page = drawn(panel)
    return found[0], said(page)


def row(made: PredictionSet, image_id: str) -> list[float]:
    return made.table.probabilities[made.table.image_ids.index(image_id)].tolist()


def test_the_classifier_alone_needs_no_words(space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    made, lines = put_together(monkeypatch, data, Recipe(), one=scores_of(IDS))
    assert (made.name, made.weights, made.alone) == ("one", (1.0,), True) and not lines
    assert row(made, "i0") == pytest.approx([0.05, 0.7, 0.25])


def test_the_mean_of_two(space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    made, lines = put_together(monkeypatch, data, Recipe(("two",)), one=scores_of(IDS), two=SECOND)
    assert (made.name, made.weights) == ("one + two", (0.5, 0.5)) and lines == ["Evaluated: mean of one, two."]
    assert row(made, "i0") == pytest.approx([0.075, 0.45, 0.475])


def test_fitted_weights_are_told_with_where_they_come_from(space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    """Of the four of the training the first is right on three (in the test on none). 3 log(0.2 + 0.6 w) + log(0.8 − 0.6 w) is greatest at w = 1.32 / 1.44."""
    recipe = Recipe(("two",), "weighted", "train")
    made, lines = put_together(monkeypatch, data, recipe, one=truth_at("i0 i1 i6"), two=truth_at("i7 i2 i3 i4 i5"))
    assert made.weights == pytest.approx((11 / 12, 1 / 12), abs=1e-4)
    assert lines == ["Evaluated: fitted weights of one (0.92), two (0.08); weights fitted on train: evaluate on other images."]
    assert row(made, "i7")[1] == pytest.approx(0.25, abs=1e-4)  # (11 · 0.2 + 0.8) / 12


def test_views_and_a_prior_are_told(space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    """(0.05, 0.7, 0.25) over 10, 30 and 60 % of all images: 0.5, 2.333, 0.4167, brought to a sum of 1."""
    made, lines = put_together(monkeypatch, data, Recipe(views=True, prior=ALL), one=scores_of(IDS))
    assert made.name == "one views prior" and made.views
    assert lines == ["Evaluated: nine views of each image; scores divided by each class's prevalence in all images."]
    assert row(made, "i0") == pytest.approx([0.5 / 3.25, 7 / 9.75, 1.25 / 9.75], abs=1e-4)
    with pytest.raises(PredictionsError, match="the share of 'bkl' in training is unknown or zero"):
        ensembles.combined(classifier(), data, Recipe(prior="train"))


def test_a_recipe_is_what_was_chosen(space: SimpleNamespace) -> None:
    found: list[Recipe] = []

    def panel() -> None:
        found.append(ensembles.choose_recipe("one", ["test", "train", "val"]))

    drawn(panel)
    assert found[-1] == Recipe()
    drawn(panel, session={"prior": True})
    assert found[-1] == Recipe(prior="train")
    page = drawn(panel, session={"ensemble": ["two"], "ensemble-way": "weighted", "views": True})
    assert found[-1] == Recipe(("two",), "weighted", "val", True) and page.multiselect[0].options == ["two"]


def test_a_member_that_was_not_run_is_asked_for(
    space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, data: Dataset, answering: Answering, tmp_path: Path
) -> None:
    answering({})
    started: list[tuple[str, bool]] = []
    tables = {"one": scores_of(IDS), "two": None}
    monkeypatch.setattr(predictions, "kept", lambda opened, data, views: tables[opened.name])
    monkeypatch.setattr(predictions, "result_path", lambda *_: tmp_path / "predictions.parquet")
    monkeypatch.setattr(predictions, "start", lambda opened, data, views: started.append((opened.name, views)))
    page = drawn(ensembles.combined, classifier(), data, Recipe(("two",), views=True))
    assert page.markdown[0].value == "**Two** has not yet been run over **ten** (10 images) with nine views of each image."
    page.button[0].click().run()
    assert started == [("two", True)]
    answering({PredictDataset: PredictionsError("The run was stopped.")})
    page = drawn(ensembles.combined, classifier(), data, Recipe(("two",)))
    assert page.warning[0].value == "The run was stopped." and page.markdown[0].value.endswith("(10 images).")


# --- heatmaps -------------------------------------------------------------------------------------------


def centred(inside: float = 0.5, outside: float = -0.25) -> CentredMean:
    """A square lesion of which every image has its part; the rim is not seen."""
    found, lesion = np.full((60, 60), outside), np.zeros((60, 60))
    found[20:40, 20:40], lesion[20:40, 20:40], lesion[19, 19] = inside, 0.5, 0.4
    found[0] = np.nan
    return CentredMean(found, lesion, 1_150, 3, "hirescam")


@pytest.mark.parametrize(("ids", "label"), [(("i6",), "1 image"), (("i6", "i7", "i8"), "2 images")])
def test_a_mean_map_is_offered_over_the_images_with_a_mask(answering: Answering, data: Dataset, ids: tuple[str, ...], label: str) -> None:
    worker = answering({})
    masked = replace(data, masks={"i6": "m6.png", "i7": "m7.png", "i0": "m0.png"})
    page = drawn(heatmaps.mean_heatmap, classifier(), masked, ids, "mel")
    assert page.button[0].label == f"Average over {label} with a mask"
    page.button[0].click().run()
    assert worker.asked[0].image_ids == tuple(i for i in ids if i != "i8") and worker.asked[0].target == 1


def test_a_mean_map_inside_and_outside_the_lesion(answering: Answering, data: Dataset) -> None:
    answering({MeanMap: centred()})
    masked = replace(data, masks={"i6": "m6.png"})
    page = drawn(heatmaps.mean_heatmap, classifier(), masked, ["i6", *(f"x{k}" for k in range(1_159))], "mel")
    assert page.caption[0].value.startswith("Mean of the maps of 1,150 of 1,160 images (HiResCAM for melanoma (mel)), each relative to ")
    assert page.markdown[1].value == "Mean inside the line **+0.50**, outside **-0.25** (1 is each image's strongest value)."
    assert pictures(page) == ["Mean heatmap for melanoma (mel), centred on the lesion"]
    answering({MeanMap: replace(centred(), images=0)})
    page = drawn(heatmaps.mean_heatmap, classifier(), masked, ["i6"], "mel")
    assert page.caption[0].value == "None of the images could be read with its mask."


def test_without_masks_or_layers_there_is_no_mean_map(answering: Answering, data: Dataset) -> None:
    answering({})
    page = drawn(heatmaps.mean_heatmap, classifier(), data, ["i6"], "mel")
    assert page.caption[0].value == "The mean is centred on lesion masks, and no image of this cell has one."
    page = drawn(heatmaps.mean_heatmap, classifier(layers=()), data, ["i6"], "mel")
    assert page.caption[0].value == NO_LAYER


def test_maps_of_several_classifiers_are_weighed_as_their_scores(
    answering: Answering, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each relative to its own strongest value: ¾ · 1 − ¼ · 1. The third has no such class; i9 cannot be read."""
    seen: list[tuple[float, float]] = []

    def over(image: np.ndarray, large: np.ndarray, scale: float) -> np.ndarray:
        seen.append((float(large.mean()), scale))
        return overlay(image, large, scale)

    def picture(data: Dataset, image_id: str) -> Picture:
        if image_id == "i9":
            raise ImageError("cannot be read.", image_id)
        return Picture(np.full((48, 40, 3), 120, np.uint8))

    maps = {"one": 2.0, "two": -4.0}
    worker = answering({ExplainImages: lambda job: np.full((len(job.image_ids), 6, 5), maps[job.spec.path.stem], np.float32)})
    monkeypatch.setattr(heatmaps, "overlay", over)
    monkeypatch.setattr(services, "picture", picture)
    third = classifier("three", classes=("benign", "malignant"))
    second = classifier("two", classes=("nv", "melanoma", "bkl"))
    several = PredictionSet("all", SECOND, (classifier(), second, third), (0.6, 0.2, 0.2), True)
    found = heatmaps.decided_pictures(several, data, ["i8", "i9"], "mel", maps_on=True)
    assert seen[0] == pytest.approx((0.5, 0.5)) and found[1] is None and found[0].shape == (48, 40, 3)
    assert [(j.target, j.image_ids, j.views) for j in worker.asked] == [(1, ("i8",), True)] * 2
    plain = heatmaps.decided_pictures(several, data, ["i8"], "mel", maps_on=False)
    assert len(seen) == 1 and plain[0] is not None and (plain[0] == 120).all()
