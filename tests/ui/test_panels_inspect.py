"""Panels of the Inspect page with maps, curves and scores small enough to be worked out by hand."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.errors import WorkerError
from core.version import __version__
from datasets.dataset import Dataset
from evaluation.intervals import Figure, undefined
from evaluation.ood import Reference, Separation
from explain.faithfulness import Faithfulness
from explain.heatmap import Explanation
from explain.localisation import Localisation
from explain.sanity import Sanity
from explain.stability import Stability
from explain.trust import Evidence
from imaging.overlay import overlay
from models.layers import LayerInfo
from models.policy import EXAMPLE, read_policy
from shortcuts.experiment import Subject
from shortcuts.whatif import WhatIf
from studies.familiarity import Familiarity, Kind
from tests.pages.conftest import said
from tests.ui.panels import LATE, RUNS_PAGES, Answering, alternatives, answer, badges, classifier, drawn, photograph, pictures, scores
from ui.inspect import attribution, familiarity, grids, inspection, occlusion, shortcut_result, trust
from ui.inspect.attribution import Request, Shown, View
from ui.services import services
from ui.worker.jobs.datasets import FitReference, JudgeKinds, LookFamiliar
from ui.worker.jobs.explanations import Attribute, Examine, InspectPicture, MapGrid, Predict
from ui.worker.records import Inspection

pytestmark = RUNS_PAGES

PLAIN = View(0.6, signed=False, outline=False)


def heatmap(fill: float = 1.0, **cells: float) -> np.ndarray:
    """float32 (6, 5): `fill` in every cell, and other values in cells such as r0c4."""
    made = np.full((6, 5), fill, np.float32)
    for cell, value in cells.items():
        made[int(cell[1]), int(cell[3])] = value
    return made


def inspected(
    maps: dict[int, np.ndarray], method: str = "grad-cam", layer: LayerInfo | None = LATE, gap: float | None = None
) -> Inspection:
    """20 % bkl, 30 % mel, 50 % nv; a map of each class that is given."""
    p = scores(0.2, 0.3, 0.5)
    return Inspection(p.probabilities, p.logits, np.stack(list(maps.values())), tuple(maps), method, layer, gap)


def shown(target: int = 1, map_of: np.ndarray | None = None, **of: Any) -> Shown:
    found = inspected({target: heatmap() if map_of is None else map_of}, **of)
    return Shown(found, target, None, found.of(target), float(found.maps.max()), f"for **{('bkl', 'mel', 'nv')[target]}**")


# --- trust ----------------------------------------------------------------------------------------------

# areas over two steps: the middle of the curve counts half, its ends a quarter each
CURVES = Faithfulness(
    deletion=np.array([1.0, 0.2, 0.0]),  # 0.35
    insertion=np.array([0.0, 0.8, 1.0]),  # 0.65, less 0.35: 0.3
    random_deletion=np.array([[1.0, 0.5, 0.0], [1.0, 0.6, 0.0]]),  # 0.5, 0.55
    random_insertion=np.array([[0.0, 0.5, 1.0], [0.0, 0.7, 1.0]]),  # 0.5, 0.6: 0 and 0.05, on average 0.025
    centre_deletion=np.array([1.0, 0.4, 0.0]),  # 0.45
    centre_insertion=np.array([0.0, 0.6, 1.0]),  # 0.55: 0.1
    baseline="blur",
)
STEADY = Stability(
    correlation={"noise": 0.95, "shift": 0.9, "jpeg": float("nan"), "brighter": 0.804, "darker": 0.75},
    probability_change={"noise": 0.0, "shift": -0.012, "jpeg": 0.034, "brighter": 0.1, "darker": -0.1},
    flips={"noise": False, "shift": False, "jpeg": True, "brighter": False, "darker": False},
)
SCRAMBLED = Sanity("grad-cam", "body/late", ("out", "body/late", "body/early"), (0.9, 0.5, 0.123), (0.8, 0.5, 0.1), (0, 1, 3), 10, 2)
EVIDENCE = Evidence(
    Explanation("grad-cam", "mel", "body/late", heatmap()),
    CURVES,
    STEADY,
    localisation={"lesion": Localisation(0.62, 0.25, True), "dark_corner": Localisation(float("nan"), 0.1, None)},
)


@pytest.fixture
def sanity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Sanity]:
    """The kept sanity checks by method; none at first."""
    kept: dict[str, Sanity] = {}
    monkeypatch.setattr(services, "sanity", lambda opened, method, place: kept.get(method))
    monkeypatch.setattr(services, "_sanity_path", lambda opened, method, place: tmp_path / method)
    return kept


@pytest.mark.parametrize(("method", "predictions"), [("grad-cam", "274"), ("ablation-cam", "298")])
def test_an_untested_map_says_so_and_what_a_test_takes(
    sanity: dict[str, Sanity], answering: Answering, method: str, predictions: str
) -> None:
    """Curves: 7 orders × 2 ways × 19 steps + 2 pictures = 268; 6 maps of one pass, or of a pass a feature map (4) and one more."""
    answering({})
    page = drawn(trust.trust_panel, classifier(), photograph(), shown(method=method))
    assert badges(page) == ["Trust: weak, not tested yet"]
    assert page.caption[0].value == (
        "Interpret this map with caution. Not yet tested whether covering what it highlights changes the score. "
        "Not yet tested whether the map depends on the network's weights (sanity check)."
    )
    assert f"about {predictions} predictions" in page.button[0].help


def test_a_tested_map_bears_its_verdict_with_the_figures(sanity: dict[str, Sanity], answering: Answering) -> None:
    sanity["grad-cam"] = SCRAMBLED
    steady = replace(STEADY, correlation=STEADY.correlation | {"jpeg": 0.9}, flips=dict.fromkeys(STEADY.flips, False))
    answering({Examine: replace(EVIDENCE, stability=steady)})
    page = drawn(trust.trust_panel, classifier(), photograph(), shown())
    assert badges(page) == ["Trust: supported"] and not page.button
    # 0.3 − 0.025, 0.3 − 0.1
    assert page.caption[0].value.endswith(
        "Covering what it highlights changes the score more than covering random regions (+0.275) or the middle (+0.200), "
        "the map depends on the network's weights, and it is stable under harmless changes."
    )


def test_a_test_that_failed_can_be_begun_anew(sanity: dict[str, Sanity], answering: Answering) -> None:
    answering({Examine: WorkerError("The process ended.")})
    page = drawn(trust.trust_panel, classifier(), photograph(), shown())
    assert [b.label for b in page.button] == ["Test it again"] and "The process ended." in page.warning[0].value
    assert badges(page) == ["Trust: weak, not tested yet"]


def test_a_difference_of_classes_bears_no_verdict(sanity: dict[str, Sanity], answering: Answering) -> None:
    answering({})
    page = drawn(trust.trust_panel, classifier(), photograph(), replace(shown(), contrast=2))
    assert not badges(page) and page.caption[0].value == "Trust is tested for the map of a single class; clear the second class above."


def test_the_measurements_behind_the_trust(sanity: dict[str, Sanity], answering: Answering, data: Dataset) -> None:
    answering({Examine: EVIDENCE})
    page = drawn(trust.trust_details, classifier(), photograph(), shown(), data)
    told = "Insertion minus deletion area: map +0.300, random maps +0.025 (+0.000 to +0.050), image centre +0.100."
    assert alternatives(page) == [f"Score of melanoma (mel) while regions are {way}. {told}" for way in ("covered", "uncovered")]
    assert page.caption[0].value.startswith(f"{told} Covered regions are blurred. ")
    moved = page.dataframe[0].value
    assert moved["Spearman"].tolist() == ["0.95", "0.90", "undefined", "0.80", "0.75"]
    assert moved["score"].tolist() == ["+0.0 points", "-1.2 points", "+3.4 points", "+10.0 points", "-10.0 points"]
    assert moved["decision"].tolist() == ["unchanged", "unchanged", "changes", "unchanged", "unchanged"]
    assert page.dataframe[1].value.to_numpy().tolist() == [["lesion", "62%", "25%", "inside"], ["dark corner", "undefined", "10%", "–"]]


@pytest.mark.parametrize(("method", "predictions"), [("grad-cam", "4,000"), ("ablation-cam", "20,000")])
def test_a_sanity_check_says_what_it_takes(
    sanity: dict[str, Sanity], answering: Answering, data: Dataset, method: str, predictions: str
) -> None:
    """100 images × 5 seeds × 8 stages, each one map: of one pass, or of 4 + 1."""
    answering({})
    page = drawn(trust.trust_details, classifier(), photograph(), shown(method=method), data)
    assert f"on 100 images of ten, 5 times: about {predictions} predictions." in page.caption[0].value


@pytest.mark.parametrize(
    ("changes", "verdict", "undefined"),
    [
        ({}, "passed: mean Spearman 0.12", "3"),
        ({"undefined": (0, 0, 0)}, "passed: mean Spearman 0.12", "0"),
        ({"spearman": (0.9, 0.5, -0.4)}, "failed: mean Spearman -0.40", "3"),
        ({"undefined": (0, 0, 11)}, "can't tell: mean Spearman 0.12", "11"),  # of 20
    ],
)
def test_a_sanity_check_in_words(
    sanity: dict[str, Sanity], answering: Answering, data: Dataset, changes: dict[str, Any], verdict: str, undefined: str
) -> None:
    sanity["grad-cam"] = replace(SCRAMBLED, **changes)
    answering({})
    page = drawn(trust.trust_details, classifier(), photograph(), shown(), data)
    told = f"{verdict} when the whole network is scrambled (below 0.3 passes)"
    assert page.markdown[0].value == f"**Grad-CAM** at `body/late`: {told}."
    assert alternatives(page) == [f"Similarity of the maps by how much is scrambled; {told}"]
    assert page.caption[0].value == (
        "10 images × 2 seeds. 1: the map is unchanged; 0: nothing of it is left. Pairs that are undefined at the end because a map is "
        f"constant: {undefined}."
    )


# --- the map and how it is asked for --------------------------------------------------------------------


def test_a_zoom_shows_a_part_of_the_picture() -> None:
    picture = np.arange(48 * 40).reshape(48, 40)
    seen = View(0.6, False, False, zoom=2, x=1, y=0.5).crop(picture)
    assert np.array_equal(seen, picture[12:36, 20:40])  # half as high, half way down; half as wide, to the right
    assert View(0.6, False, False).crop(picture) is picture


def test_methods_say_what_they_cost() -> None:
    page = drawn(attribution.controls, classifier(), False)
    names = page.selectbox(key="method").options
    assert names[0] == "Grad-CAM" and "Vanilla gradient" in names
    # 3 passes × 25 samples; 3 × 32 steps; 15² squares and the whole picture; a pass a feature map
    for told in ("SmoothGrad · 75 passes", "Integrated Gradients · 96 passes", "Occlusion · 226 passes", "RISE · 1,000 passes"):
        assert told in names
    assert "Ablation-CAM · slow" in names
    assert page.selectbox(key="layer").options == ["early · 12 × 10", "late · 6 × 5"]
    assert page.selectbox(key="layer").placeholder == "late · 6 × 5 (default)"
    assert page.selectbox(key="target").options == ["Benign keratosis (bkl)", "Melanoma (mel)", "Nevus (nv)"]


def test_the_table_of_methods_counts_passes_and_says_what_is_not_possible() -> None:
    page = drawn(attribution.method_table, classifier())
    table = page.dataframe[0].value.set_index("method")
    assert set(table["here"]) == {"yes"}
    assert table["forward passes"]["Ablation-CAM"] == "5" and table["forward passes"]["Occlusion"] == "226"  # 4 feature maps and 1
    assert table["shows"][["Grad-CAM", "LayerCAM", "SmoothGrad"]].tolist() == ["evidence for and against", "evidence for", "sensitivity"]
    here = drawn(attribution.method_table, classifier(layers=())).dataframe[0].value.set_index("method")["here"]
    assert here["Grad-CAM"] == "no: this network is a SavedModel, whose layers are not accessible."
    assert here["Occlusion"] == "yes"


def explained(opened: services.OpenModel, request: Request, session: Mapping[str, object] | None = None) -> tuple[Shown, list[str]]:
    """What `attribution` gives on a page, and what the page says."""
    found: list[Shown | None] = []
    page = drawn(lambda: found.append(attribution.attribution(opened, photograph(), request)), session=session)
    assert found[0] is not None
    return found[0], said(page)


MAPS = {0: heatmap(-5), 1: heatmap(1, r0c0=3), 2: heatmap(0.5, r5c4=2)}


@pytest.mark.parametrize(
    ("asked", "session", "title", "scale", "corner"),
    [
        (Request(None, None, None, None), {}, "for **nevus (nv)**", 3, 0.5),  # the decision; strongest support of any class
        (Request("mel", None, None, None), {}, "for **melanoma (mel)**", 3, 3),
        (Request("mel", None, None, None), {"signed": True}, "for **melanoma (mel)**", 5, 3),  # the −5 of bkl has full colour, too
        (Request("mel", "nv", None, None), {}, "for **melanoma (mel)** and not **nevus (nv)**", 2.5, 2.5),  # 3 − 0.5
        (Request("nv", "mel", None, None), {}, "for **nevus (nv)** and not **melanoma (mel)**", 2.5, -2.5),
        (Request("mel", "mel", None, None), {}, "for **melanoma (mel)**", 3, 3),  # not itself
    ],
)
def test_the_map_of_a_class_or_of_a_difference(
    answering: Answering, asked: Request, session: dict[str, object], title: str, scale: float, corner: float
) -> None:
    answering({InspectPicture: inspected(MAPS)})
    one, _ = explained(classifier(), asked, session)
    assert (one.title, one.scale, float(one.heatmap[0, 0])) == (title, scale, corner)


def test_a_slow_method_computes_the_two_maps_of_a_difference(answering: Answering) -> None:
    worker = answering(
        {Predict: scores(0.2, 0.3, 0.5), Attribute: lambda job: inspected({job.target: MAPS[job.target]}, "occlusion", None)}
    )
    one, _ = explained(classifier(), Request(None, "mel", "occlusion", "body/early"))
    assert [(j.target, j.layer) for j in worker.asked if isinstance(j, Attribute)] == [(2, None), (1, None)]  # it works on the picture
    assert (one.title, one.scale, float(one.heatmap[5, 4])) == (
        "for **nevus (nv)** and not **melanoma (mel)**",
        2.5,
        1,
    )  # 2 − 1 there, 0.5 − 3 elsewhere


def test_an_impossible_method_gives_way_to_the_default(answering: Answering) -> None:
    answering({Predict: scores(0.2, 0.3, 0.5), Attribute: inspected({2: MAPS[2]}, "occlusion", None)})
    one, lines = explained(classifier(layers=(), method="occlusion"), Request(None, None, "grad-cam", None))
    assert one.found.method == "occlusion"
    assert lines[0] == "Grad-CAM cannot be used here: this network is a SavedModel, whose layers are not accessible. Occlusion is shown."


def test_layers_are_spread_over_the_depth_with_the_default_among_them() -> None:
    layers = [LayerInfo(f"l{k}", "Conv2D", 8, 8, 2) for k in range(12)]
    opened = classifier(layers=layers)
    opened = replace(opened, description=replace(opened.description, default_layer=layers[1]))
    assert [x.path for x in attribution.explainable_layers(opened, 3)] == ["l0", "l1", "l6", "l11"]  # 0, 5.5 (to even), 11
    assert len(attribution.explainable_layers(opened, 12)) == 12


# --- one image ------------------------------------------------------------------------------------------


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the viewer was given to show."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(inspection, "read_map", lambda *args, key: calls.append(args))
    return calls


def test_the_legend_of_a_map(read: list[tuple[Any, ...]]) -> None:
    page = drawn(inspection.heatmap_panel, classifier(), photograph(), shown(gap=0.0042), PLAIN, None)
    assert page.caption[0].value == "none" and page.caption[1].value == "most"
    assert page.caption[2].value == "Grad-CAM for **mel** at layer `body/late`, 6 × 5 cells, on its own scale."
    assert page.caption[3].value == "Completeness: the map adds up to the difference of the logits to within 0.42% (the limit is 1 %)."
    assert read[0][1] == "Grad-CAM heatmap of mole.jpg for melanoma (mel) by One"
    box, view, strongest, reads = read[0][3:]
    assert (vars(box), vars(view)) == ({"left": 0, "top": 0, "width": 1, "height": 1},) * 2 and (strongest, reads) == (1, "evidence")


@pytest.mark.parametrize(
    ("changes", "view", "ends"),
    [
        ({}, replace(PLAIN, signed=True), ["against", "for"]),
        ({"contrast": 2}, PLAIN, ["for the other", "for the class"]),
        ({"found": inspected({1: heatmap()}, "gradient", None)}, replace(PLAIN, signed=True), ["darker raises it", "brighter raises it"]),
        ({"found": inspected({1: heatmap()}, "gradient", None)}, PLAIN, ["none", "most"]),
    ],
)
def test_the_ends_of_the_colour_scale_are_named(read: list[tuple[Any, ...]], changes: dict[str, Any], view: View, ends: list[str]) -> None:
    page = drawn(inspection.heatmap_panel, classifier(), photograph(), replace(shown(), **changes), view, None)
    assert [c.value for c in page.caption][:2] == ends


def test_maps_of_all_classes_share_a_scale_and_a_zoom_is_told_to_the_viewer(read: list[tuple[Any, ...]]) -> None:
    found = inspected(MAPS)
    one = Shown(found, 1, None, found.of(1), 3.0, "for **mel**")
    opened = classifier(resize={"geometry": "pad"}, height=20, width=20)  # sees 48 × 48 of a picture 40 wide
    page = drawn(inspection.heatmap_panel, opened, photograph(), one, replace(PLAIN, zoom=4, x=1, y=0), None)
    assert page.caption[2].value.endswith("6 × 5 cells, on one scale for all classes of this image.")
    box, view = read[0][3:5]
    assert (box.left, box.top, box.width, box.height) == pytest.approx((-0.1, 0, 1.2, 1))  # 4 of 40 pixels missing on either side
    assert (view.left, view.top, view.width, view.height) == pytest.approx((0.75, 0, 0.25, 0.25))


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (shown(map_of=heatmap(-1)), "Empty map: no evidence for melanoma (mel). This is a result, not an error."),
        (
            replace(shown(map_of=heatmap(-1)), contrast=2),
            "Empty map: no evidence for melanoma (mel) rather than nevus (nv). This is a result, not an error.",
        ),
        (
            shown(map_of=np.ones((4, 6), np.float32)),
            "Too coarse: 4 × 6 cells show little more than left or right. Occlusion does not depend on the layer.",
        ),
    ],
)
def test_what_warns_against_reading_a_map(read: list[tuple[Any, ...]], one: Shown, told: str) -> None:
    page = drawn(inspection.heatmap_panel, classifier(), photograph(), one, PLAIN, None)
    assert [w.value for w in page.warning] == [told]


def test_the_share_of_the_evidence_in_the_lesion(read: list[tuple[Any, ...]]) -> None:
    """Rows of 1 above, rows of 3 below, nothing between: enlarged alike, a quarter lies above the middle."""
    found, mask = np.zeros((6, 5), np.float32), np.zeros((48, 40), bool)
    found[:2], found[4:], mask[:24] = 1, 3, True
    page = drawn(inspection.heatmap_panel, classifier(), photograph(), shown(map_of=found), PLAIN, mask)
    assert page.caption[-1].value == (
        "**25%** of the evidence for melanoma (mel) lies inside the lesion's outline, which covers 50% of the image (the share expected by chance)."
    )
    page = drawn(inspection.heatmap_panel, classifier(), photograph(), shown(map_of=-found), PLAIN, mask)
    assert page.caption[-1].value == "Share of the evidence inside the lesion: undefined, because the map is empty."


def test_a_large_picture_is_made_small_for_the_screen() -> None:
    assert inspection.screen_size(np.zeros((550, 2200, 3), np.uint8)).shape == (275, 1100, 3)
    small = np.zeros((50, 60, 3), np.uint8)
    assert inspection.screen_size(small) is small


def test_scores_with_their_meaning_and_the_operators_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "policy", lambda opened: read_policy(EXAMPLE))
    opened = classifier(malignant=("mel",), output="multi-label", guessed=("colour_order", "licence"))
    page = drawn(inspection.score_panel, opened, np.array([0.5, 0.1239, 0.32]), 1)
    assert page.markdown[0].value == "Decision: **Benign keratosis (bkl)**, score 50.0%"
    assert alternatives(page) == ["Scores: bkl 50.0%, mel 12.4%, nv 32.0%"]
    lines = said(page)
    assert "This network scores each class separately; the scores need not add up to 100 %." in lines
    assert page.warning[0].value.startswith("Guessed from the file: colour order. ")
    assert "Benign score 80–90 %: keep an eye on the lesion and photograph it again." in lines  # .5 + .32
    assert any(x.startswith("Set by example, nobody has switched it on. Source: Alexanderson & Fredin 2024") for x in lines)


def test_scores_without_a_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "policy", lambda opened: None)
    page = drawn(inspection.score_panel, classifier(), np.array([0.2, 0.3, 0.5]), 1)
    assert page.markdown[0].value == "Decision: **Nevus (nv)**, score 50.0%" and not page.warning
    assert not any("policy" in x or "separately" in x for x in said(page))


def test_what_is_downloaded_says_what_it_is_of(saved: dict[str, Any], data: Dataset) -> None:
    one = shown(map_of=heatmap(0.5, r0c0=3, r5c4=-2))
    drawn(inspection.downloads, classifier(), photograph(name="i8", data=data, image_id="i8"), one, PLAIN, EVIDENCE)
    assert set(saved) == {f"i8-one-mel-grad-cam.{end}" for end in ("png", "npy", "json")}
    assert np.array_equal(np.load(io.BytesIO(saved["i8-one-mel-grad-cam.npy"])), one.heatmap)
    told = json.loads(saved["i8-one-mel-grad-cam.json"])
    about = told["about"]
    assert (about["software"], about["model"], about["method"]) == (f"LesionLens {__version__}", "one.keras", "grad-cam")
    assert (about["layer"], about["dataset_sha256"], about["scale"], about["target"]) == ("body/late", data.sha256, "3.0", "mel")
    assert told["scores"] == {"bkl": 0.2, "mel": 0.3, "nv": 0.5} and told["logits"] == {"bkl": 2, "mel": 3, "nv": 5}
    assert told["heatmap"]["rows"][0][0] == 3 and told["heatmap"]["rows"][5][4] == -2
    trusted = told["trust"]
    assert trusted["over_random"] == pytest.approx(0.275) and trusted["over_centre"] == pytest.approx(0.2)
    assert (trusted["lesion_share"], trusted["stability_jpeg"], trusted["sanity"]) == (0.62, None, None)
    assert saved["i8-one-mel-grad-cam.png"].startswith(b"\x89PNG") and b"body/late" in saved["i8-one-mel-grad-cam.png"]


def test_a_download_of_a_difference_names_both_classes(saved: dict[str, Any]) -> None:
    drawn(inspection.downloads, classifier(), photograph(), replace(shown(), contrast=2), PLAIN, None)
    told = json.loads(saved["mole-one-mel-not-nv-grad-cam.json"])
    assert told["about"]["target"] == "mel-not-nv" and told["trust"] is None


# --- many maps ------------------------------------------------------------------------------------------


def test_a_grid_of_classes_has_one_scale_and_names_empty_maps() -> None:
    found = inspected(MAPS)

    arguments = classifier(), photograph(), Shown(found, 1, None, found.of(1), 3.0, ""), PLAIN
    page = drawn(grids.grid_panel, *arguments, session={"grid-one": "classes"})
    assert [c.value for c in page.caption][:3] == ["Benign keratosis (bkl): 20.0% (empty)", "Melanoma (mel): 30.0%", "Nevus (nv): 50.0%"]
    assert pictures(page) == [f"Heatmap, {c}" for c in ("Benign keratosis (bkl): 20.0%", "Melanoma (mel): 30.0%", "Nevus (nv): 50.0%")]


def test_a_grid_of_layers_names_them_with_their_size(answering: Answering) -> None:
    worker = answering({MapGrid: [np.ones((12, 10), np.float32), heatmap(-1)]})

    arguments = classifier(), photograph(), shown(method="occlusion", layer=None), PLAIN
    page = drawn(grids.grid_panel, *arguments, session={"grid-one": "layers"})
    assert worker.asked[0].cells == (("hirescam", "body/early"), ("hirescam", "body/late"))
    assert [c.value for c in page.caption] == [
        "early, 12 × 10",
        "late, 6 × 5 (empty)",
        "HiResCAM for melanoma (mel), from the first layers to the last. Each map has its own scale.",
    ]


def test_a_grid_of_methods_shows_sensitivities_by_their_size(answering: Answering) -> None:
    answering({MapGrid: [heatmap(-1)] * 6})

    arguments = classifier(), photograph(), shown(), PLAIN
    captions = [c.value for c in drawn(grids.grid_panel, *arguments, session={"grid-one": "methods"}).caption]
    assert captions[:6] == [*(f"{m} (empty)" for m in ("Grad-CAM", "Grad-CAM++", "HiResCAM", "LayerCAM", "Eigen-CAM")), "Vanilla gradient"]


def test_two_classifiers_are_subtracted_each_on_its_own_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of 4 less a quarter of 2, whatever the units."""
    drawn_maps: list[np.ndarray] = []

    def over(image: np.ndarray, large: np.ndarray, *rest: Any, **more: Any) -> np.ndarray:
        drawn_maps.append(large)
        return overlay(image, large, *rest, **more)

    monkeypatch.setattr(grids, "overlay", over)
    a, b = replace(shown(map_of=heatmap(2)), scale=4.0), replace(shown(2, heatmap(0.5)), scale=2.0)
    two = classifier("two", classes=("nevus", "bkl", "melanoma"))  # the same codes in another order
    page = drawn(grids.difference_panel, classifier(), a, two, b, photograph(), PLAIN)
    assert page.subheader[0].value == "One minus Two" and np.allclose(drawn_maps[0], 0.25)
    assert pictures(page) == ["Difference of two heatmaps for melanoma (mel)"]
    assert page.caption[0].value.startswith("Orange: One sees more evidence for melanoma (mel) here; blue: Two does. ")
    page = drawn(grids.difference_panel, classifier(), a, two, replace(b, target=0), photograph(), PLAIN)
    assert (
        page.info[0].value
        == "The maps are for different classes, melanoma (mel) and nevus (nv). Choose a class above that both classifiers have."
    )


