"""How much memory a process that runs networks may take."""

import os

import psutil

from core.errors import WorkerError

VARIABLE = "LESIONLENS_WORKER_MEMORY_MB"


def memory_limit() -> int:
    """Resident bytes above which such a process is ended: LESIONLENS_WORKER_MEMORY_MB, else 70 % of the machine's memory."""
    megabytes = os.environ.get(VARIABLE, "").strip()
    if megabytes and not megabytes.isdecimal():
        raise WorkerError(f"is {megabytes[:40]!r}, no number of megabytes.", VARIABLE, "Correct or unset it.")
    return int(megabytes) * 2**20 if megabytes else int(psutil.virtual_memory().total * 0.7)
