"""Two runs into one folder, and runs that are killed: nobody loses anything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.claim import NAME, WAITING, claimed, claimed_run
from core.errors import WriteError
from core.runs import Run, finish
from tests.conftest import PROJECT

HOLDER = """
import sys, time
from pathlib import Path
from core.claim import claimed
with claimed(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_second_run_says_who_holds_the_folder_and_waits_for_it(tmp_path: Path) -> None:
    out, said, order = tmp_path / "new" / "out", list[str](), list[str]()
    waits = threading.Event()

    def waiting(sentence: str) -> None:
        said.append(sentence)
        waits.set()

    def second() -> None:
        with claimed(out, waiting):
            order.append((out / "first.txt").read_text())

    with claimed(out, said.append):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(20)
        (out / "first.txt").write_text("whole")
        order.append("first ends")
    thread.join(20)
    assert order == ["first ends", "whole"] and len(said) == 1
    assert f"process {os.getpid()}" in said[0] and str(out) in said[0]
    assert [p.name for p in out.iterdir()] == ["first.txt"], "the claim leaves nothing behind"


def test_a_killed_run_holds_nothing(tmp_path: Path) -> None:
    process, said = holder(tmp_path), list[str]()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    assert (tmp_path / NAME).exists(), "the file stays behind, its lock does not"
    with claimed(tmp_path, said.append):
        assert said == []
    assert not (tmp_path / NAME).exists()


def test_one_after_another_and_different_folders_at_once(tmp_path: Path) -> None:
    for _ in range(3):
        with claimed(tmp_path / "a", pytest.fail), claimed(tmp_path / "b", pytest.fail):
            assert (tmp_path / "a" / NAME).read_text() == f"{os.getpid()}\n"


def test_many_at_once_are_never_two(tmp_path: Path) -> None:
    inside, most = 0, 0

    def run() -> None:
        nonlocal inside, most
        with claimed(tmp_path, lambda sentence: None):
            inside += 1
            most = max(most, inside)
            inside -= 1

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == 1 and not any(thread.is_alive() for thread in threads)


def test_a_link_in_place_of_the_claim_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.txt"
    target.write_text("kept")
    out = tmp_path / "out"
    out.mkdir()
    (out / NAME).symlink_to(target)
    with pytest.raises(WriteError, match="cannot be written"), claimed(out, pytest.fail):
        pass
    assert target.read_text() == "kept"


def test_a_file_in_place_of_the_folder_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(WriteError, match="cannot be written"), claimed(tmp_path / "out", pytest.fail):
        pass


def test_a_run_in_steps_waits_without_blocking_others(tmp_path: Path) -> None:
    def steps() -> Run[str]:
        yield 1, 2
        assert (tmp_path / "new" / NAME).read_text() == f"{os.getpid()}\n"
        return "done"

    first = holder(tmp_path / "new")
    run = claimed_run(tmp_path / "new" / NAME, steps())
    assert [next(run) for _ in range(3)] == [WAITING] * 3
    first.kill()
    first.communicate(timeout=20)
    assert finish(run) == "done" and list((tmp_path / "new").iterdir()) == []
    stopped = claimed_run(tmp_path / NAME, steps())
    assert next(stopped) == (1, 2)
    stopped.close()
    assert not (tmp_path / NAME).exists()


def test_a_command_waits_for_another_and_gives_the_folder_back(tmp_path: Path) -> None:
    """`ensemble` of one file, while another process holds its --out."""
    out, scores = tmp_path / "out", tmp_path / "p.csv"
    scores.write_text("image_id,mel,nv\na,0.1,0.9\n")
    first = holder(out)
    asked = [sys.executable, "cli.py", "ensemble", "--predictions", str(scores), "--out", str(out)]
    second = subprocess.Popen(asked, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert second.stderr is not None
    line = second.stderr.readline()
    assert second.poll() is None
    first.kill()
    first.communicate(timeout=20)
    said = second.communicate(timeout=60)
    assert second.returncode == 0, said
    assert f"process {first.pid}" in line.replace("\n", " ") or "another run" in line
    assert [p.name for p in out.iterdir()] == ["predictions.parquet"]
