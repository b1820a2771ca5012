"""A training in a process of its own, which outlives whoever started it: begun, watched and stopped through its folder."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import yaml

from core.atomic import write_bytes
from core.errors import TrainingError
from models.architectures.recipe import Recipe
from training.folder import Folder, folder_of

PROJECT = Path(__file__).resolve().parents[1]
SETTINGS, OUTPUT = "settings.yaml", "output.log"


def launch(preset: str, recipe: Recipe, dataset: str, network: Path, workspace: Path) -> Folder:
    """Begin or go on with a training of a workspace's dataset. Raises TrainingError where one is under way."""
    folder = folder_of(network)
    state = folder.state()
    if state is not None and state.alive:
        raise TrainingError("is being trained already.", network.stem, "Wait for it, stop it, or choose another name.")
    if network.exists() and folder.asked() is None:
        raise TrainingError("a classifier of that name is there already.", network.stem, "Choose another name.")
    write_bytes(folder.path / SETTINGS, yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False).encode())
    command = [
        sys.executable,
        str(PROJECT / "cli.py"),
        "train",
        preset,
        "--settings",
        str(folder.path / SETTINGS),
        "--dataset",
        dataset,
        "--out",
        network.stem,
        "--workspace",
        str(workspace),
    ]
    with (folder.path / OUTPUT).open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that what has ended does not stay as a zombie
    folder.say_for("getting ready", psutil.Process(process.pid))
    return folder


def last_words(folder: Folder) -> str:
    """What a process that ended without a word had printed last."""
    file = folder.path / OUTPUT
    lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines() if file.exists() else []
    errors = [line for line in lines if line.startswith("Error: ")]
    return (errors or lines or ["Its process ended without a word; it may have run out of memory."])[-1].removeprefix("Error: ")[:600]
