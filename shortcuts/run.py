"""The experiment over a dataset: every photograph with and without its markers, in a table that a stopped run goes on with."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core import diagnoses
from core.errors import ImageError
from core.runs import Run
from data_audit.scan import one_thread_a_call
from datasets.dataset import Dataset
from models.classifier import Classifier
from shortcuts.attention import score, share_on
from shortcuts.donors import find_donors
from shortcuts.experiment import Impossible, Subject, Trial
from shortcuts.plan import Plan, make_trials
from shortcuts.table import empty_row, read_trials, trials_frame, write_trials

AT_ONCE = 12  # photographs in memory
SAVE_EVERY = 8  # rounds of so many


def run_dataset(
    classifier: Classifier, data: Dataset, image_ids: Sequence[str], plan: Plan, about: Mapping[str, str], kept: Path | None = None
) -> Run[pd.DataFrame]:
    """One row an image, marker and direction (COLUMNS); `reason` where the experiment could not be made. Probabilities and logits are
    float32 arrays by the card's classes. kept: where what is done is saved, and taken up from if it was the same run."""
    about = {**about, "plan": json.dumps(asdict(plan))}
    rows: list[dict[str, Any]] = []
    done: set[str] = set()
    before = read_trials(kept, about) if kept is not None else None
    if before is not None:
        rows = [{str(k): v for k, v in row.items()} for row in before.to_dict("records")]
        done = set(before["image_id"])
    todo = [i for i in image_ids if i not in done]
    total = len(image_ids)
    yield total - len(todo), total
    facts = _facts(data, classifier.card.codes)
    try:
        for number, found in enumerate(_rounds(classifier, data, todo, plan, facts), 1):
            rows += found
            done |= {str(row["image_id"]) for row in found}
            if kept is not None and number % SAVE_EVERY == 0:
                write_trials(trials_frame(rows), about, kept)
            yield total - len(todo) + min(number * AT_ONCE, len(todo)), total
    except GeneratorExit:
        if kept is not None and rows:
            write_trials(trials_frame(rows), about, kept)
        raise
    if kept is not None:
        kept.unlink(missing_ok=True)
    return trials_frame(rows)


def _facts(data: Dataset, codes: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """image_id → group, and the classifier's class for its diagnosis."""
    labels = data.table["diagnosis"]
    mapping = diagnoses.label_map(labels.dropna().unique(), codes)
    true = [mapping.get(label) if isinstance(label, str) else None for label in labels]
    return dict(zip(data.table["image_id"], zip(data.clusters.astype(str), true, strict=True), strict=True))


@dataclass(frozen=True)
class _Made:
    """One photograph's trials, ready for the network."""

    subject: Subject
    found: list[Trial | Impossible]


def _rounds(
    classifier: Classifier, data: Dataset, image_ids: Sequence[str], plan: Plan, facts: Mapping[str, tuple[str, str | None]]
) -> Iterator[list[dict[str, Any]]]:
    """Trials are made in threads while the network answers to those before."""

    donors = find_donors(classifier.card, data, plan.seed)

    def make(image_id: str) -> _Made | str:
        try:
            return _Made(*make_trials(classifier.card, data, image_id, plan, donors))
        except ImageError as error:
            return str(error)

    with one_thread_a_call(), ThreadPoolExecutor(2) as pool:
        parts = [image_ids[k : k + AT_ONCE] for k in range(0, len(image_ids), AT_ONCE)]
        ahead = [pool.submit(make, j) for j in parts[0]] if parts else []
        for k, part in enumerate(parts):
            made = [f.result() for f in ahead]
            ahead = [pool.submit(make, j) for j in parts[k + 1]] if k + 1 < len(parts) else []
            yield _answered(classifier, part, made, facts)


def _answered(
    classifier: Classifier, part: Sequence[str], made: Sequence[_Made | str], facts: Mapping[str, tuple[str, str | None]]
) -> list[dict[str, Any]]:
    pictures: list[np.ndarray] = []
    looked_at: list[bool] = []

    def put(picture: np.ndarray | None, look: bool = False) -> int:
        """The picture's number, −1 where there is none."""
        if picture is None:
            return -1
        pictures.append(picture)
        looked_at.append(look)
        return len(pictures) - 1

    rows: list[dict[str, Any]] = []
    numbered: list[tuple[dict[str, Any], dict[str, int], int, np.ndarray]] = []
    for image_id, m in zip(part, made, strict=True):
        group, diagnosis = facts[image_id]
        common = {**empty_row(), "image_id": image_id, "group": group, "diagnosis": diagnosis}
        if isinstance(m, str):
            rows.append({**common, "reason": m})
            continue
        removing = any(isinstance(t, Trial) and t.direction == "removal" for t in m.found)
        base, cropped = put(m.subject.image, removing), put(m.subject.cropped)
        for t in m.found:
            if isinstance(t, Impossible):
                rows.append({**common, "marker": t.marker, "direction": t.direction, "reason": t.reason})
                continue
            rows.append(
                {
                    **common,
                    "marker": t.marker,
                    "direction": t.direction,
                    "on_lesion": t.on_lesion,
                    "area_share": float(t.mask.mean()),
                    "kind": t.dose.kind if t.dose else None,
                    "size": t.dose.size if t.dose else float("nan"),
                    "strength": t.dose.strength if t.dose else float("nan"),
                }
            )
            changed = put(t.changed, t.direction == "insertion")
            others = {"control": put(t.control), "lent": put(t.lent), "scrambled": put(t.scrambled), "again": put(t.again)}
            places = {"base": base, "changed": changed, **others, "cropped": cropped}
            numbered.append((rows[-1], places, base if t.direction == "removal" else changed, t.mask))
    scored = score(classifier, pictures, looked_at)
    for row, places, marked, mask in numbered:
        row.update({name: scored.probabilities[k] for name, k in places.items() if k >= 0})
        row.update({f"{name}_logits": scored.logits[places[name]] for name in ("base", "changed", "control")})
        if marked in scored.maps:
            row["evidence_share"] = share_on(scored.maps[marked], mask)
    return rows
