"""A process that may die: a generator of ours runs there over a file nobody vouches for, and its answers come back as JSON.

Everywhere: a session of its own, no input, no messages, a scratch folder as home, an almost empty environment, limits on time and resident
memory watched from outside. On POSIX systems also limits on processor time, file size, open files and core dumps. On Linux, where the
kernel allows it: no network (a network namespace) and a view of the files (Landlock) that has Python, LesionLens and the given file to
read, and nothing but the scratch folder to write. `protections` lists what this machine provides.

The child is this very file, run as a script before anything else is imported.
"""

import ctypes
import importlib
import json
import os
import platform
import queue
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
MAX_ANSWER_BYTES = 16 * 2**20
_KEPT_VARIABLES = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")
_SYSTEM = "/usr /lib /lib64 /bin /opt /etc/ld.so.cache /etc/localtime /proc/self /proc/cpuinfo /proc/meminfo /proc/stat /sys".split()
_DEVICES = "/dev/null /dev/zero /dev/urandom /dev/random".split()
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_CREATE_RULESET, _ADD_RULE, _RESTRICT = 444, 445, 446  # Landlock; the same numbers on every architecture
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER, _TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_ACCESS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}  # later versions add what is not about regular files


@dataclass(frozen=True)
class Limits:
    """Of one process. seconds: on the clock; file_bytes: of every file it writes."""

    seconds: float = 180
    resident_bytes: int = 6 * 2**30
    file_bytes: int = 9 * 2**30
    open_files: int = 256


class Died(Exception):
    """The process ended without an answer. reason: `seconds`, `memory`, `answer` (too long or garbled) or `crash`."""

    def __init__(self, reason: str, code: int | None) -> None:
        self.reason, self.code = reason, code
        super().__init__(reason, code)


@contextmanager
def apart(
    function: str, arguments: Sequence[Any], scratch: Path, readable: Sequence[Path], rooms: Sequence[str], limits: Limits
) -> Iterator[Iterator[Any]]:
    """The answers of a generator `module:function` of ours in a process of its own, one after the other, as it gives them.

    arguments: JSON values; scratch: the folder it may write to; readable: files and folders it may read; rooms: ours that it may import.
    Leaving the block ends the process. What it raises comes back as Died, or as the error of ours of that name.
    """
    order = {
        "function": function,
        "arguments": list(arguments),
        "rooms": [str(PROJECT / room) for room in rooms],
        "readable": [str(path.resolve()) for path in readable],
        "scratch": str(scratch),
        "file_bytes": limits.file_bytes,
        "open_files": limits.open_files,
        "cpu_seconds": int(2 * limits.seconds) + 1,
    }
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ} | {
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "KERAS_HOME": str(scratch),
        "KERAS_BACKEND": "tensorflow",
        "PATH": os.defpath,
        "CUDA_VISIBLE_DEVICES": "-1",  # a trial needs no accelerator
        "HDF5_PLUGIN_PRELOAD": "::",  # no filters from elsewhere
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_NUM_INTRAOP_THREADS": "2",
        "TF_NUM_INTEROP_THREADS": "2",
        "OMP_NUM_THREADS": "2",
    }
    process = subprocess.Popen(
        [sys.executable, "-I", str(Path(__file__).resolve()), json.dumps(order)],
        cwd=scratch,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    watch = _Watch(process, limits)
    try:
        yield watch.answers()
    finally:
        watch.end()


@cache
def protections() -> dict[str, bool]:
    """What keeps such a process in on this machine, by name."""
    with (
        tempfile.TemporaryDirectory() as folder,
        apart("core.throwaway:tell_protections", [], Path(folder), [], ["core"], Limits()) as told,
    ):
        found: dict[str, bool] = next(told)
    return found


def tell_protections() -> Iterator[dict[str, bool]]:
    """In the child: what `_lock_in` achieved."""
    yield dict(vars(sys.modules["__main__"])["ACHIEVED"])


class _Watch:
    """One thread reads the answers and the clock, so that whoever waits for them can do something else meanwhile."""

    def __init__(self, process: subprocess.Popen[bytes], limits: Limits) -> None:
        self._process, self._limits = process, limits
        self._found: queue.SimpleQueue[bytes | Died | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=f, daemon=True) for f in (self._read, self._time)]
        self._reason = ""
        for thread in self._threads:
            thread.start()

    def answers(self) -> Iterator[Any]:
        while (line := self._found.get()) is not None:
            if isinstance(line, Died):
                raise line
            try:
                answer = json.loads(line)
                value, error = answer.get("value"), answer.get("error")
            except (ValueError, RecursionError, AttributeError) as problem:
                raise Died("answer", self._process.poll()) from problem
            if error is not None:
                raise _error(error)
            yield value

    def end(self) -> None:
        self._kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        if self._process.stdout:
            self._process.stdout.close()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        left = MAX_ANSWER_BYTES
        while line := stream.readline(left + 1):
            left -= len(line)
            if left < 0:
                self._reason = "answer"
                self._kill()
                break
            self._found.put(line)
        code = self._process.wait()
        by_clock = code == -getattr(signal, "SIGXCPU", 24)
        reason = self._reason or ("seconds" if by_clock else "crash")
        self._found.put(Died(reason, code) if self._reason or code else None)

    def _time(self) -> None:
        import psutil

        start = time.monotonic()
        while self._process.poll() is None:
            try:
                if psutil.Process(self._process.pid).memory_info().rss > self._limits.resident_bytes:
                    self._reason = "memory"
            except psutil.NoSuchProcess:
                return
            if time.monotonic() - start > self._limits.seconds:
                self._reason = "seconds"
            if self._reason:
                self._kill()
                return
            time.sleep(0.02)

    def _kill(self) -> None:
        """The process and what it may have started."""
        if self._process.returncode is not None and not hasattr(os, "killpg"):
            return
        try:
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        except (ProcessLookupError, PermissionError):  # all gone already; macOS says so with the second
            return


