"""Small networks of the kinds people bring, built with Keras 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SIZE = (24, 24)


def _body(keras: Any, inputs: Any) -> Any:
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu")(inputs)
    x = keras.layers.MaxPooling2D()(x)
    return keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="last_conv")(x)


def flat(keras: Any) -> Any:
    inputs = keras.Input((*SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(_body(keras, inputs))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


def sequential_flatten(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((*SIZE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def nested_twice(keras: Any) -> Any:
    inputs = keras.Input((*SIZE, 3))
    inner = keras.Model(inputs, _body(keras, inputs), name="inner")
    middle = keras.Sequential([keras.Input((*SIZE, 3)), inner, keras.layers.GlobalAveragePooling2D()], name="middle")
    head = keras.Sequential([keras.Input((8,)), keras.layers.Dense(5, activation="relu"), keras.layers.Dense(3, activation="softmax")])
    return keras.Sequential([keras.Input((*SIZE, 3)), middle, head])


def softmax_layer(keras: Any) -> Any:
    inputs = keras.Input((*SIZE, 3))
    x = keras.layers.Dense(3)(keras.layers.GlobalMaxPooling2D()(_body(keras, inputs)))
    return keras.Model(inputs, keras.layers.Softmax()(x))


def activation_layer(keras: Any) -> Any:
    inputs = keras.Input((*SIZE, 3))
    x = keras.layers.Dense(3)(keras.layers.Flatten()(_body(keras, inputs)))
    return keras.Model(inputs, keras.layers.Activation("softmax")(x))


def bare_logits(keras: Any) -> Any:
    inputs = keras.Input((*SIZE, 3))
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(_body(keras, inputs))))


def one_sigmoid(keras: Any) -> Any:
    inputs = keras.Input((*SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(_body(keras, inputs))
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))


def used_twice(keras: Any) -> Any:
    inputs = keras.Input((*SIZE, 3))
    conv = keras.layers.Conv2D(3, 3, padding="same", activation="relu", name="shared")
    x = keras.layers.GlobalAveragePooling2D()(conv(conv(inputs)))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


def branched(keras: Any) -> Any:
    """The last convolution is bypassed by a second branch."""
    inputs = keras.Input((*SIZE, 3))
    body = _body(keras, inputs)
    side = keras.layers.Conv2D(8, 1, strides=2)(inputs)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([body, side]))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


def global_max(keras: Any) -> Any:
    inputs = keras.Input((*SIZE, 3))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalMaxPooling2D()(_body(keras, inputs))))


def any_size(keras: Any) -> Any:
    inputs = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(_body(keras, inputs))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


def float16(keras: Any) -> Any:
    return _mixed(keras, "mixed_float16")


def bfloat16(keras: Any) -> Any:
    return _mixed(keras, "mixed_bfloat16")


def _mixed(keras: Any, policy: str) -> Any:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return nested_twice(keras)
    finally:
        keras.config.set_dtype_policy(before)


def multi_label(keras: Any) -> Any:
    inputs = keras.Input((*SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(_body(keras, inputs))
    return keras.Model(inputs, keras.layers.Dense(3, activation="sigmoid")(x))


def two_outputs(keras: Any) -> Any:
    """Classes and, beside them, a guess of the age; the classes come second."""
    inputs = keras.Input((*SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(_body(keras, inputs))
    age = keras.layers.Dense(1, name="age")(x)
    return keras.Model(inputs, [age, keras.layers.Dense(3, activation="softmax", name="lesion")(x)])


NETWORKS: dict[str, Callable[[Any], Any]] = {
    f.__name__: f
    for f in (
        flat,
        sequential_flatten,
        nested_twice,
        softmax_layer,
        activation_layer,
        bare_logits,
        one_sigmoid,
        used_twice,
        branched,
        global_max,
        any_size,
        float16,
        bfloat16,
    )
}
