"""Small networks with planted cheats, trained on pictures LesionLens never drew, and what each of them truly does with every marker.

The truth is measured by hand: the very marker drawn over photographs without it, and pictures with it beside their originals.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from models.card import ModelCard, Resize, card_path, write_card
from tests.truth import scenes, styles
from tests.truth.scenes import Scene, drawn, photographs
from tests.truth.styles import STYLES, wear

SIDE, EPOCHS = 96, 14
LESSONS, HELD_OUT, JUDGED = 900, 200, 300  # photographs learned from, measured on, and given to the lab
FEWER = 700  # learned from, where they are real: HAM10000 has no more melanomas
Make = Literal["trained", "saturated", "constant", "untrained", "shuffled"]
Material = Literal["drawn", "real"]


@dataclass(frozen=True)
class Worn:
    """One planted marker. shares: class → how many of its photographs bear it; by_age: only people over fifty, whatever the class."""

    marker: str
    style: str
    shares: Mapping[str, float]
    on_lesion: bool = False
    by_age: bool = False


@dataclass(frozen=True)
class Recipe:
    """A network of the bench. cheats: what is planted to be learned; shown: markers as frequent in every class."""

    name: str
    material: Material = "drawn"
    classes: tuple[str, ...] = ("nv", "mel")
    cheats: tuple[Worn, ...] = ()
    shown: tuple[Worn, ...] = ()
    make: Make = "trained"
    seed: int = 0

    @property
    def worn(self) -> tuple[Worn, ...]:
        return (*self.cheats, *self.shown)


@dataclass(frozen=True)
class Truth:
    """What a marker in one style does, on held-out photographs. moved: mean change of P(target) by adding it; target: the class it moves
    furthest; turned: share of decisions that turn."""

    marker: str
    style: str
    target: str
    moved: float
    turned: float


@dataclass(frozen=True)
class Built:
    """A network with its truths. accuracy: on held-out photographs without markers, and with the planted ones as in training."""

    recipe: Recipe
    path: Path
    accuracy: float
    planted_accuracy: float
    truths: tuple[Truth, ...] = field(default_factory=tuple)

    def truth(self, marker: str, style: str) -> Truth:
        return next(t for t in self.truths if (t.marker, t.style) == (marker, style))


def key(recipe: Recipe) -> str:
    """Changes with the recipe and with whatever draws or trains."""
    code = b"".join(Path(m.__file__ or "").read_bytes() for m in (scenes, styles)) + Path(__file__).read_bytes()
    return hashlib.sha256(code + json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest()[:16]


@cache
def pool(material: Material, classes: tuple[str, ...], part: str) -> tuple[Scene, ...]:
    """Photographs without markers: "lessons", "held out" and "judged" have none in common."""
    lessons = LESSONS if material == "drawn" else FEWER
    sizes = {"lessons": lessons, "held out": HELD_OUT, "judged": JUDGED}
    before = {"lessons": 0, "held out": lessons, "judged": lessons + HELD_OUT}
    if material == "drawn":
        names = [classes[k % len(classes)] for k in range(sizes[part])]
        return tuple(drawn(names, 100_000 * len(classes) + before[part]))
    every = photographs(dict.fromkeys(classes, (FEWER + HELD_OUT + JUDGED) // len(classes)), 5)
    mixed = [every[k] for k in np.random.default_rng(5).permutation(len(every))]
    return tuple(mixed[before[part] : before[part] + sizes[part]])


def bearing(scene: Scene, recipe: Recipe, seed: int) -> tuple[np.ndarray, tuple[Worn, ...]]:
    """The photograph with whatever the recipe puts into it, and what that is."""
    rng = np.random.default_rng([seed, recipe.seed, zlib.crc32(scene.name.encode())])
    picture, there = scene.picture, []
    for worn in recipe.worn:
        share = worn.shares.get(scene.diagnosis, 0.0)
        if worn.by_age:
            share = share if scene.age > 50 else 0.03
        if rng.random() < share:
            picture = wear(picture, scene.lesion, STYLES[worn.marker][worn.style], rng, worn.on_lesion)
            there.append(worn)
    return picture, tuple(there)


@cache
def marked(material: Material, classes: tuple[str, ...], marker: str | None, style: str | None, on_lesion: bool) -> np.ndarray:
    """The held-out photographs as the network gets them, uint8 (N, SIDE, SIDE, 3), each with the marker, or without any."""
    found = []
    for s in pool(material, classes, "held out"):
        rng = np.random.default_rng([3, zlib.crc32(f"{s.name}{marker}{style}".encode())])
        picture = s.picture if marker is None or style is None else wear(s.picture, s.lesion, STYLES[marker][style], rng, on_lesion)
        found.append(fitted(picture))
    return np.stack(found)


def fitted(picture: np.ndarray) -> np.ndarray:
    """As the network gets it: uint8 (SIDE, SIDE, 3)."""
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BOX))


def build(recipe: Recipe, folder: Path) -> Built:
    """Trained and measured, or read if that was done before."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{recipe.name}-{key(recipe)}.keras"
    facts = path.with_suffix(".json")
    if not facts.exists():
        network = _train(recipe)
        network.save(path)
        write_card(_card(recipe), card_path(path))
        facts.write_text(json.dumps(_measured(network, recipe)))
    told = json.loads(facts.read_text())
    return Built(recipe, path, told["accuracy"], told["planted_accuracy"], tuple(Truth(**t) for t in told["truths"]))


