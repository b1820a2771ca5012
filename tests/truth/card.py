"""How often the card check supports and contradicts right and wrong cards, by network and number of images.

Simulated outputs: a normal number each, more at the right output, and half of that more under a wrong scaling or colour order.
Networks of one kind, trained for longer or shorter, on real photographs (HAM10000, where LESIONLENS_REAL_DATA says) or drawn lesions,
and judged on photographs of other lesions. Run: python -m tests.truth.card
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.diagnoses import HAM10000
from datasets.opening import open_dataset
from docs.tables.published_pages import DOCS, markdown, write_block
from imaging.decode import read_image
from imaging.resize import fit_image
from models.card import ModelCard, scale_pixels
from models.check import Labelled, Tried, cards_to_try, judge, sample_for_check

SIDE = 32
LEARNED, POOL = 3500, 3000  # photographs trained on, and to draw from
EPOCHS, SIZES, REPEATS = (1, 4, 16), (30, 100, 300, 900), 25
SIGNALS = (4.0, 2.0, 1.0)  # standard deviations by which the right output is higher, in simulated outputs
SHARES = (0.05, 0.08, 0.15, 0.05, 0.15, 0.47, 0.05)  # of the diagnoses, where they are drawn
RIGHT = ModelCard(name="right", classes=HAM10000, height=SIDE, width=SIDE)
KINDS = ("right", "two swapped", "another scaling")


@dataclass(frozen=True)
class Pool:
    """Photographs that no network has seen: a dataset's table, and what a network says of each row under every card."""

    name: str
    table: pd.DataFrame
    tried: list[Tried]
    accuracy: float


def photographs() -> tuple[pd.DataFrame, np.ndarray]:
    """A row an image (diagnosis, lesion, file) and uint8 (N, 32, 32, 3)."""
    folder = os.environ.get("LESIONLENS_REAL_DATA")
    if not folder:
        from demo.drawing.photograph import draw_photograph

        labels = np.random.default_rng(0).choice(HAM10000, LEARNED + POOL, p=SHARES)
        pictures = [draw_photograph(d, "II", 200_000 + k).image for k, d in enumerate(labels)]
        table = pd.DataFrame({"diagnosis": labels, "lesion": np.arange(len(labels)).astype(str), "file": "drawn"})
        return table, np.stack([fit_image(p, (SIDE, SIDE), "stretch", "bicubic") for p in pictures])
    data = open_dataset(Path(folder) / "ham10000")
    table = pd.DataFrame({"diagnosis": data.table["diagnosis"], "lesion": data.groups.astype(str), "file": data.table["file"]})
    lesions = np.random.default_rng(0).permutation(table["lesion"].unique())
    table = table.set_index("lesion", drop=False).loc[lesions].reset_index(drop=True).head(LEARNED + POOL)
    pictures = [read_image(data.root / file) for file in table["file"]]
    return table, np.stack([fit_image(p, (SIDE, SIDE), "stretch", "bicubic") for p in pictures])


