"""A dataset is added, named, opened and audited; a mistake is one message and loses nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, press, ready, unfold

pytestmark = pytest.mark.browser


@pytest.fixture
def its_own(tiny_workspace: Path) -> Iterator[None]:
    """The other tests' workspace is theirs again afterwards."""
    registered = tiny_workspace / "datasets" / "datasets.yaml"
    before = registered.read_bytes()
    yield
    registered.write_bytes(before)


def test_a_dataset_is_added_named_opened_and_audited(
    page: Page, server: Server, small_dataset: Path, tmp_path: Path, its_own: None
) -> None:
    mine = Path(shutil.copytree(small_dataset, tmp_path / "mine"))
    table = pd.read_csv(mine / "metadata.csv")
    table.iloc[1:].to_csv(mine / "metadata.csv", index=False)  # what is found in it is not what is found in the other tests' dataset
    page.goto(f"{server.url}/dataset?model=demo-honest&dataset=tiny")
    unfold(page, "Add a dataset")
    where, name = page.get_by_label("Folder or table on this machine"), page.get_by_label("Name in this workspace")
    add = page.get_by_role("button", name="Add", exact=True)
    message = page.get_by_role("alert").filter(has_not_text="Majority")
    for path, called, words in (
        (str(tmp_path / "nowhere"), "mine", "does not exist"),
        (str(next((mine / "images").iterdir())), "mine", "cannot be read as a table"),
        (str(mine), "tiny", "a dataset “tiny” already exists"),
        (str(mine), "a/b", "“a/b” is not a valid name"),
    ):
        where.fill(path)
        name.fill(called)
        ready(page)
        add.click()
        expect(message.filter(has_text=words)).to_have_count(1)
        ready(page)
        expect(where).to_have_value(path)
        expect(name).to_have_value(called)
    name.fill("my moles")
    ready(page)
    add.click()
    expect(page.get_by_text("Added my moles: 40 images")).to_be_visible()
    expect(page.get_by_text("my moles: HAM10000")).to_be_visible()
    assert "dataset=my+moles" in page.url or "dataset=my%20moles" in page.url
    press(page.get_by_role("button", name="Audit it", exact=True))
    expect(page.get_by_text("Checks: ")).to_be_visible()
