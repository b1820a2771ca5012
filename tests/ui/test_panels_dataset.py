"""Panels of the Dataset and the Classifier page: findings with their images, a card, its check, and methods compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.errors import RecordError
from core.text import literal
from data_audit.audit import CHECKS, Asked
from data_audit.audit_file import About, Audit
from data_audit.evidence import Correction, DoubtfulLabel, DoubtfulLabels, FlagsGoWith, GoesWith, MarkerShare, SamePhotograph, SharedPairs
from data_audit.findings import Finding
from data_audit.review import Verdicts
from datasets.dataset import Dataset
from evaluation.intervals import Figure, undefined
from explain.comparison import MethodScore
from explain.sanity import Sanity
from models.card import read_card
from models.check import Candidate, CardCheck
from models.policy import EXAMPLE
from tests.pages.conftest import said
from tests.ui.panels import RUNS_PAGES, Answering, Worker, alternatives, badges, classifier, drawn, scores_of, tiles
from ui.classifier import card_form, file, method_choice
from ui.dataset import findings
from ui.parts import navigation
from ui.services import audits, predictions, services
from ui.services.predictions import PredictionSet
from ui.services.services import OpenModel
from ui.worker.jobs.datasets import AuditDataset, CheckCard
from ui.worker.jobs.explanations import CompareMethods, Describe

pytestmark = RUNS_PAGES

# --- findings of an audit -------------------------------------------------------------------------------


def audit(*found: Finding, against: str | None = None) -> Audit:
    about = About(
        lesionlens_version="1", dataset="ten", dataset_sha256="d", against=against, layout="table", images=10, lesions=8, checks=CHECKS
    )
    return Audit(about, (), {}, (), (), (), (), found)


@pytest.fixture
def worker(answering: Answering, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Worker:
    """The worker behind a workspace of two datasets, in which nobody has reviewed anything."""
    held = SimpleNamespace(root=tmp_path, dataset_names=lambda: ["ten", "other"], verdicts=tmp_path / "verdicts.sqlite")
    monkeypatch.setattr(services, "workspace", lambda: held)
    monkeypatch.setattr(audits, "images", lambda data: None)
    return answering({})


def panel(monkeypatch: pytest.MonkeyPatch, data: Dataset, kept: Audit | None, session: Mapping[str, object] | None = None) -> Any:
    monkeypatch.setattr(audits, "read", lambda data: kept)
    return drawn(findings.findings_panel, data, session=session)


def test_findings_bear_their_gravity_and_number_of_images(worker: Worker, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    many = Finding("poor images", "moderate", "Many are blurred.", tuple(f"i{k}" for k in range(1_234)), remedy="Leave them out.")
    page = panel(
        monkeypatch, data, audit(Finding("same photograph", "grave", "One is there twice.", ("i0",)), many, Finding("size", "note", "Few."))
    )
    assert badges(page) == ["grave: same photograph", "moderate: poor images", "note: size"]
    assert [t.label for t in page.toggle] == ["1 image", "1,234 images"]  # the note is about none
    assert page.caption[0].value == "Leave them out."
    assert page.caption[1].value.startswith("Checks: composition, markers, associations, shortcut potential, likeness, ")


def test_an_audit_that_found_nothing_does_not_call_the_data_sound(worker: Worker, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    page = panel(monkeypatch, data, audit())
    assert page.success[0].value == "These checks found nothing. This does not mean that the data are sound."


def test_images_of_a_finding_are_shown_by_the_dozen(worker: Worker, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    labels = [DoubtfulLabel(f"i{k % 10}", "nv", "mel", 0.1) for k in range(25)]
    finding = Finding("doubtful labels", "moderate", "…", tuple(d.image_id for d in labels), DoubtfulLabels(tuple(labels)))
    page = panel(monkeypatch, data, audit(finding), {f"finding-{data.sha256[:8]}-0": True})
    pages = page.get("pagination")[0]
    assert pages.num_pages == 3
    captions = [link.proto.label for link in page.get("page_link") if " or " in link.proto.label]
    assert len(captions) == 12 and captions[0] == "i0: nv, or mel?"
    pages.set_value(3).run()
    assert [link.proto.label for link in page.get("page_link") if " or " in link.proto.label] == ["i4: nv, or mel?"]


def test_pairs_across_two_datasets_link_to_either(worker: Worker, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    asked: list[str] = []

    def second(name: str) -> Dataset:
        asked.append(name)
        return replace(data, name=name)

    monkeypatch.setattr(services, "dataset", second)
    evidence = SharedPairs((SamePhotograph("i0", "i9", 0.987),))
    page = panel(
        monkeypatch,
        data,
        audit(Finding("shared photographs", "grave", "…", ("i0",), evidence), against="other"),
        {f"finding-{data.sha256[:8]}-0": True},
    )
    links = {link.proto.label: link.proto.query_string for link in page.get("page_link")}
    assert links["i0 · 0.99"] == "image=i0" and links["i9 · 0.99"] == "dataset=other&image=i9" and asked == ["other"]


def test_a_marker_is_told_as_people_have_reviewed_it(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, data: Dataset, tmp_path: Path
) -> None:
    """Of four flagged, three were looked at and two bear it; of six others, one of two: (4 · 2/3 + 6 · 1/2) / 10."""
    data = replace(data, table=data.table.assign(diagnosis="nv"))
    table = pd.DataFrame({"content": [f"c{k}" for k in range(10)], "ink_flag": [k < 4 for k in range(10)]})
    monkeypatch.setattr(audits, "images", lambda data: table)
    finding = Finding("marker", "moderate", "Ink on 40 %.", ("i0", "i1", "i2", "i3"), MarkerShare("ink", "detector", 0.4))
    assert not any("eview" in c.value for c in panel(monkeypatch, data, audit(finding)).caption)  # nobody has
    given = Verdicts(tmp_path / "verdicts.sqlite")
    for content, present in {"c0": True, "c1": True, "c2": False, "c4": True, "c5": False, "c6": None}.items():
        given.give(content, "ink", present)
    page = panel(monkeypatch, data, audit(finding))
    reviewed, share = (c.value for c in page.caption[:2])
    assert reviewed.startswith("Reviewed: 66.7% [") and reviewed.endswith("of the flagged images have it (3 reviewed).")
    assert share.startswith("By the review, 56.7% [") and share.endswith("of all images have it.")
    assert {link.proto.query_string for link in page.get("page_link")} == {"dataset=ten&marker=ink", ""}
    by_mask = replace(finding, evidence=MarkerShare("ink", "mask", 1.0))  # nobody reviews masks
    assert not any("eview" in c.value for c in panel(monkeypatch, data, audit(by_mask)).caption)


def test_a_finding_leads_to_what_can_be_done_about_it(worker: Worker, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    """By the flags of a detector: review, experiment, repair; by a mask: no review; by a column: comparison. The selection goes along."""
    odds = (3.0, 2.0, 4.0, 0.01, 0.02)
    corrected = Correction("card", 0, (0.5, 0.2), undefined("it was not measured"), ())
    kinds = {
        FlagsGoWith("hair (detected)", *odds, "hair", by_flags=Figure(3.0), correction=corrected): ["Review", "Does it matter?", "Repair"],
        GoesWith("ink", *odds, "ink"): ["Does it matter?", "Repair"],
        GoesWith("clinic: Vienna", *odds): ["Compare by it"],
    }
    for evidence, labels in kinds.items():
        page = panel(monkeypatch, data, audit(Finding("associated with the diagnosis", "moderate", "…", ("i0",), evidence)))
        links = {link.proto.label: parse_qs(link.proto.query_string) for link in page.get("page_link")}
        assert [name for name in links if name in {step.label for step in navigation.STEPS.values()} - {"Review the markers"}] == labels
        assert all(links[name]["dataset"] == ["ten"] for name in labels)
        for name in labels[-2:]:
            assert links[name].get("marker", [evidence.marker]) == [evidence.marker]
    assert links["Compare by it"] == {"dataset": ["ten"], "group-by": ["clinic"], "section": ["Groups"]}


def test_what_an_audit_leaves_is_downloaded(worker: Worker, monkeypatch: pytest.MonkeyPatch, data: Dataset, saved: dict[str, Any]) -> None:
    folder = audits.folder(data)
    folder.mkdir(parents=True)
    (folder / "split.csv").write_text("image_id,split\n")
    panel(monkeypatch, data, audit())
    assert saved == {"split-ten.csv": b"image_id,split\n"}
    (folder / "report.html").write_text("<html>")
    panel(monkeypatch, data, audit())
    assert saved["audit-ten.html"] == b"<html>"


def test_an_audit_is_asked_for_with_its_options(worker: Worker, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    monkeypatch.setattr(services, "dataset", lambda name: replace(data, name=name))
    monkeypatch.setattr(services, "model", classifier)
    made = PredictionSet("one", scores_of(data.table["image_id"].tolist()), (classifier(),), (1.0,), False)
    monkeypatch.setattr(predictions, "alone", lambda opened, data: made)
    chosen = {"model": "one", "audit-judged": True, "audit-against": "other", "audit-split": "80/20"}
    page = panel(monkeypatch, data, None, chosen)
    page.button[0].click().run()
    (job,) = worker.asked
    asked: Asked = job.asked
    assert (
        isinstance(job, AuditDataset)
        and asked.judged is not None
        and len(asked.judged) == 10
        and asked.judged["decision"].tolist().count("mel") == 4
    )
    assert asked.against is not None and asked.against.name == "other" and asked.fractions == "80/20"


def test_options_that_cannot_be_used_are_warned_of(worker: Worker, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    monkeypatch.setattr(services, "model", classifier)
    monkeypatch.setattr(predictions, "alone", lambda opened, data: None)
    monkeypatch.setattr(findings, "SPLITS", ("80/0",))  # as somebody may write it
    page = panel(monkeypatch, data, None, {"model": "one", "audit-judged": True, "audit-split": "80/0"})
    assert [w.value for w in page.warning] == [
        "There are no predictions for these images yet; make them on the Evaluate page. The audit runs without them.",
        "'80/0' is not a split. Write shares as 70/15/15 (train/val/test) or 80/20 (train/test). The audit runs without a new split.",
    ]
    page.button[0].click().run()
    asked: Asked = worker.asked[0].asked
    assert (asked.judged, asked.fractions) == (None, "")


def test_an_audit_that_cannot_be_read_is_made_anew(worker: Worker, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    def broken(data: Dataset) -> Audit:
        raise RecordError("is of another version.", "audit.json", "Audit it again.")

    monkeypatch.setattr(audits, "read", broken)
    page = drawn(findings.findings_panel, data)
    assert page.warning[0].value == "audit.json: is of another version. Audit it again." and page.button[0].label == "Audit it again"


# --- the file and its card ------------------------------------------------------------------------------


def test_a_file_in_four_facts() -> None:
    page = drawn(file.file_facts, classifier())
    assert tiles(page) == {"Format": ".keras", "Written by Keras": "3.9.0", "Size": "2.3 MB", "Layers": "2"}
    assert page.caption[0].value == f"one.keras · sha256 `{'f' * 64}` · output activation: softmax"
    old = classifier(layers=())
    old = replace(old, facts=replace(old.facts, format="hdf5", keras_version="", n_bytes=950_000_000))
    assert tiles(drawn(file.file_facts, old)) == {"Format": "HDF5", "Written by Keras": "unknown", "Size": "950.0 MB", "Layers": "0"}


def test_layers_that_can_be_explained() -> None:
    page = drawn(file.layers, classifier())
    assert page.markdown[0].value == "Default: `body/late`, 6 × 5. Because of its head."
    assert page.dataframe[0].value.to_numpy().tolist() == [
        ["body/early", "Conv2D", 12, 10, 2, False],
        ["body/late", "Conv2D", 6, 5, 4, True],
    ]
    assert drawn(file.layers, classifier(layers=())).info[0].value.endswith("It can predict, but class activation maps cannot explain it.")


RIGHT = Candidate("0..1", "rgb", ("bkl", "mel", None), Figure(0.91234, 0.88, 0.94), Figure(0.9, 0.85, 0.93), Figure(0.8, 0.7, 0.9))
OTHER = Candidate("caffe", "bgr", (None, None, None), Figure(0.5, 0.45, 0.55), Figure(0.5, 0.4, 0.6), undefined("no output"))
CHECK = CardCheck("supported", "No other comes near.", RIGHT, None, Figure(0.0, 0.0, 0.0), (RIGHT, OTHER), 1_234, 567)
COSTS = (
    "As the card says (0..1 RGB; bkl, mel, ?): mean AUC 0.91 [0.88, 0.94], accuracy 0.80 [0.70, 0.90]. "
    "As fitted (caffe BGR; ?, ?, ?): mean AUC 0.50 [0.45, 0.55], accuracy undefined (no output)."
)


@pytest.mark.parametrize(
    ("changes", "kind", "told"),
    [
        ({}, "success", "The card is supported. No other comes near."),
        ({"verdict": "contradicted"}, "warning", "The card is contradicted. No other comes near. **Correct it on the first tab.**"),
        ({"verdict": "not contradicted"}, "info", "The card is not contradicted. No other comes near."),
    ],
)
def test_what_a_card_check_found(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, data: Dataset, changes: dict[str, Any], kind: str, told: str
) -> None:
    page = _checked(answering, monkeypatch, data, replace(CHECK, **changes))
    assert [m.value for m in page.get(kind)] == [told]
    lines = said(page)
    assert any(line.startswith("1,234 images tried; evaluated on 567 held-out lesions.") for line in lines)
    assert "Output order of the card in use: bkl, mel, nv" in lines
    assert not any("As fitted" in line or "Left out" in line for line in lines)
    table = page.dataframe[0].value
    assert table["order of outputs"].tolist() == ["bkl, mel, ?", "?, ?, ?"] and table["colours"].tolist() == ["RGB", "BGR"]
    assert table["mean AUC"].tolist() == [0.91234, 0.5]


def test_a_card_check_shows_what_another_card_costs_and_what_was_left_out(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, data: Dataset
) -> None:
    lines = said(_checked(answering, monkeypatch, data, replace(CHECK, fitted=OTHER, left_out=("bcc",), unseen=("df",))))
    assert literal(COSTS) in lines
    assert any("Left out, for the network has no output for them: bcc." in line and "no image of them: df." in line for line in lines)


def _checked(answering: Answering, monkeypatch: pytest.MonkeyPatch, data: Dataset, check: CardCheck) -> AppTest:
    opened = classifier()
    monkeypatch.setattr(services, "card_check", lambda opened, data: CheckCard(opened.spec, data.root, data.table, (), ()))
    answering({CheckCard: check})
    return drawn(file.card_check, opened, data)


def test_a_policy_is_switched_on_and_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    monkeypatch.setattr(services, "workspace", lambda: SimpleNamespace(policy_path=lambda sha: path))
    page = drawn(file.policy_switch, classifier(malignant=("mel",)))
    assert page.dataframe[0].value["benign score from"].tolist() == ["90%", "80%", "60%", "0%", "any malignant decision"]
    page.toggle[0].set_value(True).run()
    assert path.read_bytes() == EXAMPLE.read_bytes()
    assert page.caption[-1].value == "Your own bands: edit policies/policy.yaml in the workspace folder."
    page.toggle[0].set_value(False).run()
    assert not path.exists()
    for opened in (classifier(), classifier(malignant=("mel",), guessed=("malignant",))):
        page = drawn(file.policy_switch, opened)
        assert page.toggle[0].disabled and page.info[0].value.startswith("First the card must name the malignant classes")


def saved_card(monkeypatch: pytest.MonkeyPatch, opened: OpenModel, folder: Path, **fields: object) -> tuple[Any, list[Describe]]:
    """The form with some fields changed, by their labels, and saved; and what the worker was asked to open."""
    asked: list[Describe] = []
    monkeypatch.setattr(services, "worker", lambda: SimpleNamespace(ask=asked.append))
    opened = replace(opened, facts=replace(opened.facts, path=folder / "one.keras"))
    opened.facts.path.touch()
    page = drawn(card_form.card_form, opened)
    for label, value in fields.items():
        everything = (*page.text_input, *page.text_area, *page.number_input, *page.selectbox)
        next(f for f in everything if f.label.startswith(label)).set_value(value)
    page.button[0].click().run()
    return page, asked


def test_a_card_is_saved_as_it_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    card: dict[str, Any] = {"malignant": ("mel",), "licence": "CC0", "scaling": "caffe", "colour_order": "bgr", "guessed": ("scaling",)}
    page, asked = saved_card(monkeypatch, classifier(**card), tmp_path)
    found = read_card(tmp_path / "one.card.yaml")
    assert found == classifier(**{**card, "guessed": ()}).card and asked[0].spec.card == found  # what is saved is known
    assert page.caption[-1].value == "Saved as one.card.yaml beside the file."


def test_a_card_is_corrected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fields = {"Classes": "nv\n mel \n\nbkl\n", "Malignant": " mel\n\nbkl", "Input height": 32, "Scaling": "-1..1", "Resizing": "pad"}
    saved_card(monkeypatch, classifier(), tmp_path, **fields)
    found = read_card(tmp_path / "one.card.yaml")
    assert (found.classes, found.malignant, found.size) == (("nv", "mel", "bkl"), ("mel", "bkl"), (32, 20))
    assert (found.scaling, found.resize.geometry) == ("-1..1", "pad")


def test_a_card_that_contradicts_itself_is_not_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page, asked = saved_card(monkeypatch, classifier(), tmp_path, Malignant="melanoma")
    assert "malignant classes that are not among the classes: melanoma" in page.error[0].value
    assert not asked and not (tmp_path / "one.card.yaml").exists()


def test_guesses_are_marked() -> None:
    page = drawn(card_form.card_form, classifier(guessed=("colour_order", "scaling")))
    assert page.warning[0].value.startswith("Guessed from the file: **colour order, scaling**. ")
    assert [s.label for s in page.selectbox if s.label.endswith("(guess)")] == ["Scaling (guess)", "Colour order (guess)"]
    assert not drawn(card_form.card_form, classifier()).warning


# --- methods compared -----------------------------------------------------------------------------------


def score(method: str, over_centre: Figure, images: int = 20, **changes: Any) -> MethodScore:
    made = MethodScore(
        method,
        images,
        Figure(0.3, 0.2, 0.4),
        over_centre,
        Figure(0.876, 0.8, 0.95),
        Figure(0.25, 0.1, 0.4),
        Figure(0.05, 0.01, 0.2),
        {"supported": 12, "weak": 8},
        98,
        float("nan"),
    )
    return replace(made, **changes)


@pytest.fixture
def sanity(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Sanity]:
    """Kept sanity checks by method and place; none at first."""
    kept: dict[tuple[str, str], Sanity] = {}
    monkeypatch.setattr(services, "sanity", lambda opened, method, place: kept.get((method, place)))
    return kept


def test_a_comparison_says_what_it_takes(sanity: dict[tuple[str, str], Sanity], answering: Answering, data: Dataset) -> None:
    """Curves of 5 orders × 2 ways × 9 steps + 2 pictures = 92, an untrained copy's 3 × 2 × 4 + 2 = 26, 4 covered, and 7 maps: of one pass by
    five methods, of three by the gradient: 20 · (5 · 129 + 143). With Ablation-CAM alone 7 · 5 passes on 10 images."""
    kept = Sanity("grad-cam", "body/late", ("out",), (0.1,), (0.1,), (0,), 100, 5)
    sanity["grad-cam", "body/late"] = kept
    worker = answering({})
    page = drawn(method_choice.methods, classifier(), data)
    assert page.markdown[0].value == "Default: **Grad-CAM**. Because of its head."
    assert page.multiselect(key="compared").value == ["grad-cam", "grad-cam++", "hirescam", "layercam", "eigen-cam", "gradient"]
    assert any(c.value.startswith("About 15,760 predictions.") for c in page.caption)
    page.button[0].click().run()
    assert isinstance(worker.asked[0], CompareMethods) and worker.asked[0].sanity == {"grad-cam": kept} and worker.asked[0].sample == 20
    page.multiselect(key="compared").set_value(["ablation-cam"])
    page.select_slider(key="compared-images").set_value(10).run()
    assert any(c.value.startswith("About 1,570 predictions.") for c in page.caption)


def test_methods_compared(sanity: dict[tuple[str, str], Sanity], answering: Answering, data: Dataset, saved: dict[str, Any]) -> None:
    found = [
        score("hirescam", Figure(0.123, 0.05, 0.2), sanity=0.117),
        score("eigen-cam", Figure(-0.05, -0.1, 0.02), images=19, in_lesion=undefined("no masks")),
        score("rise", undefined("nothing"), images=0),
    ]
    answering({CompareMethods: found})
    page = drawn(method_choice.methods, classifier(), data)
    assert page.markdown[-1].value == "Best on 20 images of ten: **HiResCAM**, +0.123 [+0.050, +0.200] over the image centre."
    assert alternatives(page) == [
        "Methods by insertion minus deletion area over the controls: HiResCAM +0.123 over the centre, Eigen-CAM -0.050 over the centre"
    ]
    table = page.dataframe[1].value
    figures = ["+0.300 [+0.200, +0.400]", "0.88 [0.80, 0.95]", "+0.25 [+0.10, +0.40]", "5% [1%, 20%]"]
    assert table.iloc[0].tolist() == ["HiResCAM", "+0.123 [+0.050, +0.200]", *figures, "0.12", 12, 8]
    figures[2] = "– (no masks)"
    assert table.iloc[1].tolist() == ["Eigen-CAM", "-0.050 [-0.100, +0.020]", *figures, "not run", 12, 8]
    told = json.loads(saved["one-methods.json"])
    assert told["dataset_sha256"] == data.sha256 and [m["images"] for m in told["methods"]] == [20, 19, 0]
    assert told["methods"][0]["over_centre"] == {"value": 0.123, "low": 0.05, "high": 0.2, "reason": ""}


def test_a_best_method_that_is_not_sure_is_called_so(sanity: dict[tuple[str, str], Sanity], answering: Answering, data: Dataset) -> None:
    answering({CompareMethods: [score("hirescam", Figure(0.03, -0.01, 0.07))]})
    page = drawn(method_choice.methods, classifier(), data)
    assert page.markdown[-1].value.endswith(
        "over the image centre. The interval includes 0: on these images, not even the best method reliably beats pointing at the middle."
    )
    answering({CompareMethods: [score("hirescam", Figure(0.03, float("nan"), float("nan"), "one lesion"))]})
    page = drawn(method_choice.methods, classifier(), data)
    assert page.markdown[-1].value.endswith("There is no interval (one lesion), so chance alone may explain this.")
    answering({CompareMethods: [score("hirescam", undefined("nothing"), images=0)]})
    assert drawn(method_choice.methods, classifier(), data).info[0].value == "No image of the sample could be read."
