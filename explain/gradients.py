"""Attribution by the gradient of the logit with respect to the picture, at the picture's resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from errors import NoGradient
from explain.baselines import Baseline, baseline_images
from models.classifier import BATCH, Classifier
from runs import Run, part

SMOOTH_SAMPLES, SMOOTH_NOISE = 25, 0.15
IG_START, IG_MOST = 32, 2048
COMPLETE = 0.01  # of max(|Δlogit|, 0.1): how close Integrated Gradients must come


def vanilla_gradient(classifier: Classifier, prepared: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """∂logit/∂pixel of the channel where it is largest, signed (Simonyan 2013, arXiv:1312.6034, before its absolute value).

    prepared: float32 (N, H, W, 3); targets: int (N,). Returns float32 (N, H, W): what the logit gains
    where the picture gets brighter. Raises NoGradient for a network that cannot be differentiated.
    """
    return strongest_channel(input_gradients(classifier, prepared, targets))


def smooth_grad(
    classifier: Classifier,
    prepared: np.ndarray,
    targets: np.ndarray,
    samples: int = SMOOTH_SAMPLES,
    noise: float = SMOOTH_NOISE,
    seed: int = 0,
) -> Run[np.ndarray]:
    """Mean gradient over noisy copies of the picture (Smilkov 2017, arXiv:1706.03825), signed as `vanilla_gradient`.

    noise: standard deviation as a share of each picture's range (maximum − minimum); samples: copies a picture.
    """
    maps = []
    for k, image in enumerate(prepared):
        rng = np.random.default_rng((seed, k))
        sigma = np.float32(noise * (image.max() - image.min()))
        total = np.zeros_like(image)
        for start in range(0, samples, BATCH):
            n = min(BATCH, samples - start)
            yield k * samples + start, len(prepared) * samples
            noisy = image + sigma * rng.standard_normal((n, *image.shape), np.float32)
            total += input_gradients(classifier, noisy, np.full(n, targets[k])).sum(axis=0)
        maps.append(strongest_channel(total[None] / samples)[0])
    return np.stack(maps) if maps else np.zeros(prepared.shape[:3], np.float32)


@dataclass(frozen=True)
class Completeness:
    """Whether Integrated Gradients add up: total = Σ map, difference = logit − logit of the baseline."""

    total: float
    difference: float
    steps: int

    @property
    def gap(self) -> float:
        """|total − difference| / max(|difference|, 0.1)."""
        return abs(self.total - self.difference) / max(abs(self.difference), 0.1)

    @property
    def holds(self) -> bool:
        return self.gap <= COMPLETE


def integrated_gradients(
    classifier: Classifier,
    prepared: np.ndarray,
    targets: np.ndarray,
    baseline: Baseline = "blur",
    start: int = IG_START,
    most: int = IG_MOST,
) -> Run[tuple[np.ndarray, list[Completeness]]]:
    """Σ_channels (x − x₀) ∫ ∂logit/∂x along the line from the baseline x₀ to x (Sundararajan 2017, arXiv:1703.01365).

    The number of steps doubles, keeping the points already computed, until the map adds up to the
    difference of the logits (see `Completeness`) or `most` steps are reached.
    Returns signed maps float32 (N, H, W) in units of the logit, and how far each adds up.
    """
    bases = baseline_images(classifier, prepared, baseline)
    maps, checks = [], []
    for k, (image, base, target) in enumerate(zip(prepared, bases, targets, strict=True)):
        yield k, len(prepared)
        heatmap, check = yield from part(
            _integrate(classifier, image, base, int(target), start, most), k / len(prepared), (k + 1) / len(prepared)
        )
        maps.append(heatmap)
        checks.append(check)
    return np.stack(maps) if maps else np.zeros(prepared.shape[:3], np.float32), checks


def input_gradients(classifier: Classifier, prepared: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """∂logit/∂x, float32 (N, H, W, 3), channels in the order of the prepared pictures."""
    run = classifier.function(("input gradients",), lambda: _build(classifier))
    parts = [
        run(prepared[i : i + BATCH], np.asarray(targets[i : i + BATCH], np.int32)).numpy() for i in range(0, len(prepared), BATCH)
    ]
    return np.concatenate(parts) if parts else np.zeros(prepared.shape, np.float32)


def strongest_channel(gradients: np.ndarray) -> np.ndarray:
    """Of the last axis the value that is largest in absolute terms, with its sign."""
    at = np.abs(gradients).argmax(axis=-1)[..., None]
    return np.take_along_axis(gradients, at, axis=-1)[..., 0]


def _integrate(
    classifier: Classifier, image: np.ndarray, base: np.ndarray, target: int, steps: int, most: int
) -> Run[tuple[np.ndarray, Completeness]]:
    """Trapezoids: doubling the steps only adds the midpoints."""
    ends = classifier.predict(np.stack([base, image])).logits[:, target].astype(float)
    difference = float(ends[1] - ends[0])
    edges = (yield from _path_sum(classifier, image, base, target, np.array([0.0, 1.0]), most)) / 2
    inner = yield from _path_sum(classifier, image, base, target, np.arange(1, steps) / steps, most)
    while True:
        heatmap = ((edges + inner) / steps * (image - base)).sum(axis=-1)
        check = Completeness(float(heatmap.sum(dtype=float)), difference, steps)
        if check.gap <= COMPLETE / 2 or 2 * steps > most:
            return heatmap.astype(np.float32), check
        inner += yield from _path_sum(classifier, image, base, target, (np.arange(steps) + 0.5) / steps, most)
        steps *= 2


def _path_sum(
    classifier: Classifier, image: np.ndarray, base: np.ndarray, target: int, at: np.ndarray, most: int
) -> Run[np.ndarray]:
    """Σ of the gradients at these shares of the way from the baseline to the picture, float64 (H, W, 3)."""
    total = np.zeros(image.shape)
    for start in range(0, len(at), BATCH):
        yield len(at) + start, most  # of at most so many steps: half of them are behind when they double
        share = at[start : start + BATCH].astype(np.float32)[:, None, None, None]
        points = base + share * (image - base)
        total += input_gradients(classifier, points, np.full(len(points), target)).sum(axis=0, dtype=float)
    return total


def _build(classifier: Classifier) -> Any:
    import tensorflow as tf

    @tf.function(input_signature=[classifier.input_spec(), tf.TensorSpec((None,), tf.int32)])
    def run(images: Any, targets: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = classifier.class_logits(classifier.logits(images))
            score = tf.reduce_sum(tf.gather(logits, targets, batch_dims=1))
        gradient = tape.gradient(score, images)
        if gradient is None:
            raise NoGradient(
                "cannot be differentiated with respect to its picture.", classifier.facts.path.name,
                "Explain it by occlusion or RISE.",
            )  # fmt: skip
        return gradient

    return run
