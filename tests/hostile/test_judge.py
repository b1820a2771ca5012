"""The judge of `make hostile` and `make hostile-browser` lets nothing through."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.hostile.inputs import Case, cases
from tests.hostile.judge import GIGABYTE, SECONDS, Memory, Outcome, content, report
from tests.hostile.nets import write_h5


@pytest.mark.parametrize(
    ("outcome", "objection"),
    [
        (Outcome(SECONDS, GIGABYTE, ""), ""),
        (Outcome(SECONDS + 0.1, 0, ""), "10.1 s"),
        (Outcome(1.0, GIGABYTE + 2**20, ""), "1025 MB above rest"),
        (Outcome(11.0, 0, "a traceback"), "a traceback; 11.0 s"),
    ],
)
def test_one_objection_fails_the_suite(outcome: Outcome, objection: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome.objection == objection
    fine, other = (Case(name, "picture", lambda folder: folder) for name in ("fine", "other"))
    assert report({fine: Outcome(1.0, 0, ""), other: outcome}) == bool(objection)
    said = capsys.readouterr().out
    assert f"{2 - bool(objection)} of    2" in said and (f"other: {objection}\n" in said) == bool(objection)


def test_memory_of_a_process_and_its_children_is_seen() -> None:
    grow = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; x = bytearray(300_000_000); time.sleep(1)'])"
    process = psutil.Popen([sys.executable, "-c", grow], stdout=subprocess.DEVNULL)
    with Memory(process) as memory:
        process.wait()
    assert 300_000_000 < memory.peak < 500_000_000


def test_what_is_left_is_seen_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").write_bytes(b"12")
    (tmp_path / "link").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    assert content(tmp_path) == {("folder/x", 2), ("link", 4), ("pipe", 0)}


def test_there_are_enough_inputs_each_of_its_name(tmp_path: Path) -> None:
    found = list(cases(write_h5(tmp_path / "base.h5")))
    assert len(found) >= 500 and len({case.name for case in found}) == len(found)
    assert {case.kind for case in found} == {"network", "SavedModel", "card", "dataset", "table", "picture"}
