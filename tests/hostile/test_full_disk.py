"""A disk that fills up in the middle of a file: one message, the file that was there before, and nothing half-written beside it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

from tests.conftest import PROJECT

CHILD = """
import json, resource, signal, sqlite3, sys, tempfile
from pathlib import Path
import numpy as np, pandas as pd
from core.atomic import write_bytes
from core.claim import claimed
from core.errors import LesionLensError
from core.records import write_record
from core.tables import read_arrow
from data_audit.images import write_images
from data_audit.review import Verdicts
from data_audit.scan import _write as write_scan
from explain.map_file import MapWriter
from models.card import ModelCard, write_card
from models.predictions import PredictionTable, write_predictions
from reports.pictures import write_page
from shortcuts.table import empty_row, trials_frame, write_trials
from training.checkpoint import save as save_checkpoint
from workspace import Workspace

N = 4000
ids = tuple(f"image {k}" for k in range(N))
noise = np.random.default_rng(0).random((N, 2))

def maps(path):
    writer = MapWriter(path, {})
    try:
        writer.write(ids, "grad-cam", "conv", ["mel"] * N, noise.reshape(N, 2, 1).astype(np.float32))
        writer.close()
    finally:
        writer.discard()

class Variable:
    def numpy(self):
        return noise
    __array__ = lambda self, *a, **k: noise

def register(path):
    space = Workspace(path.parent)
    space.register_dataset("x" * 90, path.parent)
    for k in range(60):
        space.register_dataset(f"{k} " + "x" * 90, path.parent)

WRITERS = {
    "bytes": lambda p: write_bytes(p, bytes(99_999)),
    "record": lambda p: write_record(p, list(ids)),
    "predictions": lambda p: write_predictions(PredictionTable(ids, ("mel", "nv"), noise), p),
    "images": lambda p: write_images(pd.DataFrame({"image_id": ids, "x": noise[:, 0]}), p, {}),
    "scan": lambda p: write_scan(p, {i: {"image_id": i, "x": float(x)} for i, x in zip(ids, noise[:, 0])}),
    "trials": lambda p: write_trials(trials_frame([{**empty_row(), "image_id": i} for i in ids]).assign(size=noise[:, 0]), {}, p),
    "maps": maps,
    "checkpoint": lambda p: save_checkpoint([Variable()], [], p),
    "card": lambda p: write_card(ModelCard(name="x", classes=("a", "b"), height=1, width=1, limits="x" * 9_999), p),
    "trust": lambda p: [Workspace(p.parent).trust(f) for k in range(70) if [(f := p.with_name(str(k))).write_bytes(b"%d" % k)]],
    "page": lambda p: write_page(p.parent, "x" * 99_999),
    "datasets.yaml": register,
    "uploaded model": lambda p: Workspace(p.parent).keep_model("n.keras", noise.tobytes()),
    "kept image": lambda p: Workspace(p.parent).keep_image(np.random.default_rng(0).integers(0, 255, (99, 99, 3)).astype(np.uint8)),
    "verdicts": lambda p: [Verdicts(p.with_suffix(".sqlite")).give(f"{k}" * 2000, "ink", True) for k in range(9)],
}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
told = {}
for name, write in WRITERS.items():
    folder = Path(tempfile.mkdtemp(dir=sys.argv[1]))
    path = folder / "file.parquet"
    path.write_bytes(b"before")
    try:
        write(path)
        said = "nothing"
    except LesionLensError as error:
        said = f"{type(error).__name__}: {error}"
    except Exception as error:
        said = f"traceback {error!r}"
    left = sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file() and ".part" in f.name)
    told[name] = [said, path.read_bytes().decode(), left]
print(json.dumps(told))
"""


def test_every_writer_says_so_once_and_keeps_what_was_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path_factory.mktemp("full"))], cwd=PROJECT, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    for name, (said, before, left) in json.loads(ended.stdout.splitlines()[-1]).items():
        assert said.startswith(("WriteError: ", "RecordError: ")) and "cannot be" in said and "\n" not in said, (name, said)
        assert before == "before" and not left, (name, left)


# how files come into being; each must stand inside `whole(…)` or `writing(…)`, or write to a path those have given
_WRITING = {"write_text", "write_table", "ParquetWriter", "savez", "savez_compressed", "save", "to_parquet", "touch"}
_EXEMPT = {  # file: function → why
    "core/atomic.py: write_bytes": "is what is meant",
    "training/folder.py: ask_to_stop": "a file without content",
    "imaging/decode.py: encode_png_with": "into memory",
    "ui/inspect/inspection.py: _npy": "into memory",
    "models/ood.py: write_reference": "into memory, then by write_bytes",
    "training/phase.py: run_phase": "by checkpoint.save, which is atomic",
    "core/throwaway.py: _leave_network": "no file: the kernel's settings of the process",
    "models/architectures/borrowed.py: _in_keras3": "into a folder of its own that is thrown away",
}


def test_files_are_written_whole_or_not_at_all() -> None:
    """Calls that write files lie in functions that use core.atomic, throughout the product."""
    loose = []
    for path in sorted(f for room in PROJECT.iterdir() if room.is_dir() and not room.name.startswith(".") for f in room.glob("**/*.py")):
        room = path.relative_to(PROJECT).as_posix()
        if room.split("/")[0] in {"tests", "docs", ".venv", "demo", "benchmarks"}:
            continue
        text = path.read_text(encoding="utf-8")
        if not any(f"{name}(" in text for name in _WRITING):
            continue
        for function in [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]:
            calls = [n.func for n in ast.walk(function) if isinstance(n, ast.Call)]
            called = {c.attr if isinstance(c, ast.Attribute) else getattr(c, "id", "") for c in calls}
            where = f"{room}: {function.name}"
            if called & _WRITING and not called & {"whole", "writing", "_joined"} and where not in _EXEMPT:
                loose.append(f"{where} ({', '.join(sorted(called & _WRITING))})")
    assert loose == []
