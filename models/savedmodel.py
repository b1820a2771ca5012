"""Which operations a SavedModel would run, read straight from its protocol buffer.

TensorFlow's own classes are not used, so that nothing has to be imported (4–9 s) before an untrusted file has been inspected. The few
fields needed: SavedModel.meta_graphs = 2; MetaGraphDef.graph_def = 2, .collection_def = 4, .asset_file_def = 6, .object_graph_def = 7;
GraphDef.node = 1, .library = 2; FunctionDefLibrary.function = 1; FunctionDef.signature = 1 (name = 1), .node_def = 3; NodeDef.op = 2,
.attr = 5 (value = 2); AttrValue.list = 1 (func = 9), .func = 10 (name = 1); SavedObjectGraph.nodes = 1; SavedObject.asset = 5.

Every operation must be on the allow list. What a SavedModel saves and restores its own variables with lies in functions that TensorFlow 2
does not call when it opens one; `strip_saved_model` leaves them out, and the main graph but for its constants.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelFileError
from models.allowlist import allow_list

MAX_PB_BYTES = 512 * 1024**2
MAX_CALLS = 2_000_000  # of operations, those of functions counted at every call

_CHECKPOINT = frozenset("SaveV2 RestoreV2 MergeV2Checkpoints ShardedFilename StaticRegexFullMatch StringJoin".split())
_CHECKPOINT_FUNCTIONS = ("__inference__traced_save", "__inference__traced_restore")


@dataclass(frozen=True)
class _Node:
    op: str
    calls: tuple[str, ...]  # functions its attributes refer to (calls, branches, loops)


def check_saved_model(pb: Path) -> list[str]:
    """What is forbidden in an untrusted SavedModel, in words; empty if there is nothing. Raises ModelFileError for a broken one."""
    if pb.stat().st_size > MAX_PB_BYTES:
        raise ModelFileError(f"contains a graph of over {MAX_PB_BYTES // 2**20} MB.", "saved_model.pb")
    try:
        data = pb.read_bytes()
        metas = [bytes_of for number, _, bytes_of in _messages(data) if number == 2]
        graphs = [graph for meta in metas for graph in _fields(meta, 2)]
        if not graphs:
            raise ModelFileError("contains no graph.", "saved_model.pb", "Save the network again.")
        if not all(_holds(meta, 7) for meta in metas):
            raise ModelFileError("was saved by TensorFlow 1.", "saved_model.pb", "Save it with TensorFlow 2: model.export().")
        found: dict[str, None] = {}
        assets = any(_holds(node, 5) for meta in metas for objects in _fields(meta, 7) for node in _fields(objects, 1))
        if assets or any(_holds(meta, 6) for meta in metas):
            found["files that are read when it is opened (assets)"] = None
        functions = _functions(graphs)
        found |= dict.fromkeys(_objections(functions, graphs))
        _check_calls({name: nodes for name, nodes in functions.items() if not _of_checkpoint(name, nodes)})
    except (IndexError, UnicodeDecodeError) as error:
        raise ModelFileError("is broken or cut off.", "saved_model.pb", "Copy the folder again.") from error
    return list(found)


def strip_saved_model(data: bytes) -> bytes:
    """A checked SavedModel without what only saves and restores its variables."""
    return b"".join(_tagged(2, _strip_meta(value)) if number == 2 else raw for number, raw, value in _messages(data))


def _strip_meta(meta: bytes) -> bytes:
    kept = ((number, raw, value) for number, raw, value in _messages(meta) if number not in (3, 4, 6))
    return b"".join(_tagged(2, _strip_graph(value)) if number == 2 else raw for number, raw, value in kept)


def _strip_graph(graph: bytes) -> bytes:
    parts = []
    for number, raw, value in _messages(graph):
        if number == 1:
            parts += [raw] if [node.op for node in _nodes(value)] == ["Const"] else []
        elif number == 2:
            inner = [(n, r, v) for n, r, v in _messages(value) if n != 1 or not _of_checkpoint(*_function(v))]
            parts.append(_tagged(2, b"".join(r for _, r, _ in inner)))
        else:
            parts.append(raw)
    return b"".join(parts)


def _objections(functions: dict[str, list[_Node]], graphs: list[bytes]) -> Iterator[str]:
    allowed = allow_list().operations
    stripped = {name for name, nodes in functions.items() if _of_checkpoint(name, nodes)}
    main = [node for graph in graphs for message in _fields(graph, 1) for node in _nodes(message)]
    for name, nodes in [("", main), *functions.items()]:
        for node in nodes:
            own = not name or name in stripped
            if node.op not in allowed and node.op not in functions and not (own and node.op in _CHECKPOINT):
                yield f"the operation {node.op[:80]} (not among those of image classifiers)"
            for called in (node.op, *node.calls):
                if called in stripped and not own:
                    yield "a function that saves or restores variables as part of a prediction"
            for called in node.calls:
                if called not in functions:
                    yield f"a call to the missing function {called[:80]}"


def _of_checkpoint(name: str, nodes: list[_Node]) -> bool:
    return name.startswith(_CHECKPOINT_FUNCTIONS) and any(node.op in _CHECKPOINT for node in nodes)


def _check_calls(functions: dict[str, list[_Node]]) -> None:
    """Refuse functions that call themselves, and those that call others too often. Every call is looked at twice, however they nest."""
    called = {name: [f for node in nodes for f in {node.op, *node.calls} if f in functions] for name, nodes in functions.items()}
    cost: dict[str, int] = {}
    open_calls: dict[str, Iterator[str]] = {}  # depth first without recursion: functions that wait for the rest of those they call
    for start in functions:
        if start not in cost:
            open_calls[start] = iter(called[start])
        while open_calls:
            name = next(reversed(open_calls))
            missing = next((f for f in open_calls[name] if f not in cost), None)
            if missing in open_calls:
                raise ModelFileError("contains a function that calls itself.", "saved_model.pb", "Do not open it.")
            if missing is not None:
                open_calls[missing] = iter(called[missing])
                continue
            open_calls.popitem()
            cost[name] = len(functions[name]) + sum(cost[f] for f in called[name])
            if cost[name] > MAX_CALLS:
                raise ModelFileError("repeats its operations too many times.", "saved_model.pb", "Do not open it.")


def _functions(graphs: list[bytes]) -> dict[str, list[_Node]]:
    found: dict[str, list[_Node]] = {}
    for graph in graphs:
        for library in _fields(graph, 2):
            for message in _fields(library, 1):
                name, nodes = _function(message)
                if name in found:
                    raise ModelFileError("contains two functions of one name.", "saved_model.pb", "Do not open it.")
                found[name] = nodes
    return found


def _function(message: bytes) -> tuple[str, list[_Node]]:
    names = [name for signature in _fields(message, 1) for name in _fields(signature, 1)]
    return (names[-1] if names else b"").decode(), [node for one in _fields(message, 3) for node in _nodes(one)]


def _nodes(message: bytes) -> Iterator[_Node]:
    """The node; of a repeated field every value, although the last one counts."""
    values = [value for attribute in _fields(message, 5) for value in _fields(attribute, 2)]
    called = [f for value in values for f in (*_fields(value, 10), *(g for many in _fields(value, 1) for g in _fields(many, 9)))]
    names = tuple(name.decode() for f in called for name in _fields(f, 1))
    for op in _fields(message, 2):
        yield _Node(op.decode(), names)


def _fields(data: bytes, wanted: int) -> Iterator[bytes]:
    """The length-delimited fields of one number in a protocol buffer message."""
    for number, raw, value in _messages(data):
        if number == wanted and raw[0] & 7 == 2:
            yield value


def _holds(data: bytes, wanted: int) -> bool:
    """Whether a message has the field at all, an empty one included."""
    return any(number == wanted for number, _, _ in _messages(data))


def _messages(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """The fields of a message: number, all its bytes, and the content of a length-delimited one."""
    at, end = 0, len(data)
    while at < end:
        start = at
        key, at = _varint(data, at)
        kind, number = key & 7, key >> 3
        value = b""
        if kind == 2:
            length, at = _varint(data, at)
            if at + length > end:
                raise IndexError("message ends early")
            value = data[at : at + length]
            at += length
        elif kind == 0:
            _, at = _varint(data, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise IndexError(f"unknown wire type {kind}")
        yield number, data[start:at], value


def _tagged(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    length, n = bytearray(), len(content)
    while n > 127:
        length.append(n & 127 | 128)
        n >>= 7
    return bytes([number << 3 | 2, *length, n]) + content


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
