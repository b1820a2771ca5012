"""Ben Brahim 2020: four unpadded convolutions on 75 × 100 pixels, seven diagnoses of HAM10000."""

from typing import Any

from models.architectures.preset import Plan, Preset, Published
from models.architectures.recipe import Phase, Recipe, Split


def build(plan: Plan) -> Any:
    """788,551 parameters for seven classes at 75 × 100."""
    import keras

    layers = keras.layers
    network = [keras.Input((*plan.size, 3)), layers.Rescaling(1 / 127.5, offset=-1)]
    for filters in (64, 64, 128, 128):
        network += [layers.Conv2D(filters, 3, activation="relu"), layers.MaxPooling2D()]
    network += [layers.Flatten(), layers.Dropout(plan.options["dropout"]), layers.Dense(plan.whole("dense"), activation="relu")]
    return keras.Sequential([*network, layers.Dense(plan.n_outputs, activation="softmax", dtype="float32")])


PRESET = Preset(
    name="benbrahim2020",
    title="Small convolutional network, 75 × 100",
    source="Ben Brahim 2020, report on skin cancer classification with a convolutional network trained from scratch on HAM10000",
    published=Published("94.06 % accuracy in validation, 93.93 % in test, split at random by image", 788_551, 788_551),
    recipe=Recipe(
        height=75,
        width=100,
        classes=("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"),
        split=Split(by="image", fractions=(0.8, 0.1, 0.1)),
        phases=(Phase(epochs=25, rate=1e-3),),
        options={"dropout": 0.5, "dense": 512},
    ),
    build=build,
    space={
        "rate": {"low": 1e-4, "high": 3e-3, "log": True},
        "batch": [16, 32, 64],
        "optimiser": ["adam", "nadam", "sgd"],
        "options.dropout": {"low": 0.1, "high": 0.7},
        "options.dense": [128, 256, 512],
    },
    chosen=(
        "The printed shapes after the first pooling imply unpadded convolutions, though the first row says 75 × 100.",
        "Pixels are scaled to −1…1; dropout .5, batch size 32 and Adam at .001 are chosen here.",
    ),
)
