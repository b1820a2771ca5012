"""Auditing a dataset and reviewing its markers in a real Chromium."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, click_until, heatmap, key_until, press, ready, tap
from workspace import Workspace

pytestmark = pytest.mark.browser


def test_charts_filter_each_other_and_the_gallery(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/dataset?dataset=tiny")
    charts = page.locator("[data-testid='stVegaLiteChart']")
    expect(charts.first).to_be_visible()
    ready(page)
    click_until(page, charts.first.locator("canvas, svg").first, (0.35, 53), page.get_by_text(re.compile(r"^\d+ of \d+ images")))
    expect(page.get_by_role("button", name="Clear filters")).to_be_visible()
    tap(page.get_by_role("button", name="Clear filters"))
    expect(page.get_by_text(re.compile(r"^\d+ of \d+ images"))).to_be_hidden()


def test_a_dataset_is_audited_and_a_finding_leads_to_its_images(
    page: Page, server: Server, tmp_path: Path, tiny_workspace: Path, small_dataset: Path
) -> None:
    folder = tmp_path / "twice"
    shutil.copytree(small_dataset, folder)
    table = pd.read_csv(folder / "metadata.csv")
    twin = table.iloc[[0]].assign(image_id="TINY_9000001", lesion_id="TINY_L90001")
    pd.concat([table, twin]).to_csv(folder / "metadata.csv", index=False)
    shutil.copy(folder / "images" / f"{table['image_id'][0]}.jpg", folder / "images" / "TINY_9000001.jpg")
    Workspace(tiny_workspace).register_dataset("twice", folder)
    page.goto(f"{server.url}/dataset?dataset=twice")
    press(page.get_by_role("button", name="Audit it", exact=True))
    expect(page.get_by_text("moderate: duplicate photographs")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Report (HTML)")).to_be_visible()
    row = page.get_by_test_id("stHorizontalBlock").filter(has_text="duplicate photographs").last
    tap(row.get_by_text(re.compile(r"^\d+ images$")))
    tap(page.get_by_role("link", name=re.compile("TINY_9000001")).first)
    expect(heatmap(page)).to_be_visible()
    assert "image=TINY_9000001" in page.url


def test_marker_flags_are_reviewed_by_key_and_kept(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/review?dataset=tiny")
    tap(page.get_by_role("link", name="Audit it on the Dataset page"))
    press(page.get_by_role("button", name="Audit it", exact=True))
    expect(page.get_by_role("button", name="Report (HTML)")).to_be_visible()
    page.goto(f"{server.url}/review?dataset=tiny&marker=hair")
    expect(page.get_by_text("Is there hair?")).to_be_visible()
    picture = page.get_by_role("img", name=re.compile("Is there hair"))
    flagged = picture.get_attribute("alt")
    tap(page.get_by_text("the others", exact=True))
    expect(picture).not_to_have_attribute("alt", flagged)
    expect(page.get_by_text(re.compile("^0 of [0-9]+ looked at"))).to_be_visible()
    ready(page)
    first = picture.get_attribute("alt")
    key_until(page, "n", page.get_by_text(re.compile("^1 of [0-9]+ looked at, 1 right in a row")))
    key_until(page, "y", page.get_by_text(re.compile("^2 of [0-9]+ looked at, 0 right in a row")))
    page.reload()
    expect(page.get_by_text(re.compile("[1-9][0-9.]*%.*of the others show it"))).to_be_visible()
    for left in (1, 0):
        key_until(page, "b", page.get_by_text(re.compile(f"^{left} of [0-9]+ looked at")))
    expect(picture).to_have_attribute("alt", first)