def test_several_classifiers_together_have_the_mean_of_their_scores() -> None:
    """Orders differ: nv (.5 + .2) / 2, mel (.3 + .7) / 2, bkl (.2 + .1) / 2."""
    two = classifier("two", classes=("nv", "bkl", "mel"))
    second = Shown(replace(inspected({2: heatmap()}), probabilities=np.array([0.2, 0.1, 0.7])), 2, None, heatmap(), 1.0, "")
    page = drawn(grids.together_panel, [(classifier(), shown()), (two, second)], photograph(), PLAIN)
    assert page.subheader[0].value == "The 2 together"
    assert page.markdown[0].value == "Mean of the scores. Decision: **Melanoma (mel)**, score 50.0%"
    assert alternatives(page) == ["Mean scores: bkl 15.0%, mel 50.0%, nv 35.0%"]
    assert pictures(page) == ["Mean heatmap for melanoma (mel)"]
    page = drawn(grids.together_panel, [(classifier(), shown(2)), (two, second)], photograph(), PLAIN)
    assert page.info[0].value == "The maps are for different classes: melanoma (mel), nevus (nv). Choose a class above to see their mean."
    other = classifier("three", classes=("benign", "malignant"))
    assert not drawn(grids.together_panel, [(classifier(), shown()), (other, second)], photograph(), PLAIN).subheader


