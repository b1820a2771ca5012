"""HDF5 files of strangers: every object is looked at once before anything is read, and weights are copied tensor by tensor."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from core.errors import ModelFileError

MAX_WEIGHT_BYTES = 8 * 1024**3
MAX_EXPANSION, MAX_LARGE_EXPANSION = 200, 20  # stored bytes may not unpack to more than this many times their size
LARGE_BYTES = 100 * 2**20  # unpacked; trained weights of that size pack to more than half
MAX_OBJECTS = 20_000  # NASNetLarge, the largest of Keras Applications, has 3,630
MAX_CHUNKS = 100_000  # of a tensor
MAX_DEPTH = 64
MAX_ATTRIBUTES = 500
MAX_DEFLATE = 1_100  # no deflated chunk unpacks to more times its size
_SLICE_BYTES = 64 * 2**20
_FILTERS = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF})
_KEPT_ATTRIBUTES = re.compile(r"(layer_names|weight_names)\d{0,4}|keras_version|backend")
_UNUSED = frozenset({"optimizer", "optimizer_weights"})  # at the root
_NO = "Do not open it."


@dataclass(frozen=True)
class Stored:
    """What a file holds unpacked. n_elements: numbers in all its tensors; n_bytes: their size."""

    n_elements: int
    n_bytes: int


def check_hdf5(h5: h5py.File, size: int) -> Stored:
    """Refuse links, cycles, data in other files, foreign types and filters, and whatever would unpack into something huge.

    size: bytes of the file, or of the archive it lies in.
    """
    elements = total = 0
    for item in _objects(h5):
        if len(item.attrs) > MAX_ATTRIBUTES:
            raise ModelFileError("contains too many attributes.", todo=_NO)
        if isinstance(item, h5py.Dataset):
            _check_dataset(item)
            elements += item.size
            total += item.size * item.dtype.itemsize
            if total > most_unpacked(size):
                raise ModelFileError(f"would unpack to {total / 2**30:.1f} GB of weights or more.", todo=_NO)
    return Stored(elements, total)


def most_unpacked(size: int) -> int:
    """Bytes that a file of this size may unpack to."""
    return min(MAX_WEIGHT_BYTES, max(MAX_LARGE_EXPANSION * size, min(MAX_EXPANSION * max(size, 1 << 16), LARGE_BYTES)))


def copy_weights(source: h5py.File, target: h5py.File) -> None:
    """Copy the tensors, and the attributes by which Keras finds them, of a checked file; without an optimiser's."""
    pending: list[tuple[h5py.Group, h5py.Group]] = [(source, target)]
    while pending:
        old, new = pending.pop()
        for name in old.attrs:
            if _KEPT_ATTRIBUTES.fullmatch(name):
                new.attrs[name] = _names(old.attrs[name], name)
        for name, item in old.items():
            if old.name == "/" and name in _UNUSED:
                continue
            if isinstance(item, h5py.Group):
                pending.append((item, new.create_group(name)))
            else:
                _copy_tensor(item, new.create_dataset(name, item.shape, item.dtype))


def text(value: Any) -> str:
    """A text attribute; raises ModelFileError for anything else."""
    if not isinstance(value, bytes | str):
        raise ModelFileError("contains a broken configuration.", todo="Copy the file again.")
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError as error:
        raise ModelFileError("contains a broken configuration.", todo="Copy the file again.") from error


def _objects(h5: h5py.File) -> Iterator[h5py.Group | h5py.Dataset]:
    """Every group and dataset, each once."""
    seen = {_address(h5)}
    pending: list[tuple[h5py.Group, int]] = [(h5, 0)]
    yield h5
    while pending:
        group, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise ModelFileError("contains groups nested too deeply.", todo=_NO)
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ModelFileError(f"links to other data ({group.name}/{name[:80]}).", todo=_NO)
            item = group[name]
            if not isinstance(item, h5py.Group | h5py.Dataset):
                raise ModelFileError(f"contains something that is no tensor ({item.name[:80]}).", todo=_NO)
            address = _address(item)
            if address in seen:
                raise ModelFileError(f"links to other data ({group.name[:80]}/{name[:80]} lies in several places).", todo=_NO)
            seen.add(address)
            if len(seen) > MAX_OBJECTS:
                raise ModelFileError(f"contains over {MAX_OBJECTS:,} objects.", todo=_NO)
            yield item
            if isinstance(item, h5py.Group):
                pending.append((item, depth + 1))


def _address(item: h5py.Group) -> Any:
    return h5py.h5o.get_info(item.id).addr


def _check_dataset(item: h5py.Dataset) -> None:
    if item.is_virtual or item.external:
        raise ModelFileError(f"refers to data in other files ({item.name[:80]}).", todo=_NO)
    plain = item.dtype.kind in "biuf" or (item.dtype.kind == "V" and item.dtype.itemsize == 2 and item.dtype.fields is None)
    if not plain or item.shape is None or item.dtype.subdtype is not None:
        raise ModelFileError(f"contains something that is no tensor of numbers ({item.name[:80]}).", todo=_NO)
    if not item.size:
        return
    created, n_bytes = item.id.get_create_plist(), item.size * item.dtype.itemsize
    filters = [created.get_filter(i)[0] for i in range(created.get_nfilters())]
    if not set(filters) <= _FILTERS or len(filters) > len(_FILTERS):
        raise ModelFileError(f"contains weights packed in an unknown way ({item.name[:80]}).", todo="Save it again without compression.")
    packed = bool({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_LZF} & set(filters))
    if n_bytes > item.id.get_storage_size() * (MAX_DEFLATE if packed else 1):
        raise ModelFileError(f"would unpack to {n_bytes / 2**30:.1f} GB that it does not hold ({item.name[:80]}).", todo=_NO)
    if item.chunks is not None:
        chunk = int(np.prod([float(side) for side in item.chunks])) * item.dtype.itemsize
        if chunk > max(n_bytes, 16 * 2**20) or n_bytes / chunk > MAX_CHUNKS:
            raise ModelFileError(f"contains weights in pieces of an impossible size ({item.name[:80]}).", todo=_NO)


def _copy_tensor(old: h5py.Dataset, new: h5py.Dataset) -> None:
    if old.attrs.get("dtype") == "bfloat16":
        new.attrs["dtype"] = "bfloat16"
    if not old.size:
        return
    if not old.shape or old.size * old.dtype.itemsize <= _SLICE_BYTES:
        new[()] = old[()]
        return
    rows = max(1, _SLICE_BYTES * old.shape[0] // (old.size * old.dtype.itemsize))
    for first in range(0, old.shape[0], rows):
        new[first : first + rows] = old[first : first + rows]


def _names(value: Any, attribute: str) -> Any:
    """Names of layers or weights as bytes; a version as text."""
    if not isinstance(value, np.ndarray):
        return text(value)
    if value.ndim != 1 or not (value.size == 0 or all(isinstance(v, bytes | str) for v in value)):
        raise ModelFileError(f"contains a broken list of names ({attribute}).", todo="Copy the file again.")
    return np.array([v if isinstance(v, bytes) else v.encode() for v in value], dtype=None if value.size else "S1")
