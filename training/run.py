"""A training run from beginning to end. Killed at any moment, it resumes and ends with the very same weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.atomic import whole
from core.errors import Cancelled, LesionLensError, TrainingError
from core.runs import Run, finish
from models.architectures.preset import Base
from models.network import import_tensorflow
from training import checkpoint
from training.epoch import predict
from training.finish import finish_training
from training.folder import STOPPED, Epoch, Folder, Reporter, Result, folder_of
from training.logs import Logs
from training.order import Order, check_order, specification
from training.phase import Work, run_phase
from training.pixels import load_pixels
from training.samples import Samples, write_split


def train(order: Order, after: Callable[[Epoch], None] = lambda epoch: None) -> Run[Result]:
    """Train, choose the weights, write network, card and result beside each other; returns the content of `result.json`.

    Yields batches done of all. after: called with every complete epoch, those of an earlier process too; what it raises ends the run.
    Raises Cancelled when the folder's `stop` appears, LesionLensErrors before the first epoch for invalid settings.
    """
    folder = folder_of(order.out)
    if order.out.exists() and folder.specification() is None:
        raise TrainingError("already exists, and was not trained here.", str(order.out), "Choose another --out.")
    done_before = folder.result()
    if done_before is not None and order.out.exists():
        import_tensorflow()
        folder.begin(specification(order))  # raises if it is another training run
        yield 1, 1
        return done_before
    samples, network, base = check_order(order)
    folder.begin(specification(order))
    try:
        result = yield from _train(order, folder, samples, network, base, after)
    except (GeneratorExit, KeyboardInterrupt, Cancelled):
        folder.write_state("stopped", ended="stopped", message=STOPPED)
        raise
    except Exception as error:
        first = (str(error).splitlines() or [""])[0][:200]
        message = str(error) if isinstance(error, LesionLensError) else f"{type(error).__name__}: {first}"
        folder.write_state("failed", ended="failed", message=message)
        raise
    folder.write_state("finished", 1, 1, ended="finished")
    return result


def deterministic() -> None:
    """Make TensorFlow deterministic in this process, or fail."""
    import_tensorflow()
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


def _train(order: Order, folder: Folder, samples: Samples, network: Any, base: Base | None, after: Callable[[Epoch], None]) -> Run[Result]:
    recipe = order.recipe
    reporter = Reporter(folder)
    loading = load_pixels(order.dataset, samples.image_ids.tolist(), recipe.size, folder.pixels)
    pixels, unreadable = finish(loading, lambda done, total: reporter.report("reading images", done, total))
    if unreadable:
        kept = ~np.isin(samples.image_ids, list(unreadable))
        samples, pixels = samples.without(list(unreadable)), pixels[kept]
    write_split(samples, folder.split)
    history = checkpoint.read_history(folder.checkpoint) if folder.checkpoint.exists() else []
    work = Work(order, folder, samples, network, base, pixels, history, Logs(folder, history), reporter, after)
    for row in history:
        after(row)
    for number, phase in enumerate(recipe.phases, 1):
        yield from run_phase(work, number, phase)
    work.logs.close()
    reporter.report("evaluating on the test images", 0, 1, at_once=True)
    outputs = np.concatenate(list(predict(network, pixels, samples.rows("test"))))
    _save_network(network, order.out)
    result = finish_training(order, folder, samples, history, outputs, specification(order))
    folder.clear()
    return result


def _save_network(network: Any, path: Path) -> None:
    """The network without its optimiser, whole or not at all."""
    import keras

    bare = keras.models.clone_model(network)
    bare.set_weights(network.get_weights())
    with whole(path) as part:
        bare.save(part)
