"""A training from beginning to end, as a run of progress. Killed at any moment, it goes on and ends with the very same weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.atomic import whole
from core.errors import Cancelled, LesionLensError, TrainingError
from core.runs import Run
from models.architectures.preset import Base
from models.network import import_tensorflow
from training import checkpoint
from training.epoch import ask
from training.finish import finish_training
from training.folder import STOPPED, Epoch, Folder, Result, Teller, folder_of
from training.logs import Logs
from training.order import Order, asked, check_order
from training.phase import Work, run_phase
from training.pixels import load_pixels
from training.samples import Samples, write_split


def train(order: Order, after: Callable[[Epoch], None] = lambda epoch: None) -> Run[Result]:
    """Train, choose the weights, write network, card and result beside each other; returns what `result.json` holds.

    Yields batches done of all. after: called with every whole epoch, those of an earlier process too; what it raises ends the training.
    Raises Cancelled when the folder's `stop` appears, LesionLensErrors before the first epoch for settings
    nobody can train with.
    """
    folder = folder_of(order.out)
    if order.out.exists() and folder.asked() is None:
        raise TrainingError("is there already, and was not trained here.", str(order.out), "Choose another --out.")
    done_before = folder.result()
    if done_before is not None and order.out.exists():
        import_tensorflow()
        folder.begin(asked(order))  # or it is a training of something else
        yield 1, 1
        return done_before
    samples, network, base = check_order(order)
    folder.begin(asked(order))
    try:
        result = yield from _train(order, folder, samples, network, base, after)
    except (GeneratorExit, KeyboardInterrupt):
        folder.say("stopped", 0, 0, "stopped", STOPPED)
        raise
    except Cancelled as stop:
        folder.say("stopped", 0, 0, "stopped", str(stop))
        raise
    except Exception as error:
        first = (str(error).splitlines() or [""])[0][:200]
        message = str(error) if isinstance(error, LesionLensError) else f"{type(error).__name__}: {first}"
        folder.say("failed", 0, 0, "failed", message)
        raise
    folder.say("finished", 1, 1, "finished")
    return result


def deterministic() -> None:
    """From now on TensorFlow gives the same numbers for the same work in this process, or refuses."""
    import_tensorflow()
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


def _train(order: Order, folder: Folder, samples: Samples, network: Any, base: Base | None, after: Callable[[Epoch], None]) -> Run[Result]:
    recipe = order.recipe
    teller = Teller(folder)
    pixels, unreadable = yield from _pictures(order, folder, samples, teller)
    if unreadable:
        kept = ~np.isin(samples.image_ids, list(unreadable))
        samples, pixels = samples.without(list(unreadable)), pixels[kept]
    write_split(samples, folder.split)
    history = checkpoint.read_history(folder.checkpoint) if folder.checkpoint.exists() else []
    work = Work(order, folder, samples, network, base, pixels, history, Logs(folder, history), teller, after)
    for row in history:
        after(row)
    for number, phase in enumerate(recipe.phases, 1):
        yield from run_phase(work, number, phase)
    work.logs.close()
    teller.tell("judging on the test images", 0, 1, at_once=True)
    outputs = np.concatenate(list(ask(network, pixels, samples.rows("test"))))
    _save_network(network, order.out)
    result = finish_training(order, folder, samples, history, outputs, asked(order))
    folder.clear()
    return result


def _pictures(order: Order, folder: Folder, samples: Samples, teller: Teller) -> Run[tuple[np.ndarray, dict[str, str]]]:
    """As `load_pixels`; no batch is done meanwhile."""
    loading = load_pixels(order.dataset, samples.image_ids.tolist(), order.recipe.size, folder.pixels)
    while True:
        try:
            done, total = next(loading)
        except StopIteration as end:
            return end.value
        teller.tell("reading pictures", done, total)
        yield 0, 1


def _save_network(network: Any, path: Path) -> None:
    """The network without its optimiser, whole or not at all."""
    import keras

    bare = keras.models.clone_model(network)
    bare.set_weights(network.get_weights())
    with whole(path) as part:
        bare.save(part)
