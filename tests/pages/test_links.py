"""What a link asks for is what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import open_page, said
from ui.parts.navigation import PAGES
from workspace import Workspace


def by_key(page: AppTest, key: str) -> str:
    return str(page.session_state[key])


def test_a_link_restores_classifier_dataset_image_class_method_and_layer(served: Workspace) -> None:
    image = served.open_dataset("tiny").table["image_id"].iloc[7]
    asked = {"model": "demo-shortcut", "dataset": "tiny", "image": image, "target": "mel", "method": "hirescam"}
    page = open_page("inspect", **asked)
    assert {key: by_key(page, key) for key in asked} == asked and not page.exception
    assert any(image in caption.value for caption in page.caption)


@pytest.mark.parametrize(("key", "what"), [("model", "classifier"), ("dataset", "dataset")])
def test_a_link_to_what_is_not_there_says_so(served: Workspace, key: str, what: str) -> None:
    page = open_page("start", **{key: "nowhere"})
    assert [w.value for w in page.warning] == [f"The link asks for the {what} “nowhere”, which is not in this workspace."]


def test_every_script_is_a_page_and_hides_no_room() -> None:
    project = Path(__file__).resolve().parents[2]
    scripts = {p.stem for p in (project / "pages").glob("*.py")}
    assert scripts == {row.script for row in PAGES.values()}
    rooms = {p.name.removesuffix(".py") for p in project.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert not scripts & rooms


class TestAddingADataset:
    """One message for each mistake; nothing that was typed is lost."""

    def added(self, path: str, name: str) -> AppTest:
        page = open_page("dataset", model="demo-honest", dataset="tiny")
        page.text_input(key="add-path").set_value(path)
        page.text_input(key="add-name").set_value(name)
        next(b for b in page.button if b.label == "Add").click()
        return page.run()

    @pytest.mark.parametrize(
        ("path", "name", "words"),
        [
            ("/nowhere/at/all", "new", "does not exist"),
            ("/" + "x" * 300, "new", "does not exist or cannot be read"),
            ("data/ham", "new", "is not an absolute path"),
            ("~nobody here/data", "new", "is not an absolute path"),
            ("{empty}", "tiny", "a dataset “tiny” already exists"),
            ("{tiny}", "a/b", "“a/b” is not a valid name"),
            ("{tiny}", "..", "is not a valid name"),
            ("{tiny}", "", "has no name"),
            ("", "new", "no folder or table is given"),
            ("{picture}", "new", "cannot be read as a table"),
            ("{empty}", "new", "contains neither images nor tables"),
        ],
    )
    def test_a_mistake_is_one_message(self, served: Workspace, tmp_path: Path, path: str, name: str, words: str) -> None:
        data = served.open_dataset("tiny")
        picture = data.path(data.table["image_id"].iloc[0])
        path = path.format(tiny=data.root, picture=picture, empty=tmp_path)
        before = served.dataset_names()
        page = self.added(path, name)
        assert [words in error.value for error in page.error] == [True], said(page)[:3]
        assert not page.exception and served.dataset_names() == before
        assert (page.text_input(key="add-path").value, page.text_input(key="add-name").value) == (path, name)

    def test_it_is_opened_chosen_and_can_be_audited(self, served: Workspace) -> None:
        root = served.open_dataset("tiny").root
        page = self.added(f"  {root}  ", "second copy")
        assert not page.exception and not page.error, said(page)[:3]
        assert [s.value for s in page.success][:1] == [
            "Added second copy: 41 images, HAM10000 (metadata table and image folders). It is now the selected dataset. "
            "The same data are in this workspace as tiny too."
        ]
        before = served.dataset_names()
        again = self.added(str(root), "second copy")  # the key Enter and the button together send a form twice
        assert not again.error and again.success[0].value.startswith("Here already, as second copy: 41 images")
        assert served.dataset_names() == before
        assert by_key(page, "dataset") == "second copy" and "second copy" in served.dataset_names()
        assert any(b.label in ("Audit it", "Audit it again") for b in page.button)


def test_a_part_of_a_page_is_opened_by_its_link_and_by_a_press(served: Workspace) -> None:
    page = open_page("evaluate", model="demo-honest", dataset="tiny", section="Groups")
    assert [s.key for s in page.selectbox if s.key == "group-by"] and not page.exception
    parts = next(group for group in page.get("button_group") if group.label == "Part of the evaluation")
    parts.set_value("Calibration").run()
    assert by_key(page, "section") == "Calibration" and page.selectbox(key="calibration-class").value
    page.run()
    assert by_key(page, "section") == "Calibration" and not page.exception
