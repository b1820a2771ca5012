"""The model card: what a network file does not say, in a YAML file beside it (`skin.h5` ↔ `skin.card.yaml`).

Follows the headings of Mitchell 2019 (arXiv:1810.03993) as far as a prediction depends on them. Fields that were
guessed from the file instead of stated by a person are listed in `guessed`, and shown as guesses.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from core import diagnoses
from core.atomic import write_bytes
from core.errors import CardError
from core.records import Checked, Number, Whole, in_words, read_yaml
from evaluation.intervals import Figure
from imaging.resize import Geometry, Interpolation
from models.files import FileFacts

Scaling = Literal["0..1", "-1..1", "0..255", "imagenet", "caffe"]
ColourOrder = Literal["rgb", "bgr"]
Output = Literal["softmax", "sigmoid", "logits", "multi-label"]

MAX_SIDE = 4096
MAX_CLASSES = 1_000
DEFAULT_SIDE = 224

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32) * 255
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32) * 255
_CAFFE_MEAN = np.array([123.68, 116.779, 103.939], np.float32)

# layers that rescale raw pixels; Keras 2 calls a division of tensors tf.math.truediv
SCALING_LAYERS = ("Rescaling", "Normalization", "TrueDivide", "Divide")

# scaling -> function of float32 RGB 0–255
SCALINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "0..1": lambda x: x * np.float32(1 / 255),
    "-1..1": lambda x: x * np.float32(1 / 127.5) - np.float32(1),
    "0..255": lambda x: x,
    "imagenet": lambda x: (x - IMAGENET_MEAN) / IMAGENET_STD,
    "caffe": lambda x: x - _CAFFE_MEAN,
}


ClassName = Annotated[str, Field(min_length=1, max_length=200)]


class Resize(Checked):
    """How a photograph becomes the network's input. Bicubic is Pillow's default, and the closest to all others where the
    training code is unknown."""

    geometry: Geometry = "stretch"
    interpolation: Interpolation = "bicubic"


class Tested(Checked):
    """A figure on the test images with its 95 % interval; None with its reason."""

    value: Number | None
    low: Number | None = None
    high: Number | None = None
    reason: str = ""

    @property
    def figure(self) -> Figure:
        value, low, high = (float("nan") if v is None else v for v in (self.value, self.low, self.high))
        return Figure(value, low, high, self.reason)


class Training(Checked):
    """How LesionLens trained a network. images: split → class → images; leaking: test images whose lesion is also in training, None
    without lesion ids; curves: one row per epoch."""

    preset: str
    source: str
    recipe: dict[str, Any] = Field(max_length=50)
    dataset: str
    dataset_sha256: str
    images: dict[str, dict[ClassName, Whole]] = Field(max_length=10)
    left_out: dict[str, Whole] = Field(max_length=MAX_CLASSES)
    leaking: Whole | None
    versions: dict[str, str] = Field(max_length=50)
    epochs: Whole
    chosen_epoch: Whole
    curves: list[dict[str, Number | None]] = Field(max_length=100_000)
    test: dict[str, Tested] = Field(max_length=MAX_CLASSES)
    overfitting: str

    @field_validator("recipe")
    @classmethod
    def _split_is_named(cls, recipe: dict[str, Any]) -> dict[str, Any]:
        split = recipe.get("split", {})
        if not isinstance(split, dict) or not isinstance(split.get("by", ""), str):
            raise ValueError("its split is none")
        return recipe


class ModelCard(Checked):
    """Everything a prediction depends on that the network's file does not contain."""

    name: str = Field(min_length=1, max_length=120)
    classes: tuple[ClassName, ...] = Field(min_length=2, max_length=MAX_CLASSES, description="in the network's output order")
    height: Whole = Field(gt=0, le=MAX_SIDE)
    width: Whole = Field(gt=0, le=MAX_SIDE)
    resize: Resize = Resize()
    scaling: Scaling = "0..1"
    colour_order: ColourOrder = "rgb"
    output: Output = "softmax"
    output_name: str | None = Field(default=None, description="of several outputs: the one with the classes")
    positive: str | None = Field(default=None, description="of one sigmoid unit: the class whose probability it is")
    malignant: tuple[ClassName, ...] = Field(default=(), max_length=MAX_CLASSES)
    training_data: str = ""
    licence: str = ""
    intended_use: str = ""
    limits: str = ""
    training: Training | None = None
    guessed: tuple[str, ...] = Field(default=(), max_length=100)

    @field_validator("classes")
    @classmethod
    def _classes_differ(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if any(not name.strip() for name in classes):
            raise ValueError("a class has no name")
        repeated = sorted({name for name in classes if classes.count(name) > 1})
        if repeated:
            raise ValueError(f"listed more than once: {', '.join(repeated[:5])}")
        return classes

    @model_validator(mode="after")
    def _names_are_classes(self) -> "ModelCard":
        if self.output == "sigmoid" and len(self.classes) != 2:
            raise ValueError(f"one sigmoid unit separates two classes; the card lists {len(self.classes)}")
        if self.positive is not None and self.positive not in self.classes:
            raise ValueError(f"positive class {self.positive[:200]!r} is not one of the classes")
        unknown = [name for name in self.malignant if name not in self.classes]
        if unknown:
            raise ValueError(f"malignant classes that are not among the classes: {', '.join(unknown[:5])}")
        fields = [name for name in self.guessed if name not in type(self).model_fields]
        if fields:
            raise ValueError(f"guessed lists fields a card does not have: {', '.join(fields[:5])[:200]}")
        return self

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def codes(self) -> tuple[str, ...]:
        """The classes by diagnosis code, in output order; names that are not in the vocabulary stay as they are."""
        return tuple(diagnoses.code_or_name(name) for name in self.classes)

    @property
    def positive_index(self) -> int:
        return self.classes.index(self.positive) if self.positive is not None else 1

    @property
    def sha256(self) -> str:
        """Of the fields a prediction depends on, so that results survive an edited licence."""
        fields = ["classes", "height", "width", "resize", "scaling", "colour_order", "output", "positive"]
        fields += ["output_name"] if self.output_name else []
        return hashlib.sha256(repr([getattr(self, f) for f in fields]).encode()).hexdigest()


def training_in_words(training: Training) -> str:
    """The preset, its training data, and how well it did on the test images."""
    n = {split: sum(counts.values()) for split, counts in training.images.items()}
    split = training.recipe.get("split", {}).get("by", "image")
    summary = (
        f"{training.preset} ({training.source}) on {n.get('train', 0):,} images of {training.dataset}, split by {split}, "
        f"epochs: {training.epochs}, weights from epoch {training.chosen_epoch}. "
    )
    shown = (name for name in ("accuracy", "majority baseline", "balanced accuracy") if name in training.test)
    figures = [f"{name} {training.test[name].figure:.1%}" for name in shown]
    if figures:
        summary += f"Test images: {n.get('test', 0):,}; {', '.join(figures)}. "
    if training.leaking:
        summary += f"Test images that show a lesion from the training images: {training.leaking:,}. "
    return summary + training.overfitting


def scale_pixels(card: ModelCard, pixels: np.ndarray) -> np.ndarray:
    """uint8 RGB (..., 3) -> float32 in the network's range and colour order."""
    return np.ascontiguousarray(scale_tensor(card, pixels.astype(np.float32)))


def scale_tensor(card: ModelCard, pixels: Any) -> Any:
    """`scale_pixels` of float32 RGB 0–255, of NumPy or TensorFlow."""
    scaled = SCALINGS[card.scaling](pixels)
    return scaled[..., ::-1] if card.colour_order == "bgr" else scaled


def card_path(model: Path) -> Path:
    """The path of a network's card, beside its file or folder."""
    return model.with_name(f"{model.stem if model.is_file() else model.name}.card.yaml")


def read_card(path: Path) -> ModelCard:
    """The card in a YAML file; raises CardError naming the field."""
    return make_card(read_yaml(path, "model card", CardError), path.name)


def make_card(fields: dict, where: str = "model card") -> ModelCard:
    """A checked card from plain values; raises CardError in words."""
    try:
        return ModelCard(**fields)
    except (ValidationError, TypeError) as error:
        raise CardError(in_words(error, "model card"), where, "Correct the field and save again.") from error


def write_card(card: ModelCard, path: Path) -> None:
    """Write the card atomically."""
    text = yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)
    write_bytes(path, text.encode())


