"""The command line's own process, whatever a network or a library does in it: one message, the right exit code, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from commands.process import keep_within_bounds
from core.errors import ImageError
from imaging.decode import decode, encode_jpeg
from tests.conftest import PROJECT

START = """
import hashlib, os, tempfile, time
import numpy as np, typer
from commands import process
from commands.console import command, stderr
process.PATIENCE = 0.2
process.keep_within_bounds()
tempfile.mkstemp()
begin = lambda: print("begun", flush=True)
"""
# a step in C that lets no Python run in the main thread, as a loop inside a network is
STUCK = "app = typer.Typer(); app.command()(command(lambda: [begin(), hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)])); app()"
WAITING = "app = typer.Typer(); app.command()(command(lambda: [begin(), time.sleep(60)])); app()"
GREEDY = "begin(); kept = [np.ones(2_000_000) for _ in iter(int, 1)]"


@pytest.fixture
def begun(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    def start(code: str, **variables: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "TMPDIR": str(tmp_path), **variables}
        one = subprocess.Popen(
            [sys.executable, "-c", START + code], cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert one.stdout is not None and one.stdout.readline() == "begun\n"
        return one

    return start


@pytest.mark.parametrize(("code", "sent"), [(STUCK, signal.SIGINT), (WAITING, signal.SIGTERM)], ids=["in a step", "between two"])
def test_it_can_always_be_stopped(code: str, sent: signal.Signals, begun: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    one = begun(code)
    one.send_signal(sent)
    said = one.communicate(timeout=30)[1]
    assert (one.returncode, said) == (130, "Stopped.\n")
    assert list(tmp_path.iterdir()) == []


def test_it_takes_no_more_memory_than_a_worker(begun: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    one = begun(GREEDY, LESIONLENS_WORKER_MEMORY_MB="400")
    said = one.communicate(timeout=60)[1]
    assert one.returncode == 2 and said.startswith("Error: more than 0.4 GB of memory") and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_limit_that_is_no_number_is_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LESIONLENS_WORKER_MEMORY_MB", "4 GB")
    with pytest.raises(SystemExit) as ended:
        keep_within_bounds()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith("Error: LESIONLENS_WORKER_MEMORY_MB: ") and said.count("\n") == 1


BROKEN = """
import cv2
from core.errors import ImageError
from imaging.decode import decode, encode_jpeg
begin()
data = encode_jpeg(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
data = data[:900] + b"\\xff\\xd3" + data[902:]
os.write(2, b"from a library\\n")
try:
    decode(data)
except ImageError:
    pass
stderr.print("from us")
"""


def test_lines_of_libraries_reach_no_terminal(
    begun: Callable[..., subprocess.Popen[str]], capfd: pytest.CaptureFixture[str], rng: np.random.Generator
) -> None:
    data = encode_jpeg(rng.integers(0, 255, (64, 64, 3), np.uint8))
    with suppress(ImageError):
        decode(data[:900] + b"\xff\xd3" + data[902:])
    assert "Corrupt JPEG data" in capfd.readouterr().err, "otherwise there is nothing to silence"
    assert begun(BROKEN).communicate(timeout=60)[1] == "from us\n"
