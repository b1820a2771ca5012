"""Training as a person does it: begin, watch, stop, go on, and look at what came out."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Server, choose, press, ready, tap, unfold

pytestmark = pytest.mark.browser


def begin(page: Page, server: Server, name: str, epochs: int) -> None:
    """A training of Huber's network on the tiny dataset, split by lesion."""
    page.goto(f"{server.url}/training?model=demo-honest&dataset=tiny&part=New+training")
    choose(page, "Published system", "huber2020")
    expect(page.get_by_text("Huber 2020, report").first).to_be_visible()
    choose(page, "Split", "by lesion")
    fill(page, "Training / validation / test, %", "60/20/20")
    expect(page.get_by_text("No lesion is both in training and in the test.")).to_be_visible()
    unfold(page, "Settings")
    fill(page, "Epochs (all layers)", str(epochs))
    fill(page, "Name of the classifier", name)
    press(page.get_by_role("button", name="Start training"))


def fill(page: Page, label: str, text: str) -> None:
    field: Locator = page.locator(f'input[aria-label="{label}"]')
    ready(page)
    field.fill(text)
    field.press("Enter")
    ready(page)
    expect(field).to_have_value(text)


def test_from_the_form_to_figures_on_its_own_test_images(page: Page, server: Server) -> None:
    begin(page, server, "mine", 2)
    expect(page.get_by_text("Majority baseline", exact=True)).to_be_visible()
    expect(page.get_by_text("The dashed line is epoch 2, whose weights the classifier has: the last of its phase.")).to_be_visible()
    expect(page.get_by_text(re.compile("balanced accuracy on training images is .* (than|as) in validation")).first).to_be_visible()
    tap(page.get_by_role("link", name=re.compile("Evaluate it on its test images")))
    press(page.get_by_role("button", name="Run it over the dataset"))
    expect(page.get_by_text("always nevus (nv)", exact=True)).to_be_visible()


def test_a_training_is_stopped_and_goes_on_though_the_page_was_left(page: Page, server: Server) -> None:
    begin(page, server, "long", 300)
    expect(page.get_by_text(re.compile(r"^Epoch [2-9]\d* of 300"))).to_be_visible()
    page.goto(f"{server.url}/start")
    page.goto(f"{server.url}/training?training=long")
    press(page.get_by_role("button", name="Stop"))
    expect(page.get_by_text("Stopped. When started again it resumes after the last complete epoch.")).to_be_visible()
    press(page.get_by_role("button", name="Go on"))
    expect(page.get_by_text(re.compile(r"^Epoch \d+ of 300"))).to_be_visible()
    press(page.get_by_role("button", name="Stop"))
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
