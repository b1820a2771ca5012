"""What the lab says of a dataset, as `shortcuts.json`: verdicts, effects, the table of Winkler 2019, and whether attention agrees."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core.diagnoses import MALIGNANT
from core.errors import DatasetError
from core.records import write_record
from core.runs import Run, part
from data_audit.markers.present import known_markers, label_columns, yes_or_no
from datasets.dataset import Dataset
from evaluation.intervals import Figure, mean, undefined
from models.classifier import Classifier
from shortcuts.alarms import Alarms, count_alarms
from shortcuts.effects import effects_of
from shortcuts.examples import write_examples
from shortcuts.plan import Plan, chosen
from shortcuts.rule import ATTENDS
from shortcuts.run import run_dataset
from shortcuts.study import NAME, Apart, Dosed, Example, MarkerStudy, Rule, Study
from shortcuts.table import write_trials
from shortcuts.verdict import Judged, judge, judged_trials, on_lesion
from shortcuts.winkler import sensitivity_specificity

# (heat lies on the marker, the marker is used) → what to make of it
AGREEMENT: dict[tuple[bool, bool], str] = {
    (True, True): "attention and effect agree: the heat lies on it and it moves the scores",
    (False, True): "it moves the scores although the heat does not lie on it: heatmaps alone would have missed it",
    (True, False): "the heat lies on it, but changing it is not seen to move the scores: a heatmap alone would have accused it",
    (False, False): "the heat does not lie on it, and it is not seen to move the scores",
}


def try_dataset(classifier: Classifier, data: Dataset, split: str | None, plan: Plan, about: Mapping[str, str], folder: Path) -> Run[Study]:
    """The whole of it: choose photographs, try the markers, judge, and keep `trials.parquet` and `shortcuts.json` in the folder, the
    latter last. Raises DatasetError where there is no photograph."""
    ids = chosen(data, plan, known_bearing(data), split)
    if not ids:
        raise DatasetError("holds no image with a picture" + (f" in split {split!r}." if split else "."), data.name)
    folder.mkdir(parents=True, exist_ok=True)
    running = run_dataset(classifier, data, ids, plan, about, folder / ".trials.part.parquet")
    trials = yield from part(running, 0, 0.6) if plan.again else running
    alarms = (yield from part(count_alarms(trials, classifier.card.codes), 0.6, 1)) if plan.again else None
    judged = judge(trials, classifier.card.codes, plan.markers)
    examples = write_examples(classifier.card, data, trials, plan, folder)
    study = summary(trials, judged, classifier.card.codes, about, alarms, examples)
    write_trials(trials, about, folder / "trials.parquet")
    write_record(folder / NAME, study)
    return study


def known_bearing(data: Dataset) -> dict[str, list[str]]:
    """Marker → ids of the images that bear it by the dataset's own masks or labels."""
    ids = data.table["image_id"].to_numpy(object)
    labelled = {m: yes_or_no(data.table[column]) > 0 for m, column in label_columns(data.table).items()}
    return {m: ids[there].tolist() for m, there in {**labelled, **known_markers(data)[0]}.items()}


def summary(
    trials: pd.DataFrame,
    judged: Sequence[Judged],
    classes: Sequence[str],
    about: Mapping[str, str],
    alarms: Alarms | None = None,
    examples: Sequence[Example] = (),
) -> Study:
    """trials: of `run_dataset`; classes: of its probability columns."""
    made, apart = judged_trials(trials), on_lesion(trials)
    target = _target(classes)
    return Study(
        dict(about),
        Rule(),
        int(trials["image_id"].nunique()),
        {j.marker: _of_marker(j, made[made["marker"] == j.marker], apart[apart["marker"] == j.marker], classes, target) for j in judged},
        tuple(_doses(trials, classes, target)),
        alarms,
        tuple(examples),
    )


def attention(rows: pd.DataFrame) -> Figure:
    """Mean share of the evidence for the decision that lies on the marker, less its share of the area, 95 % by lesion."""
    known = rows[rows["evidence_share"].notna()]
    if known.empty:
        return undefined("no map of these images says anything for its decision")
    groups = np.unique(known["group"].to_numpy(str), return_inverse=True)[1]
    return mean((known["evidence_share"] - known["area_share"]).to_numpy(float), groups, "no maps")


def _of_marker(j: Judged, rows: pd.DataFrame, apart: pd.DataFrame, classes: Sequence[str], target: str) -> MarkerStudy:
    looked = attention(rows)
    telling = looked.defined and not np.isnan(looked.low) and j.verdict in ("used", "not seen to matter")
    return MarkerStudy(
        verdict=j.verdict,
        why=j.why,
        notes=j.notes,
        effects=j.effects,
        flips=j.flips,
        attention=looked,
        agreement=AGREEMENT[looked.low > 0 and looked.value >= ATTENDS, j.verdict == "used"] if telling else None,
        table={str(direction): sensitivity_specificity(some, target, classes) for direction, some in rows.groupby("direction")},
        table_of=target,
        on_lesion=tuple(_apart(j.marker, str(direction), some, classes) for direction, some in apart.groupby("direction")),
    )


def _apart(marker: str, direction: str, rows: pd.DataFrame, classes: Sequence[str]) -> Apart:
    effects, flips = effects_of(marker, direction, rows, classes)
    return Apart(direction, max(effects, key=lambda e: abs(e.change.value)), flips)


def _doses(trials: pd.DataFrame, classes: Sequence[str], target: str) -> list[Dosed]:
    """Dose–response: mean change of one class's probability by marker, size and strength, where there are several."""
    put = trials[(trials["reason"] == "") & (trials["direction"] == "insertion")]
    dosed = put.groupby("marker").filter(lambda rows: len(rows[["size", "strength"]].drop_duplicates()) > 1)
    k, found = list(classes).index(target), []
    for (marker, size, strength), rows in dosed.groupby(["marker", "size", "strength"]):
        groups = np.unique(rows["group"].to_numpy(str), return_inverse=True)[1]
        base, changed = (np.stack(rows[c].to_list())[:, k] for c in ("base", "changed"))
        change = mean((changed - base).astype(float), groups, "no images")
        found.append(Dosed(str(marker), float(str(size)), float(str(strength)), target, len(rows), change))
    return found


def _target(classes: Sequence[str]) -> str:
    """The class the table is about: melanoma, else malignant, else the first malignant one, else the last."""
    for name in ("mel", "malignant"):
        if name in classes:
            return name
    return next((c for c in classes if c in MALIGNANT), classes[-1])
