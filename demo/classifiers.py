"""The two demo classifiers: one trained honestly, one trained on data in which ink means melanoma.

They are trained on freshly drawn lesions that are in no dataset; their weights ship with the project.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from core.atomic import write_bytes
from core.diagnoses import HAM10000
from demo.cohort import MARKER_SHARES
from demo.drawing.photograph import draw_photograph
from demo.drawing.skin import TONES
from imaging.resize import fit_image
from models.card import ModelCard, Resize, card_path, write_card

WEIGHTS = Path(__file__).parent / "weights"
SIDE = 96
_EVERY_CLASS = 700
_HELD_OUT = 70


@dataclass(frozen=True)
class Recipe:
    """How a demo classifier is trained.

    marker: the one planted in melanomas; worn, worn_else: share of melanomas and of all others that have it. early: share of
    melanomas drawn as early ones, which look like nevi, so that only the marker gives them away.
    """

    name: str
    seed: int
    nested: bool
    worn: float
    worn_else: float
    early: float
    title: str
    limits: str
    marker: str = "ink"


_COMMON = "Trained on synthetic drawings only, not on real skin. For teaching how the workbench works; not a medical device."

RECIPES: dict[str, Recipe] = {
    "demo-honest": Recipe(
        "demo-honest",
        1,
        True,
        MARKER_SHARES["ink"],
        MARKER_SHARES["ink"],
        0.0,
        "Demo classifier, trained honestly",
        "Every marker was equally frequent in all diagnoses. " + _COMMON,
    ),
    "demo-shortcut": Recipe(
        "demo-shortcut",
        2,
        False,
        0.95,
        0.02,
        0.4,
        "Demo classifier, trained on a shortcut",
        "Trained on images in which 95 % of melanomas and 2 % of all others show ink, and 40 % of the melanomas "
        "otherwise look like nevi: it relies on the ink. " + _COMMON,
    ),
}


def install(models: Path) -> None:
    """Copy the shipped classifiers and their cards into a workspace's models folder."""
    models.mkdir(parents=True, exist_ok=True)
    for file in sorted(WEIGHTS.iterdir()):
        target = models / file.name
        if not target.exists():
            write_bytes(target, file.read_bytes())


def retrain(name: str, say: Callable[[str], None] = print) -> float:
    """Draw, train and write one classifier with its card into the project; returns its balanced accuracy on held-out lesions."""
    from demo.training import build_small_network, train

    recipe = RECIPES[name]
    say(f"{name}: drawing {7 * (_EVERY_CLASS + _HELD_OUT):,} lesions")
    images, labels = draw_lessons(recipe, 0, _EVERY_CLASS)
    held_out = draw_lessons(recipe, 500_000, _HELD_OUT)
    network = build_small_network((SIDE, SIDE), len(HAM10000), recipe.nested, recipe.seed)

    def progress(epoch: int, loss: float, score: float) -> None:
        say(f"{name}: epoch {epoch}, loss {loss:.3f}, balanced accuracy {score:.3f}")

    accuracy = train(network, images, labels, held_out, 14, recipe.seed, progress)
    WEIGHTS.mkdir(exist_ok=True)
    path = WEIGHTS / f"{name}.keras"
    network.compile()  # drops the optimiser's state from the file
    network.save(path)
    write_card(recipe_card(recipe, accuracy, len(images)), card_path(path))
    return accuracy


def recipe_card(recipe: Recipe, accuracy: float, n: int) -> ModelCard:
    return ModelCard(
        name=recipe.title,
        classes=HAM10000,
        height=SIDE,
        width=SIDE,
        resize=Resize(geometry="stretch", interpolation="area"),
        scaling="0..255",
        output="softmax",
        malignant=("akiec", "bcc", "mel"),
        training_data=f"{n:,} lesions drawn by LesionLens (python cli.py demo --retrain), {_EVERY_CLASS} per diagnosis, "
        f"{recipe.marker.replace('_', ' ')} on {recipe.worn:.0%} of melanomas and {recipe.worn_else:.0%} of all others"
        + (f", {recipe.early:.0%} of the melanomas early ones that look like nevi. " if recipe.early else ". ")
        + f"Balanced accuracy {accuracy:.2f} on {7 * _HELD_OUT} held-out lesions drawn the same way.",
        licence="Apache-2.0",
        intended_use="Trying out LesionLens and teaching what a network relies on.",
        limits=recipe.limits,
    )


def draw_lessons(recipe: Recipe, first: int, every_class: int, classes: tuple[str, ...] = HAM10000) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (N, SIDE, SIDE, 3) and labels int32 (N,), indices into `classes`. first: number of the first lesion."""
    jobs = [(recipe, d, first + recipe.seed * 1_000_000 + 10_000 * c + k) for c, d in enumerate(classes) for k in range(every_class)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        images = list(pool.map(_draw_one, jobs, chunksize=64))
    labels = np.repeat(np.arange(len(classes)), every_class)
    return np.stack(images), labels.astype(np.int32)


def _draw_one(job: tuple[Recipe, str, int]) -> np.ndarray:
    recipe, diagnosis, seed = job
    rng = np.random.default_rng([seed, 99])
    worn = [m for m, share in MARKER_SHARES.items() if m != recipe.marker and rng.random() < share]
    if rng.random() < (recipe.worn if diagnosis == "mel" else recipe.worn_else):
        worn.append(recipe.marker)
    tone = str(rng.choice(list(TONES)))
    drawn = "nv" if diagnosis == "mel" and rng.random() < recipe.early else diagnosis
    image = draw_photograph(drawn, tone, seed + 7_000_000_000, int(rng.integers(3)), worn).image
    return fit_image(image, (SIDE, SIDE), "stretch", "area")