# --- the brush and the markers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "told", "turned"),
    [
        (
            (0.2, 0.6, 0.2),
            "score of nevus (nv) from 50.0% to 20.0% (logit 5.00 to 2.00)",
            "The decision changes from **nevus (nv)** to **melanoma (mel)**.",
        ),
        ((0.2, 0.25, 0.55), "score of nevus (nv) from 50.0% to 55.0% (logit 5.00 to 5.50)", "The decision does not change."),
    ],
)
def test_what_covering_a_part_does(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, after: tuple[float, ...], told: str, turned: str
) -> None:
    """Two discs of radius 1 are two crosses of 5 pixels, of 400."""
    chosen = photograph(20, 20)
    monkeypatch.setattr(occlusion, "brush", lambda *_: [[0.25, 0.25, 0.05], [0.75, 0.75, 0.05]])
    answering({Predict: lambda job: scores(0.2, 0.3, 0.5) if job.picture is chosen.picture else scores(*after)})
    page = drawn(occlusion.covering_panel, classifier(), chosen)
    assert page.markdown[0].value == f"Covering 2.5% of the area: {told}. {turned}"
    assert pictures(page) == ["mole.jpg with 2% of the area covered"]
    shown_after = ", ".join(f"{n} {b:.1f}% to {100 * a:.1f}%" for n, b, a in zip(("bkl", "mel", "nv"), (20, 30, 50), after, strict=True))
    assert alternatives(page) == [f"Scores before and after: {shown_after}"]


