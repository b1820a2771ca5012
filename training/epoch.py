"""One epoch: training images in random order; and predictions, with their loss and accuracy."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.architectures.recipe import Recipe
from training.augmentation import apply, draw

PREDICTED_AT_ONCE = 64
TINY = 1e-7


@dataclass(frozen=True)
class TrainingSet:
    """What an epoch shows: rows of `pixels` (uint8 (N, H, W, 3)), with labels and weights."""

    pixels: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Figures:
    """Without augmentation and dropout."""

    loss: float
    accuracy: float
    balanced_accuracy: float


def feed(shown: TrainingSet, recipe: Recipe, epoch: int) -> Any:
    """tf.data of (images float32, labels, weights) in batches; all randomness comes from the seed and the epoch's number."""
    import tensorflow as tf

    rng = np.random.default_rng([recipe.seed, 2, epoch])
    order = rng.permutation(len(shown.rows))
    size = shown.pixels.shape[1:3]
    drawn = draw(recipe.augmentation, len(order), (size[0], size[1]), rng)
    columns = {"row": shown.rows[order], "label": shown.labels[order], "weight": shown.weights[order], **drawn}

    def load(batch: dict[str, Any]) -> tuple[Any, Any, Any]:
        images = tf.numpy_function(lambda rows: shown.pixels[rows], [batch["row"]], tf.uint8)
        images.set_shape((None, *shown.pixels.shape[1:]))
        return apply(images, batch, recipe.augmentation.get("cutout", 0)), batch["label"], batch["weight"]

    batches = tf.data.Dataset.from_tensor_slices(columns).batch(recipe.batch)
    return batches.map(load, num_parallel_calls=2, deterministic=True).prefetch(2)


def reseed(network: Any, recipe: Recipe, epoch: int) -> None:
    """Set the state of random layers (dropout) from the seed and the epoch's number."""
    rng = np.random.default_rng([recipe.seed, 3, epoch])
    weights = {id(w) for w in network.weights}
    for state in (v for v in network.variables if id(v) not in weights):
        state.assign(rng.integers(0, 2**32, tuple(state.shape), dtype=np.uint32))


def run_epoch(network: Any, batches: Any) -> Iterator[tuple[int, float]]:
    """After each batch: images seen, and the mean loss so far."""
    seen, total = 0, 0.0
    for images, labels, weights in batches:
        n = int(labels.shape[0])
        network.reset_metrics()
        total += n * float(network.train_on_batch(images, labels, sample_weight=weights))
        seen += n
        yield seen, total / seen


def predict(network: Any, pixels: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Probabilities of the outputs, float32 (n, outputs), batch by batch."""
    for start in range(0, len(rows), PREDICTED_AT_ONCE):
        yield network.predict_on_batch(pixels[rows[start : start + PREDICTED_AT_ONCE]].astype(np.float32))


def class_scores(outputs: np.ndarray) -> np.ndarray:
    """A score per class: one column p becomes 1 − p and p of two classes."""
    return np.concatenate([1 - outputs, outputs], 1) if outputs.shape[1] == 1 else outputs


def figures(outputs: np.ndarray, labels: np.ndarray) -> Figures:
    """Cross-entropy, accuracy and balanced accuracy (mean sensitivity of the classes present). One column: the second class."""
    scores = class_scores(outputs)
    loss = float(-np.log(np.clip(scores[np.arange(len(labels)), labels], TINY, 1)).mean())
    right = scores.argmax(1) == labels
    return Figures(loss, float(right.mean()), float(np.mean([right[labels == c].mean() for c in np.unique(labels)])))