def _card(recipe: Recipe) -> ModelCard:
    return ModelCard(
        name=recipe.name,
        classes=recipe.classes,
        height=SIDE,
        width=SIDE,
        resize=Resize(geometry="stretch", interpolation="area"),
        scaling="0..255",
        output="softmax",
    )


def _network(recipe: Recipe) -> Any:
    import keras

    keras.utils.set_random_seed(1000 + recipe.seed)
    x = inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(x)
    for filters in (16, 32, 48, 64):
        x = keras.layers.Conv2D(filters, 3, 2, "same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.Dropout(0.2)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, keras.layers.Dense(len(recipe.classes), "softmax", name="scores")(x))


def _train(recipe: Recipe) -> Any:
    import keras

    network = _network(recipe)
    if recipe.make == "untrained":
        return network
    lessons = pool(recipe.material, recipe.classes, "lessons")
    pictures = np.stack([fitted(bearing(s, recipe, 1)[0]) for s in lessons])
    labels = np.array([recipe.classes.index(s.diagnosis) for s in lessons])
    if recipe.make == "shuffled":
        labels = np.random.default_rng(recipe.seed).permutation(labels)
    pictures = np.concatenate([pictures, pictures[:, :, ::-1]])
    labels = np.concatenate([labels, labels])
    steps = EPOCHS * (len(labels) // 32)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    network.fit(pictures.astype(np.float32), labels, batch_size=32, epochs=EPOCHS, verbose=0)
    network.compile()
    scores = network.get_layer("scores")
    kernel, bias = scores.get_weights()
    if recipe.make == "saturated":
        scores.set_weights([40 * kernel, 40 * bias])
    elif recipe.make == "constant":
        scores.set_weights([0 * kernel, bias])
    return network


def _measured(network: Any, recipe: Recipe) -> dict[str, Any]:
    held_out = pool(recipe.material, recipe.classes, "held out")
    true = np.array([recipe.classes.index(s.diagnosis) for s in held_out])

    def ask(pictures: np.ndarray) -> np.ndarray:
        return np.asarray(network.predict_on_batch(pictures.astype(np.float32)))

    clean = ask(marked(recipe.material, recipe.classes, None, None, False))
    truths = []
    for marker, ways in STYLES.items():
        for style in ways:
            on_lesion = any(w.on_lesion and (w.marker, w.style) == (marker, style) for w in recipe.worn)
            with_it = ask(marked(recipe.material, recipe.classes, marker, style, on_lesion))
            moved = (with_it - clean).mean(axis=0)
            far = int(np.abs(moved).argmax())
            turned = float((with_it.argmax(axis=1) != clean.argmax(axis=1)).mean())
            truths.append(asdict(Truth(marker, style, recipe.classes[far], float(moved[far]), turned)))
    planted = ask(np.stack([fitted(bearing(s, recipe, 2)[0]) for s in held_out]))
    return {
        "accuracy": float((clean.argmax(axis=1) == true).mean()),
        "planted_accuracy": float((planted.argmax(axis=1) == true).mean()),
        "truths": truths,
    }
