"""The process strangers' networks are opened in: what it may not do, and how it ends."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from core.throwaway import Died, Limits, apart, protections


def in_child(name: str, folder: Path, target: object = "", limits: Limits | None = None) -> Any:
    limits = limits or Limits(30, 2**30, 2**20)
    with apart("tests.hostile.attempts:attempts", [name, str(target)], folder, [], ["core", "tests"], limits) as told:
        return next(told)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def test_this_machine_names_what_it_provides() -> None:
    assert set(protections()) == {"limits on time, memory, files", "no network", "no files but this one"}


def test_it_reads_and_writes_only_where_it_may(scratch: Path, tmp_path: Path) -> None:
    if not protections()["no files but this one"]:
        pytest.skip("this kernel has no Landlock")
    secret = tmp_path / "secret.txt"
    secret.write_text("s")
    for attempt, target in (("read", secret), ("read", "/etc/passwd"), ("write", tmp_path / "written"), ("write", secret)):
        assert in_child(attempt, scratch, target) == ["OSError", 13]
    assert in_child("write", scratch, scratch / "mine") == ["done"] and secret.read_text() == "s"
    assert not (tmp_path / "written").exists()


def test_it_reaches_nobody(scratch: Path) -> None:
    if not protections()["no network"]:
        pytest.skip("this kernel gives no network namespaces")
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert in_child("connect", scratch, server.getsockname()[1])[0] == "OSError"


@pytest.mark.parametrize(
    ("attempt", "limits", "reason"),
    [
        ("loop", Limits(1), "seconds"),
        ("sleep", Limits(1), "seconds"),
        ("memory", Limits(30, 200 * 2**20), "memory"),
        ("exit", None, "crash"),
        ("kill", None, "crash"),
        ("flood", None, "answer"),
    ],
)
def test_however_it_ends_there_is_one_reason(attempt: str, limits: Limits | None, reason: str, scratch: Path) -> None:
    with pytest.raises(Died) as caught:
        in_child(attempt, scratch, "", limits)
    assert caught.value.reason == reason


def test_it_writes_no_large_file(scratch: Path) -> None:
    assert in_child("file", scratch) == ["OSError", 27] and (scratch / "big").stat().st_size <= 2**20
