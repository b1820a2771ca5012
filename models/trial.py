"""A network's first opening, in a process that may die (`core/throwaway.py`), and what is kept of it.

The process checks the file, writes its clean copy, and only then imports TensorFlow, opens the copy and runs it on one blank image. What it
finds is kept by the file's hash, so that a file is tried once; then the copy is opened wherever the network is wanted.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.atomic import make_folder, write_bytes
from core.errors import LesionLensError, ModelFileError, first_line
from core.throwaway import Died, Limits, apart, tell_protections
from models.card import ModelCard
from models.files import FileFacts, clean_copy, clean_weights, file_sha256, inspect_file, looks_like_hdf5

RULES = 1  # counts changes of what is refused and of the limits: what other rules let through is tried again
MAX_KEPT = 64  # networks whose copies are kept
RECORD = "trial.json"
_ROOMS = ("core", "models", "imaging", "evaluation")
_HEADROOM_BYTES = 2**30  # above what TensorFlow takes at rest
_TIMES_WEIGHTS = 4  # initial values, what is read, and the copy in between
_PER_THREAD_BYTES = 16 * 2**20
_ABANDONED = 3_600  # seconds; no trial lasts as long
_CPU_SECONDS, _PER_LAYER, _PER_MEGABYTE = 12.0, 0.15, 0.1


@dataclass(frozen=True)
class Tried:
    """What the trial found. guessed: the card of a file without one, None where the network shows no classes; copy_sha256: of the clean
    copy, taken before TensorFlow saw it; kept_in: by what the process was kept in on this machine."""

    facts: FileFacts
    guessed: ModelCard | None = None
    copy_sha256: str = ""
    kept_in: tuple[str, ...] = ()


_TRIED = TypeAdapter(Tried)


def try_model(
    path: Path,
    kept: Path,
    trusted: bool = False,
    card: ModelCard | None = None,
    meanwhile: Callable[[], object] | None = None,
    limits: Limits | None = None,
) -> Tried:
    """Check, copy, open and run the network under limits, unless that was done before.

    kept: the folder of earlier trials; card: the network's own, if it has one; meanwhile: what the caller does while a file that passed the
    check is opened. Raises ModelFileError when it cannot be opened, takes too long or too much memory, or crashes; UnsafeModel.
    """
    if not (path.is_file() or path.is_dir()):
        raise ModelFileError("does not exist." if not path.exists() else "is neither a file nor a folder.", str(path), "Check the path.")
    entry = kept / f"{file_sha256(path)}-{RULES}{'-trusted' if trusted else ''}"
    tried = _read_kept(entry, path)
    if tried is None:
        make_folder(kept)
        _clear(kept)
        with tempfile.TemporaryDirectory(dir=kept, prefix=".trial-") as folder:
            scratch = Path(folder) / "scratch"
            scratch.mkdir()
            tried = _try(path, scratch, trusted, card, meanwhile, limits or Limits())
            _keep(tried, scratch, entry)
        tried = _read_kept(entry, path) or tried
    return tried


@contextmanager
def tried_weights(path: Path) -> Iterator[Path]:
    """The clean copy of a stranger's file of weights, checked and written in the throw-away process. Raises ModelFileError."""
    if not path.is_file():
        raise ModelFileError("does not exist.", str(path), "Give a file of weights (.weights.h5), imagenet or none.")
    with tempfile.TemporaryDirectory() as folder:
        copied = _copied(path, Path(folder))
        if copied is None:
            raise ModelFileError("is a whole network, where a file of weights is expected.", path.name, "Name it as a classifier.")
        yield copied


def holds_weights_only(path: Path) -> bool:
    """Whether it is an HDF5 file without a network's configuration. Raises ModelFileError for a broken or harmful one."""
    if not looks_like_hdf5(path):
        return False
    with tempfile.TemporaryDirectory() as folder:
        return _copied(path, Path(folder)) is not None


def _copied(path: Path, scratch: Path) -> Path | None:
    given = [str(path.resolve()), str(scratch)]
    with _in_words(path, Limits()), apart("models.trial:copy_once", given, scratch, [path], _ROOMS, Limits()) as answers:
        name = next(answers)
        return None if name is None else scratch / Path(str(name)).name


def copy_once(path: str, folder: str) -> Iterator[Any]:
    """In the process: the name of the clean copy of a file of weights, None for a whole network."""
    copied = clean_weights(Path(path), Path(folder))
    yield copied.name if copied else None


def open_once(path: str, folder: str, trusted: bool, card: Mapping[str, Any] | None) -> Iterator[Any]:
    """In the process: what the check found, then the guessed card."""
    file = Path(path)
    facts = inspect_file(file, trusted=True) if trusted else None
    if facts is None or not facts.unsafe:
        facts = clean_copy(file, Path(folder))
    kept_in = tuple(name for name, there in next(tell_protections()).items() if there)
    yield _TRIED.dump_python(Tried(facts, None, file_sha256(facts.clean) if facts.clean else "", kept_in), mode="json")
    try:
        guessed = _run_once(facts, ModelCard(**card) if card else None)
    except LesionLensError as error:
        if "OOM when allocating" in error.what:
            raise _too_big(file.name) from error
        raise type(error)(error.what, error.where or file.name, error.todo) from error
    except MemoryError as error:
        raise _too_big(file.name) from error
    except Exception as error:
        if "OOM" in str(error) or "allocat" in str(error):
            raise _too_big(file.name) from error
        what = f"cannot be run ({type(error).__name__}: {first_line(error, 200)})."
        raise ModelFileError(what, file.name, "Save the network again.") from error
    yield guessed.model_dump(mode="json") if guessed else None


