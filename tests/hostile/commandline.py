"""`make hostile`: the hostile inputs through the whole command line, each in a process of its own.

Handled means: it ends by itself with code 2 (a dataset with dirt: 0) and one message, without a traceback, within 10 seconds, with less than
1 GB of memory above what `model show` takes with a network that opens, and leaves no file elsewhere. Pictures that must open are left to
the pages. Names of kinds, if given, choose among the inputs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from demo.classifiers import WEIGHTS
from tests.hostile import nets
from tests.hostile.inputs import Case, Kind, cases, good
from tests.hostile.judge import SECONDS, Memory, Outcome, content, report

PROJECT = Path(__file__).resolve().parents[2]
KEPT = {"workspace", ".cache", ".config", ".keras"}  # what LesionLens, TensorFlow and Keras leave at home
SHOW = ("model", "show")
COMMANDS: dict[Kind, tuple[str, ...]] = {
    "network": SHOW,
    "SavedModel": SHOW,
    "card": SHOW,
    "dataset": ("dataset", "show"),
    "table": ("dataset", "show"),
    "picture": ("explain", "--model", str(WEIGHTS / "demo-honest.keras"), "--out", "HOME/workspace/out", "--image"),
}
CODES = {True: (0,), False: (2,), None: (0, 2)}


def tried(case: Case, folder: Path, rest: int = 0) -> Outcome:
    """One command over the case's input, watched from outside."""
    given, home = folder / "given", folder / "home"
    given.mkdir(parents=True)
    home.mkdir()
    path = case.make(given)
    before = content(given)
    environment = {"PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8", "TF_CPP_MIN_LOG_LEVEL": "3"}
    words = [word.replace("HOME", str(home)) for word in COMMANDS[case.kind]]
    command = [sys.executable, "-B", "cli.py", *words, str(path), "--workspace", str(home / "workspace")]
    start = time.monotonic()
    with (folder / "output").open("w+b") as output:
        process = psutil.Popen(command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        with Memory(process) as memory:
            code = _wait(process)
        seconds = time.monotonic() - start
        output.seek(0)
        said = output.read().decode(errors="replace")
    faults = {
        f"code {code}: {said[-300:]!r}": code not in CODES[case.opens],
        "a traceback": "Traceback" in said,
        "not one message": code == 2 and said.count("Error:") != 1,
        "the input was changed": content(given) != before,
        f"left {sorted(p.name for p in home.iterdir())}": bool({p.name for p in home.iterdir()} - KEPT),
    }
    return Outcome(seconds, memory.peak - rest, "; ".join(what for what, so in faults.items() if so))


def _wait(process: psutil.Popen) -> int | None:
    """Its exit code, None if it had to be ended."""
    try:
        return int(process.wait(6 * SECONDS))
    except psutil.TimeoutExpired:
        for one in [*process.children(recursive=True), process]:
            one.kill()
        process.wait()
        return None


def main(kinds: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        base = nets.write_h5(Path(folder) / "base.h5")
        rest = tried(Case("a network that opens", "network", good("network"), True), Path(folder) / "rest")
        print(f"at rest: {rest.seconds:.1f} s, {rest.above / 2**20:.0f} MB{'; ' + rest.fault if rest.fault else ''}", flush=True)
        found: dict[Case, Outcome] = {}
        for number, case in enumerate(cases(base)):
            if (kinds and case.kind not in kinds) or (case.kind == "picture" and case.opens):
                continue
            found[case] = tried(case, Path(folder) / str(number), rest.above)
            shutil.rmtree(Path(folder) / str(number))
    return report(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
