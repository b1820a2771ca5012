"""What a network file contains, read without TensorFlow and without running any code in it.

`inspect_file` is the gate every network passes: it recognises the format, refuses files that contain code, refer to other files or unpack
into something huge, and extracts what the configuration says about inputs, outputs and layers. `clean_copy` does the same and writes what
was checked, and nothing else, into a file of ours: the only one that Keras reads.
"""

import hashlib
import json
import re
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py

from core.errors import ModelFileError, UnsafeModel
from core.regular import open_regular
from models.config import Rebuilt, rebuild, summarise
from models.hdf5 import Stored, check_hdf5, copy_weights, most_unpacked, text
from models.savedmodel import check_saved_model, strip_saved_model

MAX_FILE_BYTES = 4 * 1024**3
MAX_CONFIG_BYTES = 16 * 1024**2
MAX_FOLDER_FILES = 10_000
MAX_DIRECTORY_BYTES = 1 << 20  # of an archive
MAX_SIDE_WITHOUT_WEIGHTS = 65_536
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ENTRIES = ("metadata.json", "config.json", "model.weights.h5")  # of a .keras archive
_FOLDER_FILE = re.compile(r"saved_model\.pb|variables/variables\.(index|data-\d{5}-of-\d{5})")
_VERSION = re.compile(r"\d{1,4}(\.\w{1,12}){0,4}(-\w{1,12})?")

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

    weight_bytes: int = 0  # unpacked
    clean: Path | None = None  # the copy that is opened in its place

    @property
    def keras2(self) -> bool:
        return not self.keras_version.startswith("3")


def inspect_file(path: Path, trusted: bool = False) -> FileFacts:
    """Facts of a .keras, .h5/.hdf5 file or SavedModel folder.

    trusted: the user vouches for exactly this file; then code in it is listed, not refused.
    Raises ModelFileError (not a network, broken, too large) or UnsafeModel (carries code).
    """
    with _checked(Path(path)) as (facts, _):
        if not trusted:
            _refuse_unsafe(facts)
        return facts


def clean_copy(path: Path, folder: Path) -> FileFacts:
    """Facts of an untrusted file, and its clean copy in the folder. Raises as `inspect_file`."""
    with _checked(Path(path)) as (facts, write):
        _refuse_unsafe(facts)
        target = folder / {"keras": "network.keras", "hdf5": "network.h5", "savedmodel": "network"}[facts.format]
        write(target)
        return replace(facts, clean=target)


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file, or of a folder's files in the order of their names."""
    digest = hashlib.sha256()
    files = sorted(_regular_files(path)) if path.is_dir() else [path]
    for file in files:
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode())
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def looks_like_hdf5(path: Path) -> bool:
    """Whether it is a file that begins like HDF5."""
    if not path.is_file():
        return False
    with open_regular(path) as stream:
        return stream.read(len(_HDF5)) == _HDF5


def clean_weights(path: Path, folder: Path) -> Path | None:
    """The clean copy in the folder of an HDF5 file of weights alone; None for a whole network. Raises ModelFileError."""
    try:
        with h5py.File(path, "r") as h5:
            check_hdf5(h5, path.stat().st_size)
            if "model_config" in h5.attrs:
                return None
            target = folder / ("weights.weights.h5" if path.name.endswith(".weights.h5") else "weights.h5")  # Keras goes by the name
            with h5py.File(target, "w") as copy:
                copy_weights(h5, copy)
            return target
    except ModelFileError as error:
        raise type(error)(error.what, error.where or path.name, error.todo) from error
    except _BROKEN as error:
        what = "is a broken or cut-off" if looks_like_hdf5(path) else "is not an"
        todo = "Save it with model.save_weights('name.weights.h5')."
        raise ModelFileError(f"{what} HDF5 weights file.", path.name, todo) from error


# writes the clean copy to a path
Writer = Callable[[Path], None]
Checked = tuple[FileFacts, Writer]


@contextmanager
def _checked(path: Path) -> Iterator[Checked]:
    """The facts of a file, and what writes its clean copy; errors are about this file."""
    try:
        if not path.exists():
            raise ModelFileError("does not exist.", str(path), "Check the path.")
        if path.is_dir():
            yield _read_folder(path)
            return
        if not path.is_file():
            raise ModelFileError("is neither a file nor a folder.", todo="Check the path.")
        with _read_file(path) as checked:
            yield checked
    except ModelFileError as error:
        raise type(error)(error.what, error.where or path.name, error.todo) from error


def _refuse_unsafe(facts: FileFacts) -> None:
    if facts.unsafe:
        raise UnsafeModel(
            f"is refused, because it contains {'; '.join(facts.unsafe[:3])}.",
            facts.path.name,
            "Opening it could run its author's code. Rebuild that part with built-in layers and save "
            "again; or, if you trust the file, say so on the command line: python cli.py model trust FILE.",
        )


