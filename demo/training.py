"""The small network of the demo classifiers, trained on images in memory."""

from collections.abc import Callable
from typing import Any

import numpy as np


def build_small_network(size: tuple[int, int], n_classes: int, nested: bool, seed: int) -> Any:
    """A convolutional network of about 130,000 parameters that takes raw 0–255 images.

    nested: the convolutions are a network of their own inside a Sequential, as in transfer learning.
    """
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    inputs = keras.Input((*size, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    for filters in (24, 48, 80, 96):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        if filters < 96:
            x = layers.MaxPooling2D()(x)
    body = keras.Model(inputs, x, name="features")
    head = [layers.GlobalAveragePooling2D(), layers.Dropout(0.2), layers.Dense(n_classes, activation="softmax")]
    if nested:
        return keras.Sequential([keras.Input((*size, 3)), body, *head])
    for layer in head:
        x = layer(x)
    return keras.Model(inputs, x)


def train(
    network: Any,
    images: np.ndarray,
    labels: np.ndarray,
    held_out: tuple[np.ndarray, np.ndarray],
    epochs: int,
    seed: int,
    progress: Callable[[int, float, float], None] = lambda epoch, loss, accuracy: None,
) -> float:
    """Fit with flips, quarter turns, warm-up and cosine decay, and class weights; returns balanced accuracy on held-out images.

    images: uint8 (N, H, W, 3), square; labels: int (N,). Deterministic on CPU with a seed.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    counts = np.bincount(labels)
    weights = (len(labels) / len(counts) / counts).astype(np.float32)
    batch = 32
    steps = int(np.ceil(len(images) / batch)) * epochs
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-4, steps, warmup_target=2e-3, warmup_steps=steps // 8)),
        loss="sparse_categorical_crossentropy",
    )

    def augment(image: Any, label: Any, weight: Any) -> tuple[Any, Any, Any]:
        image = tf.image.random_flip_left_right(tf.image.random_flip_up_down(image))
        image = tf.image.rot90(image, tf.random.uniform((), 0, 4, tf.int32))
        return tf.image.random_brightness(tf.cast(image, tf.float32), 12), label, weight

    data = tf.data.Dataset.from_tensor_slices((images, labels, weights[labels]))
    data = data.shuffle(len(images), seed=seed).map(augment, 2).batch(batch).prefetch(2)
    accuracy = 0.0
    for epoch in range(epochs):
        loss = network.fit(data, epochs=1, verbose=0, shuffle=False).history["loss"][-1]
        accuracy = _balanced_accuracy(network, *held_out)
        progress(epoch + 1, float(loss), accuracy)
    return accuracy


def _balanced_accuracy(network: Any, images: np.ndarray, labels: np.ndarray) -> float:
    predicted = network.predict(images.astype(np.float32), verbose=0, batch_size=64).argmax(1)
    return float(np.mean([np.mean(predicted[labels == c] == c) for c in np.unique(labels)]))
