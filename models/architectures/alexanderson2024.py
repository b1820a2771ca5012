"""Alexanderson & Fredin 2024: EfficientNetV2-B3 and four others with a dense head on 224 × 224 pixels, benign or malignant."""

from typing import Any

from models.architectures.preset import Plan, Preset, Published
from models.architectures.recipe import Phase, Recipe, Split


def build(plan: Plan) -> Any:
    """Base, global average pooling, one dense layer, dropout, one sigmoid unit."""
    import keras

    assert plan.base is not None
    layers = keras.layers
    inputs = keras.Input((*plan.size, 3))
    x = layers.GlobalAveragePooling2D()(plan.base(inputs, training=False))
    x = layers.Dense(plan.whole("dense"), activation="relu")(x)
    x = layers.Dropout(plan.options["dropout"])(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid", dtype="float32")(x))


PRESET = Preset(
    name="alexanderson2024",
    title="EfficientNetV2, benign or malignant, 224 × 224",
    source="Alexanderson & Fredin 2024, degree project on skin-lesion classification with pretrained networks",
    published=Published("85.5 % accuracy in test; malignant: precision .822, recall .877, F1 .849, F-beta .865"),
    recipe=Recipe(
        height=224,
        width=224,
        classes=("benign", "malignant"),
        split=Split(by="image", fractions=(0.64, 0.16, 0.2)),
        balance="undersample",
        batch=256,
        phases=(
            Phase(epochs=15, rate=1e-3, schedule="plateau", thaw="none", batch_norm=False),
            Phase(epochs=35, rate=1e-4, schedule="plateau", thaw="half", batch_norm=False),
        ),
        early_stopping=8,
        keep="best",
        weights="imagenet",
        options={"dropout": 0.3, "dense": 1024},
    ),
    build=build,
    space={
        "rate": {"low": 1e-4, "high": 3e-3, "log": True},
        "optimiser": ["adam", "nadam", "sgd"],
        "options.dropout": {"low": 0.1, "high": 0.6},
        "options.dense": [256, 512, 1024],
    },
    chosen=(
        "Undersampling balances the training classes exactly (in the report: 54.1 to 45.9 %).",
        "Batch normalisation of the base stays frozen; early stopping after 8 epochs, at most 50 in all, is chosen here.",
        "Their subset of the ISIC archive is not published; use any dataset with malignant and benign lesions.",
    ),
    bases=("EfficientNetV2B3", "EfficientNetV2S", "EfficientNetV2L", "ResNet152V2", "DenseNet201"),
    sigmoid=True,
)
