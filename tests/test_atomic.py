"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from core.atomic import whole, write_bytes
from core.errors import WriteError


def test_a_file_is_written_with_its_folder_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.json"
    write_bytes(path, b"old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_the_part_is_hidden_and_of_the_same_kind(tmp_path: Path) -> None:
    with whole(tmp_path / "net.keras") as part:
        assert part.parent == tmp_path and part.name.startswith(".net.keras.") and part.suffix == ".keras"
        part.write_bytes(b"x")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "kept.npz"
    write_bytes(path, b"old")
    message = r"kept.npz: cannot be written \(No space left on device\). Free some space"
    with pytest.raises(WriteError, match=message), whole(path) as part:
        part.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_is_none_ends_in_a_message(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"")
    with pytest.raises(WriteError, match=r"cannot be written \(.+\). Choose another place."):
        write_bytes(tmp_path / "file" / "below", b"")


def test_what_went_wrong_elsewhere_is_told_as_it_is_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no number"), whole(tmp_path / "a") as part:
        part.write_bytes(b"half")
        raise ValueError("no number")
    assert not list(tmp_path.iterdir())
