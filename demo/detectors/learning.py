"""Training: masks where they are known, manual labels of whole images, and a loss that ties both together."""

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np

from data_audit.markers.detector import LEARNED, SIDE
from demo.detectors.pictures import Pictures

BATCH = 32
FOREGROUND = 8  # weight of a pixel of a marker relative to background
TOP = 64  # pixels; a marker in the labels must cover at least so many
Say = Callable[[str], None]


def fit(network: Any, draw: Callable[[np.random.Generator], Pictures], epochs: int, rate: float, masks: float, seed: int, say: Say) -> None:
    """Train in place with warm-up and cosine decay. draw: the images of one epoch, from a generator.

    masks: weight of the mask loss relative to that of the image scores.
    """
    import keras
    import tensorflow as tf

    rng = np.random.default_rng([seed, 3])
    steps = epochs * (len(draw(np.random.default_rng(0))) // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(rate / 20, steps - steps // 10, warmup_target=rate, warmup_steps=steps // 10)
    optimiser = keras.optimizers.AdamW(schedule, weight_decay=1e-3)
    compiled = tf.function(_loss, jit_compile=True)

    @tf.function
    def step(images: Any, labels: Any, bits: Any, known: Any) -> Any:
        with tf.GradientTape() as tape:
            whole, pixels = compiled(*network(images, training=True), labels, bits, known)
            loss = whole + masks * pixels
        gradients = tape.gradient(loss, network.trainable_variables)
        optimiser.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    for epoch in range(epochs):
        losses = [float(step(*batch)) for batch in _batches(draw(rng), rng)]
        say(f"epoch {epoch + 1} of {epochs}, loss {np.mean(losses):.3f}")


def scores(network: Any, images: np.ndarray) -> np.ndarray:
    """float32 (N, 7), 0…1."""
    return 1 / (1 + np.exp(-network.predict(images.astype(np.float32), batch_size=64, verbose=0)[0]))


def _loss(scores: Any, masks: Any, labels: Any, bits: Any, known: Any) -> Any:
    import tensorflow as tf

    n = len(LEARNED)
    cross = tf.nn.sigmoid_cross_entropy_with_logits
    asked = tf.cast(~tf.math.is_nan(labels), tf.float32)
    truth = tf.where(tf.math.is_nan(labels), 0.0, labels)
    soft = truth * 0.96 + 0.02
    whole = tf.reduce_sum(asked * cross(soft, scores)) / tf.reduce_sum(asked)

    cells = tf.tile(tf.nn.space_to_depth(tf.cast(bits, tf.float16)[..., None], 2), (1, 1, 1, n))
    lies = tf.cast(
        tf.bitwise.bitwise_and(tf.cast(cells, tf.uint8), np.repeat([1 << k for k in range(n)], 4).astype(np.uint8)) > 0, tf.float32
    )
    counts = tf.maximum(tf.repeat(tf.cast(known, tf.float32), 4, axis=1)[:, None, None, :], lies)
    pixel = tf.reduce_mean(counts * (1 + (FOREGROUND - 1) * lies) * cross(lies, masks))

    def whole_marker(values: Any) -> Any:
        return tf.reduce_sum(tf.reshape(tf.reduce_sum(values, (1, 2)), (-1, n, 4)), 2)

    likely = tf.sigmoid(masks) * counts
    area = whole_marker(lies)
    apart = 1 - (2 * whole_marker(likely * lies) + 1) / (whole_marker(likely) + area + 1)
    there = tf.cast(area > 0, tf.float32)
    apart = tf.reduce_sum(there * apart) / tf.maximum(tf.reduce_sum(there), 1)
    somewhere = tf.reduce_logsumexp(tf.reshape(tf.reduce_logsumexp(masks, (1, 2)), (-1, n, 4)), 2) - float(np.log(TOP))
    tied = tf.reduce_sum(asked * cross(soft, somewhere)) / tf.reduce_sum(asked)
    return whole, 6 * pixel + 0.5 * apart + 0.3 * tied


def _batches(pictures: Pictures, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, ...]]:
    order = rng.permutation(len(pictures))
    for start in range(0, len(order) - BATCH + 1, BATCH):
        rows = order[start : start + BATCH]
        pairs = [_varied(pictures.images[i], pictures.bits[i], rng) for i in rows]
        images, bits = (np.stack(part) for part in zip(*pairs, strict=True))
        yield images, pictures.labels[rows], bits, pictures.known[rows]


def _varied(image: np.ndarray, bits: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rotated, mirrored, slightly enlarged and shifted, with other brightness and colours; the mask likewise."""
    quarter, mirror = int(rng.integers(4)), rng.random() < 0.5
    image, bits = np.rot90(image, quarter), np.rot90(bits, quarter)
    if mirror:
        image, bits = image[:, ::-1], bits[:, ::-1]
    pose = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), rng.normal(0, 5), rng.uniform(1.0, 1.15))
    pose[:, 2] += rng.uniform(-0.03, 0.03, 2) * SIDE
    pose[0] *= rng.uniform(0.96, 1.08)
    image = cv2.warpAffine(np.ascontiguousarray(image), pose, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    bits = cv2.warpAffine(np.ascontiguousarray(bits), pose, (SIDE, SIDE), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    light = image.astype(np.float32)
    grey = light.mean(axis=2, keepdims=True)
    light = grey + (light - grey) * rng.uniform(0.6, 1.5)
    light = light * rng.normal(1, 0.1) * rng.normal(1, 0.06, 3).astype(np.float32) + rng.normal(0, 8)
    if rng.random() < 0.1:
        light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.3, 0.8))
    return light.clip(0, 255).astype(np.float32), bits
