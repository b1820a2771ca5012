"""Steppan & Hanke 2021: an ensemble of EfficientNets and Inception-ResNet-v2, fully fine-tuned, for the diagnoses of ISIC 2019."""

from typing import Any

from models.architectures.preset import Plan, Preset, Published
from models.architectures.recipe import Phase, Recipe, Split


def build(plan: Plan) -> Any:
    """Base, global average pooling, dropout, softmax."""
    import keras

    assert plan.base is not None
    layers = keras.layers
    inputs = keras.Input((*plan.size, 3))
    x = layers.GlobalAveragePooling2D()(plan.base(inputs))
    x = layers.Dropout(plan.options["dropout"])(x)
    return keras.Model(inputs, layers.Dense(plan.n_outputs, activation="softmax", dtype="float32")(x))


PRESET = Preset(
    name="steppan2021",
    title="EfficientNet-B4, -B5 and Inception-ResNet-v2, fully fine-tuned, as an ensemble",
    source="Steppan & Hanke 2021, Analysis of skin lesion images with deep learning, arXiv:2101.03814",
    published=Published("balanced accuracy .634 of the ensemble with SE-ResNeXt-101 (left out here), .600 of the best single network"),
    recipe=Recipe(
        height=380,
        width=380,
        split=Split(by="image", fractions=(0.85, 0.05, 0.1)),
        augmentation={"rotation": 180, "flip-horizontal": 1, "flip-vertical": 1, "zoom": 0.05, "lighting": 0.2, "cutout": 16},
        phases=(
            Phase(epochs=1, rate=1e-3, schedule="one-cycle", thaw="none"),
            Phase(epochs=20, rate=1e-3, schedule="one-cycle", thaw="all"),
        ),
        keep="best",
        weights="imagenet",
        options={"dropout": 0.4},
    ),
    build=build,
    chosen=(
        "Its SE-ResNeXt-101 is not in Keras Applications and is left out.",
        "Of the 90 % for training one eighteenth is held out for validation; input sizes are each base's own (380, 456, 299); the "
        "number of epochs and the dropout are chosen here.",
        "Black borders: train on a copy without them, made by `cli.py repair clean PATH --marker black_frame --how trim --out DIR`.",
        "Class weights by the effective number of images: --balance effective.",
        "The ensemble: train with each --base, then run `cli.py predict` with each, and `cli.py ensemble`.",
    ),
    bases=("EfficientNetB4", "EfficientNetB5", "InceptionResNetV2"),
    sizes={"EfficientNetB5": 456, "InceptionResNetV2": 299},
)
