"""The key of a job: every field has an effect, and equal jobs have equal keys."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.digest import digest
from data_audit.audit import Asked
from imaging.picture import Picture
from models.architectures import find_preset
from models.card import card_path, read_card
from shortcuts.dose import Dose
from shortcuts.experiment import Subject
from shortcuts.plan import Plan
from shortcuts.repair.cleaned import Asked as Cleaning
from shortcuts.subjects import Outlined
from tests.conftest import PROJECT
from ui.worker.job import Job, LongJob, QuickJob
from ui.worker.opened import WarmUp
from ui.worker.records import ModelSpec
from workspace import Workspace


def jobs() -> list[type[Job[Any]]]:
    found: list[type[Job[Any]]] = []
    for kind in (QuickJob, LongJob):
        found += [one for one in kind.__subclasses__() if one.__module__.startswith("ui.")]
    return sorted(found, key=lambda one: one.__name__)


@pytest.fixture
def values(honest: Path, workspace: Workspace) -> dict[str, tuple[Any, Any]]:
    """Two different values by a field's name, or by the job's and the field's."""
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    other = pixels.copy()
    other[3, 3, 2] ^= 1
    card = read_card(card_path(honest))
    spec = ModelSpec(honest, "a" * 64, card)
    data = workspace.open_dataset("tiny")
    mask = np.eye(4, dtype=bool)
    subject = Subject(pixels, mask, {"ink": mask})
    recipe = find_preset("benbrahim2020").recipe
    return {
        "spec": (spec, replace(spec, card=card.model_copy(update={"limits": "none known"}))),
        "picture": (Picture(pixels), Picture(other)),
        "pictures": ((Picture(pixels),), (Picture(other),)),
        "target": (0, 1),
        "LayTrap.target": ("mel", None),
        "method": ("grad-cam", "hirescam"),
        "methods": (("grad-cam",), ("grad-cam", "hirescam")),
        "layer": (None, "features/relu"),
        "data": (data, replace(data, masks=dict(list(data.masks.items())[1:]))),
        "others": ((data,), ()),
        "image_id": ("a", "b"),
        "image_ids": (("a", "b"), ("ab",)),
        "path": (Path("one"), Path("two")),
        "folder": (Path("one"), Path("two")),
        "kept": (Path("one"), Path("two")),
        "seen": (Path("one"), Path("two")),
        "verdicts": (Path("one"), Path("two")),
        "root": (Path("one"), Path("two")),
        "about": ({"a": "b"}, {"a": "c"}),
        "sanity": ({}, {"grad-cam": 1}),
        "sample": (10, 20),
        "CheckCard.sample": (pd.DataFrame({"file": ["a", "b"]}), pd.DataFrame({"file": ["a", "c"]})),
        "groups": (("1", "2"), ("1", "1")),
        "views": (False, True),
        "Augment.views": (4, 5),
        "cells": ((("grad-cam", None),), (("grad-cam", "x"),)),
        "left_out": (("scc",), ()),
        "split": ("test", None),
        "stamp": (1, 2),
        "asked": (Asked(), Asked(fractions="80/20")),
        "CleanCopy.asked": (Cleaning(("ink",)), Cleaning(("ink",), "crop")),
        "balance": (False, True),
        "marker": ("ink", "hair"),
        "markers": (("ink",), ("ink", "hair")),
        "subject": (subject, replace(subject, markers={"ink": ~mask})),
        "outlined": (Outlined(pixels, None, {"ink": mask}), Outlined(pixels, None, {"hair": mask})),
        "way": ("telea", "skin"),
        "dose": (Dose("ink"), Dose("ink", strength=0.5)),
        "seed": (1, 2),
        "painted": (mask, ~mask),
        "colour": ((1, 2, 3), (1, 2, 4)),
        "strength": (0.5, 0.6),
        "share": (0.3, 0.2),
        "changes": (("crop",), ()),
        "plan": (Plan(("ink",), 40), Plan(("ink",), 41)),
        "preset": ("benbrahim2020", "huber2020"),
        "recipe": (recipe, recipe.model_copy(update={"seed": recipe.seed + 1})),
    }


@pytest.mark.parametrize("kind", jobs(), ids=lambda k: k.__name__)
def test_changing_any_field_changes_the_key(kind: type[Job[Any]], values: dict[str, tuple[Any, Any]]) -> None:
    assert is_dataclass(kind)
    pairs = {f.name: values[f"{kind.__name__}.{f.name}" if f"{kind.__name__}.{f.name}" in values else f.name] for f in fields(kind)}
    first = kind(**{name: one for name, (one, _) in pairs.items()})
    assert kind(**{name: one for name, (one, _) in pairs.items()}).key == first.key
    keys = [first.key, *(replace(first, **{name: other}).key for name, (_, other) in pairs.items())]  # type: ignore[type-var]
    assert len(set(keys)) == len(pairs) + 1