def guess_card(facts: FileFacts) -> ModelCard:
    """The most likely card for a network file, with every guess marked."""
    n = facts.n_outputs
    shape = facts.input_shape or (None, None, None)
    side = 256 if any(kind in ("Resizing", "CenterCrop") for _, kind in facts.layers) else DEFAULT_SIDE
    own_scaling = any(kind in SCALING_LAYERS or "truediv" in path for path, kind in facts.layers)
    guessed = ["classes", "resize", "scaling", "colour_order"]
    if shape[0] is None or shape[1] is None:
        guessed += ["height", "width"]
    single = n == 1
    by_activation: dict[str | None, Output] = {"sigmoid": "multi-label", None: "logits", "linear": "logits"}
    if facts.format == "savedmodel":
        guessed.append("output")
    classes = _guess_classes(2 if single else n)
    fields = {
        "name": facts.path.stem[:120],
        "classes": classes,
        "height": shape[0] or side,
        "width": shape[1] or side,
        "scaling": "0..255" if own_scaling else "0..1",
        "output": "sigmoid" if single else by_activation.get(facts.activation, "softmax"),
        "positive": classes[1] if single else None,
        "malignant": tuple(c for c in classes if diagnoses.malignancy(diagnoses.code_or_name(c)) == "malignant"),
        "guessed": tuple(guessed + (["positive"] if single else []) + ["malignant"]),
    }
    return make_card(fields, facts.path.name)


def _guess_classes(n: int | None) -> tuple[str, ...]:
    """The usual class order of published networks with n outputs."""
    known = {2: diagnoses.BINARY, 7: diagnoses.HAM10000, 8: diagnoses.ISIC2019, 9: diagnoses.KAGGLE9}
    return known.get(n or 7) or tuple(f"class {i}" for i in range(n or 7))