def test_without_a_stroke_nothing_is_asked(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occlusion, "brush", lambda *_: [])
    worker = answering({})
    page = drawn(occlusion.covering_panel, classifier(), photograph())
    assert not worker.asked and page.info[0].value.startswith("Paint over what you suspect")


def test_a_trial_in_words_pictures_and_shares() -> None:
    page = drawn(shortcut_result.show_answer, classifier(), answer())
    assert [m.value for m in page.markdown] == [
        "**Removing the ink lowers P(mel) from 0.70 to 0.40; changing as much skin elsewhere moves it by -0.05. The decision turns; with "
        "the control it stays.**",
        "as it is: P(mel) **0.70**, logit +1.50",
        "without it: P(mel) **0.40**, logit -0.25",
        "control: P(mel) **0.65**, logit +1.25",
    ]
    assert page.caption[0].value.startswith("12% of the evidence for mel lies on the ink, which covers 1.5% of the picture. ")
    assert not page.warning
    assert pictures(page)[2:4] == ["without it, with the outline of the change", "Heatmap for mel, without it"]


def test_a_marker_on_the_lesion_is_warned_of() -> None:
    page = drawn(shortcut_result.show_answer, classifier(), answer("insertion", on_lesion=0.254, evidence=float("nan")))
    assert page.warning[0].value == "25% of it lies on the lesion: changing it changes the lesion as well."
    assert page.markdown[2].value == "with it: P(mel) **0.40**, logit -0.25" and len(page.caption) == 1
    assert not drawn(shortcut_result.show_answer, classifier(), answer(on_lesion=0.2)).warning
    assert len(pictures(drawn(shortcut_result.show_answer, classifier(), answer(maps=False)))) == 3


