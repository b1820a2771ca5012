"""The first opening in a process that may die."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ModelFileError
from core.throwaway import Limits
from models.trial import RECORD, try_model


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


def test_what_the_process_objects_to_reaches_the_user(tmp_path: Path) -> None:
    (tmp_path / "net.keras").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelFileError, match=r"net\.keras.*pickle"):
        try_model(tmp_path / "net.keras", tmp_path / "kept")
