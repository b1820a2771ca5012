"""Huber 2020: a simple convolutional network on 90 × 120 pixels with augmentation, seven diagnoses of HAM10000."""

from typing import Any

from models.architectures.preset import Plan, Preset, Published
from models.architectures.recipe import Phase, Recipe, Split


def build(plan: Plan) -> Any:
    """Four convolutions, each pooled, and one dense layer."""
    import keras

    layers = keras.layers
    network = [keras.Input((*plan.size, 3)), layers.Rescaling(1 / 127.5, offset=-1)]
    for filters in (32, 32, 64, 64):
        network += [layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    network += [layers.Flatten(), layers.Dropout(plan.options["dropout"]), layers.Dense(plan.whole("dense"), activation="relu")]
    network += [layers.Dropout(plan.options["dropout"])]
    return keras.Sequential([*network, layers.Dense(plan.n_outputs, activation="softmax", dtype="float32")])


PRESET = Preset(
    name="huber2020",
    title="Simple convolutional network with augmentation, 90 × 120",
    source="Huber 2020, report on skin lesion classification on HAM10000, custom networks compared with AutoML",
    published=Published("77 % accuracy against a majority baseline of 69 %; AutoML 91 %"),
    recipe=Recipe(
        height=90,
        width=120,
        classes=("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"),
        split=Split(by="image", fractions=(0.7, 0.1, 0.2)),
        augmentation={"flip-horizontal": 1, "flip-vertical": 1, "rotation": 20, "shift": 0.1, "zoom": 0.1, "shear": 10},
        phases=(Phase(epochs=50, rate=1e-3),),
        options={"dropout": 0.25, "dense": 128},
    ),
    build=build,
    chosen=(
        "The report gives no architecture: four 3 × 3 convolutions (32, 32, 64, 64), a dense layer of 128 and dropout .25 are chosen here.",
        "The ranges of rotation, shift, zoom and shear are chosen here; of the learning rates .01 to .001 the lowest is used.",
    ),
)
