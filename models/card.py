"""The model card: what a network file does not say, in a YAML file beside it (`skin.h5` ↔ `skin.card.yaml`).

Follows the headings of Mitchell 2019 (arXiv:1810.03993) as far as a prediction depends on them. What
was guessed from the file instead of stated by somebody is listed in `guessed`, and shown as a guess.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core import diagnoses
from core.atomic import write_bytes
from core.errors import CardError
from evaluation.intervals import Figure
from imaging.resize import Geometry, Interpolation
from models.files import FileFacts

Scaling = Literal["0..1", "-1..1", "0..255", "imagenet", "caffe"]
ColourOrder = Literal["rgb", "bgr"]
Output = Literal["softmax", "sigmoid", "logits", "multi-label"]

MAX_SIDE = 4096
MAX_CARD_BYTES = 1 << 20
DEFAULT_SIDE = 224

_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32) * 255
_IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32) * 255
_CAFFE_MEAN = np.array([123.68, 116.779, 103.939], np.float32)

# layers that bring raw pixels to a range of their own; Keras 2 calls a division of tensors tf.math.truediv
SCALING_LAYERS = ("Rescaling", "Normalization", "TrueDivide", "Divide")

# scaling -> function of float32 RGB 0–255
SCALINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "0..1": lambda x: x * np.float32(1 / 255),
    "-1..1": lambda x: x * np.float32(1 / 127.5) - np.float32(1),
    "0..255": lambda x: x,
    "imagenet": lambda x: (x - _IMAGENET_MEAN) / _IMAGENET_STD,
    "caffe": lambda x: x - _CAFFE_MEAN,
}


class Resize(BaseModel):
    """How a photograph becomes the network's input. Bicubic is Pillow's default, and stays closest to the
    others where the training code is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    geometry: Geometry = "stretch"
    interpolation: Interpolation = "bicubic"


class Tested(BaseModel):
    """A figure of the test images with its 95 % interval; None with its reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    @property
    def figure(self) -> Figure:
        value, low, high = (float("nan") if v is None else v for v in (self.value, self.low, self.high))
        return Figure(value, low, high, self.reason)


class Training(BaseModel):
    """How a network was trained, where LesionLens trained it. images: split → class → images; leaking: test images whose lesion is in
    training as well, None where no lesions are named; curves: a row an epoch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str
    source: str
    recipe: dict[str, Any]
    dataset: str
    dataset_sha256: str
    images: dict[str, dict[str, int]]
    left_out: dict[str, int]
    leaking: int | None
    versions: dict[str, str]
    epochs: int
    chosen_epoch: int
    curves: list[dict[str, float | None]]
    test: dict[str, Tested]
    overfitting: str


class ModelCard(BaseModel):
    """Everything a prediction depends on that the network's file does not hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=120)
    classes: tuple[str, ...] = Field(min_length=2, max_length=200, description="in the network's output order")
    height: int = Field(gt=0, le=MAX_SIDE)
    width: int = Field(gt=0, le=MAX_SIDE)
    resize: Resize = Resize()
    scaling: Scaling = "0..1"
    colour_order: ColourOrder = "rgb"
    output: Output = "softmax"
    output_name: str | None = Field(default=None, description="of several outputs: which one holds the classes")
    positive: str | None = Field(default=None, description="with one sigmoid unit: the class it is the probability of")
    malignant: tuple[str, ...] = ()
    training_data: str = ""
    licence: str = ""
    intended_use: str = ""
    limits: str = ""
    training: Training | None = None
    guessed: tuple[str, ...] = ()

    @field_validator("classes")
    @classmethod
    def _classes_differ(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if any(not name.strip() for name in classes):
            raise ValueError("a class has no name")
        doubles = sorted({name for name in classes if classes.count(name) > 1})
        if doubles:
            raise ValueError(f"named twice: {', '.join(doubles)}")
        return classes

    @model_validator(mode="after")
    def _names_are_classes(self) -> ModelCard:
        if self.output == "sigmoid" and len(self.classes) != 2:
            raise ValueError(f"one sigmoid unit tells two classes apart, the card names {len(self.classes)}")
        if self.positive is not None and self.positive not in self.classes:
            raise ValueError(f"positive class {self.positive!r} is none of the classes")
        unknown = [name for name in self.malignant if name not in self.classes]
        if unknown:
            raise ValueError(f"malignant classes that are none of the classes: {', '.join(unknown)}")
        fields = [name for name in self.guessed if name not in type(self).model_fields]
        if fields:
            raise ValueError(f"guessed names fields a card does not have: {', '.join(fields)}")
        return self

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def codes(self) -> tuple[str, ...]:
        """The classes by diagnosis code, in output order; names the vocabulary does not know stay."""
        return tuple(diagnoses.code_or_name(name) for name in self.classes)

    @property
    def positive_index(self) -> int:
        return self.classes.index(self.positive) if self.positive is not None else 1

    @property
    def sha256(self) -> str:
        """Of the fields a prediction depends on, so that an edited licence keeps results."""
        fields = ["classes", "height", "width", "resize", "scaling", "colour_order", "output", "positive"]
        fields += ["output_name"] if self.output_name else []
        return hashlib.sha256(repr([getattr(self, f) for f in fields]).encode()).hexdigest()


def training_in_words(training: Training) -> str:
    """What it was trained as, on what, and how the test went."""
    n = {split: sum(counts.values()) for split, counts in training.images.items()}
    split = training.recipe.get("split", {}).get("by", "image")
    told = (
        f"{training.preset} ({training.source}) on {n.get('train', 0):,} images of {training.dataset}, split by {split}, "
        f"{training.epochs} epochs, weights of epoch {training.chosen_epoch}. "
    )
    shown = (name for name in ("accuracy", "majority baseline", "balanced accuracy") if name in training.test)
    figures = [f"{name} {training.test[name].figure:.1%}" for name in shown]
    if figures:
        told += f"On {n.get('test', 0):,} test images: {', '.join(figures)}. "
    if training.leaking:
        told += f"{training.leaking:,} of them show a lesion it learned from. "
    return told + training.overfitting


def scale_pixels(card: ModelCard, pixels: np.ndarray) -> np.ndarray:
    """uint8 RGB (..., 3) -> float32 in the network's range and colour order."""
    return np.ascontiguousarray(scale_tensor(card, pixels.astype(np.float32)))


