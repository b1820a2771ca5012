"""Whether a network can be trained in the memory that is free, told before it is tried."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import psutil

from core.errors import TrainingError
from models.layers import sublayers

MOMENTS = {"adam": 2, "nadam": 2, "sgd": 1}
KEPT = 1.5  # outputs kept for the backward pass, and the room convolutions work in, over the outputs themselves


def wanted_bytes(network: Any, batch: int, optimiser: str) -> int:
    """About what training takes: weights, gradients and moments, and every layer's output for a batch, float32."""
    kept = counted(network.weights) + counted(network.trainable_weights) * (1 + MOMENTS[optimiser])
    return 4 * (kept + round(KEPT * batch * outputs_of(network)))


def counted(weights: Iterable[Any]) -> int:
    """Numbers in these weights."""
    return sum(int(np.prod(w.shape)) for w in weights)


def outputs_of(network: Any) -> int:
    """Numbers that the layers of a network put out for one picture, nested ones too."""
    outputs = (layer.output for _, layer in sublayers(network))
    shapes = (o[0].shape if isinstance(o, list) else o.shape for o in outputs)
    return sum(int(np.prod([n for n in shape[1:] if n])) for shape in shapes)


def check_memory(network: Any, batch: int, optimiser: str) -> None:
    """Raises TrainingError with the batch that would fit."""
    free = psutil.virtual_memory().available
    wanted = wanted_bytes(network, batch, optimiser)
    if wanted <= free:
        return
    fitting = batch
    while fitting > 1 and wanted_bytes(network, fitting, optimiser) > free:
        fitting //= 2
    smaller = (
        f"A batch of {fitting} would fit: --batch {fitting}."
        if wanted_bytes(network, fitting, optimiser) <= free
        else ("Not even one picture at a time would fit: choose a smaller network or size.")
    )
    raise TrainingError(
        f"it takes about {wanted / 2**30:.1f} GB with batches of {batch}; {free / 2**30:.1f} GB are free.", "Training", smaller
    )
