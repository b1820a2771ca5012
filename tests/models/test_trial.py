"""The first opening in a process that may die."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ModelFileError
from models.trial import try_model


def test_a_good_network_gives_its_card(honest: Path) -> None:
    assert try_model(honest).classes[4] == "mel"


def test_a_network_that_takes_too_long_or_too_much_is_stopped(honest: Path) -> None:
    with pytest.raises(ModelFileError, match="seconds to open"):
        try_model(honest, seconds=0.3)
    with pytest.raises(ModelFileError, match="memory"):
        try_model(honest, resident=30 * 2**20)


def test_what_the_process_objects_to_reaches_the_user(tmp_path: Path) -> None:
    (tmp_path / "net.keras").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelFileError, match="pickle"):
        try_model(tmp_path / "net.keras")
