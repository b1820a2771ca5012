"""SavedModels made to harm: operations, folders and graphs that no image classifier needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import ModelFileError
from models import savedmodel
from models.files import clean_copy
from models.savedmodel import check_saved_model, strip_saved_model
from tests.hostile.nets import refused


def field(number: int, content: bytes) -> bytes:
    length, n = b"", len(content)
    while n > 127:
        length += bytes([n & 127 | 128])
        n >>= 7
    return bytes([number << 3 | 2]) + length + bytes([n]) + content


def node(op: str, *calls: str, many: bool = False) -> bytes:
    functions = [field(1, name.encode()) for name in calls]
    value = field(1, b"".join(field(9, f) for f in functions)) if many else b"".join(field(10, f) for f in functions)
    return field(1, b"n") + field(2, op.encode()) + (field(5, field(1, b"f") + field(2, value)) if calls else b"")


def function(name: str, *nodes: bytes) -> bytes:
    return field(1, field(1, field(1, name.encode())) + b"".join(field(3, one) for one in nodes))


def saved(main: bytes = b"", library: bytes = b"", objects: bytes = field(1, b""), more: bytes = b"") -> bytes:
    return field(2, field(2, main + field(2, library)) + field(7, objects) + more)


FORBIDDEN = """PyFunc EagerPyFunc PyFuncStateless ReadFile WriteFile MatchingFiles CreateSummaryFileWriter DatasetToTFRecord CSVDataset
    CSVDatasetV2 GenerateVocabRemapping LoadAndRemapMatrix InitializeTableFromTextFileV2 MapDataset TextLineDataset TFRecordDataset SaveDatasetV2
    LoadDataset CacheDataset SqlDataset While StatelessWhile Enter NextIteration LoopCond SaveV2 RestoreV2 MergeV2Checkpoints Save
    ShardedFilename PrintV2 LMDBReader RemoteCall XlaCallModule DecodeRaw HashTableV2 DebugIdentityV3 ConfigureDistributedTPU
    Recv Send CollectiveReduce TensorListReserve SymbolicGradient LoadLibrary TPUCompile WriteSummary ImportEvent AudioSummary""".split()


def check_pb(tmp_path: Path, content: bytes) -> list[str]:
    (tmp_path / "saved_model.pb").write_bytes(content)
    return check_saved_model(tmp_path / "saved_model.pb")


@pytest.mark.parametrize("op", FORBIDDEN)
def test_operations_that_no_image_classifier_needs(op: str, tmp_path: Path) -> None:
    assert op in check_pb(tmp_path, saved(library=function("f", node("Relu"), node(op))))[0]
    assert check_pb(tmp_path, saved(library=function("f", node("StatefulPartitionedCall", "g")) + function("g", node(op))))
    if op not in ("SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"):
        assert check_pb(tmp_path, saved(main=field(1, node(op))))


TRACED = "__inference__traced_save_1"
OBJECTIONABLE = {
    "an asset": saved(objects=field(1, field(5, b""))),
    "an asset file": saved(more=field(6, b"")),
    "a missing function": saved(library=function("f", node("StatefulPartitionedCall", "g"))),
    "a function in a list": saved(library=function("f", node("If", "g", many=True)) + function("g", node("ReadFile"))),
    "a missing branch": saved(library=function("f", node("If", "g", many=True))),
    "saving in a prediction": saved(library=function("f", node("PartitionedCall", TRACED)) + function(TRACED, node("SaveV2"))),
    "saving by its name": saved(library=function("f", node(TRACED)) + function(TRACED, node("SaveV2"))),
    "two operations in one": saved(library=function("f", node("Relu") + field(2, b"ReadFile"))),
    "reading while saving": saved(library=function(TRACED, node("SaveV2"), node("ReadFile"))),
}


@pytest.mark.parametrize("kind", OBJECTIONABLE)
def test_saved_models_with_an_objection(kind: str, tmp_path: Path) -> None:
    assert check_pb(tmp_path, OBJECTIONABLE[kind])


BROKEN = {
    "nothing": b"",
    "no graph": field(2, b""),
    "TensorFlow 1": field(2, field(2, field(1, node("Relu")))),
    "itself": saved(library=function("f", node("PartitionedCall", "f"))),
    "each other": saved(library=function("f", node("PartitionedCall", "g")) + function("g", node("f"))),
    "two of one name": saved(library=function("f", node("Relu")) + function("f", node("ReadFile"))),
    "2 to the power of 40": saved(
        library=b"".join(function(f"f{i}", node(f"f{i + 1}"), node("PartitionedCall", f"f{i + 1}"), *[node("Relu")] * 2) for i in range(40))
        + function("f40", *[node("Relu")] * 3)
    ),
    "cut off": saved(library=function("f", node("Relu")))[:-5],
    "a number without end": b"\x12" + b"\xff" * 12,
    "an old kind of group": b"\x0b\x0c",
}


@pytest.mark.parametrize("shape", ["a chain", "side by side"])
def test_functions_that_call_many_others_are_counted_once(shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 2_000
    calls = [[f"f{i + 1}"] for i in range(n)] if shape == "a chain" else [[f"f{i + 1}" for i in range(n)], *[[]] * (n - 1)]
    library = b"".join(function(f"f{i}", *map(node, called)) for i, called in enumerate(calls)) + function(f"f{n}", node("Relu"))
    looked_at = 0

    class Functions(dict[str, Any]):
        def __contains__(self, name: object) -> bool:
            nonlocal looked_at
            looked_at += 1
            return super().__contains__(name)

        def __getitem__(self, name: str) -> Any:
            nonlocal looked_at
            looked_at += 1
            return super().__getitem__(name)

    check = savedmodel._check_calls
    monkeypatch.setattr(savedmodel, "_check_calls", lambda functions: check(Functions(functions)))
    assert check_pb(tmp_path, saved(library=library)) == [] and looked_at < 10 * n


@pytest.mark.parametrize("kind", BROKEN)
def test_saved_models_that_cannot_be(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError):
        check_pb(tmp_path, BROKEN[kind])


def test_what_saves_and_restores_is_left_out() -> None:
    content = saved(
        field(1, node("Const")) + field(1, node("SaveV2")),
        function("f", node("Relu")) + function(TRACED, node("SaveV2")) + function("__inference__traced_restore_2", node("RestoreV2")),
    )
    assert strip_saved_model(content) == saved(field(1, node("Const")), function("f", node("Relu")))


def saved_folder(folder: Path) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(saved(library=function("f", node("Relu"))))
    (folder / "variables" / "variables.index").write_bytes(b"x")
    return folder


def _pipe_as_graph(folder: Path) -> None:
    (folder / "saved_model.pb").unlink()
    os.mkfifo(folder / "saved_model.pb")


FOLDERS: dict[str, Callable[[Path], Any]] = {
    "a link": lambda folder: (folder / "variables" / "variables.data-00000-of-00001").symlink_to("/etc/passwd"),
    "a link to a folder": lambda folder: (folder / "assets").symlink_to("/etc"),
    "a link to itself": lambda folder: (folder / "loop").symlink_to(folder),
    "a pipe": lambda folder: os.mkfifo(folder / "variables" / "variables.data-00000-of-00001"),
    "a graph that is a pipe": _pipe_as_graph,
    "deep folders": lambda folder: (folder / "/".join("a" * 9)).mkdir(parents=True),
    "no variables": lambda folder: shutil.rmtree(folder / "variables"),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_folders(kind: str, tmp_path: Path) -> None:
    folder = saved_folder(tmp_path / "net")
    FOLDERS[kind](folder)
    refused(folder, tmp_path / "copy")


def test_a_folder_is_copied_by_name(tmp_path: Path) -> None:
    folder = saved_folder(tmp_path / "net")
    (folder / "keras_metadata.pb").write_bytes(b"x")
    clean = tmp_path / "network"
    assert clean_copy(folder, tmp_path).clean == clean
    assert sorted(p.relative_to(clean).as_posix() for p in clean.rglob("*") if p.is_file()) == [
        "saved_model.pb",
        "variables/variables.index",
    ]
