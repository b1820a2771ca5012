"""The workbench as a person uses it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from core.runs import finish
from datasets.opening import open_dataset
from demo.datasets import COHORTS
from imaging.decode import encode_jpeg, encode_png
from models.classifier import open_classifier
from studies import familiarity
from tests.browser.conftest import PATIENCE, Server, choose, click_until, heatmap, key_until, press, ready, serving, tap, unfold
from workspace import Workspace

pytestmark = pytest.mark.browser


def half_drawn(root: Path, small_dataset: Path, left: int) -> None:
    """The demo as a drawing that was interrupted leaves it, all but the last images of each dataset; another's stand in for those."""
    pictures = sorted((small_dataset / "images").iterdir())
    for name, cohort in COHORTS.items():
        (root / "datasets" / f".{name}" / "images").mkdir(parents=True)
        for k, shot in enumerate(cohort().shots[:-left]):
            shutil.copy(pictures[k % len(pictures)], root / "datasets" / f".{name}" / "images" / f"{shot.image_id}.jpg")


@pytest.mark.parametrize("left", [160, pytest.param(None, marks=pytest.mark.slow)])
def test_the_first_start_draws_the_demo_and_shows_an_image(page: Page, tmp_path: Path, small_dataset: Path, left: int | None) -> None:
    """All of it, or the rest of it where the first start was interrupted."""
    root = tmp_path / "workspace"
    if left is not None:
        half_drawn(root, small_dataset, left)
    with serving(root) as server:
        page.goto(server.url)
        expect(page.get_by_text(re.compile("Drawing the demo"))).to_be_visible()
        page.get_by_text("Datasets: demo, demo-faulty.").wait_for(timeout=2 * PATIENCE)
        tap(page.get_by_role("link", name="Inspect an image").first)
        expect(heatmap(page)).to_be_visible()
        assert "model=demo-honest" in page.url and "dataset=demo" in page.url and "image=DEMO_0000001" in page.url
    space = Workspace(root)
    assert len(open_dataset(space.dataset_path("demo"))) > 1_400
    assert space.model_names() == ["demo-honest", "demo-shortcut"]


def test_inspecting_a_demo_image(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/inspect")
    expect(heatmap(page)).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Photograph TINY"))).to_be_visible()
    expect(page.get_by_text("not a medical device").first).to_be_visible()
    choose(page, "Class to explain", "vasc")
    expect(page.get_by_role("img", name=re.compile("heatmap of .* for vascular lesion"))).to_be_visible()
    assert "target=vasc" in page.url
    page.reload()
    expect(page.get_by_role("img", name=re.compile("heatmap of .* for vascular lesion"))).to_be_visible()


def test_choosing_another_image_by_search_and_row(page: Page, server: Server, small_dataset: Path) -> None:
    wanted = open_dataset(small_dataset).table["image_id"].iloc[-1]
    page.goto(f"{server.url}/inspect")
    expect(heatmap(page)).to_be_visible()
    unfold(page, "Choose an image")
    page.get_by_role("textbox", name="Search").fill(wanted)
    page.get_by_role("textbox", name="Search").press("Enter")
    expect(page.get_by_text("Page of 1 (1 image)")).to_be_visible()
    ready(page)
    shown = page.get_by_role("img", name=f"Photograph {wanted}")
    click_until(page, page.get_by_test_id("stDataFrame").first, (12, 35 + 28), shown)
    page.wait_for_url(re.compile(f"image={wanted}"))


def test_a_link_to_what_is_not_there_says_so(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/inspect?model=../../etc/passwd&dataset=nothing&image=none")
    expect(page.get_by_text(re.compile("asks for the classifier “../../etc/passwd”"))).to_be_visible()
    expect(page.get_by_text(re.compile("has no image “none”"))).to_be_visible()
    expect(heatmap(page)).to_be_visible()


def test_uploading_a_photograph_and_a_bad_one(page: Page, server: Server, tmp_path: Path, tiny_workspace: Path) -> None:
    pixels = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8), (0, 0), 3)
    (tmp_path / "mine.jpg").write_bytes(encode_jpeg(pixels))
    (tmp_path / "bad.jpg").write_bytes(b"<html>not a picture</html>")
    page.goto(f"{server.url}/inspect")
    expect(heatmap(page)).to_be_visible()
    unfold(page, "Choose an image")
    tap(page.get_by_role("tab", name="Upload"))
    page.locator("input[type=file]").set_input_files(tmp_path / "bad.jpg")
    expect(page.get_by_text(re.compile("bad.jpg: is not a JPEG, PNG"))).to_be_visible()
    expect(heatmap(page)).to_be_visible()
    ready(page)
    press(page.get_by_role("button", name=re.compile("Remove bad")))
    expect(page.get_by_text("bad.jpg", exact=True)).to_be_hidden()
    ready(page)
    page.locator("input[type=file]").set_input_files(tmp_path / "mine.jpg")
    expect(page.get_by_role("img", name="Photograph mine.jpg")).to_be_visible()
    expect(page.get_by_text("An upload of 120 × 90 pixels. Nothing else is known about it.")).to_be_visible()
    assert not (tiny_workspace / "datasets" / "kept-images").exists()


