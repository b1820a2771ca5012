"""What `make watched` calls a fault, line by line of strace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.watched import objections

SCRATCH, PROJECT = Path("/tmp/x/tests"), Path("/srv/lesionlens")
HERE = "AT_FDCWD</srv/lesionlens>"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f'12 openat({HERE}, "/home/a/b", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</home/a/b>', "openat changed /home/a/b"),
        (f'12 openat({HERE}, "core/text.py", O_RDWR) = 3</srv/lesionlens/core/text.py>', "openat changed /srv/lesionlens/core/text.py"),
        ('12 unlink("/srv/lesionlens/README.md") = 0', "unlink changed /srv/lesionlens/README.md"),
        (f'12 mkdirat({HERE}, "new", 0777) = 0', "mkdirat changed /srv/lesionlens/new"),
        ('[pid 7] rename("/tmp/x/tests/a", "/home/a") = 0', "rename changed /home/a"),
        (f'12 openat({HERE}, "/home/a/.ssh/id", O_RDONLY|O_CLOEXEC) = 5</home/a/.ssh/id>', "read /home/a/.ssh/id"),
        (f'12 openat({HERE}, "/etc/shadow", O_RDONLY) = 5</etc/shadow>', "read /etc/shadow"),
        ('12 execve("/tmp/x/tests/evil", ["evil"], 0x1 /* 3 vars */) = 0', "started /tmp/x/tests/evil"),
        (
            '12 connect(4<socket:[1]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}, 16) = 0',
            'reached 4<socket:[1]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}, 16',
        ),
    ],
)
def test_what_should_not_have_succeeded_is_said(line: str, said: str) -> None:
    assert list(objections([line], SCRATCH, [PROJECT])) == [said]


@pytest.mark.parametrize(
    "line",
    [
        f'12 openat({HERE}, "/etc/shadow", O_RDONLY) = -1 EACCES (Permission denied)',
        f'12 openat({HERE}, "/home/a/b", O_WRONLY|O_CREAT, 0666) = -1 EACCES (Permission denied)',
        f'12 openat({HERE}, "/tmp/x/tests/run/b", O_WRONLY|O_CREAT, 0666) = 3</tmp/x/tests/run/b>',
        f'12 openat({HERE}, "core/text.py", O_RDONLY|O_CLOEXEC) = 3</srv/lesionlens/core/text.py>',
        '12 openat(3</tmp/x/tests/run>, "b", O_RDWR) = 4</tmp/x/tests/run/b>',
        '12 connect(4<socket:[1]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        '12 newfstatat(3</home/a>, "b", {st_mode=S_IFREG|0644}, 0) = 0',
        "12 +++ exited with 0 +++",
    ],
)
def test_what_failed_or_may_be_is_not(line: str) -> None:
    assert list(objections([line], SCRATCH, [PROJECT])) == []
