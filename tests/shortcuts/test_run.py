"""The lab over a dataset: the demo's classifiers, a stopped run, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.runs import finish
from data_audit.markers.present import known_markers
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from demo.classifiers import SIDE, Recipe, draw_lessons, recipe_card
from demo.cohort import draw_cohort
from demo.datasets import metadata_table, write_shots
from demo.drawing.markers import DRAW as SHOWN  # the markers in the lessons of the demo's classifiers
from demo.training import build_small_network, train
from models.card import card_path, write_card
from models.classifier import Classifier, open_classifier
from shortcuts.alarms import false_alarms
from shortcuts.plan import Plan, chosen
from shortcuts.run import run_dataset
from shortcuts.subjects import fit, outline, outline_image
from shortcuts.table import COLUMNS
from shortcuts.verdict import judge
from tests.test_cli import as_json_here, run_here
from workspace import Workspace

PLAN = Plan(markers=("ink", "hair", "black_frame"), images=20)


@pytest.fixture(scope="module")
def small(small_dataset: Path) -> Dataset:
    return open_dataset(small_dataset)


@pytest.fixture(scope="module")
def shortcut(honest: Path) -> Classifier:
    return open_classifier(honest.with_name("demo-shortcut.keras"))


def tried(classifier: Classifier, data: Dataset, kept: Path | None = None, plan: Plan = PLAN) -> pd.DataFrame:
    bearing = {m: data.table["image_id"][there].tolist() for m, there in known_markers(data)[0].items()}
    return finish(run_dataset(classifier, data, chosen(data, plan, bearing), plan, {"a": "b"}, kept))


def test_every_image_and_marker_has_a_row_or_a_reason(shortcut: Classifier, small: Dataset) -> None:
    frame = tried(shortcut, small)
    assert list(frame.columns) == list(COLUMNS) and set(frame["marker"]) == set(PLAN.markers)
    assert (frame.groupby("image_id").size() == 3).all()
    made = frame[frame["reason"] == ""]
    assert set(made["marker"]) == {"ink", "hair"} and set(frame["reason"][frame["marker"] == "black_frame"]) == {
        "LesionLens cannot draw it"
    }
    for column in ("base", "changed", "control"):
        assert np.stack(made[column].to_list()).sum(axis=1) == pytest.approx(1, abs=1e-4)
    image_id = made["image_id"].iloc[0]
    own = shortcut.predict(shortcut.scale(fit(shortcut.card, outline_image(small, image_id)).image[None])).probabilities[0]
    assert made["base"].iloc[0] == pytest.approx(own, abs=1e-5)
    assert made["evidence_share"].between(0, 1).any() and made["area_share"].between(0, 1).all()


def test_ink_moves_the_classifier_that_was_taught_ink(shortcut: Classifier, small: Dataset) -> None:
    frame = tried(shortcut, small, plan=Plan(markers=("ink",), images=45))
    effects = {(e.direction, e.target): e for e in judge(frame, shortcut.card.codes, ["ink"])[0].effects}
    put = effects["insertion", "mel"]
    assert put.excess.low > 0 and put.beyond and put.change.value > 0.05


def test_a_stopped_run_goes_on_and_ends_the_same(shortcut: Classifier, small: Dataset, tmp_path: Path) -> None:
    whole = tried(shortcut, small)
    kept = tmp_path / "part.parquet"
    run = run_dataset(shortcut, small, chosen(small, PLAN, {}), PLAN, {"a": "b"}, kept)
    next(run), next(run)
    run.close()
    assert kept.exists()
    before = pd.read_parquet(kept)
    again = finish(run_dataset(shortcut, small, chosen(small, PLAN, {}), PLAN, {"a": "b"}, kept))
    assert not kept.exists() and len(again) > len(before)
    merged = again.merge(whole, on=["image_id", "marker"], suffixes=("", " whole"))
    made = merged[merged["reason"] == ""]
    assert len(made) and np.stack(made["changed"].to_list()) == pytest.approx(np.stack(made["changed whole"].to_list()), abs=1e-5)
    kept.write_bytes(b"PAR1 torn")
    assert len(finish(run_dataset(shortcut, small, chosen(small, PLAN, {}), PLAN, {"a": "b"}, kept))) == len(again)


def test_an_unreadable_image_is_told_and_the_rest_goes_on(shortcut: Classifier, small: Dataset, tmp_path: Path) -> None:
    table = small.table.copy()
    table.loc[table.index[0], "file"] = "images/none.jpg"
    broken = Dataset("broken", small.root, small.layout, table, masks=small.masks, marker_masks=small.marker_masks)
    frame = finish(run_dataset(shortcut, broken, table["image_id"].tolist()[:4], PLAN, {}))
    assert "none.jpg" in frame["reason"][frame["image_id"] == table["image_id"].iloc[0]].iloc[0]
    assert (frame["reason"] == "").sum() >= 3


def test_markers_and_lesions_nobody_outlined_are_found(shortcut: Classifier, small: Dataset) -> None:
    inked = next(i for i in small.table["image_id"] if "ink" in small.markers(i))
    subject = fit(shortcut.card, outline(small.read(inked)))
    assert "ink" in subject.markers and subject.lesion is not None
    mine = small.mask(inked)
    known = fit(shortcut.card, outline(small.read(inked), mine)).lesion
    assert known is not None and (known & subject.lesion).sum() / (known | subject.lesion).sum() > 0.5
    assert subject.taken[subject.markers["ink"]].all()


def test_the_command_writes_verdicts_and_trials(workspace: Workspace, tmp_path: Path) -> None:
    told = as_json_here(
        "shortcuts",
        "--model",
        "demo-shortcut",
        "--dataset",
        "tiny",
        "--marker",
        "ink",
        "--images",
        45,
        "--doses",
        "--out",
        tmp_path,
        workspace=workspace,
    )
    assert json.loads((tmp_path / "shortcuts.json").read_text()) == told
    ink = told["verdicts"]["ink"]
    assert (
        ink["verdict"] in ("used", "can't tell")
        and ink["table_of"] == "mel"
        and set(ink["table"]["insertion"]) == {"base", "changed", "control", "cropped"}
    )
    assert {d["size"] for d in told["doses"]} == {0.5, 1.0, 1.6}
    assert len(pd.read_parquet(tmp_path / "trials.parquet")) >= 45
    said = run_here(
        "shortcuts",
        "--model",
        "demo-shortcut",
        "--dataset",
        "tiny",
        "--marker",
        "ink",
        "--images",
        10,
        "--seed",
        1,
        "--filling",
        "skin",
        "--split",
        "train",
        "--out",
        tmp_path / "b",
        workspace=workspace,
    )
    assert said.exit_code == 0 and "verdict" in said.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--marker", "moustache"], "unknown marker 'moustache'"),
        (["--filling", "paint"], "unknown filling 'paint'"),
        (["--split", "nowhere"], "unknown split 'nowhere'"),
    ],
)
def test_mistakes_are_told(workspace: Workspace, tmp_path: Path, options: list[str], message: str) -> None:
    done = run_here("shortcuts", "--model", "demo-shortcut", "--dataset", "tiny", "--out", tmp_path, *options, workspace=workspace)
    assert done.exit_code == 2 and message in done.output.replace("\n", " ")


def freshly_drawn(folder: Path, seed: int, lesions: dict[str, int]) -> Dataset:
    """Lesions in no other dataset; markers fall on every diagnosis with the same shares."""
    for part in ("images", "masks", "markers"):
        (folder / part).mkdir(parents=True)
    cohort = draw_cohort(seed, f"S{seed}", lesions)
    write_shots(folder, cohort.shots)
    metadata_table(cohort.shots).to_csv(folder / "metadata.csv", index=False)
    return open_dataset(folder)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [101, 102, 103, 104, 105])
def test_the_cheat_is_found_out_and_the_honest_one_is_not(seed: int, tmp_path: Path, honest: Path) -> None:
    """On freshly drawn lesions: ink is used by the classifier taught ink, and by the one taught honestly no marker that it was shown."""
    data = freshly_drawn(tmp_path / "data", seed, {"nv": 90, "mel": 45, "bkl": 40, "bcc": 30, "akiec": 25, "vasc": 20, "df": 20})
    plan = Plan(images=150)
    cheat, fair = open_classifier(honest.with_name("demo-shortcut.keras")), open_classifier(honest)
    found = {j.marker: j for j in judge(tried(cheat, data, plan=plan), cheat.card.codes, plan.markers)}
    assert found["ink"].verdict == "used" and "P(mel)" in found["ink"].why
    clean = {j.marker: j for j in judge(tried(fair, data, plan=plan), fair.card.codes, plan.markers)}
    assert not [(j.marker, j.why) for j in clean.values() if j.verdict == "used" and j.marker in SHOWN]


@pytest.mark.slow
@pytest.mark.parametrize("marker", ["ruler", "dark_corner"])
def test_a_classifier_taught_another_marker_is_found_out_for_that_and_no_other(marker: str, tmp_path: Path) -> None:
    """Melanoma or nevus, learned from 1,400 drawings of which 95 % of the melanomas and 2 % of the nevi bear the marker."""
    classes = ("nv", "mel")
    recipe = Recipe("taught", 7, False, 0.95, 0.02, 0.6, "Taught a marker", "", marker)
    images, labels = draw_lessons(recipe, 0, 700, classes)
    network = build_small_network((SIDE, SIDE), 2, False, recipe.seed)
    accuracy = train(network, images, labels, draw_lessons(recipe, 500_000, 60, classes), 14, recipe.seed)
    network.compile()
    network.save(tmp_path / "taught.keras")
    card = recipe_card(recipe, accuracy, len(images)).model_copy(update={"classes": classes, "malignant": ("mel",)})
    write_card(card, card_path(tmp_path / "taught.keras"))
    data, plan = freshly_drawn(tmp_path / "data", 301, {"nv": 150, "mel": 110}), Plan(images=200)
    classifier = open_classifier(tmp_path / "taught.keras")
    found = {j.marker: j for j in judge(tried(classifier, data, plan=plan), classifier.card.codes, plan.markers)}
    assert accuracy > 0.9
    assert [(j.marker, j.why) for j in found.values() if j.verdict == "used" and j.marker in SHOWN] == [(marker, found[marker].why)]
    assert max(e.excess.value for e in found[marker].effects if e.target == "mel") > 0.3, "the marker makes it say melanoma"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["demo-honest", "demo-shortcut"])
def test_the_labs_false_alarms_are_few(name: str, tmp_path: Path, honest: Path) -> None:
    """One control against another drawn alike: 3 to 7 % of the 95 % intervals exclude 0, and no verdict of “used” follows."""
    data = freshly_drawn(tmp_path / "data", 401, {"nv": 90, "mel": 45, "bkl": 40, "bcc": 30, "akiec": 25, "vasc": 20, "df": 20})
    classifier = open_classifier(honest.with_name(f"{name}.keras"))
    counted = false_alarms(tried(classifier, data, plan=Plan(images=300, again=True)), classifier.card.codes)
    assert counted.tests >= 50 and 0.03 <= counted.intervals <= 0.07
    assert counted.verdicts <= 0.05
