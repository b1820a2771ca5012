"""The command line: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from cli import app
from tests.conftest import PROJECT
from workspace import Workspace


def run(*arguments: object, workspace: Workspace | None = None) -> subprocess.CompletedProcess:
    options = ["--workspace", str(workspace.root)] if workspace else []
    command = [sys.executable, "cli.py", *map(str, arguments), *options]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=300)


def as_json(*arguments: object, workspace: Workspace | None = None) -> dict:
    done = run(*arguments, "--json", workspace=workspace)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run_here(*arguments: object, workspace: Workspace | None = None) -> Result:
    """The same without a process of its own, and so without the seconds in which one imports TensorFlow."""
    options = ["--workspace", str(workspace.root)] if workspace else []
    return CliRunner().invoke(app, [*map(str, arguments), *options])


def as_json_here(*arguments: object, workspace: Workspace | None = None) -> dict:
    done = run_here(*arguments, "--json", workspace=workspace)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_every_command_and_option_has_help() -> None:
    import typer.main

    def walk(command: object, path: str) -> None:
        assert command.help, path  # type: ignore[attr-defined]
        for parameter in command.params:  # type: ignore[attr-defined]
            if parameter.name != "help" and parameter.param_type_name == "option":
                assert parameter.help, f"{path} --{parameter.name}"
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{path} {name}")

    walk(typer.main.get_command(app), "cli.py")


def test_the_whole_way_from_file_to_figures(workspace: Workspace, tmp_path: Path) -> None:
    shown = as_json("dataset", "show", "tiny", workspace=workspace)
    assert shown["classes"].keys() == {"nv", "mel", "bkl"} and shown["lesions"] == 32
    predicted = as_json("predict", "--model", "demo-honest", "--dataset", "tiny", "--out", tmp_path, workspace=workspace)
    assert predicted["images"] == shown["images"] and not predicted["errors"]
    frame = pd.read_parquet(predicted["file"])
    assert list(frame.columns[:4]) == ["image_id", "akiec", "bcc", "bkl"] and "mel_logit" in frame
    told = as_json("evaluate", "--predictions", predicted["file"], "--dataset", "tiny", "--out", tmp_path, workspace=workspace)
    data = workspace.open_dataset("tiny").table.set_index("image_id")["diagnosis"]
    decided = frame.set_index("image_id")[list(told["classes"])].idxmax(axis=1)
    assert told["accuracy"]["value"] == pytest.approx((decided == data[decided.index]).mean())
    assert told["about"]["model_sha256"] == predicted["about"]["model_sha256"] and told["about"]["dataset_sha256"] == shown["sha256"]
    written = json.loads((tmp_path / "evaluation.json").read_text())
    assert written == told and (tmp_path / "per_class.csv").exists()


def test_explaining_a_picture_and_a_dataset(workspace: Workspace, small_dataset: Path, tmp_path: Path) -> None:
    image = sorted((small_dataset / "images").iterdir())[0]
    one = as_json_here(
        "explain", "--model", "demo-shortcut", "--image", image, "--target", "mel", "--out", tmp_path / "one", workspace=workspace
    )
    assert (one["images"], one["method"], Path(one["overlay"]).suffix) == (1, "grad-cam", ".png")
    with Image.open(one["overlay"]) as picture:
        assert picture.text["model_sha256"] == one["about"]["model_sha256"] and picture.text["lesionlens_version"]  # type: ignore[attr-defined]
    row = pd.read_parquet(one["file"]).iloc[0]
    assert (row["target"], row["height"], row["width"]) == ("mel", 12, 12)
    assert np.abs(np.frombuffer(row["map"], np.float16)).max() == pytest.approx(1)
    layered = as_json_here(
        "explain",
        "--model",
        "demo-honest",
        "--dataset",
        "tiny",
        "--method",
        "hirescam",
        "--layer",
        "re_lu_2",
        "--out",
        tmp_path / "all",
        workspace=workspace,
    )
    assert layered["layer"] == "features/re_lu_2" and layered["images"] > 30
    assert len(pd.read_parquet(tmp_path / "all" / "predictions.parquet")) == layered["images"]
    assert len(pd.read_parquet(tmp_path / "all" / "embeddings.parquet")["embedding"][0]) == 96


def test_every_class_the_sample_the_baseline_and_the_seed_have_an_effect(workspace: Workspace, tmp_path: Path) -> None:
    def maps(name: str, *options: object) -> pd.DataFrame:
        told = as_json_here(
            "explain", "--model", "demo-honest", "--dataset", "tiny", "--sample", 2, *options, "--out", tmp_path / name, workspace=workspace
        )
        return pd.read_parquet(told["file"])

    every = maps("every", "--target", "all")
    assert len(every) == 14 and every["target"].nunique() == 7 and every["image_id"].nunique() == 2
    plain = maps("plain", "--method", "occlusion")
    assert plain["height"].unique() == [14] and set(plain["layer"]) == {"picture"}
    assert list(maps("black", "--method", "occlusion", "--baseline", "black")["map"]) != list(plain["map"])
    noisy = maps("noisy", "--method", "smoothgrad")
    other = maps("other", "--method", "smoothgrad", "--seed", 1)
    assert set(noisy["image_id"]) != set(other["image_id"]) or list(noisy["map"]) != list(other["map"])
    one, two = (maps(e, "--engine", e) for e in ("tensorflow", "auto"))
    for a, b in zip(one["map"], two["map"], strict=True):
        np.testing.assert_allclose(np.frombuffer(a, np.float16), np.frombuffer(b, np.float16), atol=2e-3)


def test_trust_is_written_and_the_sanity_check_is_kept(workspace: Workspace, small_dataset: Path, tmp_path: Path) -> None:
    options = ("explain", "--model", "demo-shortcut", "--trust", "--out", tmp_path)
    told = as_json_here(*options, "--dataset", "tiny", "--sample", 3, "--target", "mel", workspace=workspace)["trust"]
    frame = pd.read_parquet(told["file"])
    assert told["examined"] == 3 and sum(told["verdicts"].values()) == 3 and set(frame["target"]) == {"mel"}
    assert {"insertion_area", "over_centre", "stability_jpeg", "lesion_share", "reasons"} <= set(frame.columns)
    sanity = json.loads((tmp_path / "sanity.json").read_text())
    assert told["sanity"]["passed"] is True and abs(sanity["spearman"][-1]) < 0.3 and sanity["seeds"] == 5
    kept = list((workspace.root / "results" / "sanity").iterdir())
    stamp = kept[0].stat().st_mtime_ns
    image = sorted((small_dataset / "images").iterdir())[0]
    one = as_json_here(*options, "--image", image, workspace=workspace)["trust"]
    assert kept[0].stat().st_mtime_ns == stamp and "sanity check" not in one["reasons"]  # taken from what was kept


def test_a_saved_model_is_explained_by_perturbation_and_trusted_without_a_sanity_check(workspace: Workspace, tmp_path: Path) -> None:
    import keras

    from tests.models.networks import flat

    keras.utils.set_random_seed(0)
    flat(keras).export(str(workspace.models / "saved"), verbose=False)
    told = as_json_here(
        "explain", "--model", "saved", "--dataset", "tiny", "--sample", 2, "--trust", "--out", tmp_path, workspace=workspace
    )
    assert (told["method"], told["layer"], told["maps"]) == ("occlusion", "picture", 2) and told["trust"]["sanity"] is None
    assert not (tmp_path / "sanity.json").exists() and not (tmp_path / "embeddings.parquet").exists()
    refused = run("explain", "--model", "saved", "--dataset", "tiny", "--method", "grad-cam", "--out", tmp_path, workspace=workspace)
    assert refused.returncode == 2 and "not accessible. Choose: occlusion, rise." in refused.stderr.replace("\n", " ")


def test_methods_are_compared(workspace: Workspace, tmp_path: Path) -> None:
    told = as_json_here(
        "explain",
        "--model",
        "demo-honest",
        "--dataset",
        "tiny",
        "--compare",
        "grad-cam,layercam",
        "--sample",
        4,
        "--out",
        tmp_path,
        workspace=workspace,
    )
    assert {m["method"] for m in told["methods"]} == {"grad-cam", "layercam"} and told["best"] == told["methods"][0]["method"]
    assert told["methods"][0]["images"] == 4 and told["methods"][0]["over_random"]["low"] < told["methods"][0]["over_random"]["value"]
    written = json.loads((tmp_path / "methods.json").read_text())
    assert written["methods"] == told["methods"]
    shown = run(
        "explain",
        "--model",
        "demo-honest",
        "--dataset",
        "tiny",
        "--compare",
        "grad-cam",
        "--sample",
        2,
        "--out",
        tmp_path,
        workspace=workspace,
    )
    assert "Grad-CAM" in shown.stdout and "over centre" in shown.stdout


def test_looking_into_a_network(workspace: Workspace) -> None:
    shown = as_json_here("model", "show", "demo-honest", workspace=workspace)
    assert shown["default_layer"] == "features/re_lu_3" and shown["default_method"] == "grad-cam"
    assert shown["card"]["classes"][4] == "mel" and not shown["guessed"] and len(shown["sha256"]) == 64
    assert all(m["possible"] for m in shown["methods"]) and {m["method"] for m in shown["methods"]} >= {"rise", "score-cam"}


def test_naming_a_dataset(workspace: Workspace, small_dataset: Path) -> None:
    assert run("dataset", "add", small_dataset, "--name", "mine", workspace=workspace).returncode == 0
    assert workspace.dataset_names() == ["mine", "tiny"]
    assert "is not a valid name" in run("dataset", "add", small_dataset, "--name", "../x", workspace=workspace).stderr


def test_the_readme_names_every_command_and_no_other() -> None:
    import typer.main

    told = set(
        re.findall(
            r"^python cli\.py (\w+(?: (?:show|check|add|retrain|clean|weights|trap))?)", (PROJECT / "README.md").read_text(), re.MULTILINE
        )
    )
    root = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    known = {n for n, c in root.items() if not hasattr(c, "commands")} | {
        f"{n} {i}" for n, c in root.items() for i in getattr(c, "commands", {})
    }
    assert {t.replace("bench explain", "bench") for t in told} | {"model trust"} == known


def test_auditing_a_dataset(workspace: Workspace, tmp_path: Path) -> None:
    audited = as_json("audit", "tiny", "--out", tmp_path, workspace=workspace)
    assert json.loads((tmp_path / "audit.json").read_text()) == audited
    assert {"markers", "associations", "shortcut potential", "likeness", "skin tone"} <= set(audited["about"]["checks"])
    assert audited["composition"][0]["diagnosis"] == "nv" and audited["balancing"][0]["diagnosis"] == "nv"
    images = pd.read_parquet(tmp_path / "images.parquet")
    assert len(images) == audited["about"]["images"] and images["error"].isna().all() and (images["width"] == 320).all()
    assert not [f for f in audited["findings"] if f["severity"] == "grave"]
    assert {a["column"] for a in audited["associations"]} >= {"age", "site"}


def test_an_audit_doubts_labels_splits_anew_and_compares(workspace: Workspace, tmp_path: Path) -> None:
    data = workspace.open_dataset("tiny").table
    classes = ["nv", "mel", "bkl"]
    scores = pd.DataFrame([[0.9 if d == c else 0.05 for c in classes] for d in data["diagnosis"]], columns=classes)
    swapped = [2, 20]
    for row in swapped:
        scores.loc[row, classes] = np.roll(scores.loc[row, classes], 1)
    scores.assign(image_id=data["image_id"]).to_csv(tmp_path / "scores.csv", index=False)
    told = as_json(
        "audit",
        "tiny",
        "--predictions",
        tmp_path / "scores.csv",
        "--against",
        "tiny",
        "--resplit",
        "80/20",
        "--seed",
        3,
        "--out",
        tmp_path / "out",
        workspace=workspace,
    )
    found = {f["kind"]: f for f in told["findings"]}
    assert set(found["labels that may be wrong"]["image_ids"]) == set(data["image_id"][swapped])
    shared = found["the same photograph in both datasets"]
    assert shared["severity"] == "grave" and shared["n_images"] == len(data)
    split = pd.read_csv(tmp_path / "out" / "split.csv")
    assert split["split"].value_counts(normalize=True)["train"] == pytest.approx(0.8, abs=0.06)
    assert (split.merge(data[["image_id", "lesion_id"]]).groupby("lesion_id")["split"].nunique() == 1).all()
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "labels that may be wrong" in page and "Datasheet" in page and page.count("<svg") == 3  # too few lesions for the fourth
    assert not re.findall(r"(?:src|href)=.?(?!data:)\w+:", page), "nothing is fetched from elsewhere"
    assert set(re.findall(r"https?://[^/\"]+", page)) <= {"http://www.w3.org"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["audit", "tiny", "--resplit", "5", "--out", "x"], "70/15/15"),
        (["audit", "tiny", "--against", "nowhere", "--out", "x"], "contains no dataset “nowhere”"),
        (["audit", "tiny", "--predictions", "nowhere.csv", "--out", "x"], "nowhere.csv"),
        (["markers", "retrain", "--labelled", "nowhere", "--work", "nowhere/x"], "markers.csv"),
        (["model", "show", "nowhere.h5"], "contains no classifier “nowhere.h5”"),
        (["dataset", "show", "nowhere"], "contains no dataset “nowhere”"),
        (["dataset", "show", "tiny", "--columns", "age"], "NAME=COLUMN"),
        (["explain", "--model", "demo-honest", "--out", "x"], "either --dataset or --image"),
        (["explain", "--model", "demo-honest", "--dataset", "tiny", "--method", "magic", "--out", "x"], "grad-cam, grad-cam++"),
        (["explain", "--model", "demo-honest", "--dataset", "tiny", "--engine", "cuda", "--out", "x"], "auto, tensorflow"),
        (["explain", "--model", "demo-honest", "--dataset", "tiny", "--baseline", "white", "--out", "x"], "blur, mean, black"),
        (["explain", "--model", "demo-honest", "--dataset", "tiny", "--layer", "nowhere", "--out", "x"], "re_lu_3"),
        (["explain", "--model", "demo-honest", "--dataset", "tiny", "--trust", "--target", "all", "--out", "x"], "one class"),
        (["explain", "--model", "demo-honest", "--dataset", "tiny", "--compare", "magic", "--out", "x"], "unknown method 'magic'"),
        (["explain", "--model", "demo-honest", "--dataset", "tiny", "--target", "wart", "--out", "x"], "not one of its classes"),
        (["evaluate", "--predictions", "nowhere.csv", "--dataset", "tiny", "--out", "x"], "nowhere.csv"),
        (["bench", "magic"], "unknown benchmark 'magic'"),
    ],
)
def test_a_users_mistake_is_one_message_and_code_2(workspace: Workspace, arguments: list[str], message: str) -> None:
    options = [] if arguments[0] in ("bench", "markers") else ["--workspace", str(workspace.root)]
    done = run_here(*arguments, *options)
    assert done.exit_code == 2 and message in done.stderr.replace("\n", " ") and "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "message"), [("empty.png", "empty.png: is empty"), ("text.jpg", "text.jpg: is not a JPEG"), ("none.png", "not a file")]
)
def test_a_picture_that_cannot_be_read_is_not_explained(workspace: Workspace, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_bytes(b"text")
    options = [
        "--model",
        "demo-honest",
        "--image",
        str(tmp_path / name),
        "--out",
        str(tmp_path / "out"),
        "--workspace",
        str(workspace.root),
    ]
    done = run_here("explain", *options)
    assert done.exit_code == 2 and message in done.stderr.replace("\n", " ") and done.stdout == ""
    assert not (tmp_path / "out").exists()


def test_a_model_file_that_is_none_says_so(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "net.h5").write_bytes(b"\x80\x04.")
    done = run("model", "show", tmp_path / "net.h5", workspace=workspace)
    assert done.returncode == 2 and "pickle" in done.stderr


def test_a_stopped_prediction_keeps_what_was_done(workspace: Workspace, tmp_path: Path, honest: Path) -> None:
    from models.classifier import open_classifier
    from models.predictions import read_predictions
    from models.run import predict_dataset

    data = workspace.open_dataset("tiny")
    run = predict_dataset(open_classifier(honest), {i: data.path(i) for i in data.table["image_id"]}, {}, tmp_path / "part.parquet")
    assert [next(run)[0], next(run)[0]] == [0, 32]
    run.close()
    assert read_predictions(tmp_path / "part.parquet").image_ids == tuple(data.table["image_id"][:32])


def test_a_killed_prediction_goes_on(workspace: Workspace, tmp_path: Path, honest: Path) -> None:
    from core.runs import finish
    from models.classifier import open_classifier
    from models.predictions import read_predictions
    from models.run import about_run, predict_dataset

    data = workspace.open_dataset("tiny")
    files = {i: data.path(i) for i in data.table["image_id"]}
    classifier = open_classifier(honest)
    about, kept = about_run(classifier, "tiny", data.sha256), tmp_path / "part.parquet"
    whole = finish(predict_dataset(classifier, files, about))
    half = finish(predict_dataset(classifier, dict(list(files.items())[:20]), about))
    from models.predictions import write_predictions

    write_predictions(half, kept)
    progress: list[tuple[int, int]] = []
    resumed = finish(predict_dataset(classifier, files, about, kept), lambda d, n: progress.append((d, n)))
    assert progress[0] == (20, len(files)) and not kept.exists()
    assert resumed.image_ids == whole.image_ids
    np.testing.assert_allclose(resumed.probabilities, whole.probabilities, atol=1e-6)
    write_predictions(half, kept)
    other = finish(predict_dataset(classifier, files, {**about, "card_sha256": "changed"}, kept))
    assert other.image_ids == whole.image_ids and read_predictions is not None
