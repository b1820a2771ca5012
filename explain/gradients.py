"""Attribution by the gradient of the logit with respect to the input image, at the image's resolution."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import NoGradient
from core.runs import Run
from explain.baselines import Baseline, Colour, baseline_images
from models.classifier import BATCH, Classifier

SMOOTH_SAMPLES, SMOOTH_NOISE = 25, 0.15
IG_STEPS, IG_MOST = 32, 4096
WORST = 8  # segments that are subdivided at a time
COMPLETE = 0.01  # of max(|Δlogit|, 0.1): the largest gap at which Integrated Gradients are complete


def vanilla_gradient(classifier: Classifier, prepared: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """∂logit/∂pixel of the channel where it is largest, signed (Simonyan 2013, arXiv:1312.6034, before taking its absolute value).

    prepared: float32 (N, H, W, 3); targets: int (N,). Returns float32 (N, H, W): what the logit gains where the image
    gets brighter. Raises NoGradient for a network that cannot be differentiated.
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
    """Mean gradient over noisy copies of the image (Smilkov 2017, arXiv:1706.03825), signed like `vanilla_gradient`.

    noise: standard deviation as a share of each image's range (maximum − minimum); samples: copies per image.
    """
    maps = np.zeros(prepared.shape[:3], np.float32)
    for k, image in enumerate(prepared):
        rng = np.random.default_rng((seed, k))
        sigma = np.float32(noise * (image.max() - image.min()))
        total = np.zeros_like(image)
        for start in range(0, samples, BATCH):
            n = min(BATCH, samples - start)
            yield k * samples + start, len(prepared) * samples
            noisy = image + sigma * rng.standard_normal((n, *image.shape), np.float32)
            total += input_gradients(classifier, noisy, np.full(n, targets[k])).sum(axis=0)
        maps[k] = strongest_channel(total / samples)
    return maps


@dataclass(frozen=True)
class Completeness:
    """Whether Integrated Gradients add up: total = Σ map, difference = logit − logit of the baseline, in `steps` gradients."""

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
    colour: Colour | None = None,
    steps: int = IG_STEPS,
    most: int = IG_MOST,
) -> Run[tuple[np.ndarray, list[Completeness]]]:
    """Σ_channels (x − x₀) ∫ ∂logit/∂x along the line from the baseline x₀ to x (Sundararajan 2017, arXiv:1703.01365).

    The line is divided into `steps` segments, each with the gradient at its midpoint. How much the logit rises along a
    segment is known, so the segments whose gradient misses it most are cut in three, until the map adds up to the
    difference of the logits (see `Completeness`) or `most` gradients have been computed.
    Returns signed maps float32 (N, H, W) in units of the logit, and how well each adds up.
    """
    bases = baseline_images(classifier, prepared, baseline, colour)
    maps, checks = np.zeros(prepared.shape[:3], np.float32), []
    for k, (image, base, target) in enumerate(zip(prepared, bases, targets, strict=True)):
        yield k, len(prepared)
        line = _Line(classifier, image, base, int(target))
        for done in line.refine(steps, most):
            yield k * most + done, len(prepared) * most
        maps[k] = line.heatmap
        checks.append(line.check)
    return maps, checks


def input_gradients(classifier: Classifier, prepared: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """∂logit/∂x, float32 (N, H, W, 3), channels in the order of the prepared images."""
    run = classifier.function(("input gradients",), lambda: _build(classifier))
    parts = [run(prepared[i : i + BATCH], np.asarray(targets[i : i + BATCH], np.int32)).numpy() for i in range(0, len(prepared), BATCH)]
    return np.concatenate([np.zeros((0, *prepared.shape[1:]), np.float32), *parts])


def strongest_channel(gradients: np.ndarray) -> np.ndarray:
    """The value of largest magnitude along the last axis, with its sign."""
    at = np.abs(gradients).argmax(axis=-1)[..., None]
    return np.take_along_axis(gradients, at, axis=-1)[..., 0]


class _Line:
    """The path from a baseline to an image in segments (start, width), each with the error of its estimated rise."""

    def __init__(self, classifier: Classifier, image: np.ndarray, base: np.ndarray, target: int) -> None:
        self._classifier, self._base, self._target = classifier, base, target
        self._whole = image - base
        self._sum = np.zeros(image.shape)  # Σ width × gradient
        self._starts = self._widths = self._errors = np.zeros(0)
        self._count = 0
        ends = self._logits(np.array([0.0, 1.0]))
        self._difference = float(ends[1] - ends[0])

    @property
    def heatmap(self) -> np.ndarray:
        return (self._sum * self._whole).sum(axis=-1)

    @property
    def check(self) -> Completeness:
        return Completeness(float((self._sum * self._whole).sum()), self._difference, self._count)

    def refine(self, steps: int, most: int) -> Iterator[int]:
        """Subdivide until the map adds up; yields how many gradients have been computed."""
        self._add(np.arange(steps) / steps, np.full(steps, 1 / steps))
        while self.check.gap > COMPLETE / 2 and self._count + 3 * WORST <= most:
            yield self._count
            worst = np.argsort(-np.abs(self._errors))[:WORST]
            starts, widths = self._starts[worst], self._widths[worst]
            self._sum -= self._gradients(starts + widths / 2, widths)[0]
            keep = np.setdiff1d(np.arange(len(self._starts)), worst)
            self._starts, self._widths, self._errors = self._starts[keep], self._widths[keep], self._errors[keep]
            third = widths / 3
            self._add(np.concatenate([starts, starts + third, starts + 2 * third]), np.tile(third, 3))

    def _add(self, starts: np.ndarray, widths: np.ndarray) -> None:
        weighted, slopes = self._gradients(starts + widths / 2, widths)
        rises = self._logits(starts + widths) - self._logits(starts)
        self._sum += weighted
        self._starts = np.concatenate([self._starts, starts])
        self._widths = np.concatenate([self._widths, widths])
        self._errors = np.concatenate([self._errors, widths * slopes - rises])

    def _gradients(self, at: np.ndarray, widths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Σ width × gradient, float64 (H, W, 3), and each point's slope of the logit along the line."""
        total, slopes = np.zeros(self._whole.shape), []
        for start in range(0, len(at), BATCH):
            points = self._points(at[start : start + BATCH])
            found = input_gradients(self._classifier, points, np.full(len(points), self._target)).astype(float)
            total += np.tensordot(widths[start : start + BATCH], found, axes=1)
            slopes.append((found * self._whole).sum(axis=(1, 2, 3)))
        self._count += len(at)
        return total, np.concatenate(slopes)

    def _logits(self, at: np.ndarray) -> np.ndarray:
        parts = [self._classifier.predict(self._points(at[i : i + BATCH])).logits for i in range(0, len(at), BATCH)]
        return np.concatenate(parts)[:, self._target].astype(float)

    def _points(self, at: np.ndarray) -> np.ndarray:
        return self._base + at.astype(np.float32)[:, None, None, None] * self._whole


def _build(classifier: Classifier) -> Any:
    import tensorflow as tf

    @tf.function(input_signature=[classifier.input_spec(), tf.TensorSpec((None,), tf.int32)])
    def run(images: Any, targets: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = classifier.class_logits(classifier.logits(images))
            score = tf.reduce_sum(tf.gather(logits, targets, batch_dims=1))
        gradient = tape.gradient(score, images, output_gradients=tf.constant(classifier.gradient_scale, score.dtype))
        if gradient is None:
            raise NoGradient(
                "cannot be differentiated with respect to its input.", classifier.facts.path.name, "Explain it by occlusion or RISE."
            )
        return gradient / classifier.gradient_scale

    return run
