"""The shortcut lab as a person uses it: one photograph, a dataset, repairs, and the lesson of the cheat."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from datasets.opening import open_dataset
from demo.classifiers import install
from tests.browser.conftest import Server, choose, heatmap, key_until, press, ready, serving, tap, unfold
from workspace import Workspace

pytestmark = pytest.mark.browser

AT_ONCE = """labels => {
    const all = [...document.querySelectorAll("label, button")];
    const found = labels.map(label => all.filter(e => e.innerText.trim() === label).at(-1));
    if (found.includes(undefined)) return false;
    found.forEach(e => e.click());
    return true;
}"""


def test_a_marker_is_put_in_beside_its_control(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/inspect?model=demo-shortcut&dataset=tiny&try-on=true")
    expect(heatmap(page).first).to_be_visible()
    unfold(page, "Test a shortcut")
    answer = page.get_by_text(
        re.compile(r"(Inserting|Removing the) .* P\(\w+\) (from \d\.\d\d to|at) \d\.\d\d; .* The decision (stays|turns)")
    )
    expect(answer.first).to_be_visible()
    for title in ("as it is", "control"):
        expect(page.get_by_role("img", name=f"{title}, with the outline of the change")).to_be_visible()


def test_a_mark_is_painted_and_tried(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/inspect?model=demo-shortcut&dataset=tiny&try-on=true&try-what=Paint+a+mark")
    expect(heatmap(page).first).to_be_visible()
    unfold(page, "Test a shortcut")
    expect(page.get_by_text("Paint a mark where you want it.", exact=False)).to_be_visible()
    answer = page.get_by_text(re.compile("Inserting a painted mark|Painted mark: no clean skin"))
    canvas = page.get_by_role("application", name=re.compile("as the network gets it"))
    canvas.focus()
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    key_until(page, " ", answer.first, canvas)


def test_what_if_the_photograph_were_cropped(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/inspect?model=demo-shortcut&dataset=tiny&try-on=true&try-what=What+if")
    expect(heatmap(page).first).to_be_visible()
    unfold(page, "Test a shortcut")
    expect(page.get_by_text(re.compile("^cropped to the lesion: P"))).to_be_visible()
    expect(page.get_by_text("Without a control: this is what the classifier would say, not why.", exact=False)).to_be_visible()


def test_markers_are_tried_over_a_dataset(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/shortcuts?model=demo-shortcut&dataset=tiny")
    press(page.get_by_role("button", name="Test the markers"))
    expect(page.get_by_text(re.compile(r"^\d+ photographs were tested"))).to_be_visible()
    expect(page.get_by_text("Audit the dataset to see which").or_(page.get_by_text("What to fix first")).first).to_be_visible()
    unfold(page, "Ink: ")
    told = page.get_by_text("Sensitivity and specificity of deciding for melanoma (mel) on the same photographs.")
    expect(told.filter(visible=True).first).to_be_visible()
    expect(page.get_by_text("Photographs on which the effect was closest to the median.").filter(visible=True).first).to_be_visible()
    ready(page)
    with page.expect_download() as got:
        tap(page.get_by_role("button", name="Report (HTML)"))
    report = Path(got.value.path()).read_text(encoding="utf-8")
    assert "Does Demo classifier, trained on a shortcut use the markers?" in report
    assert 'src="data:image/jpeg' in report


def test_a_cleaned_copy_weights_and_a_trap(page: Page, server: Server, tiny_workspace: Path) -> None:
    page.goto(f"{server.url}/shortcuts?model=demo-honest&dataset=tiny")
    tried = page.get_by_role("button", name="Test the markers")
    heading = page.get_by_role("heading", name="What to do about it")
    expect(tried.or_(heading).first).to_be_visible()
    if tried.count():
        press(tried)
    expect(heading).to_be_visible()
    ready(page)
    choose(page, "Against", "^[Ii]nk$")
    page.keyboard.press("Escape")  # the list stays open for more
    press(page.get_by_role("button", name="Make the copy"))
    expect(page.get_by_text("A copy of that name is in the workspace", exact=False)).to_be_visible()
    made = tiny_workspace / "datasets" / "tiny-without-ink"
    assert len(open_dataset(made)) == len(open_dataset(Workspace(tiny_workspace).dataset_path("tiny")))
    tap(page.get_by_text("Training weights", exact=True))
    expect(page.get_by_text(re.compile(r"Weights of \d+ images"))).to_be_visible()
    tap(page.get_by_text("A trap split", exact=True))
    expect(page.get_by_role("button", name="trap.csv")).to_be_visible()
    shutil.rmtree(made)


def test_the_learner_finds_out_which_one_cheats(page: Page, tmp_path: Path, small_dataset: Path) -> None:
    space = Workspace(tmp_path / "workspace")
    install(space.models)
    space.register_dataset("tiny", small_dataset)
    with serving(space.root) as one:
        page.goto(f"{one.url}/learn?lesson=Which+one+cheats%3F")
        expect(page.get_by_text("this workspace lacks demo-faulty", exact=False)).to_be_visible()
        space.register_dataset("demo-faulty", small_dataset)
        page.reload()
        expect(page.get_by_text("95 % intervals, by lesion.", exact=False)).to_be_visible()
        expect(page.get_by_role("radio", name="B", exact=True)).to_be_attached()
        ready(page)
        page.wait_for_function(AT_ONCE, arg=["B", "2 · The data"])  # the guess is kept though the next step is asked for at once
        expect(page.get_by_text("The odds ratio is", exact=False)).to_be_visible()
        tap(page.get_by_text("3 · The heatmaps"))
        expect(page.get_by_role("img", name=re.compile("Heatmap of A for mel")).first).to_be_visible()
        expect(page.get_by_role("radio", name="B", exact=True)).to_be_checked()
        tap(page.get_by_text("4 · Take it away"))
        expect(page.get_by_text(re.compile(r"Removing the ink (lowers|raises|leaves) P\(mel\)")).first).to_be_visible()
        tap(page.get_by_text("5 · The verdict"))
        expect(page.get_by_text("What to take home", exact=False)).to_be_visible()
        expect(page.get_by_text(re.compile("Classifier A: (used|can't tell|not seen to matter)")).first).to_be_visible()
