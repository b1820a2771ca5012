"""Real networks over real dermoscopy, where LESIONLENS_REAL_DATA says they are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest

from core.runs import finish
from data_audit.markers.detector import LEARNED, find_markers
from datasets.opening import open_dataset
from explain.cam import cam
from explain.methods import METHODS, attribute, default_method
from imaging.decode import read_image
from imaging.resize import thumbnail
from models.check import CardCheck, check_card, sample_for_check, without_output
from models.classifier import Classifier, open_classifier
from models.predictions import PredictionTable, read_predictions
from models.run import predict_dataset
from studies.assess import assess
from tests.conftest import PROJECT
from tests.test_cli import as_json

NETWORKS = ("cnn32_softmax7", "cnn64_sigmoid", "resizing256_softmax9", "nested_mobilenet224_softmax2")


def network(real_data: Path, name: str) -> Classifier:
    return open_classifier(real_data / "models" / f"{name}.h5")


def test_ham10000_is_counted(real_data: Path) -> None:
    shown = as_json("dataset", "show", real_data / "ham10000")
    assert (shown["images"], shown["lesions"], shown["ages_missing"], shown["problems"]) == (10_015, 7_470, 57, [])


@pytest.mark.parametrize(("folder", "images"), [("isic2017_markers", 1_219), ("isic_uda1", 60)])
def test_other_layouts_open(real_data: Path, folder: str, images: int) -> None:
    data = open_dataset(real_data / folder)
    assert len(data) == images and not data.problems and data.read(data.table["image_id"][0]).ndim == 3


def test_the_published_report_is_reproduced_to_the_printed_digits(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "predictions" / "convnext_ensemble"
    told = as_json(
        "evaluate",
        "--predictions",
        folder / "predictions.csv",
        "--dataset",
        folder / "test_split.csv",
        "--classes",
        "nv,mel,bkl,bcc,akiec,vasc,df",
        "--row-order",
        "--out",
        tmp_path,
    )
    report = (folder / "test_results.txt").read_text()
    numbers = [(*map(float, found[:3]), int(found[3])) for found in re.findall(r"(\d\.\d{4}) +(\d\.\d{4}) +(\d\.\d{4}) +(\d+)", report)]
    assert len(numbers) == 9  # seven classes, macro and weighted average
    for (ppv, sensitivity, f1, support), figures in zip(numbers[:7], told["per_class"], strict=True):
        ours = [round(figures[k]["value"], 4) for k in ("ppv", "sensitivity", "f1")]
        assert (*ours, figures["support"]) == (ppv, sensitivity, f1, support)
    for row, kind in ((7, "macro"), (8, "weighted")):
        assert [round(told["averages"][kind][k], 4) for k in ("ppv", "sensitivity", "f1")] == list(numbers[row][:3])
    for name, value in (("Accuracy", told["accuracy"]["value"]), ("F1 Score (Macro)", told["averages"]["macro"]["f1"])):
        printed = re.search(re.escape(name) + r": +(\d\.\d{4})", report)
        assert printed is not None and round(value, 4) == float(printed.group(1))


@pytest.mark.slow
def test_the_audit_puts_the_stickers_first(real_data: Path, tmp_path: Path) -> None:
    """Of 79 images with a patch one is malignant, of the others 22.5 %: counted here without LesionLens."""
    told = as_json("audit", real_data / "isic2017_markers", "--out", tmp_path)
    first = told["findings"][0]
    assert (first["severity"], first["evidence"]["column"]) == ("grave", "patches")
    table = pd.read_csv(real_data / "isic2017_markers" / "markers.csv")
    cells = pd.crosstab(table["patches"], table["diagnosis"])
    odds = cells.loc[1, "malignant"] * cells.loc[0, "benign"] / (cells.loc[1, "benign"] * cells.loc[0, "malignant"])  # type: ignore[misc, operator]
    assert first["evidence"]["odds_ratio"] == pytest.approx(odds) and first["evidence"]["high"] < 0.5
    assert [f for f in told["findings"] if f["severity"] == "grave"] == [first]
    markers = next(p for p in told["shortcut_potential"] if p["asked"] == "markers")
    assert 0.54 <= markers["auc"] <= 0.62, "the hand labels alone tell malignancy a little"


def test_marker_flags_change_little_with_size(real_data: Path) -> None:
    """Full-size photographs against the same at 200 pixels, as HAM10000 is often passed on."""
    changed = []
    for path in sorted((real_data / "isic_uda1" / "images").glob("*.jpg")):
        large = read_image(path)
        before, after = find_markers(thumbnail(large, 512)).flags, find_markers(thumbnail(large, 200)).flags
        changed += [before[m] != after[m] for m in LEARNED]
    assert len(changed) == 60 * len(LEARNED) and np.mean(changed) <= 0.1


@pytest.mark.slow
def test_the_audit_finds_what_was_planted_and_calls_nothing_else_grave(tmp_path: Path, honest: Path) -> None:
    from demo.datasets import write_dataset

    for name in ("demo-faulty", "demo"):
        write_dataset(name, tmp_path / name)
    key = json.loads((tmp_path / "demo-faulty" / "answer-key.json").read_text())
    as_json("predict", "--model", honest, "--dataset", tmp_path / "demo-faulty", "--out", tmp_path / "scores")
    scores = tmp_path / "scores" / "predictions.parquet"
    told = as_json("audit", tmp_path / "demo-faulty", "--predictions", scores, "--out", tmp_path / "faulty")
    found = {f["kind"]: f for f in told["findings"]}
    pairs = {frozenset((p["one"], p["other"])) for p in found["duplicate photographs"]["evidence"]["pairs"]}
    assert pairs == {frozenset(d.split(" = ")) for d in key["duplicate image"]}
    assert set(key["blurred"]) <= set(found["blurred photographs"]["image_ids"])
    assert len(found["blurred photographs"]["image_ids"]) <= 1.3 * len(key["blurred"])
    assert set(found["missing values"]["image_ids"]) == set(key["missing age"])
    assert (
        found["associated with the diagnosis"]["evidence"]["column"] == "ink"
        and found["associated with the diagnosis"]["severity"] == "grave"
    )
    assert "25 lesions" in found["lesions in several splits"]["summary"] and len(key["lesion in two splits"]) == 25
    doubted = found["labels that may be wrong"]["image_ids"]
    swapped = set(key["swapped label"])
    assert len(swapped & set(doubted)) >= 0.8 * len(swapped), "most swapped labels are doubted"
    first = doubted[: len(swapped)]
    assert len(swapped & set(first)) >= 0.5 * len(first), "and half of the least credible are swapped"
    grave = {f["kind"] for f in told["findings"] if f["severity"] == "grave"}
    assert grave == {"lesions in several splits", "the same photograph in several splits", "associated with the diagnosis"}
    clean = as_json("audit", tmp_path / "demo", "--out", tmp_path / "clean")
    assert not [f for f in clean["findings"] if f["severity"] == "grave"]


@pytest.mark.parametrize("name", NETWORKS)
def test_published_networks_open_and_explain(real_data: Path, name: str) -> None:
    classifier = network(real_data, name)
    images = [read_image(p) for p in sorted((real_data / "ham10000" / "images").iterdir())[:8]]
    method, _ = default_method(classifier)
    assert method == ("grad-cam" if name.startswith("nested") else "hirescam")
    scores, maps = cam(classifier, classifier.prepare(images), method=method)
    np.testing.assert_allclose(scores.probabilities.sum(1), 1, atol=1e-5)
    assert np.isfinite(maps).all() and (np.abs(maps).max(axis=(1, 2)) > 0).all()
    assert min(classifier.layer().height, classifier.layer().width) >= 5


@pytest.mark.parametrize("name", NETWORKS)
def test_grad_cam_equals_tf_keras_vis_on_published_networks(real_data: Path, name: str) -> None:
    """Where that library works: flat networks of Keras 3 (the nested one it cannot connect)."""
    from tests.explain.test_cam import tf_keras_vis_maps

    classifier = network(real_data, name)
    if name.startswith("nested"):
        pytest.skip("tf-keras-vis fails on nested networks, and on those tf-keras had to open")
    import keras

    flat = classifier.network
    if name.startswith("resizing"):  # an inner Sequential: the same layers without nesting
        inner, *rest = flat.layers
        flat = keras.Sequential([keras.Input((256, 256, 3)), *inner.layers, *rest])
    else:
        flat = keras.Sequential([keras.Input((*classifier.card.size, 3)), *flat.layers])
    x = inputs = keras.Input((*classifier.card.size, 3))
    for layer in flat.layers:
        x = layer(x)
    flat = keras.Model(inputs, x)
    images = [read_image(p) for p in sorted((real_data / "ham10000" / "images").iterdir())[:16]]
    prepared = classifier.prepare(images)
    n = 1 if name == "cnn64_sigmoid" else len(classifier.card.classes)
    targets = np.arange(16) % n
    _, ours = cam(classifier, prepared, targets if n > 1 else np.ones(16, int), "grad-cam")
    theirs = tf_keras_vis_maps(flat, prepared, targets.tolist(), classifier.layer().path.split("/")[-1])
    assert (theirs.max(axis=(1, 2)) > 0).sum() >= 5
    assert np.abs(np.clip(ours, 0, None) - theirs).max() <= 1e-4 * theirs.max()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NETWORKS)
def test_published_networks_go_through_every_method(real_data: Path, name: str, method: str) -> None:
    classifier = network(real_data, name)
    images = [read_image(p) for p in sorted((real_data / "ham10000" / "images").iterdir())[:2]]
    found = attribute(classifier, classifier.prepare(images), None, method)
    assert np.isfinite(found.maps).all() and found.maps.ndim == 3 and (np.abs(found.maps).max(axis=(1, 2)) > 0).all()
    assert all(check.holds for check in found.complete) and (method != "integrated-gradients" or len(found.complete) == 2)


def test_averaging_leaves_a_third_of_the_maps_of_a_flattening_network_empty(real_data: Path) -> None:
    """What is said of Grad-CAM on `cnn32_softmax7`: a third to a half of the predicted-class maps are empty; HiResCAM's not."""
    classifier = network(real_data, "cnn32_softmax7")
    paths = sorted((real_data / "ham10000" / "images").iterdir())[::20][:400]
    prepared = classifier.prepare([read_image(p) for p in paths])
    empty = {m: float((cam(classifier, prepared, None, m)[1].max(axis=(1, 2)) <= 0).mean()) for m in ("grad-cam", "hirescam")}
    assert 0.3 <= empty["grad-cam"] <= 0.55 and empty["hirescam"] < 0.05


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(real_data: Path, tmp_path: Path) -> None:
    """Peak resident memory of explaining 10,000 and 1,000 images differs by less than 100 MB."""
    peaks = {}
    for n in (1_000, 10_000):
        code = (
            "from pathlib import Path; from core.runs import finish; from models.classifier import open_classifier;"
            "from explain.run import Request, explain_dataset;"
            f"files = sorted(Path({str(real_data / 'ham10000' / 'images')!r}).iterdir())[:{n}];"
            f"out = Path({str(tmp_path / str(n))!r}); out.mkdir();"
            f"c = open_classifier(Path({str(real_data / 'models' / 'cnn64_sigmoid.h5')!r}));"
            "finish(explain_dataset(c, {p.stem: p for p in files}, {}, out, Request('hirescam', engine='tensorflow')));"
            "print(next(x for x in open('/proc/self/status') if x.startswith('VmHWM')).split()[1])"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
        peaks[n] = float(done.stdout.split()[-1]) / 1024
        assert len(pd.read_parquet(tmp_path / str(n) / "predictions.parquet")) == n
    print(f"peaks in MB: {peaks}")
    assert peaks[10_000] - peaks[1_000] < 100


@pytest.mark.slow
def test_a_run_that_is_killed_outright_goes_on_and_gives_the_same(real_data: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle of HAM10000, then the same command again."""
    command = [
        sys.executable,
        "cli.py",
        "explain",
        "--model",
        str(real_data / "models" / "cnn64_sigmoid.h5"),
        "--dataset",
        str(real_data / "ham10000"),
        "--engine",
        "tensorflow",
        "--out",
    ]
    subprocess.run([*command, str(tmp_path / "whole")], cwd=PROJECT, check=True, capture_output=True)
    killed = subprocess.Popen([*command, str(tmp_path / "killed")], cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list((tmp_path / "killed").glob(".explaining-*/00003.scores.parquet")):
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    assert not list((tmp_path / "killed").glob("*.parquet"))
    subprocess.run([*command, str(tmp_path / "killed")], cwd=PROJECT, check=True, capture_output=True)
    for name in ("explanations", "predictions", "embeddings"):
        one, two = (pq.read_table(tmp_path / d / f"{name}.parquet") for d in ("whole", "killed"))
        assert one.num_rows == 10_015 and one.equals(two)


@pytest.mark.slow
def test_full_randomisation_on_a_hundred_demo_images(tmp_path: Path, honest: Path) -> None:
    from demo.cohort import draw_cohort
    from demo.datasets import write_shots
    from explain.sanity import check_sanity

    classifier = open_classifier(honest)
    for part in ("images", "masks", "markers"):
        (tmp_path / part).mkdir()
    write_shots(tmp_path, draw_cohort(9, "SANE", {"nv": 40, "mel": 40, "bkl": 30}).shots[:100])
    prepared = classifier.prepare([read_image(p) for p in sorted((tmp_path / "images").iterdir())])
    found = finish(check_sanity(classifier, prepared, "grad-cam"))
    print(f"mean Spearman by depth: {found.spearman}, undefined: {found.undefined}")
    assert found.images == 100 and found.seeds == 5 and abs(found.spearman[-1]) < 0.3 and found.undefined[-1] == 0


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")  # what plain Keras 3 says of Keras 2 files
def test_accuracy_agrees_with_an_independent_check(real_data: Path) -> None:
    """1,000 images through Pillow, plain Keras and scikit-learn, without a line of LesionLens."""
    import keras
    from PIL import Image
    from sklearn.metrics import accuracy_score

    data = open_dataset(real_data / "ham10000")
    rows = data.table.sample(1000, random_state=7)
    table = pd.read_csv(real_data / "ham10000" / "HAM10000_metadata.csv").set_index("image_id")
    order = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    folder = real_data / "ham10000" / "images"
    pixels = np.stack([np.asarray(Image.open(folder / f"{i}.jpg").resize((32, 32))) for i in rows["image_id"]])
    bare = keras.models.load_model(real_data / "models" / "cnn32_softmax7.h5", compile=False)
    decided = bare.predict(pixels / 255.0, verbose=0).argmax(1)
    independent = accuracy_score(table.loc[rows["image_id"], "dx"], [order[k] for k in decided])

    classifier = network(real_data, "cnn32_softmax7")
    run = predict_dataset(classifier, {i: data.path(i) for i in rows["image_id"]}, {})
    judged = assess(finish(run), data)
    assert judged.evaluation.n_images == 1000
    assert abs(judged.evaluation["accuracy"].value - independent) <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "verdicts", "scaling"),
    [
        ("cnn32_softmax7", {"supported"}, "0..1"),
        ("cnn64_sigmoid", {"supported"}, "0..1"),
        ("resizing256_softmax9", {"supported", "not contradicted"}, "0..255"),
        ("nested_mobilenet224_softmax2", {"not contradicted"}, None),
    ],
)
def test_the_card_check_on_published_networks(real_data: Path, name: str, verdicts: set[str], scaling: str | None) -> None:
    found = card_checked(real_data, network(real_data, name))
    assert found.verdict in verdicts, found.reason
    if scaling:
        assert (found.candidates[0].scaling, found.candidates[0].colour_order) == (scaling, "rgb")


@pytest.mark.slow
def test_the_card_check_notices_swapped_classes_of_a_published_network(real_data: Path) -> None:
    right = network(real_data, "cnn32_softmax7")
    akiec, bcc, bkl, *others = right.card.classes
    right.card = right.card.model_copy(update={"classes": (bkl, bcc, akiec, *others)})
    found = card_checked(real_data, right)
    assert found.verdict == "contradicted" and "bkl/akiec" in found.reason
    assert found.fitted.order == ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")


def card_checked(real_data: Path, classifier: Classifier) -> CardCheck:
    data = open_dataset(real_data / "ham10000")
    sample = sample_for_check(data.table, classifier.card.codes)
    groups = data.groups[sample.index].astype(str).tolist()
    return finish(check_card(classifier, data.root, sample, groups, without_output(data.table, classifier.card.codes)))


@pytest.mark.slow
def test_server_and_worker_stay_under_two_gigabytes(real_data: Path, tmp_path: Path) -> None:
    """10,015 images opened and paged through in Chromium with MobileNetV2 loaded."""
    from playwright.sync_api import expect, sync_playwright

    from models.card import ModelCard, card_path, write_card
    from tests.browser.conftest import QUIET, serving
    from workspace import Workspace

    space = Workspace(tmp_path / "workspace")
    space.models.mkdir(parents=True)
    path = space.keep_model("mobilenet.h5", (real_data / "models" / "nested_mobilenet224_softmax2.h5").read_bytes())
    write_card(ModelCard(name="MobileNetV2", classes=("benign", "malignant"), height=224, width=224), card_path(path))
    space.register_dataset("ham10000", real_data / "ham10000")
    most = 0.0
    with serving(space.root) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        page = browser.new_page()
        ids = open_dataset(real_data / "ham10000").table["image_id"]
        for image_id in ids[:: len(ids) // 40]:
            page.goto(f"{server.url}/inspect?model=mobilenet&dataset=ham10000&image={image_id}")
            expect(page.get_by_role("img", name=f"Photograph {image_id}")).to_be_visible(timeout=60_000)
            family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
            most = max(most, sum(p.memory_info().rss for p in family))
        for number in range(1, 40, 3):
            page.goto(f"{server.url}/dataset?dataset=ham10000")
            expect(page.get_by_text("10,015").first).to_be_visible(timeout=60_000)
            box = page.get_by_role("spinbutton", name="Images, page of")
            box.fill(str(number))
            box.press("Enter")
            page.wait_for_selector("[data-testid='stApp'][data-test-script-state='notRunning']")
            most = max(most, sum(p.memory_info().rss for p in family if p.is_running()))
        browser.close()
    print(json.dumps({"resident_mb": round(most / 2**20)}))
    assert most < 2 * 2**30


def test_predictions_survive_two_outputs_of_one_diagnosis(real_data: Path, tmp_path: Path) -> None:
    """Nine outputs, two of them benign keratoses: kept apart on disk, added up for the evaluation."""
    data = open_dataset(real_data / "ham10000")
    some = data.table.groupby("diagnosis").head(6)["image_id"]
    classifier = network(real_data, "resizing256_softmax9")
    table = finish(predict_dataset(classifier, {i: data.path(i) for i in some}, {}))
    from models.predictions import write_predictions

    write_predictions(table, tmp_path / "p.parquet")
    back = read_predictions(tmp_path / "p.parquet")
    assert isinstance(back, PredictionTable) and back.classes == table.classes and len(back.classes) == 9
    judged = assess(back, data)
    assert len(judged.evaluation.classes) == 8 and judged.evaluation.n_images == len(some)
    np.testing.assert_allclose(judged.rows[list(judged.evaluation.classes)].sum(axis=1), 1, atol=1e-5)
