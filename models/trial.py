"""A network's first opening, in a process that may die: `python -m models.trial FILE trusted|untrusted`.

Whatever an untrusted file does to TensorFlow (memory, time, a crash in native code) happens there. The
watchdog looks at resident memory, because TensorFlow's virtual size is several GB from the start.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from core.errors import LesionLensError, ModelFileError
from models.card import ModelCard, card_path, make_card, read_card

SECONDS = 180
RESIDENT_BYTES = 6 * 1024**3
_PROJECT = Path(__file__).resolve().parents[1]


def try_model(path: Path, trusted: bool = False, seconds: float = SECONDS, resident: int = RESIDENT_BYTES) -> ModelCard:
    """Open and run the network once under limits; returns its card, or a guessed one.

    Raises ModelFileError when it cannot be opened, takes too long or too much memory, or crashes.
    """
    command = [sys.executable, "-m", "models.trial", str(path.resolve()), "trusted" if trusted else "untrusted"]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=_PROJECT, stdout=output, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        _watch(process, path.name, seconds, resident)
        output.seek(0)
        lines = output.read().decode().strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise ModelFileError(
            f"crashed the process that opened it (code {process.returncode}).", path.name, "The file is broken; save it again."
        ) from error
    if "error" in answer:
        raise ModelFileError(*answer["error"])
    return make_card(answer["card"], path.name)


def _watch(process: subprocess.Popen, name: str, seconds: float, resident: int) -> None:
    start = time.monotonic()
    while process.poll() is None:
        problem = ""
        try:
            if psutil.Process(process.pid).memory_info().rss > resident:
                problem = f"took over {resident / 2**30:.1f} GB of memory when it was opened."
        except psutil.NoSuchProcess:
            return
        if time.monotonic() - start > seconds:
            problem = f"took over {seconds:.0f} seconds to open."
        if problem:
            process.kill()
            process.wait()
            raise ModelFileError(problem, name, "Open a smaller network.")
        time.sleep(0.05)


def _open(path: Path, trusted: bool) -> dict[str, Any]:
    import numpy as np

    from models.classifier import Classifier, guess_card_for
    from models.files import inspect_file
    from models.network import open_network

    try:
        facts = inspect_file(path, trusted)
        network = open_network(facts)
        card = read_card(card_path(path)) if card_path(path).exists() else guess_card_for(network, facts)
        classifier = Classifier(network, card, facts)
        classifier.predict(classifier.prepare([np.zeros((*card.size, 3), np.uint8)]))
        return {"card": card.model_dump(mode="json")}
    except LesionLensError as error:
        return {"error": [error.what, error.where or path.name, error.todo]}
    except MemoryError:
        return {"error": ["does not fit into memory.", path.name, "Open a smaller network."]}
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0][:200]
        return {"error": [f"cannot be run ({type(error).__name__}: {first}).", path.name, "Save the network again."]}


if __name__ == "__main__":
    print(json.dumps(_open(Path(sys.argv[1]), sys.argv[2] == "trusted")))
