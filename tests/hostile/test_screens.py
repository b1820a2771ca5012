"""Pages opened by hostile links, on a dataset and a classifier whose every name is hostile: nothing on them but text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import streamlit as st
from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element

from core.runs import finish
from core.text import literal
from data_audit.audit import audit_dataset
from demo.classifiers import install
from imaging.decode import encode_jpeg
from models.card import card_path, make_card, read_card, write_card
from models.predictions import write_predictions
from reports.audit_report import audit_html
from tests.hostile.test_text import LATE, PARSED_BY_STREAMLIT, leaves
from tests.pages.conftest import open_page
from ui.parts.navigation import PAGES
from ui.services import audits, predictions, services
from workspace import Workspace

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
URL = "http://evil.example/a.png"
IMAGE = f"![x]({URL})"
LINKS = [IMAGE, f"<img src={URL}>", f"[x]({URL}) :red[x] $x$", "www.evil.example a@evil.example", "\x1b[31m\u202e:material/home: -> x"]
LABELS = [IMAGE, "www.evil.example", f"<img src={URL}>", f"[x]({URL})", ":red[x]$x$", "[/bold]\x1b[31m", "# x", "a@evil.example"]
IDS = ["![x](y)", "www.evil.example", "a@evil.example", "<b>x<b>", ":smile:", "*x* -> y", "[z]", "1. $x$"]
NAME = "www.evil.example"  # as far as a workspace lets names go
# what a page shows as it is; all other text of an element is read as Markdown
BOUND = "split also rule figure diagnosed decided section lesson side part training method layer contrast numbers try-what".split()
PLAIN = {
    *"id element_id form_id widget_id script_hash page_script_hash key query_param_key query_string url link_url icon page page_icon".split(),
    *"raw_value raw_values value default default_value placeholder file_name alt spec name language format data type align".split(),
    *"json html_content css_content js_content url_pathname vega_lite_chart selection_mode mark markup container_key".split(),
}
OPTIONS = {"selectbox", "multiselect"}
parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def texts(page: AppTest) -> Iterator[tuple[str, str]]:
    """Kind of element and text, for all that a page reads as Markdown."""
    for kind, proto in _protos(page._tree):
        if kind == "code":
            continue  # shown as it is
        yield from ((kind, text) for text in _strings(kind, proto))


def _protos(block: Block) -> Iterator[tuple[str, Any]]:
    if hasattr(getattr(block, "proto", None), "ListFields"):
        yield block.type, block.proto
    for child in block.children.values():
        if isinstance(child, Block):
            yield from _protos(child)
        elif isinstance(child, Element) and hasattr(child.proto, "ListFields"):
            yield child.type, child.proto


def _strings(kind: str, proto: Any) -> Iterator[str]:
    for field, value in proto.ListFields():
        if field.name in PLAIN or (field.name == "options" and kind in OPTIONS):
            continue
        for one in value if field.is_repeated else [value]:
            if isinstance(one, str):
                yield one
            elif hasattr(one, "ListFields"):
                yield from _strings(kind, one)


def check(page: AppTest) -> None:
    assert not page.exception, page.exception
    seen = list(texts(page))
    assert len(seen) > 3
    assert {shown: why for _, shown in seen if (why := faults(shown)) and not shown.startswith("$$\n")} == {}, (
        "a formula of our own begins with $$"
    )


def faults(text: str) -> list[str]:
    """What a page would make of a text, apart from text in bold, in code or in a badge."""
    text = re.sub(r":material/\w+:", "", re.sub(r"^:\w+-badge\[(.*)\]$", r"\1", text))  # our own
    found = list(leaves(parser.parse(text)))
    shown = " ".join(t.content for t in found if t.type == "text")
    return [
        *({t.type for t in found} & {"link_open", "image", "html_inline", "html_block", "heading_open", "table_open"}),
        *(what for what in ("link", "address", "emoji", "icon") if LATE[what].search(shown)),
        *(["directive or formula"] if PARSED_BY_STREAMLIT.search(re.sub(r"(`+).+?\1", "", text)) else []),
        *re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\ud800-\udfff]", text),
    ]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory, heap_set_aside: None) -> Iterator[Workspace]:
    """A dataset of hostile names, audited, in a workspace of its own."""
    root = tmp_path_factory.mktemp("screens")
    (root / "data" / "images").mkdir(parents=True)
    made = np.random.default_rng(0)
    rows = ["image_id,dx,lesion_id,sex,localization,age,split," + '"' + IMAGE + '"']
    for k, (image_id, label) in enumerate(zip([*IDS, *(f"{i}2" for i in IDS)], LABELS * 2, strict=True)):
        (root / "data" / "images" / f"{image_id}.jpg").write_bytes(encode_jpeg(made.integers(0, 255, (48, 64, 3), dtype=np.uint8), 90))
        rows.append(f'"{image_id}","{label}",l{k // 2},"{LABELS[k % 3]}","{LABELS[k % 4]}",{40 + k},"{LABELS[k % 2]}","{LABELS[k % 5]}"')
    (root / "data" / "metadata.csv").write_text("\n".join([*rows, f'"{URL}",nv,l9,,,,,']), encoding="utf-8")
    made_space = Workspace(root / "workspace")
    made_space.register_dataset(NAME, root / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLENS_WORKSPACE", str(made_space.root))
        st.cache_resource.clear()
        st.cache_data.clear()
        data = services.dataset(NAME)
        audit = finish(audit_dataset(data, audits.folder(data)))
        report = audit_html(data, audit)
        assert "<img src=http" not in report and "\x1b" not in report and "\u202e" not in report and 'href="http' not in report
        yield made_space
        st.cache_resource.clear()
        st.cache_data.clear()


@pytest.fixture
def without_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = SimpleNamespace(pid=None, stop=lambda: None)
    monkeypatch.setattr(services, "worker", lambda: worker)


@pytest.mark.parametrize("address", [a for a in PAGES if a != "about"])
def test_a_link_of_markdown_is_shown_as_text(space: Workspace, without_networks: None, address: str) -> None:
    for text in LINKS if address == "start" else LINKS[:1]:  # the sidebar is the same on all
        page = open_page(address, dataset=text, model=text, image=text, training=text, marker=text, split=text)
        assert any("evil.example" in w.value or "U+202E" in w.value for w in page.warning)
        check(page)
        assert not page.get("imgs") or address in ("dataset", "review")


@pytest.mark.parametrize("address", ["start", "dataset", "review", "training"])
def test_names_of_a_dataset_are_shown_as_text(space: Workspace, without_networks: None, address: str) -> None:
    page = open_page(address, dataset=NAME, image=IDS[0], **dict.fromkeys(BOUND, IMAGE))
    check(page)
    shown = " ".join(text for _, text in texts(page)).replace("\u2060", "")
    assert NAME in shown or address in ("review", "training")


@pytest.mark.slow
@pytest.mark.parametrize("address", ["inspect", "classifier", "evaluate", "shortcuts", "learn", "training"])
def test_names_of_a_classifier_are_shown_as_text(space: Workspace, address: str) -> None:
    install(space.models)
    path = space.models / "demo-honest.keras"
    if read_card(card_path(path)).name != IMAGE:
        card = read_card(card_path(path)).model_dump()
        fields = ("training_data", "licence", "intended_use", "limits")
        write_card(
            make_card(
                {**card, "name": IMAGE, "classes": tuple(LABELS[: len(card["classes"])]), "malignant": (), **dict.fromkeys(fields, IMAGE)}
            ),
            card_path(path),
        )
        opened, data = services.model("demo-honest"), services.dataset(NAME)
        table = services.start(predictions.run(opened, data)).result(120)
        write_predictions(table, predictions.result_path(opened, data))
    check(open_page(address, dataset=NAME, model="demo-honest", image=IDS[0], target=LABELS[1], **dict.fromkeys(BOUND, IMAGE)))


def test_a_text_that_is_not_escaped_is_found() -> None:
    for text in (*LINKS, *LABELS, "http://evil.example", "<b>x</b>", ":smile:"):
        assert faults(f"Of {text}") or text == "# x" or text == "[/bold]"
        assert faults(text) or text == "[/bold]"
    assert faults(f"**{literal(IMAGE)}** of 3, at `layer`") == []
