"""What was kept is shown as it is; a file that cannot be read is said to be so, with the way out beside it."""

from __future__ import annotations

from core.records import write_record
from models import card
from models.architectures import PRESETS
from tests.pages.conftest import open_page
from training.folder import Epoch, Folder, Result, Specification
from ui.services import audits, services, trainings
from workspace import Workspace


def kept_training(space: Workspace) -> Folder:
    """A finished training of two epochs, 40 of 50 test images right."""
    preset = PRESETS["huber2020"]
    recipe, folder = preset.recipe, Folder(space.models / "net.training")
    test = {
        "accuracy": card.Tested(value=0.8, low=0.7, high=0.875),
        "balanced accuracy": card.Tested(value=None, reason="no images of mel"),
        "majority baseline": card.Tested(value=0.5),
    }
    images = {"train": {"nv": 60, "mel": 40}, "val": {"nv": 20}, "test": {"nv": 50}}
    versions = {"keras": "3"}
    trained = card.Training(
        preset=preset.name,
        source="",
        recipe=recipe.model_dump(mode="json"),
        dataset="skin",
        dataset_sha256="0",
        images=images,
        left_out={},
        leaking=7,
        versions=versions,
        epochs=2,
        chosen_epoch=2,
        curves=[],
        test=test,
        overfitting="",
    )
    folder.begin(Specification(preset.name, recipe, "skin", "0", None, versions))
    folder.write_history([Epoch(1, k, 1e-3, 2.0, 0.9 / k, 0.8 / k, 0.5, 0.5, 0.9 / k, 0.5, 0.25 * k) for k in (1, 2)])
    folder.write_result(Result("net.keras", trained))
    return folder


def test_a_finished_training_is_shown_with_its_figures(empty: Workspace) -> None:
    kept_training(empty)
    page = open_page("training")
    assert not page.exception and not page.error
    tiles = {m.label: (m.value, m.delta) for m in page.metric}
    assert tiles["Accuracy"] == ("80.0%", "[70.0%, 87.5%]") and tiles["Majority baseline"] == ("50.0%", "")
    assert tiles["Balanced accuracy"] == ("undefined", "no images of mel")
    row = page.dataframe[0].value.iloc[0]
    assert (row["accuracy, test"], row["balanced accuracy, test"], row["balanced accuracy, validation"]) == (
        "0.800 [0.700, 0.875]",
        "–",
        "0.500",
    )
    assert (row["status"], row["system"], row["dataset"], row["epochs"]) == ("finished", "huber2020", "skin", 2)
    assert any("7 of" in w.value for w in page.warning)


def test_a_broken_training_is_one_message_and_one_line_of_the_table(empty: Workspace) -> None:
    (kept_training(empty).path / "result.json").write_text('{"model": "net.keras"}')
    page = open_page("training")
    assert not page.exception
    assert [e.value for e in page.error if "training is missing" in e.value and "Delete the folder and train again." in e.value]
    assert trainings.names() == ["net"]


def test_a_broken_audit_is_said_on_the_dataset_page_and_others_do_without(served: Workspace) -> None:
    data = services.dataset("tiny")
    file = audits.folder(data) / "audit.json"
    whole = file.read_bytes()
    try:
        write_record(file, {"about": {"dataset": "tiny"}})
        page = open_page("dataset", dataset="tiny")
        assert not page.exception and not page.error
        assert any("cannot be read as an audit" in w.value and "Audit the dataset again" in w.value for w in page.warning)
        assert "Audit it again" in {b.label for b in page.button}
        assert audits.kept(data) is None and audits.findings(data) is None and audits.images(data) is None
        other = open_page("evaluate", dataset="tiny", model="demo-honest")
        assert not other.exception and not other.error
    finally:
        file.write_bytes(whole)
    assert (audit := audits.kept(data)) is not None and audit.about.images == len(data)
