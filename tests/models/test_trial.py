"""The first opening in a process that may die."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from core.errors import ModelFileError
from core.throwaway import Limits
from models.trial import RECORD, holds_weights_only, tried_weights, try_model


def test_a_good_network_is_tried_once_and_its_copy_kept(honest: Path, tmp_path: Path) -> None:
    met = []
    kept = tmp_path / "kept"
    tried = try_model(honest, kept, meanwhile=lambda: met.append(1))
    assert tried.guessed.classes[4] == "mel" and tried.facts.path == honest and len(tried.facts.layers) > 10
    assert tried.facts.clean.parent.parent == kept and tried.facts.clean.is_file()
    (tmp_path / "renamed.keras").write_bytes(honest.read_bytes())
    again = try_model(tmp_path / "renamed.keras", kept, meanwhile=lambda: met.append(2))
    assert again.facts.clean == tried.facts.clean and again.guessed.name == "renamed" and met == [1]
    assert [p.name for p in kept.iterdir()] == [tried.facts.clean.parent.name], "nothing is left of the process"
    assert {p.name for p in tried.facts.clean.parent.iterdir()} == {RECORD, "network.keras"}


def test_a_network_that_takes_too_long_or_too_much_is_stopped(honest: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="seconds to open"):
        try_model(honest, tmp_path, limits=Limits(seconds=0.05))
    with pytest.raises(ModelFileError, match="memory"):
        try_model(honest, tmp_path, limits=Limits(resident_bytes=10 * 2**20))
    assert not list(tmp_path.iterdir())


def test_a_file_of_weights_is_copied_in_the_process(tmp_path: Path) -> None:
    path = tmp_path / "net.weights.h5"
    with h5py.File(path, "w") as h5:
        h5.create_dataset("layers/dense/vars/0", data=np.arange(6.0))
        h5["layers"].attrs["note"] = "x"
    with tried_weights(path) as copy:
        assert copy.name.endswith(".weights.h5") and copy != path
        with h5py.File(copy) as h5:
            assert h5["layers/dense/vars/0"][:].tolist() == [0, 1, 2, 3, 4, 5] and not h5["layers"].attrs
    assert not copy.exists()
    with h5py.File(path, "r+") as h5:
        h5["layers/loop"] = h5["layers"]
    with pytest.raises(ModelFileError, match=r"net\.weights\.h5: links to other data"):
        holds_weights_only(path)


def test_a_network_is_no_file_of_weights(honest: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "net.h5", "w") as h5:
        h5.attrs["model_config"] = "{}"
    assert not holds_weights_only(honest) and not holds_weights_only(tmp_path)
    with pytest.raises(ModelFileError, match="a whole network"), tried_weights(tmp_path / "net.h5"):
        pass


def test_what_a_killed_trial_left_is_removed(honest: Path, tmp_path: Path) -> None:
    old, new = tmp_path / ".trial-old", tmp_path / ".trial-new"
    for folder in (old, new):
        (folder / "scratch").mkdir(parents=True)
    os.utime(old, (0, 0))
    with pytest.raises(ModelFileError, match="seconds to open"):
        try_model(honest, tmp_path, limits=Limits(seconds=0.05))
    assert [p.name for p in tmp_path.iterdir()] == [".trial-new"]


def test_what_the_process_objects_to_reaches_the_user(tmp_path: Path) -> None:
    (tmp_path / "net.keras").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelFileError, match=r"net\.keras.*pickle"):
        try_model(tmp_path / "net.keras", tmp_path / "kept")
