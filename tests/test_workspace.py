"""One folder with models, datasets and results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import RecordError, UnsafeModel, WorkspaceError
from imaging.decode import read_image
from models.predictions import PredictionTable, read_predictions, write_predictions
from workspace import Workspace


def test_names_and_paths(workspace: Workspace, small_dataset: Path) -> None:
    assert workspace.model_names() == ["demo-honest", "demo-shortcut"]
    assert workspace.model_path("demo-honest").name == "demo-honest.keras"
    assert workspace.dataset_names() == ["tiny"]
    assert workspace.dataset_path("tiny") == small_dataset
    assert workspace.open_dataset("tiny").name == "tiny"


def test_a_dataset_may_have_splits_of_its_own(workspace: Workspace, small_dataset: Path, tmp_path: Path) -> None:
    ids = workspace.open_dataset("tiny").table["image_id"]
    (tmp_path / "split.csv").write_text("image_id,split\n" + "".join(f"{i},{'test' if k < 5 else 'train'}\n" for k, i in enumerate(ids)))
    workspace.register_dataset("tiny (split of x)", small_dataset, tmp_path / "split.csv")
    split = workspace.open_dataset("tiny (split of x)")
    assert (split.table["split"] == "test").sum() == 5 and split.sha256 != workspace.open_dataset("tiny").sha256
    assert workspace.dataset_names() == ["tiny", "tiny (split of x)"]
    (workspace.datasets / "datasets.yaml").write_text(f"plain: {small_dataset}\n")  # as earlier versions wrote it
    assert len(workspace.open_dataset("plain")) == len(ids)


@pytest.mark.parametrize(
    "content",
    [
        "a: &a [x]\nb: *a\n",
        "a: " + "[" * 5_000,
        "a: !!python/object/apply:os.system [true]\n",
        "a: [\n",
        "- a\n",
        "a: 5\n",
        "a: {split: x}\n",
        "a: {path: [x]}\n",
        "a: {path: x, split: 3}\n",
        "a: " + "x" * 2**20,
    ],
)
def test_a_list_of_datasets_that_is_none_is_one_message(workspace: Workspace, content: str) -> None:
    (workspace.datasets / "datasets.yaml").write_text(content)
    with pytest.raises(WorkspaceError, match=r"datasets\.yaml") as caught:
        workspace.dataset_names()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("content", ["", "[", "[" * 100_000, "{}", "[1]", '"abc"', "null"])
def test_a_list_of_trusted_files_that_is_none_is_one_message(workspace: Workspace, content: str) -> None:
    (workspace.root / "trusted.json").write_text(content)
    with pytest.raises(RecordError, match=r"trusted\.json"):
        workspace.trusted()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "demo-honest.card.yaml", "", "nothing"])
def test_a_link_can_only_name_what_the_workspace_holds(workspace: Workspace, name: str) -> None:
    with pytest.raises(WorkspaceError, match="does not contain a model"):
        workspace.named_model(name)


def test_what_is_not_there_lists_what_is(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="demo-honest, demo-shortcut"):
        workspace.model_path("other")
    with pytest.raises(WorkspaceError, match="tiny"):
        workspace.dataset_path("other")


@pytest.mark.parametrize("name", ["../evil.h5", "a/b.h5", ".hidden.h5", "x.pkl", "x" * 200 + ".h5"])
def test_uploaded_models_need_a_plain_name(workspace: Workspace, name: str) -> None:
    with pytest.raises(WorkspaceError):
        workspace.keep_model(name, b"x")


def test_an_uploaded_model_does_not_replace_another(workspace: Workspace) -> None:
    workspace.keep_model("mine.h5", b"x")
    with pytest.raises(WorkspaceError, match="already exists"):
        workspace.keep_model("mine.h5", b"y")


def test_two_files_of_one_name_are_told_apart(workspace: Workspace) -> None:
    workspace.keep_model("demo-honest.h5", b"x")
    assert {"demo-honest.h5", "demo-honest.keras"} <= set(workspace.model_names())


def test_trust_holds_for_one_very_file(workspace: Workspace, tmp_path: Path) -> None:
    import keras

    path = workspace.models / "doubled.keras"
    layers = [keras.Input((8, 8, 3)), keras.layers.Lambda(lambda x: x * 2), keras.layers.Flatten()]
    keras.Sequential(layers).save(path)
    with pytest.raises(UnsafeModel):
        workspace.facts(path)
    workspace.trust(path)
    assert workspace.facts(path).unsafe
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(UnsafeModel):
        workspace.facts(path)


def test_kept_images_lose_everything_but_their_pixels(workspace: Workspace) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (10, 12, 3), np.uint8)
    name = workspace.keep_image(pixels)
    assert workspace.keep_image(pixels) == name
    data = workspace.open_dataset("kept-images")
    assert data.table["image_id"].tolist() == [name]
    np.testing.assert_array_equal(read_image(data.path(name)), pixels)  # type: ignore[arg-type]


def test_results_are_found_again_by_hashes(workspace: Workspace) -> None:
    path = workspace.result_path("a" * 64, "b" * 64, "c" * 64)
    assert not path.exists() and path.is_relative_to(workspace.root)
    write_predictions(PredictionTable(("x",), ("mel", "nv"), np.array([[0.2, 0.8]])), path)
    assert read_predictions(workspace.result_path("a" * 64, "b" * 64, "c" * 64)).classes == ("mel", "nv")
    assert workspace.result_path("a" * 64, "b" * 64, "d" * 64) != path