def test_an_upload_unlike_the_dataset_is_warned_of(
    page: Page, server: Server, tmp_path: Path, tiny_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference is made here, of fewer images than the page would take."""
    monkeypatch.setattr(familiarity, "FEWEST", 12)
    monkeypatch.setattr(familiarity, "FEWEST_LESIONS", 6)
    space = Workspace(tiny_workspace)
    data, classifier = space.open_dataset("tiny"), open_classifier(space.model_path("demo-honest"))
    path = space.reference_path(classifier.facts.sha256, classifier.card.sha256, data.sha256, "train")
    finish(familiarity.kept_reference(classifier, data, "train", path))
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    (tmp_path / "noise.png").write_bytes(encode_png(noise))
    page.goto(f"{server.url}/inspect?model=demo-honest&dataset=tiny")
    expect(heatmap(page)).to_be_visible()
    unfold(page, "Choose an image")
    tap(page.get_by_role("tab", name="Upload"))
    page.locator("input[type=file]").set_input_files(tmp_path / "noise.png")
    expect(page.get_by_text("this image is unlike the images of tiny").first).to_be_visible()
    expect(page.get_by_text("Unlike the images of tiny (train).").first).to_be_visible()
    expect(page.get_by_text("Nearest of them").first).to_be_visible()
    path.unlink()


@pytest.mark.parametrize("method", ["grad-cam", "hirescam"])
def test_the_steps_of_a_cam(page: Page, server: Server, method: str) -> None:
    page.goto(f"{server.url}/learn?model=demo-shortcut&target=mel&method={method}")
    for step in ("Feature maps", "Gradients", "Weights", "Weighted sum", "ReLU", "Enlarged"):
        expect(page.get_by_role("heading", name=re.compile(step))).to_be_visible()
    expect(page.get_by_role("img", name="Heatmap for melanoma (mel) over the photograph")).to_be_visible()


def test_maps_by_depth_and_of_the_scrambled_network(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/learn?model=demo-honest&lesson=By+depth")
    expect(page.get_by_role("img", name="Map at features/re_lu_3")).to_be_visible()
    page.goto(f"{server.url}/learn?model=demo-honest&lesson=Scrambled")
    expect(page.get_by_text("Spearman correlation of the two maps: 1.00", exact=False)).to_be_visible()
    key_until(page, "End", page.get_by_role("img", name=re.compile("Scrambled: 8 .*heatmap")), page.get_by_role("slider"))
    expect(page.get_by_text("Spearman correlation of the two maps: 1.00", exact=False)).to_be_hidden()


def test_reading_a_value_under_the_pointer_and_by_keyboard(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/inspect?model=demo-shortcut&target=mel")
    expect(heatmap(page)).to_be_visible()
    ready(page)
    canvas = page.locator(".viewer canvas").first
    canvas.hover()
    readout = page.locator(".viewer .readout").first
    expect(readout).to_have_text(
        re.compile(r"Row \d+, column \d+ of 12 × 12: [+−][\d.e-]+, \d+ % of the strongest, (for|against) the class")
    )
    before = readout.inner_text()
    canvas.focus()
    for _ in range(4):
        canvas.press("ArrowUp")
    expect(readout).not_to_have_text(before)


def test_a_map_is_tested_and_the_sanity_check_is_run_once(page: Page, server: Server, tiny_workspace: Path) -> None:
    page.goto(f"{server.url}/inspect?model=demo-honest&method=hirescam")
    expect(page.get_by_text(re.compile("Trust: not tested yet"))).to_be_visible()
    press(page.get_by_role("button", name="Test this map"))
    unfold(page, "Measurements behind this badge")
    expect(page.get_by_text(re.compile("Insertion minus deletion area: map"))).to_be_visible()
    unfold(page, "Sanity check of this method on this classifier")
    press(page.get_by_role("button", name="Run the sanity check"))
    expect(page.get_by_text(re.compile("when the whole network is scrambled"))).to_be_visible(timeout=2 * PATIENCE)
    assert len(list((tiny_workspace / "results" / "sanity").glob("*-hirescam-*.json"))) == 1
    page.reload()
    expect(page.get_by_text(re.compile("when the whole network is scrambled"))).to_be_visible()


def test_a_long_run_shows_its_progress_and_can_be_stopped_and_begun_again(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/inspect?model=demo-honest&method=rise&target=bcc")
    expect(page.get_by_role("img", name=re.compile("RISE heatmap of .* for basal cell carcinoma"))).to_be_visible()
    unfold(page, "Sanity check of this method on this classifier")
    again, stop = page.get_by_role("button", name="Try again"), page.get_by_role("button", name="Stop", exact=True)
    tap(page.get_by_role("button", name="Run the sanity check"))  # hundreds of thousands of predictions: no end in sight
    expect(page.get_by_text(re.compile(r"^Scrambling: \d+ of "))).to_be_visible()
    press(stop)
    expect(page.get_by_text(re.compile("The run was stopped"))).to_be_visible()
    press(again)
    press(page.get_by_role("button", name="Run the sanity check"))
    expect(page.get_by_text(re.compile(r"^Scrambling: \d+ of "))).to_be_visible()
    press(stop)
    expect(again).to_be_visible()


def test_why_one_class_and_not_another(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/inspect?model=demo-honest&target=mel&contrast=nv")
    expect(page.get_by_text(re.compile(r"Grad-CAM for melanoma \(mel\) and not nevus \(nv\) at layer"))).to_be_visible()
    expect(page.get_by_text("for the other", exact=True)).to_be_visible()


def test_grids_and_the_difference_of_two_classifiers(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/inspect?model=demo-honest&also=demo-shortcut&target=mel")
    expect(page.get_by_role("img", name="Difference of two heatmaps for melanoma (mel)")).to_be_visible()
    tap(page.get_by_text("methods", exact=True).first)
    for name in ("Grad-CAM++", "LayerCAM", "Eigen-CAM", "Vanilla gradient"):
        expect(page.get_by_role("img", name=f"Heatmap, {name}")).to_be_visible()


def test_covering_a_part_with_the_brush(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/inspect?model=demo-honest")
    expect(heatmap(page)).to_be_visible()
    unfold(page, "Cover a part and see how the scores change")
    canvas = page.locator(".viewer canvas").last
    expect(canvas).to_be_visible()
    ready(page)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5, steps=6)
    page.mouse.up()
    expect(page.get_by_text(re.compile(r"Covering [\d.]+% of the area: score of"))).to_be_visible()
    tap(page.get_by_role("button", name="Start over"))
    expect(page.get_by_text(re.compile("Paint over what you suspect"))).to_be_visible()
    painted = page.get_by_text(re.compile(r"Covering [\d.]+% of the area: score of"))
    key_until(page, " ", painted, page.locator(".viewer canvas").last)


def test_methods_are_compared_on_the_classifier_page(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/classifier?model=demo-shortcut&dataset=tiny")
    tap(page.get_by_role("tab", name="Methods of explanation"))
    slider = page.get_by_role("slider", name="Images, drawn at random")
    key_until(page, "Home", slider.and_(page.locator("[aria-valuetext='10']")), slider)
    tap(page.get_by_role("button", name="Compare them"))
    expect(page.get_by_text(re.compile("Best on 10 images of tiny"))).to_be_visible(timeout=2 * PATIENCE)


def test_a_card_is_mended_on_screen(page: Page, server: Server, tiny_workspace: Path) -> None:
    page.goto(f"{server.url}/classifier?model=demo-shortcut")
    classes = page.get_by_role("textbox", name=re.compile("Classes in output order"))
    expect(classes).to_be_visible()
    kept = (tiny_workspace / "models" / "demo-shortcut.card.yaml").read_text()
    classes.fill("akiec\nbcc\nmel")
    tap(page.get_by_role("button", name="Save the card"))
    expect(page.get_by_text(re.compile("7 outputs"))).to_be_visible()
    assert (tiny_workspace / "models" / "demo-shortcut.card.yaml").read_text() == kept


def test_the_first_request_to_a_fresh_server_may_be_a_deep_link(page: Page, tiny_workspace: Path, small_dataset: Path) -> None:
    image = open_dataset(small_dataset).table["image_id"].iloc[5]
    with serving(tiny_workspace) as fresh:
        page.goto(f"{fresh.url}/inspect?model=demo-shortcut&dataset=tiny&image={image}&target=mel")
        expect(
            page.get_by_role("img", name=re.compile(rf"heatmap of {image} for melanoma \(mel\) by Demo classifier, trained on a shortcut"))
        ).to_be_visible()
        expect(page.get_by_role("link", name="Evaluate")).to_be_visible()


def test_no_page_asks_another_machine_for_anything_or_breaks_its_own_rules(page: Page, server: Server) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    for name in ("", "inspect", "dataset", "review", "evaluate", "shortcuts", "training", "classifier", "learn", "about"):
        page.goto(f"{server.url}/{name}")
        page.get_by_role("heading").first.wait_for()
        ready(page)
    assert {u for u in asked if not u.startswith((server.url, "data:", "blob:", server.url.replace("http", "ws")))} == set()
    assert not [text for text in said if "Content Security Policy" in text or "Permissions" in text]


def test_an_uploaded_classifier_is_checked_kept_and_chosen(
    page: Page, server: Server, tmp_path: Path, shortcut: Path, tiny_workspace: Path
) -> None:
    (tmp_path / "mine.keras").write_bytes(shortcut.read_bytes())
    (tmp_path / "bad.h5").write_bytes(b"\x80\x04.")
    page.goto(f"{server.url}/classifier")
    unfold(page, "Add a classifier")
    page.locator("input[type=file]").set_input_files(tmp_path / "bad.h5")
    tap(page.get_by_role("button", name="Check and keep it"))
    expect(page.get_by_text(re.compile("is a Python pickle"))).to_be_visible()
    assert not (tiny_workspace / "models" / "bad.h5").exists()
    ready(page)
    press(page.get_by_role("button", name=re.compile("Remove bad")))
    expect(page.get_by_text("bad.h5", exact=True)).to_be_hidden()
    ready(page)
    page.locator("input[type=file]").set_input_files(tmp_path / "mine.keras")
    expect(page.get_by_text("mine.keras", exact=True)).to_be_visible()
    ready(page)
    tap(page.get_by_role("button", name="Check and keep it"))
    page.wait_for_url(re.compile("model=mine"))
    expect(page.get_by_text(re.compile(r"mine\.keras · sha256"))).to_be_visible()
    (tiny_workspace / "models" / "mine.keras").unlink()
