"""The end of a training run: test figures with intervals, predictions, and the model card."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from core import diagnoses
from core.exports import plain
from core.version import __version__
from core.wording import count
from datasets.splits import with_splits
from models.card import ModelCard, Tested, Training, card_path, write_card
from models.predictions import PredictionTable, write_predictions
from studies.assess import assess
from training.epoch import class_scores
from training.folder import Epoch, Folder, Result, Specification
from training.order import Order
from training.pixels import RESIZE
from training.samples import Samples
from training.schedule import chosen_epoch, overfitting

LIMITS = "Trained on one dataset, not tested on others. Not a medical device; not for diagnosis."


def finish_training(
    order: Order, folder: Folder, samples: Samples, history: Sequence[Epoch], outputs: np.ndarray, specification: Specification
) -> Result:
    """Writes card, predictions.parquet and result.json; returns the content of the last. outputs: of the test images."""
    training = Training(
        preset=order.preset.name,
        source=order.preset.source,
        recipe=plain(specification.recipe),
        dataset=order.dataset.name,
        dataset_sha256=order.dataset.sha256,
        images=samples.counts(),
        left_out=samples.left_out,
        leaking=samples.leaking,
        versions=dict(specification.versions),
        epochs=len(history),
        chosen_epoch=chosen_epoch(order.recipe, history).epoch,
        curves=[plain({k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(e).items()}) for e in history],
        test=_test_figures(order, samples, outputs, folder),
        overfitting=overfitting(history),
    )
    write_card(make_trained_card(order, samples, training), card_path(order.out))
    result = Result(order.out.name, training)
    folder.write_result(result)
    return result


def make_trained_card(order: Order, samples: Samples, training: Training) -> ModelCard:
    classes, recipe = samples.classes, order.recipe
    malignant = [c for c in classes if diagnoses.malignancy(diagnoses.code_or_name(c)) == "malignant"]
    n = sum(sum(counts.values()) for counts in training.images.values())
    return ModelCard(
        name=order.out.stem,
        classes=classes,
        height=recipe.height,
        width=recipe.width,
        resize=RESIZE,
        scaling="0..255",
        output="sigmoid" if order.preset.sigmoid else "softmax",
        positive=classes[1] if order.preset.sigmoid else None,
        malignant=tuple(malignant),
        training_data=f"{count(n, 'image')} of {order.dataset.name}, split by {recipe.split.by} (seed {recipe.seed})",
        intended_use="Research and teaching.",
        limits=LIMITS,
        training=training,
    )


def _test_figures(order: Order, samples: Samples, outputs: np.ndarray, folder: Folder) -> dict[str, Tested]:
    """Figures of the test images, with 95 % intervals by patient or lesion where their ids are known."""
    ids = samples.image_ids[samples.rows("test")]
    codes = tuple(diagnoses.code_or_name(c) for c in samples.classes)
    about = {"lesionlens_version": __version__, "model": order.out.name, "dataset": order.dataset.name}
    table = PredictionTable(tuple(map(str, ids)), codes, class_scores(outputs).astype(float), about=about)
    write_predictions(table, folder.path / "predictions.parquet")
    split = with_splits(order.dataset, dict(zip(samples.image_ids.tolist(), samples.splits.tolist(), strict=True)))
    evaluation = assess(table, split, split="test").evaluation
    named = {"accuracy": evaluation["accuracy"], "balanced accuracy": evaluation["balanced_accuracy"]}
    named |= {f"sensitivity {f.name}": f["sensitivity"] for f in evaluation.per_class}
    figures = {name: Tested(**plain({"value": f.value, "low": f.low, "high": f.high, "reason": f.reason})) for name, f in named.items()}
    return {**figures, "majority baseline": Tested(value=evaluation.majority_baseline)}
