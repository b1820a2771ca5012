"""What handled means, the same for the command line and the pages, and the table of what was and was not."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil

from tests.hostile.inputs import Case

SECONDS, GIGABYTE = 10.0, 2**30


@dataclass(frozen=True)
class Outcome:
    """seconds: on the clock; above: bytes above what is held at rest, by the process and all it started; fault: empty if there is none."""

    seconds: float
    above: int
    fault: str

    @property
    def objection(self) -> str:
        """Empty if it was handled."""
        late = f"{self.seconds:.1f} s" if self.seconds > SECONDS else ""
        large = f"{self.above / 2**20:.0f} MB above rest" if self.above > GIGABYTE else ""
        return "; ".join(x for x in (self.fault, late, large) if x)


class Memory:
    """The most that a process and all it started held together, looked at every 20 ms from outside while the block runs."""

    def __init__(self, process: psutil.Process) -> None:
        self._process, self._done = process, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak = 0

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, resident(self._process))
            if self._done.wait(0.02):
                return


def resident(process: psutil.Process) -> int:
    """Bytes held now by a process and all it started; 0 once it has ended."""
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for one in family:
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:  # it has just ended
            continue
    return total


def content(folder: Path) -> set[tuple[str, int]]:
    """Names and sizes of all that lies in a folder; links are not followed."""
    return {(p.relative_to(folder).as_posix(), p.lstat().st_size) for p in folder.rglob("*") if p.is_symlink() or not p.is_dir()}


def report(found: Mapping[Case, Outcome]) -> int:
    """Prints what was not handled and a table by kind; returns the exit code."""
    for case, outcome in found.items():
        if outcome.objection:
            print(f"{case.name}: {outcome.objection}")
    print(f"{'':12} {'handled':>11}   slowest; largest above rest")
    for kind in dict.fromkeys(case.kind for case in found):
        of_kind = {case: outcome for case, outcome in found.items() if case.kind == kind}
        slowest = max(of_kind, key=lambda case: of_kind[case].seconds)
        largest = max(of_kind, key=lambda case: of_kind[case].above)
        handled = sum(not outcome.objection for outcome in of_kind.values())
        print(
            f"{kind:12} {handled:4d} of {len(of_kind):4d}   {of_kind[slowest].seconds:.1f} s ({slowest.name}); "
            f"{of_kind[largest].above / 2**20:.0f} MB ({largest.name})"
        )
    bad = sum(bool(outcome.objection) for outcome in found.values())
    print(f"{len(found) - bad} of {len(found)} handled", flush=True)
    return int(bad > 0)