def scale_tensor(card: ModelCard, pixels: Any) -> Any:
    """`scale_pixels` of float32 RGB 0–255, of NumPy or TensorFlow."""
    scaled = SCALINGS[card.scaling](pixels)
    return scaled[..., ::-1] if card.colour_order == "bgr" else scaled


def card_path(model: Path) -> Path:
    """Where the card of a network file or folder stands: beside it."""
    return model.with_name(f"{model.stem if model.is_file() else model.name}.card.yaml")


def read_card(path: Path) -> ModelCard:
    """The card in a YAML file; raises CardError naming the field."""
    try:
        if path.stat().st_size > MAX_CARD_BYTES:
            raise CardError("is over 1 MB; that is no card.", path.name)
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CardError(f"cannot be read ({error.strerror}).", str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" near line {mark.line + 1}" if mark else ""
        raise CardError(f"is not valid YAML{line}.", path.name, "Mend or delete it.") from error
    if not isinstance(content, dict):
        raise CardError("is not a card: it should be a list of `field: value` lines.", path.name)
    return make_card(content, path.name)


def make_card(fields: dict, where: str = "model card") -> ModelCard:
    """A checked card from plain values; raises CardError in words."""
    try:
        return ModelCard(**fields)
    except (ValidationError, TypeError) as error:
        raise CardError(_in_words(error), where, "Correct the field and save again.") from error


def write_card(card: ModelCard, path: Path) -> None:
    """Write the card, all at once or not at all."""
    text = yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)
    write_bytes(path, text.encode())


def guess_card(facts: FileFacts) -> ModelCard:
    """The card the file lets one guess, every guess marked."""
    n = facts.n_outputs
    shape = facts.input_shape or (None, None, None)
    own_resize = any(kind in ("Resizing", "CenterCrop") for _, kind in facts.layers)
    own_scaling = any(kind in SCALING_LAYERS or "truediv" in path for path, kind in facts.layers)
    guessed = ["classes", "resize", "scaling", "colour_order"]
    if shape[0] is None or shape[1] is None:
        guessed += ["height", "width"]
    single = n == 1
    output: Output = "sigmoid" if single else "softmax"
    if not single and facts.activation == "sigmoid":
        output = "multi-label"
    elif not single and facts.activation in (None, "linear"):
        output = "logits"
    if facts.format == "savedmodel":
        guessed.append("output")
    classes = _guess_classes(2 if single else n)
    return ModelCard(
        name=facts.path.stem,
        classes=classes,
        height=shape[0] or (256 if own_resize else DEFAULT_SIDE),
        width=shape[1] or (256 if own_resize else DEFAULT_SIDE),
        scaling="0..255" if own_scaling else "0..1",
        output=output,
        positive=classes[1] if single else None,
        malignant=tuple(c for c in classes if diagnoses.malignancy(diagnoses.code_or_name(c)) == "malignant"),
        guessed=tuple(guessed + (["positive"] if single else []) + ["malignant"]),
    )


def _guess_classes(n: int | None) -> tuple[str, ...]:
    """The class order that published networks with n outputs mostly have."""
    known = {2: diagnoses.BINARY, 7: diagnoses.HAM10000, 8: diagnoses.ISIC2019, 9: diagnoses.KAGGLE9}
    return known.get(n or 7) or tuple(f"class {i}" for i in range(n or 7))


def _in_words(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"is not a card ({error})."
    parts = []
    for problem in error.errors()[:4]:
        field = ".".join(str(p) for p in problem["loc"]) or "card"
        parts.append(f"{field}: {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(parts) + "."
