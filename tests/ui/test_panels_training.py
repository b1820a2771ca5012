"""Panels of the Training page: the form's choices as a recipe, and trainings of three epochs on screen."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

from core.errors import TrainingError
from datasets.dataset import Dataset
from imaging.picture import Picture
from models.architectures import PRESETS
from models.architectures.recipe import Phase, Recipe, Split, changed
from models.card import Tested as Judged  # by its own name it would be taken for a test
from models.card import Training
from tests.pages.conftest import said
from tests.ui.panels import RUNS_PAGES, Answering, classifier, drawn, pictures, tiles
from training.folder import Epoch, Folder, Result, Specification, State
from training.samples import Samples
from ui.services import services, trainings
from ui.services.trainings import TrainingRun
from ui.training import form, runs
from ui.worker.jobs.training import Augment

pytestmark = RUNS_PAGES

SMALL, FINE_TUNED = PRESETS["benbrahim2020"], PRESETS["hitta2023"]


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """A workspace with the ten images and one classifier, in which nothing was trained."""
    held = SimpleNamespace(
        root=tmp_path,
        models=tmp_path / "models",
        model_names=lambda: ["one"],
        dataset_names=lambda: ["ten"],
        place_for_model=lambda name: tmp_path / "models" / f"{name}.keras",
    )
    monkeypatch.setattr(services, "workspace", lambda: held)
    return held


def chosen(panel: Callable[[], Recipe], **session: object) -> tuple[Recipe, Any]:
    """What a part of the form makes of its fields, and the page."""
    found: list[Recipe] = []
    page = drawn(lambda: found.append(panel()), session=session)
    return found[0], page


# --- the form -------------------------------------------------------------------------------------------


def test_the_split_begins_as_the_report_has_it_with_the_classes_that_are_there(data: Dataset) -> None:
    recipe, page = chosen(lambda: form._split(SMALL, data))
    assert page.text_input[0].value == "80/10/10"
    assert (recipe.split, recipe.classes, recipe.seed) == (Split(by="image", fractions=(0.8, 0.1, 0.1)), ("bkl", "mel", "nv"), 0)
    assert page.multiselect[0].options[:2] == ["Actinic keratosis / Bowen's disease (akiec)", "Basal cell carcinoma (bcc)"]


def test_the_split_is_what_is_written(data: Dataset) -> None:
    written = {"train-shares-benbrahim2020": ".6 .3 .1", "train-by-benbrahim2020": "lesion", "train-seed": 7}
    recipe, _ = chosen(lambda: form._split(SMALL, data), **written)
    assert (recipe.split, recipe.seed) == (Split(by="lesion", fractions=(0.6, 0.3, 0.1)), 7)


def test_a_base_of_another_classifier_brings_its_size(space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "model", classifier)
    recipe, page = chosen(lambda: form._weights(FINE_TUNED, FINE_TUNED.recipe))
    assert (recipe.base, recipe.weights, recipe.size) == ("InceptionResNetV2", "imagenet", (256, 256)) and not page.caption
    recipe, page = chosen(lambda: form._weights(FINE_TUNED, FINE_TUNED.recipe), **{"train-weights": "one"})
    assert (recipe.weights, recipe.size) == ("one", (24, 20))
    assert page.caption[0].value == "The base of one takes the place of InceptionResNetV2, at its own 24 × 20 pixels."
    assert form._weights(SMALL, SMALL.recipe) is SMALL.recipe


def test_phases_are_named_by_what_learns_in_them() -> None:
    recipe, page = chosen(lambda: form._settings(FINE_TUNED, FINE_TUNED.recipe))
    assert recipe == FINE_TUNED.recipe
    labels = [n.label for n in page.number_input]
    assert labels[2:6] == ["Phase 1: epochs (head alone)", "Phase 1: rate", "Phase 2: epochs (last 30 layers)", "Phase 2: rate"]
    _, page = chosen(lambda: form._settings(SMALL, SMALL.recipe))
    assert [n.label for n in page.number_input][2:4] == ["Epochs (all layers)", "Rate"]


def test_settings_are_those_chosen() -> None:
    fields = {
        "train-batch-hitta2023": 8,
        "train-images": 1_000,
        "train-epochs-hitta2023-1": 3,
        "train-rate-hitta2023-0": 0.01,
        "train-balance-hitta2023": "effective",
        "train-patience-hitta2023": 4,
        "train-keep-hitta2023": "best",
        "train-augment-hitta2023": ["flip-horizontal", "rotation", "cutout"],
    }
    recipe, page = chosen(lambda: form._settings(FINE_TUNED, FINE_TUNED.recipe), **fields)
    assert (recipe.batch, recipe.images, recipe.balance, recipe.early_stopping, recipe.keep) == (8, 1_000, "effective", 4, "best")
    assert [(p.epochs, p.rate, p.thaw) for p in recipe.phases] == [(200, 0.01, "none"), (3, 1e-4, 30)]
    assert recipe.augmentation == {"flip-horizontal": 1, "rotation": 18, "cutout": 25.6}  # on; a tenth of 180° and of 256 pixels
    assert [n.label for n in page.number_input][-2:] == ["rotation, °", "cutout, px"]


def samples(lesions: str = "abbcdefg") -> Samples:
    """Eight images: 4 for training (2 nv, 2 mel), 1 for validation, 3 for the test (2 nv, 1 mel)."""
    splits = ["train"] * 4 + ["val"] + ["test"] * 3
    named = np.array([np.nan if x == "-" else x for x in lesions], object)
    labels = np.array([1, 1, 0, 0, 1, 1, 1, 0])
    left_out = {"without a diagnosis": 1_200, "not drawn": 3}
    return Samples(np.array([f"i{k}" for k in range(8)]), labels, np.array(splits), ("mel", "nv"), left_out, named)


def test_what_a_split_means_for_the_test() -> None:
    page = drawn(form._split_summary, samples("abbcdaef"))  # lesion a is in training and in the test
    assert page.warning[0].value == (
        "1 of 3 test images (33%) show a lesion that is in training as well: test figures may be better than they would be on new patients. "
        "Split by lesion to see the difference."
    )
    assert [c.value for c in page.caption] == [
        "mel: melanoma · nv: nevus",
        "Left out: 1,200 without a diagnosis, 3 not drawn.",
        "Few test images (melanoma (mel): 1, nevus (nv): 2): the intervals of these classes will be wide.",
    ]
    page = drawn(form._split_summary, samples())
    assert page.success[0].value == "No lesion is both in training and in the test." and not page.warning
    assert drawn(form._split_summary, samples("--------")).info[0].value.startswith("The dataset names no lesions")


def test_a_preview_shows_what_epochs_may_show(data: Dataset, answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "picture", lambda data, image_id: Picture(np.full((48, 40, 3), 120, np.uint8)))
    worker = answering({Augment: np.zeros((4, 4, 75, 100, 3), np.uint8)})
    turned = changed(SMALL.recipe, augmentation={"rotation": 30})
    page = drawn(form._preview, SMALL, turned, samples(), data)
    told, (job,) = pictures(page), worker.asked
    assert len(told) == 20 and len(job.pictures) == 4 and job.recipe == turned  # four images of the training, each with four views
    assert {t.split(",")[0] for t in told[::5]} == {"i0", "i1", "i2", "i3"}
    assert told[1] == told[0].replace(", unchanged", " as epoch 1 may show it") and told[4].endswith("as epoch 4 may show it")
    page = drawn(form._preview, SMALL, SMALL.recipe, samples(), data)
    assert page.info[0].value == "No augmentation is chosen: every epoch shows the photographs unchanged."


def test_a_training_starts_under_its_name(space: SimpleNamespace, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[tuple[object, ...]] = []
    monkeypatch.setattr(form, "launch", lambda *of: launched.append(of))
    page = drawn(form._start, SMALL, changed(SMALL.recipe, seed=3), data)
    assert page.text_input[0].value == "benbrahim2020-ten-image-3" and not page.info
    page.button[0].click().run()
    (preset, recipe, dataset, path, root) = launched[0]
    assert recipe == changed(SMALL.recipe, seed=3)
    assert isinstance(path, Path) and (preset, dataset, path, root) == (
        "benbrahim2020",
        "ten",
        space.models / "benbrahim2020-ten-image-3.keras",
        space.root,
    )
    assert page.session_state[trainings.CHOSEN] == "benbrahim2020-ten-image-3"
    path.parent.mkdir()
    path.touch()
    page.button[0].click().run()
    assert "a classifier or training 'benbrahim2020-ten-image-3' already exists." in page.error[0].value and len(launched) == 1


def test_trainings_under_way_are_named_before_another_starts(
    space: SimpleNamespace, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = {"first": True, "second": False, "third": True}
    monkeypatch.setattr(trainings, "names", lambda: list(going))
    monkeypatch.setattr(trainings, "look", lambda name: SimpleNamespace(under_way=going[name]))
    page = drawn(form._start, SMALL, SMALL.recipe, data)
    assert page.info[0].value.startswith("Already under way: first, third.")


# --- trainings ------------------------------------------------------------------------------------------


def epoch(number: int, seconds: float, train: float, val: float, val_loss: float, phase: int = 1) -> Epoch:
    """Accuracies are those given, balanced accuracies 0.1 lower, the training loss half of that in validation."""
    return Epoch(phase, number, 1e-3, seconds, 1.0, val_loss / 2, train, train - 0.1, val_loss, val, val - 0.1)


THREE = [epoch(1, 10, 0.6, 0.55, 0.9), epoch(2, 20, 0.8, 0.7, 0.7), epoch(3, 30, 1.0, 0.8, 0.71)]
RECIPE = changed(SMALL.recipe, phases=[Phase(epochs=10, rate=1e-3)])


def trained(**of: Any) -> Training:
    tested = {
        "accuracy": Judged(value=0.75, low=0.5, high=0.9),
        "majority baseline": Judged(value=0.6, low=0.4, high=0.8),
        "balanced accuracy": Judged(value=None, reason="a class has no image"),
    }
    made: dict[str, Any] = {
        "preset": "benbrahim2020",
        "source": "Ben Brahim 2020",
        "recipe": {},
        "dataset": "ten",
        "dataset_sha256": "d",
        "images": {"train": {"mel": 2}, "val": {}, "test": {"mel": 400, "nv": 800}},
        "left_out": {},
        "leaking": 300,
        "versions": {},
        "epochs": 3,
        "chosen_epoch": 2,
        "curves": [],
        "test": tested,
        "overfitting": "",
    }
    return Training(**made | of)


def run(tmp_path: Path, name: str = "small", recipe: Recipe = RECIPE, finished: bool = True, **changes: Any) -> TrainingRun:
    asked = Specification("benbrahim2020", recipe, "ten", "d", None, {})
    folder = Folder(tmp_path / f"{name}.training")
    folder.path.mkdir(exist_ok=True)
    result = Result(f"{name}.keras", trained()) if finished else None
    return replace(TrainingRun(name, folder, asked, None, list(THREE), result), **changes)


def shown(monkeypatch: pytest.MonkeyPatch, *of: TrainingRun, session: dict[str, object] | None = None) -> Any:
    by_name = {one.name: one for one in of}
    monkeypatch.setattr(trainings, "names", lambda: list(by_name))
    monkeypatch.setattr(trainings, "look", by_name.__getitem__)
    return drawn(runs.runs, session=session)


def test_a_finished_training_in_its_test_figures(space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = shown(monkeypatch, run(tmp_path))
    assert tiles(page) == {"Accuracy": "75.0%", "Majority baseline": "60.0%", "Balanced accuracy": "undefined"}
    assert [m.delta for m in page.metric] == ["[50.0%, 90.0%]", "[40.0%, 80.0%]", "a class has no image"]
    assert page.metric[0].help.endswith(" Of 1,200 test images.")
    assert page.warning[0].value.startswith("300 of 1,200 test images (25%) show a lesion that is in training as well")
    assert {link.proto.query_string for link in page.get("page_link")} == {"model=small&dataset=ten"}
    space.dataset_names = lambda: ["ten", "ten (split of small)"]
    page = shown(monkeypatch, run(tmp_path))
    assert {link.proto.query_string for link in page.get("page_link")} == {"model=small&dataset=ten+%28split+of+small%29"}


@pytest.mark.parametrize(
    ("keep", "told"),
    [
        ("last", "The dashed line is epoch 3, whose weights the classifier has: the last of its phase."),
        ("best", "The dashed line is epoch 2, whose weights the classifier has: the lowest validation loss of its phase."),
    ],
)
def test_curves_of_three_epochs(
    space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, saved: dict[str, Any], keep: str, told: str
) -> None:
    one = run(tmp_path, recipe=changed(RECIPE, keep=keep))
    rows = ["image_id,split", *(f"i{k},{'val' if k < 12 else 'train'}" for k in range(20))]
    one.folder.split.write_text("\n".join(rows))
    page = shown(monkeypatch, one)
    captions = [c.value for c in page.caption]
    assert captions[:5] == [
        "Loss, epoch 3: training images 0.355, validation 0.710.",
        "Accuracy, epoch 3: training images 1.000, validation 0.800.",
        "Balanced accuracy, epoch 3: training images 0.900, validation 0.700.",
        "Few images for validation (12): the curves vary by chance.",
        told,
    ]
    # gaps of 5, 10 and 20 points: the line through them rises by (20 − 5) / 2
    assert page.markdown[0].value.startswith(
        "In the last epoch balanced accuracy on training images is 20 points higher than in validation. "
        "Over the last 3 epochs the gap is growing (+7.5 points per epoch). Figures on training images say little about new ones."
    )
    table = pd.read_csv(io.StringIO(saved["small-curves.csv"]))
    assert table["val_loss"].tolist() == [0.9, 0.7, 0.71] and table["epoch"].tolist() == [1, 2, 3]
    assert set(table["about_dataset"]) == {"ten"}


@pytest.mark.parametrize(
    ("history", "recipe", "told"),
    [
        (THREE, RECIPE, ", about 2 min left"),  # 7 epochs of (10 + 20 + 30) / 3 s are 140 s
        (THREE[:2], RECIPE, ", about 2 min left"),  # 8 of 15 s
        (  # the first phase of 200 stopped after 3 epochs: 39 of 6 s are to go
            [*THREE, epoch(4, 6, 1, 0.8, 0.7, phase=2)],
            changed(RECIPE, phases=[Phase(epochs=200, rate=1e-3), Phase(epochs=40, rate=1e-4)], early_stopping=2),
            ", about 4 min left, unless it stops early",
        ),
        ([], RECIPE, ""),
    ],
)
def test_a_training_under_way_says_how_long_it_takes(
    space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, history: list[Epoch], recipe: Recipe, told: str
) -> None:
    own = psutil.Process(os.getpid())
    state = State("epoch 4 of 10", 30, 120, 0.0, own.pid, own.create_time(), 0.0)
    one = run(tmp_path, recipe=recipe, finished=False, state=state, history=history)
    page = shown(monkeypatch, one)
    bar = page.get("progress")[0]
    assert (bar.value, bar.text) == (25, f"Epoch 4 of 10{told}")
    assert page.dataframe[0].value["status"].tolist() == ["under way"]
    page.button[0].click().run()
    assert one.folder.stopping and "It stops after the current batch." in said(page)
    assert page.dataframe[0].value["status"].tolist() == ["stopping"]


@pytest.mark.parametrize(
    ("ended", "message", "kind"),
    [
        ("failed", "It ran out of memory.", "error"),
        ("stopped", "Stopped.", "warning"),
        ("", "Its process ended before the training was finished. It can continue from the last complete epoch.", "warning"),
    ],
)
def test_a_training_that_ended_says_why_and_goes_on(
    space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ended: str, message: str, kind: str
) -> None:
    launched: list[tuple[object, ...]] = []
    monkeypatch.setattr(runs, "launch", lambda *of: launched.append(of))
    state = State("epoch 4", 30, 120, 0.0, 2**22 + 1, 0.0, 0.0, ended, message)  # no process has this number
    one = run(tmp_path, finished=False, state=state, history=[])
    page = shown(monkeypatch, one)
    assert [x.value for x in page.get(kind)] == [message]
    page.button[0].click().run()
    assert launched == [("benbrahim2020", RECIPE, "ten", tmp_path / "models" / "small.keras", tmp_path)]
    space.dataset_names = lambda: []
    page = shown(monkeypatch, one)
    assert "Its dataset ten is not in this workspace; it can continue only where it was started." in said(page) and not page.button


def test_all_trainings_side_by_side(space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = changed(
        RECIPE,
        batch=8,
        images=1_500,
        seed=5,
        split={"by": "lesion", "fractions": (0.7, 0.2, 0.1)},
        augmentation={"rotation": 30, "zoom": 0.25},
        phases=[Phase(epochs=5, rate=3e-4), Phase(epochs=2, rate=1e-5)],
    )
    begun = run(tmp_path, "begun", finished=False, asked=None, history=[])
    page = shown(monkeypatch, begun, run(tmp_path), run(tmp_path, "other", other))
    table = page.dataframe[0].value.set_index("training")
    assert table.loc["small"].tolist() == [
        "finished",
        "0.750 [0.500, 0.900]",
        "–",
        "0.700",
        3,
        "benbrahim2020",
        "ten",
        "image",
        "0",
        "epochs 10",
    ]
    assert table.loc["other", "settings changed"] == (
        "batch 8, 1,500 images, augmentation rotation=30 zoom=0.25, epochs 5+2, rate 0.0003+1e-05"
    )
    assert table.loc["other", ["split by", "seed"]].tolist() == ["lesion", "5"]
    assert table.loc["begun"].tolist() == ["failed", "–", "–", "–", 0, "", "", "", "", ""]
    assert any(line.startswith("Different splits have different test images") for line in said(page))
    assert not any(line.startswith("Different splits") for line in said(shown(monkeypatch, begun, run(tmp_path))))


def test_a_training_that_cannot_be_read_is_listed_with_the_reason(
    space: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def look(name: str) -> TrainingRun:
        if name == "broken":
            raise TrainingError("is of another version.", "asked.json")
        return run(tmp_path, name)

    monkeypatch.setattr(trainings, "names", lambda: ["small", "broken"])
    monkeypatch.setattr(trainings, "look", look)
    page = drawn(runs.runs, session={trainings.CHOSEN: "broken"})
    assert [e.value for e in page.error] == ["asked.json: is of another version."]
    assert page.dataframe[0].value["status"].tolist() == ["finished", "asked.json: is of another version."]


def test_a_training_that_cannot_be_read_keeps_its_name_and_stops_no_other(space: SimpleNamespace, tmp_path: Path) -> None:
    broken = tmp_path / "models" / "broken.training"
    broken.mkdir(parents=True)
    (broken / "state.json").write_text("{")
    (tmp_path / "models" / "empty.training").mkdir()
    assert trainings.under_way() == []
    assert [trainings.is_taken(name) for name in ("broken", "empty", "new")] == [True, False, False]


def test_without_a_training_it_is_said_how_to_begin(space: SimpleNamespace) -> None:
    assert drawn(runs.runs).info[0].value.startswith("Nothing has been trained in this workspace yet.")
