"""What the worker can be asked for: a record a job, with a `run` that says what comes back.

All an answer depends on is in the fields, so the key it is kept under follows from them.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel

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

    @abstractmethod
    def run(self) -> Run[R]:
        """Yields (done, total) and returns the result; runs in the worker's process."""


def digest(value: object) -> str:
    """Hexadecimal SHA-256 of a record: of its type and, field by field, of everything in it.

    A record with an `identity` is known by that (a picture by the hash of its pixels, a dataset by that of its content).
    Raises TypeError for what it does not know how to read, rather than leave it out.
    """
    hasher = hashlib.sha256()
    for part in _parts(value):
        hasher.update(len(part).to_bytes(8, "little"))
        hasher.update(part)
    return hasher.hexdigest()


def _parts(value: Any) -> Iterable[bytes | memoryview]:
    yield type(value).__qualname__.encode()
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic | PurePath):
        yield repr(value).encode()
    elif isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            yield from _parts(value.tolist())
        else:
            yield repr((value.dtype.str, value.shape)).encode()
            yield np.ascontiguousarray(value).reshape(-1).view(np.uint8).data if value.size else b""
    elif isinstance(value, pd.DataFrame | pd.Series):
        yield value.to_json(orient="split", date_format="iso", double_precision=15, default_handler=repr).encode()
    elif isinstance(value, BaseModel):
        yield json.dumps(value.model_dump(mode="json"), sort_keys=True).encode()
    elif hasattr(value, "identity"):
        yield from _parts(value.identity)
    elif is_dataclass(value):
        for field in fields(value):
            yield field.name.encode()
            yield from _parts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield str(len(value)).encode()
        for name in value:
            yield from _parts(name)
            yield from _parts(value[name])
    elif isinstance(value, list | tuple | set | frozenset):
        yield str(len(value)).encode()
        for one in sorted(value, key=repr) if isinstance(value, set | frozenset) else value:
            yield from _parts(one)
    else:
        raise TypeError(f"a job's key cannot be read off a {type(value).__name__}")
