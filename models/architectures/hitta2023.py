"""Hitta 2023: Inception-ResNet-v2 with a long dense head on 256 × 256 pixels, melanoma or not."""

from typing import Any

from models.architectures.preset import Plan, Preset, Published
from models.architectures.recipe import Phase, Recipe, Split

DENSE = (1024, 1024, 512, 512, 256, 256, 64)


def augment() -> tuple[Any, ...]:
    """The augmentation inside the network, inactive outside training."""
    import keras

    return keras.layers.RandomFlip("horizontal_and_vertical"), keras.layers.RandomRotation(0.2)


def build(plan: Plan) -> Any:
    """57,961,378 parameters, 3,624,642 of them in the head."""
    import keras

    assert plan.base is not None
    layers = keras.layers
    inputs = keras.Input((*plan.size, 3))
    x = inputs
    for layer in augment():
        x = layer(x)
    x = layers.GlobalAveragePooling2D()(plan.base(x, training=False))
    for units in DENSE:
        x = layers.Dense(units, activation="relu")(x)
    x = layers.Dropout(plan.options["dropout"])(x)
    return keras.Model(inputs, layers.Dense(plan.n_outputs, activation="softmax", dtype="float32")(x))


PRESET = Preset(
    name="hitta2023",
    title="Inception-ResNet-v2, melanoma or not, 256 × 256",
    source="Hitta 2023, report on melanoma detection by transfer learning with Inception-ResNet-v2",
    published=Published("79.85 % accuracy with the base frozen, 89.19 % fine-tuned", 57_961_378, 3_624_642),
    recipe=Recipe(
        height=256,
        width=256,
        classes=("not mel", "mel"),
        split=Split(by="image", fractions=(0.8, 0.1, 0.1)),
        batch=64,
        phases=(
            Phase(epochs=200, rate=1e-3, schedule="exponential", thaw="none", batch_norm=False),
            Phase(epochs=40, rate=1e-4, thaw=30, batch_norm=False),
        ),
        weights="imagenet",
        options={"dropout": 0.3},
    ),
    build=build,
    inside=augment,
    chosen=(
        "The printed parameter counts agree with the printed code, the printed output widths do not; the code is followed.",
        "Flips and rotations by up to a fifth of a turn are the augmentation inside the network; one dropout before the output.",
        "Their 9,522 images are not published; use any dataset with melanomas.",
    ),
    bases=("InceptionResNetV2",),
)