def pools() -> list[Pool]:
    """One network, and what it says of the pool after each number of epochs."""
    import keras

    keras.utils.set_random_seed(0)
    table, pixels = photographs()
    labels = np.array([HAM10000.index(d) for d in table["diagnosis"]])
    known = set(table["lesion"][:LEARNED])
    apart = np.flatnonzero((np.arange(len(table)) >= LEARNED) & ~table["lesion"].isin(known))
    layers = keras.layers
    network = keras.Sequential([keras.Input((SIDE, SIDE, 3))])
    for width in (16, 32, 64):
        network.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
        network.add(layers.MaxPooling2D())
    for layer in (layers.Flatten(), layers.Dropout(0.3), layers.Dense(64, activation="relu"), layers.Dense(7)):
        network.add(layer)
    network.compile(keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    prepared = scale_pixels(RIGHT, pixels[:LEARNED])
    weight = 1 / np.sqrt(np.bincount(labels[:LEARNED], minlength=7).clip(1))
    made, done = [], 0
    for epochs in EPOCHS:
        network.fit(prepared, labels[:LEARNED], epochs=epochs, initial_epoch=done, verbose=0, sample_weight=weight[labels[:LEARNED]] * 20)
        done, tried = epochs, []
        for card in cards_to_try(RIGHT):
            logits = network.predict(scale_pixels(card, pixels[apart]), verbose=0, batch_size=256)
            odds = np.exp(logits - logits.max(1, keepdims=True))
            tried.append(Tried(card, logits, odds / odds.sum(1, keepdims=True)))
        accuracy = float((tried[0].logits.argmax(1) == labels[apart]).mean())
        name = f"{epochs} epochs on {'HAM10000' if os.environ.get('LESIONLENS_REAL_DATA') else 'drawn lesions'}"
        made.append(Pool(name, table.iloc[apart].reset_index(drop=True), tried, accuracy))
    return made


def simulated(signal: float) -> Pool:
    rng = np.random.default_rng(0)
    label = rng.choice(HAM10000, POOL, p=SHARES)
    table = pd.DataFrame({"diagnosis": label, "lesion": np.arange(POOL).astype(str), "file": "simulated"})
    tried = []
    for k, card in enumerate(cards_to_try(RIGHT)):
        logits = rng.normal(size=(POOL, 7)) + signal * (1 if k == 0 else 0.5) * (label[:, None] == np.array(HAM10000))
        tried.append(Tried(card, logits, np.exp(logits) / np.exp(logits).sum(1, keepdims=True)))
    return Pool("simulated", table, tried, float((tried[0].logits.argmax(1) == table["diagnosis"].map(HAM10000.index)).mean()))


def verdict(pool: Pool, size: int, kind: str, seed: int) -> str:
    """What the check says of a card of the kind, on about `size` images drawn from the pool."""
    rng = np.random.default_rng([seed, size])
    sample = sample_for_check(pool.table, HAM10000, size, seed)
    rows = sample.index.to_numpy()
    lesion = np.unique(sample["lesion"], return_inverse=True)[1]
    images = Labelled(sample["check_label"].to_numpy(str), sample["diagnosis"].to_numpy(str), sample["check_share"].to_numpy(float), lesion)
    classes = list(HAM10000)
    if kind == "two swapped":
        i, k = rng.choice(7, 2, replace=False)
        classes[i], classes[k] = classes[k], classes[i]
    of_all = {(t.card.scaling, t.card.colour_order): t for t in pool.tried}
    scaling = str(rng.choice(("-1..1", "0..255", "imagenet", "caffe"))) if kind == "another scaling" else "0..1"
    card = RIGHT.model_copy(update={"classes": tuple(classes), "scaling": scaling})
    said = [(c, of_all[c.scaling, c.colour_order]) for c in cards_to_try(card)]
    return judge(card, [Tried(c, t.logits[rows], t.probabilities[rows]) for c, t in said], images, seed=seed).verdict


def rows_of(made: Iterable[Pool]) -> list[list[str]]:
    """A row of the table for each network and number of images."""
    rows = []
    for pool in made:
        for size in SIZES:
            found = {kind: Counter(verdict(pool, size, kind, seed) for seed in range(REPEATS)) for kind in KINDS}
            cells = [f"{found[kind][says]} of {REPEATS}" for kind in KINDS for says in ("supported", "contradicted")]
            rows.append([pool.name, f"{pool.accuracy:.2f}", str(size), *cells])
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def write(rows: list[list[str]]) -> None:
    head = ["network", "accuracy", "images", *(f"{kind}: {says}" for kind in KINDS for says in ("supported", "contradicted"))]
    total = ["all", "", "", *(f"{sum(int(row[k].split()[0]) for row in rows)} of {REPEATS * len(rows)}" for k in range(3, len(head)))]
    write_block(DOCS / "truth.md", "card: written by python -m tests.truth.card", "card", markdown(head, [*rows, total]))


if __name__ == "__main__":
    write(rows_of([*map(simulated, SIGNALS), *pools()]))