def _error(told: Sequence[str]) -> Exception:
    """The error of ours of that name; an unknown name is the plain one."""
    from core import errors

    name, *words = told
    kinds: dict[str, type[errors.LesionLensError]] = {
        k: v for k, v in vars(errors).items() if isinstance(v, type) and issubclass(v, errors.LesionLensError)
    }
    return kinds.get(name, errors.LesionLensError)(*(str(word)[:2000] for word in words[:3]))


# ---- below: in the child ----

ACHIEVED: dict[str, bool] = {}


def _lock_in(order: Mapping[str, Any]) -> None:
    """Take everything away that the work does not need."""
    ACHIEVED["limits on time, memory, files"] = _limit(order)
    on_linux = platform.system() == "Linux"
    ACHIEVED["no network"] = on_linux and _leave_network()
    ACHIEVED["no files but this one"] = on_linux and _restrict_files(order)


def _limit(order: Mapping[str, Any]) -> bool:
    try:
        import resource
    except ImportError:  # Windows
        return False
    wanted = {"CORE": 0, "FSIZE": order["file_bytes"], "NOFILE": order["open_files"], "CPU": order["cpu_seconds"]}
    for name, value in wanted.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))
    return True


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _leave_network() -> bool:
    libc, user, group = _libc(), os.getuid(), os.getgid()
    libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG: never outlives who started it
    if libc.unshare(_NEW_NETWORK) == 0:
        return True
    if libc.unshare(_NEW_USER | _NEW_NETWORK) != 0:
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        Path(f"/proc/self/{name}").write_text(text, encoding="ascii")
    return True


def _restrict_files(order: Mapping[str, Any]) -> bool:
    libc = _libc()
    abi = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if abi < 1:
        return False
    handled = _ACCESS_BY_ABI[min(abi, 3)]
    attributes = struct.pack("Q", handled)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    read = _EXECUTE | _READ_FILE | _READ_FOLDER
    own = [sys.prefix, sys.base_prefix, sys.exec_prefix, *(p for p in sys.path if p), *order["rooms"], *order["readable"]]
    allowed = dict.fromkeys([*_SYSTEM, *own], read) | dict.fromkeys(_DEVICES, _READ_FILE | _WRITE_FILE)
    allowed |= {str(PROJECT): _READ_FOLDER, order["scratch"]: handled & ~_EXECUTE}  # Python lists the folder it imports from
    for path, access in allowed.items():
        if not os.path.exists(path):  # noqa: PTH110 (pathlib is not needed in the child yet)
            continue
        of_its_kind = handled if os.path.isdir(path) else _EXECUTE | _READ_FILE | _WRITE_FILE | _TRUNCATE  # noqa: PTH112
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", access & handled & of_its_kind, handle)
        failed = libc.syscall(_ADD_RULE, ruleset, 1, rule, 0)
        os.close(handle)
        if failed:
            return False
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, which Landlock asks for
    done: bool = libc.syscall(_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return done


def _main(order: Mapping[str, Any]) -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever a library prints is no answer
    _lock_in(order)
    sys.path.insert(0, str(PROJECT))
    from core.errors import LesionLensError

    module, name = order["function"].split(":")

    def put(answer: Mapping[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    try:
        for value in getattr(importlib.import_module(module), name)(*order["arguments"]):
            put({"value": value})
    except LesionLensError as error:
        put({"error": [type(error).__name__, error.what, error.where, error.todo]})
    except (MemoryError, RecursionError):
        os._exit(1)
    os._exit(0)  # nothing a library has registered for the end


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