def _run_once(facts: FileFacts, card: ModelCard | None) -> ModelCard | None:
    import numpy as np

    from models.classifier import guess_card_for
    from models.network import import_tensorflow, open_network

    import_tensorflow()
    _tighten(facts)
    network = open_network(facts)
    try:
        guessed = guess_card_for(network, facts)
    except LesionLensError:
        if card is None:
            raise
        guessed = None
    used = card or guessed
    assert used is not None
    network(np.zeros((1, *used.size, 3), np.float32), training=False)
    return guessed


def _tighten(facts: FileFacts) -> None:
    """From here on the process may use as much as a network of this size needs, counted from what TensorFlow has taken already."""
    try:
        import resource
    except ImportError:  # Windows: the limits from outside remain
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    megabytes = (facts.weight_bytes + facts.n_bytes) / 1e6
    seconds = used.ru_utime + used.ru_stime + _CPU_SECONDS + _PER_LAYER * len(facts.layers) + _PER_MEGABYTE * megabytes
    _lower(resource.RLIMIT_CPU, int(seconds) + 1)
    status = Path("/proc/self/status")
    if status.exists():
        taken = next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmData:"))
        threads = _PER_THREAD_BYTES * (os.cpu_count() or 1)
        _lower(resource.RLIMIT_DATA, taken + threads + _HEADROOM_BYTES + _TIMES_WEIGHTS * facts.weight_bytes)


def _lower(kind: int, value: int) -> None:
    import resource

    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (min(x for x in (soft, hard, value) if x != resource.RLIM_INFINITY), hard))


def _too_big(name: str) -> ModelFileError:
    return ModelFileError("takes far more memory than its weights do.", name, "Open a smaller network.")


def _try(path: Path, scratch: Path, trusted: bool, card: ModelCard | None, meanwhile: Callable[[], object] | None, limits: Limits) -> Tried:
    readable = [Path("/")] if trusted else [path]
    given = [str(path.resolve()), str(scratch), trusted, card.model_dump(mode="json") if card else None]
    with _in_words(path, limits), apart("models.trial:open_once", given, scratch, readable, _ROOMS, limits) as answers:
        tried = _TRIED.validate_python(next(answers))
        if meanwhile is not None:
            meanwhile()
        told = next(answers)
        return replace(tried, guessed=ModelCard(**told) if told is not None else None)


@contextmanager
def _in_words(path: Path, limits: Limits) -> Iterator[None]:
    """However the process ends, one message."""
    try:
        yield
    except (StopIteration, ValidationError, TypeError) as error:
        raise ModelFileError("confused the process that opened it.", path.name, "The file is broken; save it again.") from error
    except Died as end:
        what = {
            "seconds": "took too many seconds to open.",
            "memory": f"took over {limits.resident_bytes / 2**30:.1f} GB of memory when it was opened.",
        }.get(end.reason, f"crashed the process that opened it, or took too much memory (code {end.code}).")
        raise ModelFileError(what, path.name, "The file is broken, or too large a network; save it again.") from end


def _keep(tried: Tried, scratch: Path, entry: Path) -> None:
    """Move the clean copy to its place, if it is what was checked."""
    ready = scratch.parent / "ready"
    ready.mkdir()
    if tried.facts.clean is not None:
        copy = scratch / tried.facts.clean.name
        if copy.is_symlink() or file_sha256(copy) != tried.copy_sha256:
            raise ModelFileError("was changed while it was opened.", tried.facts.path.name, "Do not open it.")
        copy.rename(ready / copy.name)
    write_bytes(ready / RECORD, _TRIED.dump_json(tried))
    if not entry.exists():
        try:
            ready.rename(entry)
        except OSError:  # another process has just kept the same
            if not entry.exists():
                raise
    others = sorted((p for p in entry.parent.iterdir() if p.is_dir() and not p.name.startswith(".")), key=lambda p: p.stat().st_mtime)
    for old in others[:-MAX_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _clear(kept: Path) -> None:
    """Removes what trials left whose process was killed together with the one that started it."""
    for left in kept.glob(".trial-*"):
        if time.time() - left.stat().st_mtime > _ABANDONED:
            shutil.rmtree(left, ignore_errors=True)


def _read_kept(entry: Path, path: Path) -> Tried | None:
    """The earlier trial of the same content, None if there is none that is whole."""
    try:
        tried = _TRIED.validate_json((entry / RECORD).read_bytes())
    except (OSError, ValueError):
        return None
    copy = entry / tried.facts.clean.name if tried.facts.clean is not None else None
    if copy is not None and not copy.exists():
        return None
    guessed = tried.guessed.model_copy(update={"name": path.stem[:120]}) if tried.guessed else None
    return replace(tried, facts=replace(tried.facts, path=path, clean=copy), guessed=guessed)