def test_two_kinds_of_job_with_the_same_fields_have_different_keys() -> None:
    @dataclass(frozen=True, eq=False)
    class Other(QuickJob[None]):
        def run(self) -> None:
            return None

    assert Other().key != WarmUp().key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        ("1", 1),
        (("a", "b"), ("ab",)),
        ((("a",), "b"), ("a", ("b",))),
        ({"a": "b"}, {"ab": ""}),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(4, np.uint8), np.zeros(4, bool)),
        (np.zeros(2_000_001), np.r_[np.zeros(2_000_000), 1]),
        (Picture(np.zeros((2, 3, 3), np.uint8)), Picture(np.zeros((3, 2, 3), np.uint8))),
        (Path("a"), "a"),
        (None, "None"),
    ],
)
def test_what_differs_has_another_digest(one: object, other: object) -> None:
    assert digest(one) != digest(other)


def test_what_it_cannot_read_is_refused_rather_than_left_out() -> None:
    with pytest.raises(TypeError, match="function"):
        digest((1, lambda: None))


def test_a_dataset_is_known_by_its_masks_too(workspace: Workspace) -> None:
    data = workspace.open_dataset("tiny")
    image_id, file = next(iter(data.marker_masks.items()))
    assert replace(data, marker_masks={}).sha256 != data.sha256
    assert digest(replace(data, marker_masks={**data.marker_masks, image_id: f"x{file}"})) != digest(data)
    assert digest(replace(data)) == digest(data)


def test_a_picture_is_hashed_once_and_cannot_be_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    true = hashlib.sha256
    monkeypatch.setattr(hashlib, "sha256", lambda *b: taken.extend(map(len, b)) or true(*b))  # type: ignore[func-returns-value]
    picture = Picture(np.zeros((5, 7, 3), np.uint8))
    for _ in range(6):
        digest(picture)
    assert taken == [105]
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[0, 0, 0] = 1


def test_a_wrong_argument_is_found_by_the_type_checker(tmp_path: Path) -> None:
    """The call that once killed the worker: an argument misspelt and one of the wrong type."""
    code = tmp_path / "wrong.py"
    code.write_text(
        "from ui.worker.client import Worker\n"
        "from ui.worker.jobs.explanations import Describe, MapGrid, Predict\n"
        "from ui.worker.records import Description, ModelSpec\n"
        "from imaging.picture import Picture\n"
        "def right(worker: Worker, spec: ModelSpec) -> Description:\n"
        "    return worker.ask(Describe(spec))\n"
        "def misspelt(worker: Worker, spec: ModelSpec, picture: Picture) -> None:\n"
        "    worker.submit(MapGrid(spec, imge=picture, target=1, cells=()))\n"
        "def wrong_type(worker: Worker) -> None:\n"
        "    worker.ask(Predict(1, 2))\n"
        "def wrong_result(worker: Worker, spec: ModelSpec) -> int:\n"
        "    return worker.ask(Describe(spec))\n"
    )
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", str(code)]
    said = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True).stdout
    assert [int(line.split(":")[1]) for line in said.splitlines() if ": error:" in line] == [8, 10, 10, 12], said


def test_runs_that_write_to_one_place_are_one_run(values: dict[str, tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy asked for with other settings while the first is made would write into the same folder."""
    from types import SimpleNamespace

    from ui.services import services
    from ui.worker.jobs.repair import CleanCopy

    submitted: list[Job[Any]] = []
    tasks: dict[str, Any] = {}
    worker = SimpleNamespace(submit=lambda job: submitted.append(job) or SimpleNamespace(finished=False))  # type: ignore[func-returns-value]
    monkeypatch.setattr(services, "worker", lambda: worker)
    monkeypatch.setattr(services, "_tasks", lambda: tasks)
    one = CleanCopy(values["data"][0], Cleaning(("ink",)), False, Path("copy"), Path("seen"), Path("verdicts"))
    running = services.start(one)
    assert services.start(replace(one, balance=True)) is running is services.task(replace(one, balance=True))
    assert services.start(replace(one, folder=Path("other"))) is not running
    assert [job.folder for job in submitted if isinstance(job, CleanCopy)] == [Path("copy"), Path("other")]
