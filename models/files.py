"""What a network file contains, read without TensorFlow and without running any code in it.

`inspect_file` is the gate every network passes before TensorFlow may see it: it recognises the format, refuses
files that contain code, refer to other files or unpack into something huge, and extracts what the configuration
says about inputs, outputs and layers.
"""

import hashlib
import json
import shutil
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from core.errors import ModelFileError, UnsafeModel
from models.config import check_config, summarise
from models.savedmodel import check_saved_model

MAX_FILE_BYTES = 4 * 1024**3
MAX_WEIGHT_BYTES = 8 * 1024**3
MAX_CONFIG_BYTES = 64 * 1024**2
MAX_EXPANSION = 200  # stored bytes may not unpack to more than this many times their size

# the first bytes of files that are sometimes mistaken for a Keras network
_STRANGERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x80\x02", "a Python pickle, which can run any code when it is opened"),
    (0, b"\x80\x03", "a Python pickle, which can run any code when it is opened"),
    (0, b"\x80\x04", "a Python pickle, which can run any code when it is opened"),
    (0, b"\x80\x05", "a Python pickle, which can run any code when it is opened"),
    (4, b"TFL3", "a TensorFlow Lite network"),
    (0, b"\x08\x03\x12", "an ONNX network"),
    (0, b"\x08\x07\x12", "an ONNX network"),
    (0, b"\x08\x08\x12", "an ONNX network"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"%PDF", "a PDF document"),
)
_SAVE_AGAIN = "Save the whole network with model.save('name.keras') and open that file."


@dataclass(frozen=True)
class FileFacts:
    """What the file says about itself. Sizes are (height, width, channels), None where unspecified."""

    path: Path
    format: str  # "keras" (zip), "hdf5" or "savedmodel"
    sha256: str
    n_bytes: int
    keras_version: str = ""
    class_name: str = ""
    input_shape: tuple[int | None, int | None, int | None] | None = None
    n_outputs: int | None = None
    activation: str | None = None  # of the output layer: softmax, sigmoid, linear…
    layers: tuple[tuple[str, str], ...] = ()  # (path inside the network, kind)
    unsafe: tuple[str, ...] = field(default=())  # what is accepted only if the file is explicitly trusted

    @property
    def keras2(self) -> bool:
        return not self.keras_version.startswith("3")


