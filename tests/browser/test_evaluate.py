"""The sections of the Evaluate page in a real Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Server, choose, click_until, heatmap, key_until, press, ready, tap

pytestmark = pytest.mark.browser


def run_where_missing(page: Page, then: Locator) -> None:
    """Other tests may have run the classifier already; the button for a second one may stand beside the figures of the first."""
    run = page.get_by_role("button", name="Run it over the dataset")
    run.or_(then).first.wait_for()
    if run.is_visible():
        press(run)


def test_evaluating_and_clicking_a_cell(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/evaluate?model=demo-honest")
    press(page.get_by_role("button", name="Run it over the dataset"))
    expect(page.get_by_text("Balanced accuracy", exact=True).first).to_be_visible()
    matrix = page.get_by_test_id("stVegaLiteChart").first.locator("canvas, svg").first
    expect(matrix).to_be_visible()
    ready(page)
    click_until(page, matrix, (0.86, 0.82), page.get_by_role("heading", name=re.compile(r"\(\w+\) decided as .*: \d+ images?")))
    page.wait_for_url(re.compile("diagnosed=.*decided="))
    page.reload()
    expect(page.get_by_role("heading", name=re.compile(r"\(\w+\) decided as .*: \d+ images?"))).to_be_visible()


def test_a_selected_cell_shows_its_images_with_heatmaps(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/evaluate?model=demo-honest&diagnosed=nv&decided=nv")
    run_where_missing(page, page.get_by_role("heading", name=re.compile(r"decided as nevus \(nv\)")))
    expect(page.get_by_role("heading", name=re.compile(r"Nevus \(nv\) decided as nevus \(nv\): [1-9]"))).to_be_visible()
    picture = page.get_by_role("img", name=re.compile(r"TINY_\d+: nv \d+%")).first
    expect(picture).to_be_visible()
    tap(page.get_by_role("link", name=re.compile(r"nv \d+%")).first)
    expect(heatmap(page)).to_be_visible()
    assert "/inspect" in page.url and "image=TINY" in page.url


def test_where_it_looks_on_average_over_a_cell(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/evaluate?model=demo-honest&diagnosed=nv&decided=nv")
    average = page.get_by_role("button", name=re.compile("Average over"))
    run_where_missing(page, average)
    tap(average)
    expect(page.get_by_role("img", name="Mean heatmap for nevus (nv), centred on the lesion")).to_be_visible()


def opened(page: Page, server: Server, section: str, more: str = "") -> None:
    """The section over the tiny dataset; predictions are made where there are none yet."""
    page.goto(f"{server.url}/evaluate?model=demo-honest&dataset=tiny&section={section}{more}")
    balanced = page.get_by_text("Balanced accuracy").first
    run_where_missing(page, balanced)
    expect(balanced).to_be_visible()
    ready(page)


def test_a_threshold_is_chosen_and_put_in_people(page: Page, server: Server) -> None:
    opened(page, server, "Thresholds")
    expect(page.get_by_text("Of 1,000 people like these")).to_be_visible()
    expect(page.get_by_text(re.compile("Chosen and evaluated on the same images"))).to_be_visible()
    expect(page.get_by_text(re.compile("physicians' sensitivity and specificity for melanoma"))).to_be_visible()
    nobody = page.get_by_role("row", name=re.compile("^not mel 0 "))
    key_until(page, "End", nobody, page.get_by_role("slider"))  # above every score but the highest: hardly anybody is alarmed
    choose(page, "Class against the rest", r"^Nevus \(nv\)$")
    expect(page.get_by_text(re.compile("physicians' sensitivity"))).to_be_hidden()


def test_a_score_is_compared_with_what_comes_true(page: Page, server: Server) -> None:
    opened(page, server, "Calibration")
    expect(page.get_by_text(re.compile("calibration error"))).to_be_visible()
    expect(page.get_by_text(re.compile("Decision curve: true positives minus false positives"))).to_be_visible()


def test_figures_by_group_with_gaps(page: Page, server: Server) -> None:
    opened(page, server, "Groups", "&group-by=sex")
    expect(page.get_by_text(re.compile("q is p adjusted over these groups"))).to_be_visible()
    expect(page.get_by_text(re.compile("Too small to judge"))).to_be_visible()
    choose(page, "Group by", "^hair$")
    expect(page.get_by_text(re.compile("hair absent")).first).to_be_visible()


def test_a_second_classifier_is_run_and_compared(page: Page, server: Server) -> None:
    opened(page, server, "Comparison", "&compare-with=demo-shortcut")
    line = page.get_by_text(re.compile("demo-shortcut.* minus .*demo-honest"))
    run_where_missing(page, line)
    expect(line).to_be_visible()
    expect(page.get_by_text(re.compile(r"They decide (\d+ images? differently|every image alike)"))).to_be_visible()


def test_two_classifiers_are_judged_and_explained_as_one(page: Page, server: Server) -> None:
    opened(page, server, "Class+by+class")
    page.goto(f"{server.url}/evaluate?model=demo-honest&dataset=tiny&ensemble=demo-shortcut&diagnosed=nv&decided=nv")
    line = page.get_by_text("Evaluated: mean of demo-honest, demo-shortcut")
    run_where_missing(page, line)
    expect(line).to_be_visible()
    expect(page.get_by_role("img", name=re.compile(r"TINY_\d+: nv \d+%")).first).to_be_visible()
    expect(page.get_by_text(re.compile("for several classifiers, the mean of"))).to_be_visible()


def test_too_few_images_to_say_what_is_unlike(page: Page, server: Server) -> None:
    opened(page, server, "Unlike+these")
    press(page.get_by_role("button", name="Try it"))
    expect(page.get_by_text(re.compile("at least 100 images and 30 lesions are needed"))).to_be_visible()
