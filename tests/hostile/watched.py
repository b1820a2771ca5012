"""`make watched`: the hostile suite under strace. Fails on any file written or read, program started or address reached that it has no
business with, whatever library did it.

Only calls that succeed count: the suite tries what it must not get. Reads are of Python, the system's libraries, LesionLens and the folder of
the tests; writes into that folder alone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
TRACED = "%file,connect,bind"
# `[pid 12] openat(AT_FDCWD</here>, "name", O_RDWR|O_CREAT, 0666) = 3</here/name>`
_CALL = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\w+)\((.*)\) += (-?\d+)(?:<(.*)>)?")
_PATH = re.compile(r'(?:\w+<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
_WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
CHANGING = set("creat mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat truncate".split()) | set(
    "mknod mknodat chmod fchmodat fchmodat2 chown lchown fchownat utimensat setxattr".split()
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/dev/tty", "/dev/shm", "/dev/fuse")
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/proc", "/sys", "/etc", "/run/systemd", "/opt", "/var/cache/fontconfig", *DEVICES)
PRIVATE = ("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh")


def objections(lines: Iterable[str], scratch: Path, readable: Iterable[Path]) -> Iterator[str]:
    """What succeeded and should not have, in words."""
    may_read = (*SYSTEM, *(str(p) for p in readable), str(scratch))
    for line in lines:
        found = _CALL.match(line)
        if found is None or int(found[3]) < 0:
            continue
        call, arguments, opened = found[1], found[2], found[4]
        paths = [opened] if opened else [_whole(*p.groups()) for p in _PATH.finditer(arguments)]
        if call in ("connect", "bind") and re.search(r"AF_INET", arguments) and not re.search(r'"127\.|"::1"|AF_UNSPEC', arguments):
            yield f"reached {arguments}"
        elif call == "execve" and not _within(paths[0], ("/usr", "/bin", "/sbin", sys.prefix, sys.base_prefix)):
            yield f"started {paths[0]}"
        elif call in CHANGING or (call in ("open", "openat") and _WRITING.search(arguments)):
            yield from (f"{call} changed {p}" for p in paths if not _within(p, (str(scratch), "/proc/self", "/proc/thread-self", *DEVICES)))
        elif call in ("open", "openat") and "O_PATH" not in arguments:
            yield from (f"read {p}" for p in paths if not _within(p, may_read) or _within(p, PRIVATE))


def _whole(folder: str | None, name: str) -> str:
    return str(Path(folder or "/") / name)


def _within(path: str, roots: Iterable[str]) -> bool:
    plain = str(Path(path.removesuffix(" (deleted)")))
    return (
        plain == "."
        or any(plain == root or plain.startswith(root + "/") for root in roots)
        or path.startswith(("pipe:", "socket:", "anon_inode:"))
    )


def main(given: list[str]) -> int:
    if shutil.which("strace") is None:
        print("This needs strace (apt-get install strace).")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        scratch, log = Path(folder) / "tests", Path(folder) / "calls"
        scratch.mkdir()
        tests = [
            sys.executable,
            "-B",
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--basetemp={scratch}/run",
            *(given or ["tests/hostile"]),
        ]
        tracing = ["strace", "-f", "-y", "-qq", "-s", "4096", "-e", f"trace={TRACED}", "-e", "signal=none", "-o", str(log)]
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
        }
        outcome = subprocess.run([*tracing, *tests], cwd=PROJECT, env=environment).returncode
        own = [PROJECT, Path(sys.prefix), Path(sys.base_prefix), Path(sys.prefix).resolve()]
        with log.open(encoding="utf-8", errors="replace") as lines:
            counted = Counter(objections(lines, scratch, own))
    for what, times in counted.most_common(40):
        print(f"{times:6d} × {what}")
    print(
        f"{sum(counted.values())} calls that should not have succeeded"
        if counted
        else "Nothing was written, read, started or reached elsewhere."
    )
    return outcome or int(bool(counted))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
