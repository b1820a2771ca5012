"""A training run in a process of its own, which outlives its parent: started, watched and stopped through its folder."""

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
    """Start or resume training on a workspace's dataset. Raises TrainingError while one is in progress."""
    folder = folder_of(network)
    state = folder.state()
    if state is not None and state.alive:
        raise TrainingError("is already being trained.", network.stem, "Wait for it, stop it, or choose another name.")
    if network.exists() and folder.specification() is None:
        raise TrainingError("a classifier of that name already exists.", network.stem, "Choose another name.")
    write_bytes(folder.path / SETTINGS, yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False).encode())
    options = {"--settings": folder.path / SETTINGS, "--dataset": dataset, "--out": network.stem, "--workspace": workspace}
    command = [sys.executable, str(PROJECT / "cli.py"), "train", preset, *(str(part) for pair in options.items() for part in pair)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with (folder.path / OUTPUT).open("wb") as log:
        process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=environment
        )
    threading.Thread(target=process.wait, daemon=True).start()  # reaps the process when it ends
    folder.write_state("starting", process=psutil.Process(process.pid))
    return folder


def last_words(folder: Folder) -> str:
    """The last error, else the last line, that a process printed before it died."""
    file = folder.path / OUTPUT
    lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines() if file.exists() else []
    errors = [line for line in lines if line.startswith("Error: ")]
    return (errors or lines or ["The process ended without a message; it may have run out of memory."])[-1].removeprefix("Error: ")[:600]
