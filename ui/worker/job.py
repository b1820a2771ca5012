"""What the worker can be asked for: a record a job, with a `run` that says what comes back.

All an answer depends on is in the fields, so the key it is kept under follows from them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Generic, TypeVar

from core.digest import digest
from core.runs import Run

R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Job(ABC, Generic[R]):
    """A frozen dataclass; its fields go to the worker's process, and what `run` gives comes back."""

    @cached_property
    def key(self) -> str:
        """Differs wherever a field does."""
        return digest(self)


@dataclass(frozen=True, eq=False)
class QuickJob(Job[R]):
    """Done at once, between the steps of long ones. kept: how many answers of its kind are; waiting: what the page says meanwhile."""

    kept: ClassVar[int] = 32
    waiting: ClassVar[str] = ""

    @abstractmethod
    def run(self) -> R:
        """The answer; runs in the worker's process."""


@dataclass(frozen=True, eq=False)
class LongJob(Job[R]):
    """Done in steps that tell how far it is, and may be stopped between two of them."""

    @property
    def slot(self) -> str:
        """Only one run of a slot is under way: of the same job, or of all that write to one place."""
        return self.key

    @abstractmethod
    def run(self) -> Run[R]:
        """Yields (done, total) and returns the result; runs in the worker's process."""
