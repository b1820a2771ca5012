"""Augmentation: named operations within bounds. What happens to each image of an epoch is drawn in advance, so that an epoch that is
repeated shows the very same images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import TrainingError

Drawn = dict[str, np.ndarray]
Affine = tuple[np.ndarray, np.ndarray]  # linear parts (n, 2, 2), and shifts (n, 2) in shares of (width, height), output to input
Shape = Callable[[float, int, np.random.Generator], Affine]  # amount, n, rng


@dataclass(frozen=True)
class Operation:
    """most: the largest amount; unit, what: in words."""

    most: float
    unit: str
    what: str


OPERATIONS: dict[str, Operation] = {
    "flip-horizontal": Operation(1, "", "flipped left to right, half of the time (1: on)"),
    "flip-vertical": Operation(1, "", "flipped upside down, half of the time (1: on)"),
    "quarter-turns": Operation(1, "", "rotated by 0, 90, 180 or 270° (1: on; non-square images are stretched)"),
    "rotation": Operation(180, "°", "rotated by up to this many degrees either way"),
    "shift": Operation(0.5, "of the side", "moved by up to this share of the side"),
    "zoom": Operation(0.5, "", "enlarged or reduced by up to this share"),
    "shear": Operation(45, "°", "sheared by up to this many degrees"),
    "brightness": Operation(0.5, "", "lightened or darkened by up to this share of the range"),
    "contrast": Operation(0.9, "", "contrast raised or lowered by up to this share"),
    "lighting": Operation(0.9, "", "brightness and contrast together, each by up to this share"),
    "cutout": Operation(256, "px", "one square of this side blanked (DeVries 2017, arXiv:1708.04552)"),
}


def check_augmentation(amounts: Mapping[str, float], size: tuple[int, int]) -> None:
    """Raises TrainingError for an unknown operation or an amount out of bounds."""
    for name, amount in amounts.items():
        if name not in OPERATIONS:
            raise TrainingError(f"unknown augmentation {name!r}.", "Training", f"Choose: {', '.join(OPERATIONS)}.")
        operation = OPERATIONS[name]
        most = min(operation.most, min(size) - 1) if name == "cutout" else operation.most
        if not 0 < amount <= most:
            raise TrainingError(f"{name} of {amount:g} is out of bounds.", "Training", f"Between 0 and {most:g}: {operation.what}.")


def draw(amounts: Mapping[str, float], n: int, size: tuple[int, int], rng: np.random.Generator) -> Drawn:
    """What happens to each of n images of size (height, width): float32 arrays of n rows.

    transform (n, 8): output pixel → input pixel, as the rows of a projective matrix; gain, offset (n,): of pixel values about the middle
    of the range; hole (n, 2): centre of the cutout, in pixels. Only those that are needed.
    """
    drawn: Drawn = {}
    shapes = [_SHAPES[name](amount, n, rng) for name, amount in amounts.items() if name in _SHAPES]
    if shapes:
        drawn["transform"] = _about_centre(shapes, size)
    if {"brightness", "contrast", "lighting"} & set(amounts):
        light = amounts.get("lighting", 0.0)
        contrast, bright = max(amounts.get("contrast", 0.0), light), max(amounts.get("brightness", 0.0), light / 2)
        drawn["gain"] = (1 + rng.uniform(-contrast, contrast, n)).astype(np.float32)
        drawn["offset"] = (255 * rng.uniform(-bright, bright, n)).astype(np.float32)
    if "cutout" in amounts:
        drawn["hole"] = (rng.random((n, 2)) * np.array(size)).astype(np.float32)
    return drawn


def apply(images: Any, drawn: Mapping[str, Any], cutout: float = 0) -> Any:
    """TensorFlow: images (n, H, W, 3), 0–255 of any type → augmented float32. drawn: as `draw` returns it; cutout: side in pixels."""
    import tensorflow as tf

    images = tf.cast(images, tf.float32)
    height, width = images.shape[1], images.shape[2]
    if "transform" in drawn:
        transforms, shape = drawn["transform"], (height, width)
        images = tf.raw_ops.ImageProjectiveTransformV3(
            images=images, transforms=transforms, output_shape=shape, interpolation="BILINEAR", fill_mode="REFLECT", fill_value=0.0
        )
    if "gain" in drawn:
        gain, offset = (drawn[k][:, None, None, None] for k in ("gain", "offset"))
        images = tf.clip_by_value((images - 127.5) * gain + 127.5 + offset, 0.0, 255.0)
    if "hole" in drawn:
        near_y = tf.abs(tf.range(height, dtype=tf.float32)[None] + 0.5 - drawn["hole"][:, :1]) < cutout / 2
        near_x = tf.abs(tf.range(width, dtype=tf.float32)[None] + 0.5 - drawn["hole"][:, 1:]) < cutout / 2
        images = tf.where((near_y[:, :, None] & near_x[:, None, :])[..., None], 127.5, images)
    return images


def _linear(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> Affine:
    return np.stack([np.stack([a, b], -1), np.stack([c, d], -1)], 1), np.zeros((len(a), 2))


def _flip(axis: int) -> Shape:
    def shape(amount: float, n: int, rng: np.random.Generator) -> Affine:
        sign = np.where(rng.random(n) < amount / 2, -1.0, 1.0)
        one, zero = np.ones(n), np.zeros(n)
        return _linear(sign, zero, zero, one) if axis == 0 else _linear(one, zero, zero, sign)

    return shape


def _turn(angle: np.ndarray) -> Affine:
    return _linear(np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle))


def _shift(amount: float, n: int, rng: np.random.Generator) -> Affine:
    return np.tile(np.eye(2), (n, 1, 1)), rng.uniform(-amount, amount, (n, 2))


def _zoom(amount: float, n: int, rng: np.random.Generator) -> Affine:
    scale = 1 / rng.uniform(1 - amount, 1 + amount, n)
    return _linear(scale, np.zeros(n), np.zeros(n), scale)


def _shear(amount: float, n: int, rng: np.random.Generator) -> Affine:
    slope = np.tan(np.radians(rng.uniform(-amount, amount, n)))
    return _linear(np.ones(n), slope, np.zeros(n), np.ones(n))


_SHAPES: dict[str, Shape] = {
    "flip-horizontal": _flip(0),
    "flip-vertical": _flip(1),
    "quarter-turns": lambda amount, n, rng: _turn(rng.integers(0, 4, n) * np.pi / 2),
    "rotation": lambda amount, n, rng: _turn(np.radians(rng.uniform(-amount, amount, n))),
    "shift": _shift,
    "zoom": _zoom,
    "shear": _shear,
}


def _about_centre(shapes: list[Affine], size: tuple[int, int]) -> np.ndarray:
    """The transforms in sequence, about the image's centre, as ImageProjectiveTransformV3 takes them (x before y)."""
    n = len(shapes[0][0])
    linear, shift = np.tile(np.eye(2), (n, 1, 1)), np.zeros((n, 2))
    sides = np.array([size[1], size[0]], float)
    for part, moved in shapes:
        linear, shift = linear @ part, shift + np.einsum("nij,nj->ni", linear, moved * sides)
    centre = (sides - 1) / 2
    offset = centre + shift - np.einsum("nij,j->ni", linear, centre)
    rows = [linear[:, 0, 0], linear[:, 0, 1], offset[:, 0], linear[:, 1, 0], linear[:, 1, 1], offset[:, 1]]
    return np.stack([*rows, np.zeros(n), np.zeros(n)], 1).astype(np.float32)
