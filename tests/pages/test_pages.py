"""Every page opens, in an empty workspace too; and whatever can be pressed on it is pressed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1 import element_tree as tree

from demo.classifiers import WEIGHTS
from imaging.decode import encode_png
from tests.pages.conftest import open_page, said
from ui.parts.navigation import PAGES
from workspace import Workspace

# a script thread of AppTest that has ended leaves a pipe to the collector now and then; no page opens one
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
CHOSEN = {"model": "demo-honest", "dataset": "tiny"}
MOST = 150  # ways a page
WAIT = 60  # seconds for a run that is under way
ROUNDS = 3
TOGETHER = 4  # controls pressed one after the other before the page is opened anew
NETWORK = ("uploaded.keras", (WEIGHTS / "demo-honest.keras").read_bytes(), "application/octet-stream")
PICTURE = encode_png(np.full((64, 80, 3), 160, np.uint8))
# what no script can press: drawn by the browser alone → the browser test that presses it
# by which a walk that reached nothing would be noticed
ALWAYS = {
    "start": {"button Stop it"},
    "inspect": {"button Test this map", "button Run the sanity check", "toggle Try it on this photograph"},
    "dataset": {"button Add", "button Audit it again"},
    "review": {"button Yes", "button No", "button Back"},
    "evaluate": {"button_group Part of the evaluation: Comparison", "download_button Report (HTML)"},
    "shortcuts": {"button Test the markers"},
    "training": {"button Start training"},
    "classifier": {"button Save the card", "button Check the card", "button Compare them"},
    "learn": {"button_group Lesson: Scrambled", "button Draw it"},
    "about": {"download_button Citation (CFF)"},
}
BY_BROWSER = {
    "vega_lite_chart": "tests/browser/test_audit.py: charts filter each other; test_evaluate.py: clicking a cell",
    "bidi_component": "tests/browser/test_workbench.py: reading a value under the pointer, covering a part with the brush",
}
# opening another address, which the addresses' own tests do
LINKS = {"page_link", "link_button"}


class Option(str):
    """An option as the screen shows it, which is what a browser sends."""


@pytest.fixture(autouse=True)
def options_are_sent_as_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    formatted = tree._format_value_for_widget
    monkeypatch.setattr(tree, "_format_value_for_widget", lambda f, v: str(v) if isinstance(v, Option) else formatted(f, v))


def elements(block: Any) -> Iterator[Any]:
    for child in block.children.values():
        if hasattr(child, "children"):
            yield from elements(child)
        else:
            yield child


def presses(element: Any) -> dict[str, Callable[[], Any]]:
    """What can be done with a control, by a name that stays the same from run to run."""
    name = f"{element.type} {re.sub(r'[0-9,.]+', '#', str(element.label))}"
    match element:
        case tree.Button() | tree.DownloadButton():
            return {name: element.click}
        case tree.ButtonGroup():
            return {f"{name}: {option}": _chooser(element, option) for option in element.options}
        case tree.Toggle() | tree.Checkbox():
            return {name: lambda: element.set_value(not element.value)}
        case tree.Multiselect():
            some = [Option(o) for o in element.options[:3]]
            return {f"{name} some": lambda: element.set_value(some), f"{name} none": lambda: element.set_value([])}
        case tree.Selectbox() | tree.Radio() | tree.SelectSlider():
            return {name: _chooser(element, element.options[-1])} if element.options else {}
        case tree.Slider():
            other = element.min if element.value != element.min else element.max
            return {name: lambda: element.set_value((element.min, element.min) if isinstance(element.value, list | tuple) else other)}
        case tree.NumberInput():
            other = element.min if element.value != element.min else element.max
            return {name: lambda: element.set_value(other)}
        case tree.TextInput() | tree.TextArea():
            return {name: lambda: element.set_value("nevus")}
        case tree.FileUploader():
            good = NETWORK if ".keras" in element.allowed_type else ("good.png", PICTURE, "image/png")
            bad = (f"bad{element.allowed_type[0]}", b"neither picture nor network", "application/octet-stream")
            return {f"{name} bad": lambda: element.set_value(bad), f"{name} good": lambda: element.set_value(good)}
    return {}


def _chooser(element: Any, option: str) -> Callable[[], Any]:
    single = not isinstance(element, tree.ButtonGroup) or element._is_single_select
    return lambda: element.set_value(Option(option) if single else [Option(option)])


def unknown(page: AppTest) -> set[str]:
    """Kinds of elements that no press here reaches and no browser test is named for."""
    kinds = {e.type for e in elements(page._tree) if isinstance(e, tree.UnknownElement)}
    untouched = {e.type for e in elements(page._tree) if isinstance(e, tree.Widget) and not _reached(e)}
    return (kinds | untouched) - set(BY_BROWSER) - LINKS


def _reached(element: Any) -> bool:
    return bool(presses(element)) or not getattr(element, "options", True)


def controls(page: AppTest) -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {}
    for element in elements(page._tree):
        if getattr(element, "disabled", False) or getattr(getattr(element, "proto", None), "disabled", False):
            continue
        if isinstance(element, tree.Widget):
            found |= {name: press for name, press in presses(element).items() if name not in found}
    return found


@pytest.mark.parametrize("address", PAGES)
def test_it_opens_in_an_empty_workspace(empty: Workspace, address: str) -> None:
    page = open_page(address)
    assert not page.exception and not page.error, said(page)


def test_start_shows_how_far_the_drawing_of_the_demo_is(empty: Workspace) -> None:
    page, end = open_page("start"), time.monotonic() + 20
    while not (bars := [e.proto.text for e in elements(page._tree) if e.type == "progress" and "3 of" in e.proto.text]):
        assert time.monotonic() < end
        page.run()
    assert bars == ["Drawing the demo: demo, 3 of 900 images"]


@pytest.mark.parametrize("address", PAGES)
def test_whatever_can_be_pressed_is_pressed(served: Workspace, address: str) -> None:
    """Each control, a few on one page; what appears after a press, too: a button at once, any other on a fresh page led there again.
    What a run leaves behind is looked for once more when all has been pressed."""
    walk = Walk(address)
    for _ in range(ROUNDS):
        if not walk.take(settled(open_page(address, **CHOSEN))):
            break
    assert ALWAYS[address] <= walk.pressed, ALWAYS[address] - walk.pressed


class Walk:
    """What was seen on a page and what was pressed of it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.seen: set[str] = set()
        self.pressed: set[str] = set()

    def take(self, first: AppTest) -> int:
        """Press what is new on the page, and what comes of it; how much was."""
        new = set(controls(first)) - self.seen
        self.seen |= new
        ways = [[name] for name in sorted(new, key=lambda name: "Stop it" in name)]
        page, taken = first, 0
        for way in ways:
            assert len(ways) <= MOST, f"pressing makes ever new controls: {ways[-20:]}"
            if len(way) > 1 or taken >= TOGETHER or way[0] not in controls(page):
                page, taken = open_page(self.address, **CHOSEN), 0
            taken += len(way)
            for name in way:
                if name in controls(page):  # a step on the way may have been taken for good, or a run have ended
                    self.press(page, name)
            ways += [[*way, name] for name in self.appeared(page)]
        return len(ways)

    def appeared(self, page: AppTest) -> list[str]:
        """New controls that are no buttons; buttons are pressed where they are, since they may go."""
        others: list[str] = []
        while new := [name for name in controls(page) if name not in self.seen]:
            self.seen |= set(new)
            others += [name for name in new if not name.startswith("button ")]
            for name in new:
                if name.startswith("button ") and name in controls(page):
                    self.press(page, name)
        return others

    def press(self, page: AppTest, name: str) -> None:
        controls(page)[name]()
        page.run()
        self.pressed.add(name)
        assert not page.exception, (name, [e.value for e in page.exception])
        assert not unknown(page), name


def settled(page: AppTest) -> AppTest:
    """The page when no run is under way any more."""
    end = time.monotonic() + WAIT
    while "button Stop" in controls(page) and time.monotonic() < end:
        time.sleep(0.3)
        page.run()
    return page
