"""cli.py train and tune: the whole way, what is looked at before, and a user's mistakes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from datasets.dataset import Dataset
from models.classifier import open_classifier
from tests.conftest import PROJECT
from tests.test_cli import run_here
from workspace import Workspace

FAST = ("--classes", "nv,mel,bkl", "--by", "lesion", "--fractions", "60/20/20", "--size", "16x16", "--epochs", "2", "--batch", "16")


def test_the_whole_way_into_the_workspace(coloured: Dataset, tmp_path: Path) -> None:
    space = Workspace(tmp_path / "workspace")
    space.register_dataset("coloured", coloured.root)
    made = run_here("train", "huber2020", "--dataset", "coloured", "--out", "mine", *FAST, "--json", workspace=space)
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert told["training"]["preset"] == "huber2020" and told["training"]["recipe"]["height"] == 16
    assert space.model_names() == ["mine"]
    split = space.open_dataset("coloured (split of mine)")
    assert split.table["split"].value_counts().to_dict() == {"train": 108, "val": 36, "test": 36}
    judged = run_here("predict", "--model", "mine", "--dataset", "coloured (split of mine)", "--out", tmp_path / "p", workspace=space)
    assert judged.exit_code == 0, judged.output
    again = run_here("train", "huber2020", "--dataset", "coloured", "--out", "mine", *FAST, workspace=space)
    assert again.exit_code == 0 and "balanced accuracy" in again.stdout and "split of mine" in again.stdout


def test_what_would_be_trained_is_looked_at_first(coloured: Dataset, tmp_path: Path) -> None:
    checked = run_here("train", "huber2020", "--dataset", coloured.root, "--check", "--json", *FAST[:8])
    told = json.loads(checked.stdout)
    assert told["images"]["test"] == {"nv": 12, "mel": 12, "bkl": 12} and told["leaking"] == 0 and told["gigabytes"] > 0
    words = run_here("train", "huber2020", "--dataset", coloured.root, "--check", *FAST[:2], "--by", "image", *FAST[6:8])
    assert "show a lesion that is in training as well" in words.stdout
    sheet = tmp_path / "sheet.png"
    seen = run_here("train", "huber2020", "--dataset", coloured.root, "--preview", sheet, *FAST, "--augment", "rotation=90,cutout=5")
    assert seen.exit_code == 0, seen.output
    assert np.asarray(cv2.imread(str(sheet))).shape[1] > 7 * 100


def test_settings_are_shown_and_taken_from_a_file(coloured: Dataset, tmp_path: Path) -> None:
    shown = run_here("train", "alexanderson2024", "--show", "--json", "--epochs", "3", "--rate", "1e-2")
    told = json.loads(shown.stdout)
    assert told["recipe"]["phases"] == [{"epochs": 3, "rate": 0.01, "schedule": "plateau", "thaw": "none", "batch_norm": False}]
    assert "Alexanderson & Fredin 2024" in told["source"]
    (tmp_path / "s.yaml").write_text("batch: 8\nsplit: {by: patient}\naugmentation: {zoom: 0.2}\n")
    mixed = json.loads(run_here("train", "huber2020", "--show", "--json", "--settings", tmp_path / "s.yaml", "--batch", "4").stdout)
    assert mixed["recipe"]["batch"] == 4 and mixed["recipe"]["augmentation"] == {"zoom": 0.2}
    assert mixed["recipe"]["split"]["by"] == "patient" and mixed["recipe"]["split"]["fractions"] == [0.7, 0.1, 0.2]
    for preset in ("benbrahim2020", "steppan2021"):
        assert "Published:" in run_here("train", preset, "--show").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nobody2020",), "unknown preset 'nobody2020'"),
        (("huber2020",), "name the dataset and the network to write"),
        (("huber2020", "--fractions", "80/10/20"), "add up to 1.1, not 1"),
        (("huber2020", "--size", "big"), "'big' is not a size"),
        (("huber2020", "--epochs", "1,2,3"), "the preset has 1 phase; the options name 3 (epochs)"),
        (("hitta2023", "--epochs", "1,2", "--rate", "1e-3"), "Give each option one value per phase"),
        (("huber2020", "--augment", "rotation=far"), "is not NAME=NUMBER"),
        (("huber2020", "--option", "dense=0.5=1"), "is not NAME=NUMBER"),
        (("huber2020", "--weights", "nowhere"), "contains no classifier “nowhere”"),
        (("huber2020", "--classes", "nv,unicorn"), "has no image of class unicorn"),
        (("huber2020", "--classes", "nv"), "a classifier needs at least two"),
        (("huber2020", "--by", "patient", "--classes", "nv,mel"), "has no patient ids"),
        (("huber2020", "--settings", "no.yaml"), "no.yaml: is not a file"),
        (("huber2020", "--epochs", "x"), "phases.0.epochs"),
    ],
)
def test_a_users_mistake_is_one_message_and_code_2(arguments: tuple[str, ...], message: str, coloured: Dataset, tmp_path: Path) -> None:
    rest = ("--dataset", coloured.root, "--out", tmp_path / "x.keras") if len(arguments) > 1 else ()
    said = run_here("train", *arguments, *rest)
    assert said.exit_code == 2 and message in said.output and "Traceback" not in said.output
    assert not (tmp_path / "x.keras").exists() and not (tmp_path / "x.training").exists()


@pytest.mark.parametrize("text", ["phases: 3", "phases: [a]", "split: image", "options: 7", "- a", "augmentation: [1]", "base: {a: 1}", ""])
def test_files_of_settings_that_are_none(text: str, coloured: Dataset, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(text)
    for more in ((), ("--epochs", "2")):
        said = run_here(
            "train", "huber2020", "--dataset", coloured.root, "--out", tmp_path / "x.keras", "--settings", tmp_path / "s.yaml", *more
        )
        assert said.exit_code == 2 and "Error: " in said.output and "Traceback" not in said.output


def test_a_cut_off_file_of_weights_is_one_message(coloured: Dataset, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as h5:
        h5["a"] = np.zeros(5000)
    whole = (tmp_path / "w.h5").read_bytes()
    (tmp_path / "w.h5").write_bytes(whole[: len(whole) // 3])
    said = run_here("train", "huber2020", "--dataset", coloured.root, "--out", tmp_path / "x.keras", "--weights", tmp_path / "w.h5")
    assert said.exit_code == 2 and "broken or cut-off" in said.output


def test_tuning_from_the_command_line(coloured: Dataset, tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text("rate: {low: 1.0e-3, high: 1.0e-2, log: true}\n")
    made = run_here(
        "tune",
        "huber2020",
        "--dataset",
        coloured.root,
        "--out",
        tmp_path / "t",
        "--space",
        tmp_path / "space.yaml",
        "--trials",
        "2",
        *FAST,
        "--images",
        "90",
    )
    assert made.exit_code == 0, made.output
    assert "Best: trial" in made.stdout and "optimistic" in made.stdout and (tmp_path / "t" / "report.html").exists()
    none = run_here("tune", "huber2020", "--dataset", coloured.root, "--out", tmp_path / "u")
    assert none.exit_code == 2 and "has no search space of its own" in none.output


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_killed_five_times_at_random_it_ends_with_the_very_same_weights(real_data: Path, tmp_path: Path, seed: int) -> None:
    asked = [
        "benbrahim2020",
        "--dataset",
        str(real_data / "ham10000"),
        "--images",
        "1500",
        "--epochs",
        "6",
        "--seed",
        str(seed),
        "--augment",
        "rotation=20,zoom=.1,cutout=12,lighting=.2",
        "--keep",
        "best",
    ]

    def start(out: str) -> subprocess.Popen:
        command = [sys.executable, "cli.py", "train", *asked, "--out", str(tmp_path / out)]
        return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    begun = time.monotonic()
    assert start("whole.keras").wait(900) == 0
    took = time.monotonic() - begun
    rng, kills = np.random.default_rng(seed), 0
    while kills < 5:
        process = start("killed.keras")
        try:
            process.wait(rng.uniform(4, max(8, took / 4)))
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    assert kills == 5, "it was finished before it could be killed five times"
    assert start("killed.keras").wait(900) == 0
    one, other = (open_classifier(tmp_path / f"{n}.keras").network.get_weights() for n in ("whole", "killed"))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
