"""Records as JSON and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from core.errors import LesionLensError, RecordError
from core.exports import plain
from core.records import parse, read_record, write_record


@dataclass(frozen=True)
class Leaf:
    """One of two kinds."""

    value: float
    of: str = field(metadata={"json": "class"})


@dataclass(frozen=True)
class Twig:
    """The other."""

    ends: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Everything a record may hold."""

    kind: Literal["oak", "fir"]
    parts: tuple[Leaf | Twig, ...]
    counts: Mapping[str, Mapping[str, int]]
    told: str | None
    note: str | None = None
    n: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", len(self.parts))


TREE = Tree(kind="oak", parts=(Leaf(0.5, "mel"), Twig((1.0, 2.0))), counts={"a": {"b": 3}}, told=None)
WRITTEN = {"kind": "oak", "parts": [{"value": 0.5, "class": "mel"}, {"ends": [1.0, 2.0]}], "counts": {"a": {"b": 3}}, "told": None, "n": 2}


def read(path: Path) -> Tree:
    return read_record(path, Tree, "a tree", "Plant it again.")


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_record(tmp_path / "tree.json", TREE)
    assert json.loads((tmp_path / "tree.json").read_text()) == WRITTEN
    assert read(tmp_path / "tree.json") == TREE


def test_what_is_not_a_number_is_null_and_comes_back() -> None:
    assert plain(Twig((float("nan"), np.float64(2)))) == {"ends": [None, 2.0]}  # type: ignore[arg-type]
    back = parse(Twig, {"ends": [None, 2]})
    assert math.isnan(back.ends[0]) and back.ends[1] == 2.0 and isinstance(back.ends[1], float)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "elm"}, "kind: 'elm'"),
        ({"parts": [{"value": 0.5}]}, "parts: [0]: {'value': 0.5} is none of Leaf, Twig"),
        ({"parts": [{"ends": [1.0]}]}, "parts: [0]: ends: [1.0]"),
        ({"counts": {"a": {"b": 1.5}}}, "counts: a: b: 1.5 is no int"),
        ({"counts": {"a": {"b": True}}}, "counts: a: b: True is no int"),
        ({"parts": [{"value": True, "class": "mel"}]}, "value: True is no float"),
        ({"note": 7}, "note: 7 is no str"),
        ({"counts": None}, "counts: None"),
    ],
)
def test_one_message_says_where_a_file_is_wrong_and_what_to_do(tmp_path: Path, change: dict[str, object], said: str) -> None:
    path = tmp_path / "tree.json"
    path.write_text(json.dumps(WRITTEN | change))
    with pytest.raises(RecordError) as error:
        read(path)
    assert said in str(error.value) and "tree.json: cannot be read as a tree" in str(error.value)
    assert str(error.value).endswith("Plant it again.")


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"kind": "oak"}'])
def test_a_torn_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tree.json").write_bytes(content)
    with pytest.raises(LesionLensError, match="cannot be read as a tree"):
        read(tmp_path / "tree.json")
    with pytest.raises(LesionLensError, match="No such file"):
        read(tmp_path / "gone.json")
