"""What the worker can be asked for: one record per job, whose `run` gives the result.

Everything a result depends on is in the fields, so the key it is kept under follows from them.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from core.claim import NAME, claimed_run
from core.digest import digest
from core.runs import Run

R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Job(ABC, Generic[R]):
    """A frozen dataclass: its fields are sent to the worker's process, and the result of `run` comes back."""

    @cached_property
    def key(self) -> str:
        """A digest of the fields."""
        return digest(self)


@dataclass(frozen=True, eq=False)
class QuickJob(Job[R]):
    """Done at once, between the steps of long jobs. kept: how many results of its kind are kept; waiting: what the page shows meanwhile."""

    kept: ClassVar[int] = 32
    waiting: ClassVar[str] = ""

    @abstractmethod
    def run(self) -> R:
        """The result; runs in the worker's process."""


@dataclass(frozen=True, eq=False)
class LongJob(Job[R]):
    """Done in steps that report progress; it can be stopped between two of them. writes: the field that says where to, if it writes."""

    writes: ClassVar[str] = ""

    @property
    def slot(self) -> str:
        """Only one run per slot is under way: of the same job, or of all jobs that write to the same place."""
        return str(getattr(self, self.writes)) if self.writes else self.key

    @property
    def claim(self) -> Path | None:
        """The lock file that keeps other processes from writing there meanwhile: in the folder it fills, or beside the file."""
        if not self.writes:
            return None
        place: Path = getattr(self, self.writes)
        return place / NAME if self.writes == "folder" else place.with_name(f".{place.name}{NAME}")

    def begin(self) -> Run[R]:
        """`run`, once no other process writes to the same place; until then its progress is WAITING."""
        return claimed_run(self.claim, self.run()) if self.claim else self.run()

    @abstractmethod
    def run(self) -> Run[R]:
        """Yields (done, total) and returns the result; runs in the worker's process."""