@contextmanager
def _read_file(path: Path) -> Iterator[Checked]:
    size = path.stat().st_size
    if size == 0:
        raise ModelFileError("is empty.", todo="Copy the file again.")
    if size > MAX_FILE_BYTES:
        raise ModelFileError(f"is {size / 2**30:.1f} GB; the limit is {MAX_FILE_BYTES // 2**30} GB.")
    with path.open("rb") as stream:
        head = stream.read(16)
    if head.startswith(b"PK\x03\x04"):
        with _read_zip(path, size) as checked:
            yield checked
        return
    if head.startswith(_HDF5):
        with _read_hdf5(path, size) as checked:
            yield checked
        return
    for at, mark, what in _STRANGERS:
        if head[at : at + len(mark)] == mark:
            raise ModelFileError(f"is {what}, not a Keras network.", todo=_SAVE_AGAIN)
    raise ModelFileError("is not a network file: neither .keras, HDF5 nor SavedModel.", todo=_SAVE_AGAIN)


@contextmanager
def _read_zip(path: Path, size: int) -> Iterator[Checked]:
    try:
        _check_directory(path, size)
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
            _check_entries(archive, size)
            config = _parse_json(archive.read("config.json"))
            about = _parse_json(archive.read("metadata.json")) if "metadata.json" in archive.namelist() else {}
            weights = Path(folder) / "weights.h5"  # HDF5 needs random access, which is slow inside a zip
            with archive.open("model.weights.h5") as stream, weights.open("wb") as target:
                shutil.copyfileobj(stream, target, 1 << 20)
            with h5py.File(weights, "r") as h5:
                stored = check_hdf5(h5, size)
                version = _version(about.get("keras_version", "3") if isinstance(about, dict) else "3")
                facts, rebuilt = _with_config(path, "keras", size, version, config, stored)

                def write(target: Path) -> None:
                    clean = Path(folder) / "clean.h5"
                    with h5py.File(clean, "w") as copy:
                        copy_weights(h5, copy)
                    with zipfile.ZipFile(target, "w") as new:
                        new.writestr("metadata.json", json.dumps({"keras_version": version, "date_saved": ""}))
                        new.writestr("config.json", json.dumps(rebuilt.config))
                        new.write(clean, "model.weights.h5")

                yield facts, write
    except zipfile.BadZipFile as error:
        raise ModelFileError("is a broken or cut-off .keras archive.", todo="Copy the file again.") from error
    except _BROKEN as error:
        raise ModelFileError("contains broken weights.", todo="Copy the file again.") from error


def _check_directory(path: Path, size: int) -> None:
    """Refuse a directory of very many entries before it is read: zipfile goes by its stated size, in the long form if there is one."""
    before, end = 56 + 20, 22  # bytes of the long form, which lies before the end, and of the end itself; then a comment
    with path.open("rb") as stream:
        stream.seek(max(0, size - (before + end + 2**16)))
        tail = bytes(before) + stream.read()
    bare = tail[-end:].startswith(b"PK\5\6") and tail.endswith(b"\0\0")
    at = len(tail) - end if bare else tail.rfind(b"PK\5\6")
    if at < before or len(tail) < at + end:
        raise zipfile.BadZipFile("no end")
    long = struct.unpack("<Q", tail[at - 36 : at - 28])[0] if tail[at - 20 : at - 16] == b"PK\6\7" else 0
    if max(long, struct.unpack("<I", tail[at + 12 : at + 16])[0]) > MAX_DIRECTORY_BYTES:
        raise ModelFileError("is an archive of too many files.", todo=_SAVE_AGAIN)


# what h5py, zipfile and zlib raise for damaged files
_BROKEN = (OSError, KeyError, RuntimeError, EOFError, TypeError, ValueError, NotImplementedError, zlib.error, struct.error, OverflowError)


