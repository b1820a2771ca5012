"""The HTML report of an evaluation: what stands in it, and what must never."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.exports import plain
from data_audit.findings import Finding
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from evaluation.evaluate import How
from models.predictions import PredictionTable
from reports.checklist import checklist
from reports.evaluation_report import evaluation_html
from studies.assess import Assessment, as_json, assess
from tests.test_cli import as_json_here as told_by
from tests.test_cli import run_here as run
from workspace import Workspace


def judged(data: Dataset, classes: tuple[str, ...] = ("nv", "mel", "bkl")) -> Assessment:
    rng = np.random.default_rng(0)
    sure = np.eye(3)[[("nv", "mel", "bkl").index(d) for d in data.table["diagnosis"]]]
    scores = rng.dirichlet(np.ones(3), len(data)) + 0.2 * sure
    table = PredictionTable(tuple(data.table["image_id"]), classes, scores / scores.sum(1, keepdims=True))
    return assess(table, data, how=How(resamples=100))


def test_the_report_holds_figures_curves_mistakes_and_open_items(small_dataset: Path) -> None:
    data = open_dataset(small_dataset)
    found = judged(data)
    content = plain(as_json(found))
    page = evaluation_html(data, content, found.rows, [Finding("ink", "grave", "Ink goes with melanoma.")])
    assert f"{content['accuracy']['value']:.3f} [{content['accuracy']['low']:.3f}" in page
    assert page.count("<svg") == 3 and "Ink goes with melanoma" in page and "not a medical device" in page
    assert len(re.findall(r"classified as \w+ \(\d+%\)</figcaption>", page)) == min(
        12, int((found.rows["diagnosis"] != found.rows["decision"]).sum())
    )
    surest = re.findall(r"classified as \w+ \((\d+)%\)</figcaption>", page)
    assert surest == sorted(surest, key=int, reverse=True)
    assert "Open: for the authors to state." in page and "physicians" in page
    assert not re.findall(r"(?:src|href)=.?(?!data:)\w+:", page), "nothing is fetched from elsewhere"
    assert set(re.findall(r"https?://[^/\"]+", page)) <= {"http://www.w3.org"}


def test_card_maps_and_forests_of_groups_stand_in_it(workspace: Workspace, tmp_path: Path) -> None:
    """The command with the classifier itself: its card, and a heatmap beside each of the worst mistakes."""
    data = workspace.open_dataset("tiny")
    judged(data).rows[["image_id", "nv", "mel", "bkl"]].to_csv(tmp_path / "scores.csv", index=False)
    options = ["--dataset", "tiny", "--predictions", tmp_path / "scores.csv", "--resamples", 50, "--by", "sex", "--figure", "auc"]
    told_by("evaluate", *options, "--model", "demo-honest", "--out", tmp_path / "out", workspace=workspace)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    mistakes = len(re.findall(r"classified as \w+ \(\d+%\)</figcaption>", page))
    assert mistakes and page.count('<figure class="pair">') == mistakes and page.count('alt="Heatmap of the decision') == mistakes
    assert "Model card" in page and "akiec, bcc, bkl, df, mel, nv, vasc" in page and "A heatmap shows where, not why" in page
    assert page.count("<svg") >= 4  # the AUC, two curves, and a forest a class


def test_a_card_says_what_is_guessed_and_what_nobody_said(small_dataset: Path) -> None:
    data = open_dataset(small_dataset)
    found = judged(data)
    card = {"name": "x", "classes": ["a", "<b>"], "scaling": "0..1", "limits": "", "positive": None, "guessed": ["scaling"]}
    page = evaluation_html(data, plain(as_json(found)), found.rows, card=card)
    assert "0..1 (guessed)" in page and "a, &lt;b&gt;" in page and "Open: not stated." in page and "<dt>positive" not in page


def test_what_strangers_wrote_is_escaped(small_dataset: Path, tmp_path: Path) -> None:
    data = open_dataset(small_dataset)
    found = judged(data)
    content = plain(as_json(found))
    content["about"]["card"] = content["about"]["dataset"] = "<script>alert(1)</script>"
    page = evaluation_html(data, content, found.rows, [Finding("<img src=x>", "grave", "<b>")])
    assert "<script" not in page and "<img src=x" not in page and "&lt;script&gt;" in page


def test_the_checklist_says_what_data_say_and_no_more(small_dataset: Path) -> None:
    data = open_dataset(small_dataset)
    items = dict(checklist(data, plain(as_json(judged(data)))))
    assert f"{len(data):,} images" in items["Data source"] and data.sha256 in items["Data source"]
    assert items["Network: structure and version"] == "" and items["External testing"] == ""
    assert "mel" in items["Outcome counts"] and items["Performance in groups"] == ""


def test_one_class_alone_leaves_no_curves(small_dataset: Path) -> None:
    data = open_dataset(small_dataset)
    found = judged(data)
    rows = found.rows.assign(diagnosis="nv")
    content = plain(as_json(found))
    content["per_class"] = [c | {"support": len(rows) if c["name"] == "nv" else 0} for c in content["per_class"]]
    content["n_images"] = len(rows)
    assert "ROC curve with" not in evaluation_html(data, content, rows)


def test_the_command_writes_it_with_the_audit(workspace: Workspace, tmp_path: Path) -> None:
    data = workspace.open_dataset("tiny")
    found = judged(data)
    found.rows[["image_id", "nv", "mel", "bkl"]].to_csv(tmp_path / "scores.csv", index=False)
    told_by("audit", "tiny", "--out", tmp_path / "audit", workspace=workspace)
    options = ["evaluate", "--dataset", "tiny", "--predictions", tmp_path / "scores.csv", "--resamples", 50, "--out", tmp_path / "out"]
    told_by(*options, "--audit", tmp_path / "audit", "--by", "sex", "--figure", "auc", workspace=workspace)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "What the audit found in the data" in page and "AUC of melanoma (mel) by sex" in page
    frame = pd.read_parquet(tmp_path / "audit" / "images.parquet")
    assert len(frame) == len(data)
    frame.drop(columns="skin_tone").to_parquet(tmp_path / "audit" / "images.parquet")
    older = run(*options, "--audit", tmp_path / "audit", "--by", "sex", workspace=workspace)
    assert older.exit_code == 2 and "has no column 'skin_tone'" in older.stderr
    (tmp_path / "audit" / "images.parquet").write_bytes(b"PAR1 nothing")
    torn = run(*options, "--audit", tmp_path / "audit", "--by", "sex", workspace=workspace)
    assert torn.exit_code == 2 and "cannot be read as a table" in torn.stderr
    (tmp_path / "audit" / "audit.json").write_text("{}")
    broken = run(*options, "--audit", tmp_path / "audit", workspace=workspace)
    assert broken.exit_code == 2 and "cannot be read as an audit" in broken.stderr


@pytest.mark.parametrize("name", ["audit.html.j2", "evaluation.html.j2"])
def test_pages_share_one_style_and_may_load_nothing(name: str) -> None:
    folder = Path(__file__).resolve().parents[1] / "reports" / "templates"
    assert (folder / name).read_text().startswith('{% extends "base.html.j2" %}') and "<style" not in (folder / name).read_text()
    assert "default-src 'none'; img-src data:" in (folder / "base.html.j2").read_text()
