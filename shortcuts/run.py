"""The experiment over a dataset: every photograph with and without its markers, in a table that a stopped run goes on with."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import diagnoses
from atomic import part_name
from data_audit.dataset import Dataset
from errors import ImageError
from models.classifier import Classifier
from runs import Run
from shortcuts.attention import share_on, tell
from shortcuts.drawing import INSERTED, Dose
from shortcuts.experiment import Impossible, Subject, Trial, trials
from shortcuts.subjects import fit, outline_image

AT_ONCE = 12  # photographs in memory
SAVE_EVERY = 8  # rounds of so many
SIZES, STRENGTHS = (0.5, 1.0, 1.6), (0.4, 0.85)


@dataclass(frozen=True)
class Plan:
    """markers: what is tried; images: at most so many photographs at random, and half as many again bearing each marker; filling: what
    takes a marker's place; doses: also at other sizes and strengths, on every fifth photograph; again: every control is drawn twice, to
    count false alarms."""

    markers: tuple[str, ...] = tuple(INSERTED)
    images: int = 300
    filling: str = "telea"
    seed: int = 0
    doses: bool = False
    again: bool = False


COLUMNS = (
    "image_id", "group", "diagnosis", "marker", "direction", "size", "strength", "on_lesion", "area_share", "evidence_share",
    "base", "changed", "control", "again", "cropped", "base_logits", "changed_logits", "control_logits", "reason",
)  # fmt: skip
SCORES = COLUMNS[10:18]  # one value a class


def chosen(data: Dataset, plan: Plan, bearing: Mapping[str, Sequence[str]], split: str | None = None) -> list[str]:
    """Ids of the photographs that are tried. bearing: marker → images known to bear it."""
    table = data.table if split is None else data.table[data.table["split"] == split]
    ids = table["image_id"][table["file"].notna()].tolist()
    rng = np.random.default_rng(plan.seed)
    drawn = [ids[k] for k in rng.permutation(len(ids))[: plan.images]]
    inside = set(ids)
    for marker in plan.markers:
        known = [i for i in bearing.get(marker, ()) if i in inside]
        drawn += [known[k] for k in rng.permutation(len(known))[: plan.images // 2]]
    return list(dict.fromkeys(drawn))


def run_dataset(
    classifier: Classifier,
    data: Dataset,
    image_ids: Sequence[str],
    plan: Plan,
    about: Mapping[str, str],
    kept: Path | None = None,
) -> Run[pd.DataFrame]:
    """One row an image, marker and direction (COLUMNS); `reason` where the experiment could not be made. Probabilities and logits are
    float32 arrays by the card's classes. kept: where what is done is saved, and taken up from if it was the same run."""
    about = {**about, "plan": json.dumps(asdict(plan))}
    rows: list[dict[str, Any]] = []
    done: set[str] = set()
    before = _read_part(kept, about) if kept is not None else None
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
                write_trials(_frame(rows), about, kept)
            yield total - len(todo) + min(number * AT_ONCE, len(todo)), total
    except GeneratorExit:
        if kept is not None and rows:
            write_trials(_frame(rows), about, kept)
        raise
    if kept is not None:
        kept.unlink(missing_ok=True)
    return _frame(rows)


