"""A classifier over many image files, batch by batch, resuming where a killed run stopped."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from core.runs import Run
from core.version import __version__
from models.classifier import Classifier, Prediction
from models.predictions import PredictionTable, column_names, read_predictions, write_predictions
from models.stream import stream_batches

SAVE_EVERY = 20  # batches between two saves


def about_run(classifier: Classifier, dataset_name: str, dataset_sha: str) -> dict[str, str]:
    """What every export of a run records: version, hashes, parameters."""
    card = classifier.card
    return {
        "lesionlens_version": __version__,
        "model": classifier.facts.path.name,
        "model_sha256": classifier.facts.sha256,
        "card": card.name,
        "card_sha256": card.sha256,
        "dataset": dataset_name,
        "dataset_sha256": dataset_sha,
        "scaling": card.scaling,
        "colour_order": card.colour_order,
        "size": f"{card.height}x{card.width}",
        "resize": f"{card.resize.geometry}, {card.resize.interpolation}",
    }


def run_digest(about: Mapping[str, str], image_ids: Sequence[str]) -> str:
    """16 hexadecimal digits by which a run over these images is recognised when it is resumed."""
    return hashlib.sha256(json.dumps([dict(about), list(image_ids)], sort_keys=True).encode()).hexdigest()[:16]


def predict_dataset(
    classifier: Classifier,
    files: Mapping[str, Path | None],
    about: Mapping[str, str],
    kept: Path | None = None,
    predict: Callable[[Classifier, np.ndarray], Prediction] = Classifier.predict,
) -> Run[PredictionTable]:
    """Predictions of image_id -> file. kept: where progress is saved between batches, and resumed from.

    Images without a file or that cannot be read are in `errors`, with the reason. predict: the prediction of a batch, from one view
    or from several combined.
    """
    ids: list[str] = []
    logits: list[np.ndarray] = []
    probabilities: list[np.ndarray] = []
    errors = {image_id: "no image file" for image_id, file in files.items() if file is None}
    codes = column_names(classifier.card)

    def table() -> PredictionTable:
        empty = np.zeros((0, len(codes)), np.float32)
        return PredictionTable(tuple(ids), codes, np.concatenate([empty, *probabilities]), np.concatenate([empty, *logits]), errors, about)

    if kept is not None and kept.exists():
        before = read_predictions(kept)
        if before.about == dict(about) and before.classes == codes and before.logits is not None:
            ids += before.image_ids
            probabilities.append(before.probabilities.astype(np.float32))
            logits.append(before.logits.astype(np.float32))
            errors |= before.errors
    done = set(ids) | set(errors)
    todo = [(i, f) for i, f in files.items() if i not in done and f is not None]
    yield len(files) - len(todo), len(files)
    finished = len(files) - len(todo)
    try:
        for number, batch in enumerate(stream_batches(classifier, [f for _, f in todo])):
            if batch.rows:
                scores = predict(classifier, batch.images)
                logits.append(scores.logits)
                probabilities.append(scores.probabilities)
                ids += [todo[row][0] for row in batch.rows]
            errors |= {todo[row][0]: reason for row, reason in batch.errors.items()}
            finished += len(batch.rows) + len(batch.errors)
            if kept is not None and number % SAVE_EVERY == SAVE_EVERY - 1:
                write_predictions(table(), kept)
            yield finished, len(files)
    except GeneratorExit:  # the run is stopped
        if kept is not None and ids:
            write_predictions(table(), kept)
        raise
    if kept is not None:
        kept.unlink(missing_ok=True)
    return table()
