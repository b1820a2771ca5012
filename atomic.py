"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def part_name(path: Path) -> Path:
    """Where a file is written before it takes its name: beside it, hidden, one a writer."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")


def write_bytes(path: Path, content: bytes) -> None:
    """Write and rename, so that a killed process leaves the old file or the new one, never half of it."""
    part = part_name(path)
    part.write_bytes(content)
    part.replace(path)