def write_trials(frame: pd.DataFrame, about: Mapping[str, str], path: Path) -> None:
    """`trials.parquet`, whole or not at all."""
    plain = frame.copy()
    for column in SCORES:
        plain[column] = [None if v is None else np.asarray(v, np.float32).tolist() for v in plain[column]]
    arrow = pa.Table.from_pandas(plain, preserve_index=False).replace_schema_metadata(
        {b"lesionlens": json.dumps(dict(about)).encode()}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(arrow, part_name(path), compression="zstd")
    part_name(path).replace(path)


def _read_part(path: Path, about: Mapping[str, str]) -> pd.DataFrame | None:
    try:
        arrow = pq.read_table(path)
        if json.loads((arrow.schema.metadata or {})[b"lesionlens"]) != dict(about):
            return None
        return arrow.to_pandas()
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return None


def _facts(data: Dataset, codes: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """image_id → group, and the classifier's class for its diagnosis."""
    labels = data.table["diagnosis"]
    mapping = diagnoses.label_map(labels.dropna().unique(), codes)
    true = [mapping.get(label) if isinstance(label, str) else None for label in labels]
    return dict(zip(data.table["image_id"], zip(data.clusters.astype(str), true, strict=True), strict=True))


@dataclass(frozen=True)
class _Made:
    """One photograph's trials, ready for the network."""

    image_id: str
    subject: Subject
    found: list[Trial | Impossible]


def _rounds(
    classifier: Classifier, data: Dataset, image_ids: Sequence[str], plan: Plan, facts: Mapping[str, tuple[str, str | None]]
) -> Iterator[list[dict[str, Any]]]:
    """Trials are made in threads while the network answers to those before."""

    def make(job: tuple[int, str]) -> _Made | str:
        number, image_id = job
        rng = np.random.default_rng([plan.seed, number])
        try:
            subject = fit(classifier.card, outline_image(data, image_id))
        except ImageError as error:
            return str(error)
        found = trials(subject, plan.markers, plan.filling, rng, again=plan.again)
        if plan.doses and number % 5 == 0:
            for marker in plan.markers:
                if marker not in subject.markers and marker in INSERTED:
                    for size in SIZES:
                        for strength in STRENGTHS:
                            if (size, strength) != (1.0, 0.85):
                                found += trials(
                                    subject, [marker], plan.filling, rng, {marker: Dose(marker, size=size, strength=strength)}
                                )
        return _Made(image_id, subject, found)

    jobs = [(_number(image_id), image_id) for image_id in image_ids]
    with ThreadPoolExecutor(2) as pool:
        parts = [jobs[k : k + AT_ONCE] for k in range(0, len(jobs), AT_ONCE)]
        ahead = [pool.submit(make, j) for j in parts[0]] if parts else []
        for k, part in enumerate(parts):
            made = [f.result() for f in ahead]
            ahead = [pool.submit(make, j) for j in parts[k + 1]] if k + 1 < len(parts) else []
            yield _answered(classifier, part, made, facts)


def _number(image_id: str) -> int:
    """The same for an image in every run, whichever others are tried."""
    return zlib.crc32(image_id.encode())


def _answered(
    classifier: Classifier,
    part: Sequence[tuple[int, str]],
    made: Sequence[_Made | str],
    facts: Mapping[str, tuple[str, str | None]],
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
    for (_, image_id), m in zip(part, made, strict=True):
        group, diagnosis = facts[image_id]
        common = {**_empty(), "image_id": image_id, "group": group, "diagnosis": diagnosis}
        if isinstance(m, str):
            rows.append({**common, "reason": m})
            continue
        removing = any(isinstance(t, Trial) and t.direction == "removal" for t in m.found)
        base, cropped = put(m.subject.image, removing), put(m.subject.cropped)
        for t in m.found:
            if isinstance(t, Impossible):
                rows.append({**common, "marker": t.marker, "direction": t.direction, "reason": t.reason})
                continue
            rows.append({
                **common, "marker": t.marker, "direction": t.direction, "on_lesion": t.on_lesion, "area_share": float(t.mask.mean()),
                "size": t.dose.size if t.dose else float("nan"), "strength": t.dose.strength if t.dose else float("nan"),
            })  # fmt: skip
            changed = put(t.changed, t.direction == "insertion")
            places = {"base": base, "changed": changed, "control": put(t.control), "again": put(t.again), "cropped": cropped}
            numbered.append((rows[-1], places, base if t.direction == "removal" else changed, t.mask))
    told = tell(classifier, pictures, looked_at)
    for row, places, marked, mask in numbered:
        row.update({name: told.probabilities[k] for name, k in places.items() if k >= 0})
        row.update({f"{name}_logits": told.logits[places[name]] for name in ("base", "changed", "control")})
        if marked in told.maps:
            row["evidence_share"] = share_on(told.maps[marked], mask)
    return rows


def _empty() -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    return row | {c: float("nan") for c in ("size", "strength", "on_lesion", "area_share", "evidence_share")} | {"reason": ""}


def _frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(COLUMNS))
