"""cli.py evaluate: rules, prevalence, groups and comparison, as a user gives them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datasets.opening import open_dataset
from tests.test_cli import as_json_here as as_json
from tests.test_cli import run_here as run
from workspace import Workspace

CLASSES = ["nv", "mel", "bkl"]


@pytest.fixture
def scores(workspace: Workspace, tmp_path: Path) -> Path:
    """Mostly right, by a known rule: every fifth image is given to the next class."""
    table = workspace.open_dataset("tiny").table
    sure = np.eye(3)[[CLASSES.index(d) for d in table["diagnosis"]]]
    given = np.where((np.arange(len(table)) % 5 == 0)[:, None], np.roll(sure, 1, axis=1), sure) * 0.7 + 0.1
    frame = pd.DataFrame(given, columns=CLASSES).assign(image_id=table["image_id"])
    frame.to_csv(tmp_path / "scores.csv", index=False)
    return tmp_path / "scores.csv"


def evaluated(workspace: Workspace, tmp_path: Path, *options: object) -> dict:
    return as_json("evaluate", "--dataset", "tiny", "--out", tmp_path / "out", "--resamples", 200, *options, workspace=workspace)


def test_rule_threshold_beta_and_seed_have_an_effect(workspace: Workspace, tmp_path: Path, scores: Path) -> None:
    usual = evaluated(workspace, tmp_path, "--predictions", scores)
    assert usual["decision_rule"].startswith("argmax") and usual["resamples"] == 200
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == usual
    all_mel = evaluated(workspace, tmp_path, "--predictions", scores, "--threshold", "mel=0.1", "--beta", 0.5)
    mel = next(c for c in all_mel["per_class"] if c["name"] == "mel")
    assert mel["sensitivity"]["value"] == 1 and mel["specificity"]["value"] == 0 and mel["npv"]["value"] is None
    assert mel["npv"]["reason"] == "always predicted" and all_mel["beta"] == 0.5
    half = evaluated(workspace, tmp_path, "--predictions", scores, "--rule", "half")
    assert half["decision_rule"].startswith("p > 0.5")
    assert evaluated(workspace, tmp_path, "--predictions", scores, "--seed", 1)["kappa"]["low"] != usual["kappa"]["low"]
    columns = pd.read_csv(tmp_path / "out" / "per_class.csv", comment="#").columns
    assert {"auc_sens_80_low", "average_precision", "f_beta_high", "prevalence"} <= set(columns)


def test_the_interval_is_chosen(workspace: Workspace, tmp_path: Path, scores: Path) -> None:
    usual, other = (evaluated(workspace, tmp_path, "--predictions", scores, "--interval", i)["kappa"] for i in ("bca", "percentile"))
    assert (usual["method"], other["method"]) == ("BCa bootstrap", "percentile bootstrap")
    assert other["value"] == usual["value"] and other["low"] != usual["low"]


def test_a_prevalence_gives_ppv_and_npv_by_bayes(workspace: Workspace, tmp_path: Path, scores: Path) -> None:
    mel = next(
        c for c in evaluated(workspace, tmp_path, "--predictions", scores, "--prevalence", "mel=0.02")["per_class"] if c["name"] == "mel"
    )
    hit, alarm = mel["sensitivity"]["value"] * 0.02, (1 - mel["specificity"]["value"]) * 0.98
    assert mel["ppv_at_prevalence"]["value"] == pytest.approx(hit / (hit + alarm))
    assert mel["ppv_at_prevalence"]["low"] <= mel["ppv_at_prevalence"]["value"] <= mel["ppv_at_prevalence"]["high"]
    assert mel["ppv_at_prevalence"]["value"] < mel["ppv"]["value"] and mel["npv_at_prevalence"]["value"] > mel["npv"]["value"]


def test_figures_by_column_marker_and_both(workspace: Workspace, tmp_path: Path, scores: Path) -> None:
    told = evaluated(
        workspace, tmp_path, "--predictions", scores, "--by", "sex", "--by", "hair", "--by", "sex,hair", "--figure", "sensitivity"
    )["groups"]
    assert {t["by"] for t in told} == {"sex", "hair", "sex and hair"} and {t["figure"] for t in told} == {"sensitivity"}
    table = workspace.open_dataset("tiny").table
    judged = pd.read_csv(scores).set_index("image_id")[CLASSES].idxmax(axis=1)
    of = next(t for t in told if t["by"] == "sex" and t["class"] == "nv")
    for g in of["groups"]:
        rows = table[(table["sex"] == g["group"]) & (table["diagnosis"] == "nv")]
        assert g["figure"]["value"] == pytest.approx((judged[rows["image_id"]] == "nv").mean())
        assert g["with_class"] == len(rows)
    both = next(t for t in told if t["by"] == "sex and hair")
    assert sum(g["images"] for g in both["groups"]) == table["sex"].notna().sum()


def test_several_predictions_are_compared(workspace: Workspace, tmp_path: Path, scores: Path) -> None:
    table = workspace.open_dataset("tiny").table
    perfect = pd.DataFrame(np.eye(3)[[CLASSES.index(d) for d in table["diagnosis"]]], columns=CLASSES)
    perfect.assign(image_id=table["image_id"]).to_csv(tmp_path / "perfect.csv", index=False)
    told = evaluated(workspace, tmp_path, "--predictions", scores, "--predictions", tmp_path / "perfect.csv")
    other = told["compared"][0]
    less, wrong = other["less_the_first"], -(-len(table) // 5)
    assert other["file"] == "perfect.csv" and other["evaluation"]["accuracy"]["value"] == 1
    assert less["differences"]["accuracy"]["value"] == pytest.approx(1 - told["accuracy"]["value"])
    assert (less["right_only_by_the_second"], less["right_only_by_the_first"]) == (wrong, 0)
    assert sum(less["confusion_matrix_difference"][k][k] for k in range(3)) == wrong and less["mcnemar_p"] < 0.01
    shown = run(
        "evaluate",
        "--dataset",
        "tiny",
        "--out",
        tmp_path / "out",
        "--resamples",
        50,
        "--predictions",
        scores,
        "--predictions",
        tmp_path / "perfect.csv",
        workspace=workspace,
    )
    assert f"Correct only by perfect.csv: {wrong}" in shown.stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--rule", "best"], "unknown decision rule 'best'"),
        (["--threshold", "mel=2"], "not CLASS=NUMBER"),
        (["--threshold", "wart=0.2"], "'wart' is not a class"),
        (["--prevalence", "mel"], "not CLASS=NUMBER"),
        (["--by", "shoe size"], "unknown column or marker 'shoe size'"),
        (["--by", "sex,age,site"], "one column or two"),
        (["--by", "sex", "--figure", "beauty"], "unknown figure by group 'beauty'"),
        (["--by", "sex", "--audit", "nowhere"], "holds no images.parquet"),
    ],
)
def test_mistakes_are_told(workspace: Workspace, tmp_path: Path, scores: Path, options: list[str], told: str) -> None:
    done = run(
        "evaluate", "--dataset", "tiny", "--out", tmp_path / "out", "--resamples", 0, "--predictions", scores, *options, workspace=workspace
    )
    assert done.exit_code == 2 and told in done.stderr and "Traceback" not in done.stderr


def test_other_classes_cannot_be_compared(workspace: Workspace, tmp_path: Path, scores: Path) -> None:
    frame = pd.read_csv(scores)
    frame.assign(df=0.0).to_csv(tmp_path / "four.csv", index=False)
    done = run(
        "evaluate",
        "--dataset",
        "tiny",
        "--out",
        tmp_path / "out",
        "--resamples",
        0,
        "--predictions",
        scores,
        "--predictions",
        tmp_path / "four.csv",
        workspace=workspace,
    )
    assert done.exit_code == 2 and "cannot be compared" in done.stderr


def test_groups_of_detected_markers_say_that_the_detector_errs(small_dataset: Path) -> None:
    from data_audit.groupings import combined, groupings, of_images
    from data_audit.markers.present import Present

    data = open_dataset(small_dataset)
    n = len(data)
    flags = np.r_[np.ones(n // 2), np.zeros(n - n // 2)]
    found = groupings(data, [Present("ink", "detector", flags, flags, reviewed=3)])
    ink = found["ink (detected)"]
    assert "makes errors" in ink.caution and "reviewed by a person: 3." in ink.caution and found["sex"].caution == ""
    ids = data.table["image_id"].tolist()
    assert of_images(ink, data, [ids[0], ids[-1], "none"]) == ["ink present", "ink absent", None]
    both = combined(ink, found["sex"])
    assert both.values[0] == f"ink present, {data.table['sex'].iloc[0]}" and both.caution == ink.caution