def inspect_file(path: Path, trusted: bool = False) -> FileFacts:
    """Facts of a .keras, .h5/.hdf5 file or SavedModel folder.

    trusted: the user vouches for exactly this file; then code in it is listed, not refused.
    Raises ModelFileError (not a network, broken, too large) or UnsafeModel (carries code).
    """
    path = Path(path)
    if not path.exists():
        raise ModelFileError("does not exist.", str(path), "Check the path.")
    try:
        facts = _read_folder(path) if path.is_dir() else _read_file(path)
    except ModelFileError as error:
        raise type(error)(error.what, error.where or path.name, error.todo) from error
    if facts.unsafe and not trusted:
        raise UnsafeModel(
            f"is refused, because it contains {'; '.join(facts.unsafe[:3])}.",
            path.name,
            "Opening it could run its author's code. Rebuild that part with built-in layers and save "
            "again; or, if you trust the file, say so on the command line: python cli.py model trust FILE.",
        )
    return facts


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file, or of a folder's files in the order of their names."""
    digest = hashlib.sha256()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode())
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def holds_weights_only(path: Path) -> bool:
    """Whether it is an HDF5 file without a network configuration."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    try:
        with h5py.File(path, "r") as h5:
            return "model_config" not in h5.attrs
    except OSError:  # truncated: opening it will report that
        return False


def check_weights_file(path: Path) -> None:
    """Check a weights file; raises ModelFileError for unreadable files, links, references to other files and excessive size."""
    if not path.is_file():
        raise ModelFileError("does not exist.", str(path), "Give a file of weights (.weights.h5), imagenet or none.")
    try:
        with h5py.File(path, "r") as h5:
            _check_hdf5(h5, path.stat().st_size)
    except OSError as error:
        raise ModelFileError("is not an HDF5 weights file.", path.name, "Save it with model.save_weights('name.weights.h5').") from error


def _read_file(path: Path) -> FileFacts:
    size = path.stat().st_size
    if size == 0:
        raise ModelFileError("is empty.", todo="Copy the file again.")
    if size > MAX_FILE_BYTES:
        raise ModelFileError(f"is {size / 2**30:.1f} GB; the limit is {MAX_FILE_BYTES // 2**30} GB.")
    with path.open("rb") as stream:
        head = stream.read(16)
    if head.startswith(b"PK\x03\x04"):
        return _read_zip(path, size)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _read_hdf5(path, size)
    for at, mark, what in _STRANGERS:
        if head[at : at + len(mark)] == mark:
            raise ModelFileError(f"is {what}, not a Keras network.", todo=_SAVE_AGAIN)
    raise ModelFileError("is not a network file: neither .keras, HDF5 nor SavedModel.", todo=_SAVE_AGAIN)


def _read_zip(path: Path, size: int) -> FileFacts:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = {entry.filename for entry in entries}
            if "config.json" not in names:
                if any(name.endswith("data.pkl") for name in names):
                    raise ModelFileError("is a PyTorch file, which is a Python pickle.", todo=_SAVE_AGAIN)
                raise ModelFileError("is a zip archive without a Keras network in it.", todo=_SAVE_AGAIN)
            if any(name.startswith(("/", "\\")) or ".." in Path(name).parts or ":" in name for name in names):
                raise ModelFileError("contains paths that lead out of the archive.", todo="Do not open it.")
            unpacked = sum(entry.file_size for entry in entries)
            if unpacked > MAX_WEIGHT_BYTES or unpacked > MAX_EXPANSION * max(size, 1 << 16):
                raise ModelFileError(f"would unpack to {unpacked / 2**30:.1f} GB.", todo="Do not open it.")
            config = _parse_json(_read_entry(archive, "config.json"))
            about = _parse_json(_read_entry(archive, "metadata.json")) if "metadata.json" in names else {}
            weights = next((n for n in names if n.endswith("model.weights.h5")), None)
            if weights is None:
                raise ModelFileError("contains no weights.", todo=_SAVE_AGAIN)
            with archive.open(weights) as stream, tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / "weights.h5"  # HDF5 needs random access, which is slow inside a zip
                with copy.open("wb") as target:
                    shutil.copyfileobj(stream, target, 1 << 20)
                with h5py.File(copy, "r") as h5:
                    _check_hdf5(h5, unpacked)
    except zipfile.BadZipFile as error:
        raise ModelFileError("is a broken or cut-off .keras archive.", todo="Copy the file again.") from error
    except (OSError, KeyError, RuntimeError, EOFError) as error:
        raise ModelFileError("contains broken weights.", todo="Copy the file again.") from error
    version = str(about.get("keras_version", "3")) if isinstance(about, dict) else "3"
    return _with_config(path, "keras", size, version, config)


def _read_entry(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MAX_CONFIG_BYTES:
        raise ModelFileError(f"contains a {name} of over {MAX_CONFIG_BYTES // 2**20} MB.", todo="Do not open it.")
    return archive.read(name)


def _read_hdf5(path: Path, size: int) -> FileFacts:
    try:
        with h5py.File(path, "r") as h5:
            _check_hdf5(h5, size)
            config = h5.attrs.get("model_config")
            version = h5.attrs.get("keras_version", h5.get("model_weights", h5).attrs.get("keras_version", "2"))
            holds_weights = "layer_names" in h5.attrs or {"layers", "_layer_checkpoint_dependencies"} & set(h5)
    except OSError as error:
        raise ModelFileError("is a broken or cut-off HDF5 file.", todo="Copy the file again.") from error
    if config is None:
        if holds_weights:
            raise ModelFileError("contains weights only; the network itself is missing.", todo=_SAVE_AGAIN)
        raise ModelFileError("is an HDF5 file without a Keras network in it.", todo=_SAVE_AGAIN)
    return _with_config(path, "hdf5", size, _text(version), _parse_json(config))


def _with_config(path: Path, format: str, size: int, version: str, config: Any) -> FileFacts:
    if not isinstance(config, dict) or "class_name" not in config:
        raise ModelFileError("contains a configuration that is not a network's.", todo=_SAVE_AGAIN)
    unsafe = tuple(check_config(config))
    outline = summarise(config)
    return FileFacts(
        path,
        format,
        file_sha256(path),
        size,
        version,
        str(config["class_name"]),
        outline.input_shape,
        outline.n_outputs,
        outline.activation,
        outline.layers,
        unsafe,
    )


def _read_folder(path: Path) -> FileFacts:
    if not (path / "saved_model.pb").is_file():
        raise ModelFileError("is a folder without a SavedModel (saved_model.pb).", todo=_SAVE_AGAIN)
    files = [p for p in path.rglob("*") if p.is_file()]
    if any(p.is_symlink() for p in path.rglob("*")):
        raise ModelFileError("contains links to other files.", todo="Copy the folder with real files.")
    size = sum(p.stat().st_size for p in files)
    if size > MAX_FILE_BYTES:
        raise ModelFileError(f"is {size / 2**30:.1f} GB; the limit is {MAX_FILE_BYTES // 2**30} GB.")
    if not (path / "variables" / "variables.index").is_file():
        raise ModelFileError("lacks its variables folder.", todo="Copy the whole folder.")
    unsafe = tuple(check_saved_model(path / "saved_model.pb"))
    return FileFacts(path, "savedmodel", file_sha256(path), size, class_name="SavedModel", unsafe=unsafe)


def _check_hdf5(h5: h5py.File, size: int) -> None:
    """Refuse links into other files and data sets that unpack into something huge."""
    total = 0
    pending: list[h5py.Group] = [h5]
    while pending:
        group = pending.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, (h5py.ExternalLink, h5py.SoftLink)):
                raise ModelFileError(f"links to other data ({group.name}/{name}).", todo="Do not open it.")
            item = group[name]
            if isinstance(item, h5py.Group):
                pending.append(item)
            elif isinstance(item, h5py.Dataset):
                if item.is_virtual or item.external:
                    raise ModelFileError(f"refers to data in other files ({item.name}).", todo="Do not open it.")
                total += item.size * item.dtype.itemsize if item.size else 0
    if total > MAX_WEIGHT_BYTES or total > MAX_EXPANSION * max(size, 1 << 16):
        raise ModelFileError(f"would unpack to {total / 2**30:.1f} GB of weights.", todo="Do not open it.")


def _parse_json(raw: bytes | str) -> Any:
    if len(raw) > MAX_CONFIG_BYTES:
        raise ModelFileError(f"contains a configuration of over {MAX_CONFIG_BYTES // 2**20} MB.")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ModelFileError("contains a broken configuration.", todo="Copy the file again.") from error


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