def test_markers_are_named_under_the_picture() -> None:
    mask = np.zeros((10, 20), bool)
    mask[2:5, 2:5] = True
    subject = Subject(np.full((10, 20, 3), 120, np.uint8), None, {"ink": mask, "dark_corner": mask})
    assert pictures(drawn(shortcut_result.show_markers, subject)) == ["Markers that are there: ink, dark corner"]


def test_what_ifs_in_a_table() -> None:
    p = np.array([[0.1, 0.7, 0.2], [0.1, 0.45, 0.45001], [0.05, 0.9, 0.05]])
    found = WhatIf(("as it is", "without hair", "all together"), np.full((3, 10, 20, 3), 120, np.uint8), p, 10 * p - 5, None, 1)
    page = drawn(shortcut_result.show_what_if, classifier(), found)
    assert page.dataframe[0].value.to_numpy().tolist() == [
        ["as it is", "0.70", "", "+2.00", "mel"],
        ["without hair", "0.45", "-0.25", "-0.50", "nv (turned)"],
        ["all together", "0.90", "+0.20", "+4.00", "mel"],
    ]
    assert pictures(page) == ["as it is", "without hair", "all together"]


# --- familiarity ----------------------------------------------------------------------------------------


@pytest.fixture
def kept(data: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the reference of the ten images is kept; it is there."""
    path = tmp_path / "reference.npz"
    path.touch()
    space = SimpleNamespace(dataset_names=lambda: ["ten"], reference_path=lambda *of: path)
    monkeypatch.setattr(services, "workspace", lambda: space)
    monkeypatch.setattr(services, "dataset", lambda name: data)
    return path


def looked(**changes: Any) -> Familiarity:
    near = tuple((i, 0.9) for i in ("i8", "i6", "gone", "i0", "i1", "i2", "i3", "i4", "i5"))
    return replace(Familiarity("nearest", 0.4567, 0.5, 0.875, 40, False, near, Figure(0.951, 0.92, 0.975), 200), **changes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "Not unlike the images of ten (train). {} 87.5% of the 40 held-out images. This does not mean that the scores are right."),
        ({"unlike": True}, "Unlike the images of ten (train). {} 87.5% of the 40 held-out images. The scores may mean nothing."),
        (
            {"unlike": True, "further": 1, "kept_apart": 1_400},
            "Unlike the images of ten (train). {} any of the 1,400 held-out images. The scores may mean nothing.",
        ),
    ],
)
def test_whether_a_picture_is_like_those_learned_from(kept: Path, answering: Answering, changes: dict[str, Any], told: str) -> None:
    answering({LookFamiliar: looked(**changes)})
    page = drawn(familiarity.familiar_panel, classifier(), photograph(), "ten")
    assert told.format("To this classifier it is further from them than") in said(page)
    assert page.caption[-1].value.endswith(
        "0.46; the warning appears above 0.50; of images of new lesions like these, 95.1% [92.0%, 97.5%] are expected to stay below "
        "(200 held-out lesions). The nearest images need not be similar."
    )


def test_the_nearest_images_bear_their_diagnoses_and_the_picture_itself_is_left_out(
    kept: Path, answering: Answering, data: Dataset
) -> None:
    answering({LookFamiliar: looked()})
    page = drawn(familiarity.familiar_panel, classifier(), photograph(name="i6", data=data, image_id="i6"), "ten")
    assert [c.value for c in page.caption][:6] == [f"{i}: no readable picture" for i in ("i8", "i0", "i1", "i2", "i3", "i4")]
    assert [link.proto.label for link in page.get("page_link")] == ["Melanoma (mel)", *["Nevus (nv)"] * 5]
    answering({LookFamiliar: looked(score="energy", nearest=())})
    page = drawn(familiarity.familiar_panel, classifier(), photograph(), "ten")
    assert page.caption[0].value == familiarity.WEAK and page.caption[1].value.startswith("Energy: negative log-sum-exp of the logits")


def test_without_a_reference_it_is_offered(kept: Path, answering: Answering) -> None:
    kept.unlink()
    worker = answering({})
    page = drawn(familiarity.familiar_panel, classifier(), photograph(), "ten")
    assert page.caption[0].value.startswith("The classifier has to run over up to 3,000 images of **ten** once;")
    page.button[0].click().run()
    assert [type(j) for j in worker.asked] == [FitReference] and worker.asked[0].split == "train"


def test_an_upload_that_is_unlike_is_warned_of(kept: Path, answering: Answering, data: Dataset) -> None:
    answering({LookFamiliar: looked(unlike=True)})
    page = drawn(familiarity.warn_if_unlike, classifier(), photograph(), "ten")
    assert [w.value for w in page.warning] == [
        "To One, this image is unlike the images of ten. Its scores and maps below may mean nothing."
    ]
    assert not drawn(familiarity.warn_if_unlike, classifier(), photograph(data=data, image_id="i0"), "ten").warning
    answering({LookFamiliar: looked()})
    assert not drawn(familiarity.warn_if_unlike, classifier(), photograph(), "ten").warning


def test_kinds_of_pictures_are_told_apart(kept: Path, answering: Answering, data: Dataset) -> None:
    """Of 40 kept apart, 4 lie beyond the threshold."""
    far = np.concatenate([np.full(36, 0.1), np.full(4, 0.9)])
    reference = Reference(
        (), None, tuple(map(str, range(60))), None, {"nearest": 0.5, "energy": 1.0}, 40, {"nearest": far, "energy": far}, np.arange(40)
    )

    def told(area: Figure) -> dict[str, Separation]:
        return {"nearest": Separation(area, Figure(0.125, 0.1, 0.2), Figure(0.8, 0.7, 0.9)), "energy": Separation(area, area, area)}

    kinds = [
        Kind("noise", True, 200, 0, told(Figure(0.99, 0.98, 1.0))),
        Kind("walls", True, 200, 3, told(Figure(0.75, 0.7, 0.8))),
        Kind("zoomed", False, 20, 0, told(Figure(0.5, 0.4, 0.6))),
        Kind("other", False, 0, 1_200, told(undefined("no images"))),
    ]
    answering({JudgeKinds: (reference, kinds)})
    page = drawn(familiarity.unlike, classifier(), data)
    assert alternatives(page) == ["AUROC by kind: noise 0.99, walls 0.75, zoomed 0.50"]
    assert (
        page.markdown[0].value
        == (
            "Non-skin images: hardest to detect are **walls**, AUROC **0.75**. Of 40 held-out images of ten, 10.0% [3.9%, 23.3%] would raise the warning; "  # Wilson, the spread between 40 lesions being that of 39 images
            "of images of new lesions like these, 95.1% [86.8%, 99.4%] are expected not to."  # beta of 39 and 2: 1 of 40 by Clopper & Pearson
        )
    )
    table = page.dataframe[0].value
    assert table.columns.tolist() == ["against", "images", "AUROC", "FPR at 95%", "raise the warning"]
    assert table.iloc[1].tolist() == ["walls", 200, "0.75 [0.70, 0.80]", "0.12 [0.10, 0.20]", "0.80 [0.70, 0.90]"]
    assert table["AUROC"].tolist()[2:] == ["0.50 [0.40, 0.60]", "–"]
    assert page.caption[-1].value.endswith("Fitted on 60 images. Intervals are by lesion. Could not be read: walls: 3; other: 1,200.")
