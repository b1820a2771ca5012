"""Which operations a SavedModel would run, read straight from its protocol buffer.

TensorFlow's own classes are not used, so that nothing has to be imported (4–9 s) before an untrusted
file has been inspected. The few fields needed: SavedModel.meta_graphs = 2; MetaGraphDef.graph_def = 2;
GraphDef.node = 1, .library = 2; FunctionDefLibrary.function = 1; FunctionDef.signature = 1 (name = 1),
.node_def = 3; NodeDef.op = 2.
"""

from collections.abc import Iterator
from pathlib import Path

from core.errors import ModelFileError

MAX_PB_BYTES = 512 * 1024**2

# operations that run Python, reach for files or processes, or load libraries
_FORBIDDEN = """PyFunc EagerPyFunc PyFuncStateless ReadFile WriteFile MatchingFiles WholeFileReader TextLineReader
    FixedLengthRecordReader TFRecordReader IdentityReader LMDBReader TextLineDataset TFRecordDataset
    FixedLengthRecordDataset InitializeTableFromTextFile Save SaveSlices Restore RestoreSlice LoadLibrary
    PrintV2 Print AssetFile DebugIdentity XlaLaunch RemoteCall RpcCall RpcServer SnapshotDataset SaveDataset
    LoadDataset CacheDataset ExperimentalCSVDataset SqlDataset GeneratorDataset ReadVariableFromFile""".split()
FORBIDDEN = frozenset(_FORBIDDEN) | {f"{name}V2" for name in _FORBIDDEN} | {f"{name}V3" for name in _FORBIDDEN}

# every SavedModel saves and restores its own variables with these, inside functions of these names
_CHECKPOINT = frozenset({"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"})
_CHECKPOINT_FUNCTIONS = ("__inference__traced_save", "__inference__traced_restore")


def check_saved_model(pb: Path) -> list[str]:
    """The operations in it that are forbidden in an untrusted SavedModel, in words; empty if there are none."""
    if pb.stat().st_size > MAX_PB_BYTES:
        raise ModelFileError(f"contains a graph of over {MAX_PB_BYTES // 2**20} MB.", "saved_model.pb")
    found: dict[str, None] = {}
    try:
        for function, op in _operations(pb.read_bytes()):
            in_checkpoint = op in _CHECKPOINT and function.startswith((*_CHECKPOINT_FUNCTIONS, "<graph>"))
            if op in FORBIDDEN | _CHECKPOINT and not in_checkpoint:
                found[f"the operation {op} (files, processes or Python)"] = None
            if op.startswith(_CHECKPOINT_FUNCTIONS) and function != "<graph>":
                found["a function that restores variables as part of a prediction"] = None
    except (IndexError, UnicodeDecodeError) as error:
        raise ModelFileError("is broken or cut off.", "saved_model.pb", "Copy the folder again.") from error
    return list(found)


def _operations(data: bytes) -> Iterator[tuple[str, str]]:
    graphs = [g for meta in _fields(data, 2) for g in _fields(meta, 2)]
    if not graphs:
        raise ModelFileError("contains no graph.", "saved_model.pb", "Save the network again.")
    for graph in graphs:
        for node in _fields(graph, 1):
            yield from (("<graph>", name) for name in _node_names(node))
        for library in _fields(graph, 2):
            for function in _fields(library, 1):
                signature = next(_fields(function, 1), b"")
                name = next(_fields(signature, 1), b"").decode()
                for node in _fields(function, 3):
                    yield from ((name, op) for op in _node_names(node))


def _node_names(node: bytes) -> Iterator[str]:
    """The operation of a node and every function its attributes refer to (calls, branches, loops)."""
    for op in _fields(node, 2):
        yield op.decode()
    for attribute in _fields(node, 5):  # map<string, AttrValue>; AttrValue.func = 10, NameAttrList.name = 1
        for value in _fields(attribute, 2):
            for called in _fields(value, 10):
                yield from (name.decode() for name in _fields(called, 1))


def _fields(data: bytes, wanted: int) -> Iterator[bytes]:
    """The length-delimited fields of one number in a protocol buffer message."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        kind, number = key & 7, key >> 3
        if kind == 2:
            length, at = _varint(data, at)
            if at + length > end:
                raise IndexError("message ends early")
            if number == wanted:
                yield data[at : at + length]
            at += length
        elif kind == 0:
            _, at = _varint(data, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise IndexError(f"unknown wire type {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise IndexError("number too long")
