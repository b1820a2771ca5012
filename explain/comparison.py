"""Many images examined: how far to trust each map of a dataset, and which method suits this classifier best."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.atomic import whole, write_bytes
from core.errors import ImageError
from core.runs import Run, finish
from evaluation.intervals import Figure, mean, ratio
from explain.methods import DEFAULT, METHODS, Settings, unsupported
from explain.sanity import Sanity, untrained_twin
from explain.stability import CHANGES
from explain.trust import VERDICTS, as_row, badge, examine
from imaging.decode import read_image
from imaging.resize import scale_image
from models.classifier import Classifier
from models.run import run_digest

QUICK = {"steps": 10, "random_maps": 3}  # of the curves, when many images are examined
FIGURES = ("over_random", "over_centre", "steady", "in_lesion", "empty")


@dataclass(frozen=True)
class Subject:
    """One image to examine. group: the unit of resampling (its lesion); masks: bool by name, read on demand."""

    image_id: str
    path: Path
    group: str
    masks: Callable[[], Mapping[str, np.ndarray]] = dict


@dataclass(frozen=True)
class MethodScore:
    """One method over a sample; each figure is a mean with its 95 % interval over lesions.

    over_random, over_centre: insertion minus deletion area, minus that of the controls. steady: lowest Spearman under
    harmless changes. in_lesion: share of evidence in the lesion minus share of area. verdicts: counts. passes: forward
    passes per image, at least.
    """

    method: str
    images: int
    over_random: Figure
    over_centre: Figure
    steady: Figure
    in_lesion: Figure
    empty: Figure
    verdicts: Mapping[str, int]
    passes: int
    sanity: float
    reason: str = ""


def examine_dataset(
    classifier: Classifier,
    subjects: Sequence[Subject],
    about: Mapping[str, str],
    path: Path,
    method: str,
    target: int | None = None,
    layer: str | None = None,
    settings: Settings = DEFAULT,
    sanity: Sanity | None = None,
) -> Run[list[dict[str, Any]]]:
    """`trust.parquet`: one row per image with everything measured and the verdict; unreadable images have an error.

    A killed run is resumed: rows are logged beside the file as they come, and the log is removed once it is complete.
    """
    kept = path.with_name(f".{path.name}-{run_digest(about, [s.image_id for s in subjects])}.jsonl")
    rows, twin = _known(kept), untrained_twin(classifier)
    write_bytes(kept, "".join(json.dumps(row) + "\n" for row in rows).encode())
    with kept.open("a", encoding="utf-8") as file:
        for subject in subjects[len(rows) :]:
            yield len(rows), len(subjects)
            row = _examined(classifier, twin, subject, method, target, layer, settings, sanity)
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            file.flush()
    yield len(rows), len(subjects)
    table = pa.Table.from_pandas(pd.DataFrame(rows, columns=None if rows else ["image_id"]), preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), "lesionlens": json.dumps({"about": dict(about)})})
    with whole(path) as part:
        pq.write_table(table, part, compression="zstd")
    kept.unlink()
    return rows


def compare_methods(
    classifier: Classifier,
    subjects: Sequence[Subject],
    methods: Sequence[str],
    layer: str | None = None,
    settings: Settings = DEFAULT,
    sanity: Mapping[str, Sanity] | None = None,
) -> Run[list[MethodScore]]:
    """Every method on the same images, sorted by how far its maps beat the image centre, the best first.

    Each image's predicted class is explained. sanity: saved checks by method. Methods the network does not support
    come last, with the reason. Images that cannot be read are left out.
    """
    possible = [m for m in methods if not unsupported(classifier, m)]
    done, total = 0, len(possible) * len(subjects)
    scores, twin = [], untrained_twin(classifier)
    for method in possible:
        rows = []
        kept = (sanity or {}).get(method)
        for subject in subjects:
            yield done, total
            row = _examined(classifier, twin, subject, method, None, layer, settings, kept, **QUICK)
            done += 1
            if "error" not in row:
                rows.append({**row, "group": subject.group})
        scores.append(_score(classifier, method, rows, layer, kept))
    yield total, total
    scores.sort(key=lambda s: -np.nan_to_num(s.over_centre.value, nan=-math.inf))
    nothing = Figure(math.nan, reason="not possible here")
    return scores + [
        MethodScore(m, 0, nothing, nothing, nothing, nothing, nothing, {}, METHODS[m].passes, math.nan, reason)
        for m in methods
        if (reason := unsupported(classifier, m))
    ]


def as_json(score: MethodScore) -> dict[str, Any]:
    """A method's figures as plain values."""
    return {
        "method": score.method,
        "name": METHODS[score.method].name,
        "paper": METHODS[score.method].paper,
        "images": score.images,
        **{name: {k: getattr(getattr(score, name), k) for k in ("value", "low", "high", "reason")} for name in FIGURES},
        "verdicts": dict(score.verdicts),
        "forward_passes": score.passes,
        "sanity_spearman": score.sanity,
        "not_possible": score.reason,
    }


def _examined(
    classifier: Classifier,
    twin: Classifier | None,
    subject: Subject,
    method: str,
    target: int | None,
    layer: str | None,
    settings: Settings,
    sanity: Sanity | None,
    **effort: int,
) -> dict[str, Any]:
    try:
        image = read_image(subject.path)
        masks = {k: _fit(m, image) for k, m in subject.masks().items()}
    except ImageError as error:
        return {"image_id": subject.image_id, "error": str(error)}
    evidence, prediction = finish(examine(classifier, image, target, method, layer, settings, sanity, masks, **effort, twin=twin))
    decided = classifier.card.classes[int(prediction.logits[0].argmax())]
    return {"image_id": subject.image_id, "decision": decided, **as_row(evidence, badge(evidence))}


def _fit(mask: np.ndarray, image: np.ndarray) -> np.ndarray:
    return scale_image(mask.astype(np.uint8), image.shape[:2], "nearest").astype(bool)


def _score(classifier: Classifier, method: str, rows: list[dict[str, Any]], layer: str | None, sanity: Sanity | None) -> MethodScore:
    groups = np.unique([r["group"] for r in rows], return_inverse=True)[1] if rows else np.zeros(0, int)

    def column(name: str) -> np.ndarray:
        return np.array([r.get(name, math.nan) for r in rows], float)

    def over(values: np.ndarray, reason: str) -> Figure:
        known = ~np.isnan(values)
        return mean(values[known], groups[known], reason)

    steady = np.array([[r[f"stability_{k}"] for k in CHANGES] for r in rows], float).reshape(-1, len(CHANGES)).min(axis=1)
    empty = column("empty")
    entry = METHODS[method]
    channels = classifier.layer(layer).channels if entry.needs == "layer" else 0
    verdicts = [r["verdict"] for r in rows]
    return MethodScore(
        method,
        len(rows),
        over(column("over_random"), "no map to test"),
        over(column("over_centre"), "no map to test"),
        over(steady, "no map to test"),
        over(column("lesion_share") - column("lesion_area"), "no lesion masks"),
        ratio(empty, np.ones(len(rows)), groups, "no images"),
        {v: verdicts.count(v) for v in VERDICTS},
        entry.cost(channels),
        sanity.spearman[-1] if sanity else math.nan,
    )


def _known(kept: Path) -> list[dict[str, Any]]:
    """The rows a killed run left behind, without the one it was writing."""
    if not kept.exists():
        return []
    rows = []
    for line in kept.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows
