"""One phase of training: its remaining epochs, each saved before the next begins."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from core.errors import TrainingError
from core.runs import Run
from models.architectures.preset import Base
from models.architectures.recipe import Phase, Recipe
from training import checkpoint
from training.balance import balanced
from training.build import freeze
from training.epoch import Figures, TrainingSet, feed, figures, predict, reseed, run_epoch
from training.folder import Epoch, Folder, Reporter
from training.logs import Logs
from training.order import Order
from training.samples import Samples
from training.schedule import plateau_rate, rate_schedule, stops_early


@dataclass
class Work:
    """A training run in progress. history grows by one per epoch; pixels: uint8 (N, H, W, 3), a row per sample."""

    order: Order
    folder: Folder
    samples: Samples
    network: Any
    base: Base | None
    pixels: np.ndarray
    history: list[Epoch]
    logs: Logs
    reporter: Reporter
    after: Callable[[Epoch], None]


def run_phase(work: Work, number: int, phase: Phase) -> Run[None]:
    """Phase `number` (from 1): resumes after the epochs in the history, and leaves the network with the weights of its end."""
    if any(e.phase > number for e in work.history):
        return
    recipe, network = work.order.recipe, work.network
    shown = _training_set(work.samples, work.pixels, recipe)
    steps = -(-len(shown.rows) // recipe.batch)
    freeze(network, work.base, phase)
    _compile(network, recipe, phase, steps * phase.epochs, work.order.preset.sigmoid)
    best = work.folder.best(number)
    mine = [e for e in work.history if e.phase == number]
    if mine:
        checkpoint.restore(_all_state(network), work.folder.checkpoint)
    begun = sum(p.epochs for p in recipe.phases[: number - 1])
    while len(mine) < phase.epochs and not stops_early(recipe, mine):
        if phase.schedule == "plateau":
            network.optimizer.learning_rate = plateau_rate(phase, mine)
        row = yield from _epoch(work, number, shown, steps * (begun + len(mine)), steps * recipe.epochs)
        if recipe.keep == "best" and row.val_loss < min((e.val_loss for e in mine), default=np.inf):
            checkpoint.save(checkpoint.network_state(network), [], best)
        mine.append(row)
        work.history.append(row)
        checkpoint.save(_all_state(network), work.history, work.folder.checkpoint)
        work.folder.write_history(work.history)
        work.logs.add(row)
        work.after(row)
    if recipe.keep == "best":
        checkpoint.restore(checkpoint.network_state(network), best)


def _epoch(work: Work, number: int, shown: TrainingSet, done: int, total: int) -> Run[Epoch]:
    """done: batches before this epoch, of total."""
    recipe, network = work.order.recipe, work.network
    epoch = (work.history[-1].epoch if work.history else 0) + 1
    doing = f"epoch {epoch} of {recipe.epochs}"
    if len(recipe.phases) > 1:
        doing += f", phase {number} of {len(recipe.phases)}"
    start, loss = time.monotonic(), float("nan")
    reseed(network, recipe, epoch)
    for seen, mean in run_epoch(network, feed(shown, recipe, epoch)):
        loss, now = mean, done - (-seen // recipe.batch)
        work.reporter.report(doing, now, total)
        yield now, total
    train = yield from _evaluate(work, _sample(work.samples, recipe.seed), doing, now, total)
    val = yield from _evaluate(work, work.samples.rows("val"), doing, now, total)
    if not np.isfinite(loss + val.loss):
        raise TrainingError(f"the loss became {loss} in epoch {epoch}.", "Training", "Start again with a lower --rate, in another --out.")
    rate = float(np.asarray(network.optimizer.learning_rate))
    measured = {f"{side}_{name}": v for side, of in (("train", train), ("val", val)) for name, v in vars(of).items()}
    return Epoch(number, epoch, rate, time.monotonic() - start, loss, **measured)


def _evaluate(work: Work, rows: np.ndarray, doing: str, done: int, total: int) -> Run[Figures]:
    outputs = []
    for answer in predict(work.network, work.pixels, rows):
        outputs.append(answer)
        work.reporter.report(f"{doing}, validating", done, total)
        yield done, total
    return figures(np.concatenate(outputs), work.samples.labels[rows])


def _training_set(samples: Samples, pixels: np.ndarray, recipe: Recipe) -> TrainingSet:
    rows = samples.rows("train")
    repeated, weights = balanced(samples.labels[rows], recipe.balance, recipe.seed)
    return TrainingSet(pixels, rows[repeated], samples.labels[rows[repeated]], weights)


def _sample(samples: Samples, seed: int) -> np.ndarray:
    """As many training rows of each class as there are for validation, the same in every epoch."""
    rng, train = np.random.default_rng([seed, 4]), samples.rows("train")
    counts = np.bincount(samples.labels[samples.rows("val")])
    of_class = [train[samples.labels[train] == c] for c in range(len(counts))]
    return np.sort(np.concatenate([rng.choice(rows, min(len(rows), n), replace=False) for rows, n in zip(of_class, counts, strict=True)]))


def _all_state(network: Any) -> list[Any]:
    return [*checkpoint.network_state(network), *network.optimizer.variables]


def _compile(network: Any, recipe: Recipe, phase: Phase, steps: int, sigmoid: bool) -> None:
    import keras

    made = {"adam": keras.optimizers.Adam, "nadam": keras.optimizers.Nadam, "sgd": partial(keras.optimizers.SGD, momentum=0.9)}
    loss = "binary_crossentropy" if sigmoid else "sparse_categorical_crossentropy"
    network.compile(made[recipe.optimiser](rate_schedule(phase, steps)), loss=loss, jit_compile=False)
    network.optimizer.build(network.trainable_variables)
