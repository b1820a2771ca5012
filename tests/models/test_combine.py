"""Ensembles and prior correction, against numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import PredictionsError
from models.combine import correct_prior, fit_weights, majority, put_together
from models.predictions import PredictionTable, read_predictions
from tests.test_cli import as_json_here as as_json
from tests.test_cli import run_here as run
from workspace import Workspace

A = np.array([[0.6, 0.4, 0.0], [0.2, 0.5, 0.3]])
B = np.array([[0.1, 0.8, 0.1], [0.1, 0.3, 0.6]])
C = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])


def table(scores: np.ndarray, ids: tuple[str, ...] = ("a", "b"), classes: tuple[str, ...] = ("nv", "mel", "bkl")) -> PredictionTable:
    return PredictionTable(ids, classes, scores)


def test_means_and_votes_by_hand() -> None:
    joined = put_together([table(A), table(B), table(C)], "mean")
    np.testing.assert_allclose(joined.probabilities[0], [1.4 / 3, 1.4 / 3, 0.2 / 3])
    weighted = put_together([table(A), table(B), table(C)], "weighted", np.array([0.5, 0.5, 0]))
    np.testing.assert_allclose(weighted.probabilities[0], [0.35, 0.6, 0.05])
    votes = majority([A, B, C])  # two of three for nv, then for bkl
    np.testing.assert_allclose(votes, [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]], atol=1e-5)
    np.testing.assert_array_equal(majority([A, B]).argmax(1), [1, 2])


def test_members_are_joined_by_image_and_class() -> None:
    other = table(B[::-1][:, [2, 0, 1]], ("b", "c"), ("bkl", "nv", "mel"))
    joined = put_together([table(A), other], "mean")
    assert joined.image_ids == ("b",) and set(joined.errors) == {"a", "c"}
    np.testing.assert_allclose(joined.probabilities[0], (A[1] + B[1]) / 2)
    with pytest.raises(PredictionsError, match="different classes"):
        put_together([table(A), table(A[:, :2], classes=("nv", "mel"))], "mean")
    with pytest.raises(PredictionsError, match="no image in common"):
        put_together([table(A), table(A, ("x", "y"))], "mean")


def test_weights_go_to_who_is_right() -> None:
    """Two members, one right at .8 and .6, the other at .2 and .6: all the weight is the first one's."""
    first, second = np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([[0.2, 0.8], [0.4, 0.6]])
    assert fit_weights([first, second], np.array([0, 1])) == pytest.approx([1, 0], abs=1e-3)
    even = fit_weights([np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([[0.1, 0.9], [0.1, 0.9]])], np.array([0, 1]))
    assert even == pytest.approx([0.5, 0.5])


def test_the_prior_is_divided_out_by_hand() -> None:
    corrected = correct_prior(table(A), {"nv": 0.6, "mel": 0.3, "bkl": 0.1})
    parts = np.array([0.6 / 0.6, 0.4 / 0.3, 0])
    np.testing.assert_allclose(corrected.probabilities[0], parts / parts.sum())
    assert corrected.probabilities[0].argmax() == 1 and "nv 0.6" in corrected.about["prior_divided_by"]
    back = correct_prior(table(A), {"nv": 0.6, "mel": 0.3, "bkl": 0.1}, {"nv": 0.6, "mel": 0.3, "bkl": 0.1})
    np.testing.assert_allclose(back.probabilities, A)
    with pytest.raises(PredictionsError, match="'bkl' in training"):
        correct_prior(table(A), {"nv": 0.6, "mel": 0.4})


@pytest.fixture
def members(workspace: Workspace, tmp_path: Path) -> list[Path]:
    data = workspace.open_dataset("tiny").table
    rng, classes = np.random.default_rng(0), ["nv", "mel", "bkl"]
    sure = np.eye(3)[[classes.index(d) for d in data["diagnosis"]]]
    files = []
    for k, weight in enumerate((0.3, 0.1)):
        scores = rng.dirichlet(np.ones(3), len(data)) + weight * sure
        frame = pd.DataFrame(scores / scores.sum(1, keepdims=True), columns=classes).assign(image_id=data["image_id"])
        frame.to_csv(tmp_path / f"member{k}.csv", index=False)
        files.append(tmp_path / f"member{k}.csv")
    return files


def test_the_command_writes_predictions_like_any_other(workspace: Workspace, tmp_path: Path, members: list[Path]) -> None:
    both = ["--predictions", members[0], "--predictions", members[1]]
    for way, more in (("mean", []), ("majority", []), ("weighted", ["--dataset", "tiny"])):
        told = as_json("ensemble", *both, "--way", way, *more, "--out", tmp_path / way, workspace=workspace)
        joined = read_predictions(tmp_path / way / "predictions.parquet")
        assert told["images"] == len(joined.image_ids) and joined.about["ensemble"] == way
    assert float(joined.about["weight 1"]) > float(joined.about["weight 2"])
    as_json("ensemble", "--predictions", members[0], "--divide-by-prior", "--dataset", "tiny", "--out", tmp_path / "p", workspace=workspace)
    before, after = read_predictions(members[0]), read_predictions(tmp_path / "p" / "predictions.parquet")
    assert "prior_divided_by" in after.about and not np.allclose(before.probabilities, after.probabilities)
    evaluated = as_json(
        "evaluate",
        "--dataset",
        "tiny",
        "--resamples",
        0,
        "--predictions",
        tmp_path / "mean" / "predictions.parquet",
        "--out",
        tmp_path / "e",
        workspace=workspace,
    )
    assert evaluated["n_images"] == told["images"] and evaluated["about"]["ensemble"] == "mean"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--way", "best"], "unknown way to combine predictions 'best'"),
        (["--way", "weighted"], "taken from a dataset"),
        (["--divide-by-prior"], "taken from a dataset"),
    ],
)
def test_mistakes_are_told(workspace: Workspace, tmp_path: Path, members: list[Path], options: list[str], told: str) -> None:
    done = run("ensemble", "--predictions", members[0], *options, "--out", tmp_path / "x", workspace=workspace)
    assert done.exit_code == 2 and told in done.stderr
