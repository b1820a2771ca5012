"""The state between two epochs in one file, written whole or not at all, so that a killed run resumes after the last complete epoch."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from core.atomic import whole
from core.errors import TrainingError
from training.folder import Epoch


def network_state(network: Any) -> list[Any]:
    """All variables that training changes: weights, moving averages, states of random layers."""
    return list(network.variables)


def save(variables: Sequence[Any], history: Sequence[Epoch], path: Path) -> None:
    """The values of Keras variables, by position, and the epochs so far."""
    arrays: dict[str, Any] = {f"v{k}": np.asarray(v) for k, v in enumerate(variables)}
    rows = np.frombuffer(json.dumps([asdict(e) for e in history]).encode(), np.uint8)
    with whole(path) as part, part.open("wb") as stream:
        np.savez(stream, history=rows, **arrays)


def read_history(path: Path) -> list[Epoch]:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        return [Epoch(**row) for row in json.loads(content["history"].tobytes())]


def restore(variables: Sequence[Any], path: Path) -> None:
    """Restore the variables; raises TrainingError if the file is of another network or optimiser."""
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        if len(content.files) != len(variables) + 1 or any(content[f"v{k}"].shape != tuple(v.shape) for k, v in enumerate(variables)):
            raise TrainingError("belongs to another network.", str(path), "Delete the folder of this training run and start again.")
        for k, variable in enumerate(variables):
            variable.assign(content[f"v{k}"])
