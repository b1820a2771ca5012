"""Whether a network can be trained in the free memory, estimated beforehand."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import psutil

from core.errors import TrainingError
from models.layers import sublayers

MOMENTS = {"adam": 2, "nadam": 2, "sgd": 1}
KEPT = 1.5  # outputs kept for the backward pass, plus the workspace of convolutions, relative to the outputs


def needed_bytes(network: Any, batch: int, optimiser: str) -> int:
    """An estimate: weights, gradients and moments, and every layer's output for a batch, float32."""
    kept = n_weights(network.weights) + n_weights(network.trainable_weights) * (1 + MOMENTS[optimiser])
    return 4 * (kept + round(KEPT * batch * n_outputs(network)))


def n_weights(weights: Iterable[Any]) -> int:
    """Scalars in these tensors."""
    return sum(int(np.prod(w.shape)) for w in weights)


def n_outputs(network: Any) -> int:
    """Scalars that the layers of a network output for one image, nested layers included."""
    outputs = (layer.output for _, layer in sublayers(network))
    shapes = (o[0].shape if isinstance(o, list) else o.shape for o in outputs)
    return sum(int(np.prod([n for n in shape[1:] if n])) for shape in shapes)


def check_memory(network: Any, batch: int, optimiser: str) -> None:
    """Raises TrainingError with the batch size that would fit."""
    free = psutil.virtual_memory().available
    needed = needed_bytes(network, batch, optimiser)
    if needed <= free:
        return
    fitting = next((b for k in range(1, 13) if (b := batch >> k) and needed_bytes(network, b, optimiser) <= free), None)
    todo = f"Choose a batch size of {fitting}: --batch {fitting}." if fitting else "Choose a smaller network or image size."
    what = f"training takes about {needed / 2**30:.1f} GB with a batch size of {batch}; {free / 2**30:.1f} GB are free."
    raise TrainingError(what, "Training", todo)