def _check_entries(archive: zipfile.ZipFile, size: int) -> None:
    """Exactly one of each file a .keras archive consists of."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if "config.json" not in names:
        if any(name.endswith("data.pkl") for name in names):
            raise ModelFileError("is a PyTorch file, which is a Python pickle.", todo=_SAVE_AGAIN)
        raise ModelFileError("is a zip archive without a Keras network in it.", todo=_SAVE_AGAIN)
    if any(name.startswith(("/", "\\")) or ".." in Path(name).parts or ":" in name for name in names):
        raise ModelFileError("contains paths that lead out of the archive.", todo="Do not open it.")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > most_unpacked(size):
        raise ModelFileError(f"would unpack to {unpacked / 2**30:.1f} GB.", todo="Do not open it.")
    if "model.weights.h5" not in names:
        raise ModelFileError("contains no weights.", todo=_SAVE_AGAIN)
    foreign = [name for name in names if name not in _ENTRIES]
    if foreign or len(set(names)) != len(names):
        which = f"{foreign[0][:80]!r}" if foreign else "an entry twice"
        raise ModelFileError(f"contains what a Keras network does not consist of ({which}).", todo=_SAVE_AGAIN)
    for entry in entries:
        if entry.flag_bits & 1:
            raise ModelFileError("is encrypted.", todo=_SAVE_AGAIN)
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ModelFileError("is packed in an unknown way.", todo=_SAVE_AGAIN)
        if entry.filename.endswith(".json") and entry.file_size > MAX_CONFIG_BYTES:
            raise ModelFileError(f"contains a {entry.filename} of over {MAX_CONFIG_BYTES // 2**20} MB.", todo="Do not open it.")


@contextmanager
def _read_hdf5(path: Path, size: int) -> Iterator[Checked]:
    try:
        with h5py.File(path, "r") as h5:
            stored = check_hdf5(h5, size)
            config = h5.attrs.get("model_config")
            version = h5.attrs.get("keras_version", h5.get("model_weights", h5).attrs.get("keras_version", "2"))
            if config is None:
                if "layer_names" in h5.attrs or {"layers", "_layer_checkpoint_dependencies"} & set(h5):
                    raise ModelFileError("contains weights only; the network itself is missing.", todo=_SAVE_AGAIN)
                raise ModelFileError("is an HDF5 file without a Keras network in it.", todo=_SAVE_AGAIN)
            facts, rebuilt = _with_config(path, "hdf5", size, _version(version), _parse_json(text(config)), stored)

            def write(target: Path) -> None:
                with h5py.File(target, "w") as copy:
                    copy.attrs["model_config"] = json.dumps(rebuilt.config).encode()
                    copy_weights(h5, copy)

            yield facts, write
    except _BROKEN as error:
        raise ModelFileError("is a broken or cut-off HDF5 file.", todo="Copy the file again.") from error


def _with_config(path: Path, format: str, size: int, version: str, config: Any, stored: Stored) -> tuple[FileFacts, Rebuilt]:
    if not isinstance(config, dict) or "class_name" not in config:
        raise ModelFileError("contains a configuration that is not a network's.", todo=_SAVE_AGAIN)
    rebuilt = rebuild(config)
    if rebuilt.largest_side > max(stored.n_elements, MAX_SIDE_WITHOUT_WEIGHTS):
        what = f"asks for a layer of {rebuilt.largest_side:,} units, and holds {stored.n_elements:,} weights in all."
        raise ModelFileError(what, todo="Do not open it.")
    outline = summarise(config)
    facts = FileFacts(
        path,
        format,
        file_sha256(path),
        size,
        version,
        str(config["class_name"])[:80],
        outline.input_shape,
        outline.n_outputs,
        outline.activation,
        outline.layers,
        rebuilt.objections,
        stored.n_bytes,
    )
    return facts, rebuilt


def _read_folder(path: Path) -> Checked:
    if not (path / "saved_model.pb").is_file():
        raise ModelFileError("is a folder without a SavedModel (saved_model.pb).", todo=_SAVE_AGAIN)
    files = list(_regular_files(path))
    sizes = {file.relative_to(path).as_posix(): file.stat().st_size for file in files}
    if sum(sizes.values()) > MAX_FILE_BYTES:
        raise ModelFileError(f"is {sum(sizes.values()) / 2**30:.1f} GB; the limit is {MAX_FILE_BYTES // 2**30} GB.")
    if "variables/variables.index" not in sizes:
        raise ModelFileError("lacks its variables folder.", todo="Copy the whole folder.")
    kept = [name for name in sizes if _FOLDER_FILE.fullmatch(name)]
    unsafe = tuple(check_saved_model(path / "saved_model.pb"))
    weight_bytes = sum(sizes[name] for name in kept if name.startswith("variables/"))
    size = sum(sizes.values())
    facts = FileFacts(path, "savedmodel", file_sha256(path), size, class_name="SavedModel", unsafe=unsafe, weight_bytes=weight_bytes)

    def write(target: Path) -> None:
        (target / "variables").mkdir(parents=True)
        for name in kept:
            if name == "saved_model.pb":
                (target / name).write_bytes(strip_saved_model((path / name).read_bytes()))
            else:
                shutil.copyfile(path / name, target / name)

    return facts, write


def _regular_files(folder: Path) -> Iterator[Path]:
    """The files of a folder; raises ModelFileError for links, devices, pipes and folders beyond all use."""
    pending, n = [folder], 0
    while pending:
        for entry in pending.pop().iterdir():
            mode, n = entry.lstat().st_mode, n + 1
            if n > MAX_FOLDER_FILES or len(entry.relative_to(folder).parts) > 8:
                raise ModelFileError("is a folder of too many files.", folder.name, "Keep the SavedModel in a folder of its own.")
            if stat.S_ISDIR(mode):
                pending.append(entry)
            elif stat.S_ISREG(mode):
                yield entry
            else:
                raise ModelFileError("contains links to other files.", folder.name, "Copy the folder with real files.")


def _parse_json(raw: bytes | str) -> Any:
    if len(raw) > MAX_CONFIG_BYTES:
        raise ModelFileError(f"contains a configuration of over {MAX_CONFIG_BYTES // 2**20} MB.")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs) and any(made[key] != value for key, value in pairs):
            raise ValueError("two values of one key")
        return made

    try:
        return json.loads(raw, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ModelFileError("contains a broken configuration.", todo="Copy the file again.") from error


def _version(value: Any) -> str:
    version = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return version if _VERSION.fullmatch(version) else ""
