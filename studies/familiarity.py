"""Out-of-distribution detection on a dataset: fitting a reference, and how well it separates other images from its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import DatasetError
from core.runs import Run, part
from core.wording import count
from datasets.dataset import Dataset
from demo.drawing.foreign import FAR, NEAR
from evaluation.intervals import Figure
from evaluation.ood import FITTED, JUDGED, SCALED, SCORES, Reference, Separation, fit_reference, separation, split_parts
from imaging.decode import read_image
from models.classifier import Classifier
from models.ood import features, features_of, read_reference, write_reference
from models.run import about_run

MOST = 3000  # images for a reference; more hardly change it
LEARNED = 0.6  # of them to fit
FEWEST = 100
FEWEST_LESIONS = 30
DRAWN = 200  # pictures of each kind
NONE_OF_THESE = "unk"


@dataclass(frozen=True)
class Kind:
    """A kind of other images, and how well each score separates them from the familiar ones. far: obviously not lesions."""

    name: str
    far: bool
    images: int
    unread: int
    scores: Mapping[str, Separation]


@dataclass(frozen=True)
class Familiarity:
    """One image under a reference. score: the key in `SCORES` of the score used; further: share of the held-out familiar images with a
    lower score; kept_apart: their number; unlike: beyond the threshold; nearest: (image_id, cosine), the nearest first; stays_below: the
    share of images of new lesions that the threshold lets pass, with what it may be for the number of `lesions` it rests on."""

    score: str
    value: float
    threshold: float
    further: float
    kept_apart: int
    unlike: bool
    nearest: tuple[tuple[str, float], ...]
    stays_below: Figure
    lesions: int


def training_split(data: Dataset) -> str | None:
    """The training split, if the dataset has one."""
    return "train" if (data.table["split"] == "train").any() else None


def fit_on(classifier: Classifier, data: Dataset, split: str | None = None, seed: int = 0) -> Run[Reference]:
    """A reference fitted on the dataset or one split. Raises DatasetError for too few images."""
    splits = sorted(data.table["split"].dropna().unique())
    if split is not None and split not in splits:
        raise DatasetError(f"has no split {split!r}.", data.name, f"Its splits: {', '.join(splits) or 'none'}.")
    ids, parts = _parted(data, split, seed)
    _check_enough(len(ids), len(ids), data.name, split)
    rows, found = yield from features_of(classifier, [data.path(i) for i in ids])
    known = [ids[r] for r in rows]
    groups = _groups(data, known)
    _check_enough(len(known), len(np.unique(groups)), data.name, split)
    none = next((k for k, code in enumerate(classifier.card.codes) if code == NONE_OF_THESE), None)
    return fit_reference(found, parts[rows], groups, known, none)


def kept_reference(classifier: Classifier, data: Dataset, split: str | None, path: Path, seed: int = 0) -> Run[Reference]:
    """The reference stored at a path if it was fitted on the same data, else a new one, which is stored there."""
    about = about_run(classifier, data.name, data.sha256) | {"split": split or "all", "seed": str(seed), "kind": "ood reference"}
    kept = read_reference(path)
    if kept is not None and kept[1] == about:
        return kept[0]
    reference = yield from fit_on(classifier, data, split, seed)
    write_reference(reference, about, path)
    return reference


def judge_kinds(
    classifier: Classifier, reference: Reference, data: Dataset, split: str | None, others: Sequence[Dataset] = (), seed: int = 0
) -> Run[list[Kind]]:
    """Far kinds, near kinds made from the held-out familiar images, and other datasets, each separately. data, split, seed: as fitted."""
    ids, parts = _parted(data, split, seed)
    changed = [i for i, p in zip(ids, parts, strict=True) if p == JUDGED][:DRAWN]
    jobs: list[tuple[str, bool, list[Any], Callable[[Any], np.ndarray], list[str]]] = []
    for number, (name, (draw, sources)) in enumerate(FAR.items()):
        seeds = [(seed, number, k) for k in range(DRAWN)]
        jobs.append((name, True, seeds, partial(_far, draw), [str(k % (sources or DRAWN)) for k in range(DRAWN)]))
    for number, (name, change) in enumerate(NEAR.items()):
        chosen = [(data.path(i), (seed, number, k)) for k, i in enumerate(changed)]
        jobs.append((name, False, chosen, partial(_near, change), _groups(data, changed).tolist()))
    for other in others:
        ids = _drawn(other, other.table["image_id"], seed)
        jobs.append((other.name, False, [other.path(i) for i in ids], read_image, _groups(other, ids).tolist()))
    kinds = []
    for k, (name, far, items, read, groups) in enumerate(jobs):
        rows, found = yield from part(features_of(classifier, items, read), k / len(jobs), (k + 1) / len(jobs))
        scores = separation(reference, reference.scores(found), np.array(groups)[rows]) if rows else {}
        kinds.append(Kind(name, far, len(rows), len(items) - len(rows), scores))
    return kinds


def look(classifier: Classifier, reference: Reference, image: np.ndarray, nearest: int = 7) -> Familiarity:
    """One image uint8 RGB (H, W, 3) against the reference."""
    found = features(classifier, classifier.prepare([image]))
    name = reference.best
    value = float(reference.scores(found)[name][0])
    alike = reference.nearest(found.embedding[0], nearest) if found.embedding is not None else []
    threshold, further = reference.thresholds[name], reference.further_than(name, value)
    judged, stays = len(reference.judged[name]), reference.stays_below
    return Familiarity(name, value, threshold, further, judged, value > threshold, tuple(alike), stays, reference.lesions)


def as_json(reference: Reference, kinds: Sequence[Kind], about: Mapping[str, str]) -> dict[str, Any]:
    """`ood.json`."""
    return {
        "about": dict(about),
        "score": reference.best,
        "scores": {name: meaning for name, (_, meaning) in SCORES.items() if name in reference.thresholds},
        "thresholds": dict(reference.thresholds),
        "familiar_below": {**asdict(reference.stays_below), "lesions": reference.lesions},
        "images": {"learned_from": len(reference.of), "kept_apart": len(reference.groups)},
        "familiar_flagged": {n: asdict(reference.false_alarms(n)) for n in reference.thresholds},
        "kinds": [
            {"kind": k.name, "far": k.far, "images": k.images, "unread": k.unread, "scores": {n: asdict(s) for n, s in k.scores.items()}}
            for k in kinds
        ],
    }


def _far(draw: Callable[[np.random.Generator, int], np.ndarray], seed: tuple[int, ...]) -> np.ndarray:
    return draw(np.random.default_rng(seed), seed[-1])


def _near(change: Callable[[np.ndarray, np.random.Generator], np.ndarray], item: tuple[Path, tuple[int, ...]]) -> np.ndarray:
    path, seed = item
    return change(read_image(path), np.random.default_rng(seed))


def _parted(data: Dataset, split: str | None, seed: int) -> tuple[list[str], np.ndarray]:
    """Ids of images, and the part of each. To a network, images it has learned from lie closer together than new ones, so the lesions
    that set the threshold, and those that judge it, are outside the training split, if there is one and enough are."""
    table, train = data.table, training_split(data)
    chosen = table if split is None else table[table["split"] == split]
    if train is not None and split in (None, train):
        learned = (table["split"] == train).fillna(False).to_numpy(bool)
        groups = _groups(data, table["image_id"].tolist())
        new = _drawn(data, table["image_id"][~np.isin(groups, groups[learned])], seed, round((1 - LEARNED) * MOST))
        if len(np.unique(_groups(data, new))) >= FEWEST_LESIONS:
            old = _drawn(data, table["image_id"][learned], seed, round(LEARNED * MOST))
            halves = np.where(split_parts(_groups(data, new), seed, (0.5,)) == 0, SCALED, JUDGED)
            return old + new, np.concatenate([np.full(len(old), FITTED), halves])
    ids = _drawn(data, chosen["image_id"], seed)
    return ids, split_parts(_groups(data, ids), seed)


def _drawn(data: Dataset, image_ids: Iterable[str], seed: int, most: int = MOST) -> list[str]:
    """Those of the images that have a file, at most so many, whole lesions drawn at random."""
    wanted = data.table["image_id"].isin(list(image_ids)) & data.table["file"].notna()
    ids = data.table["image_id"][wanted].tolist()
    if not ids:
        return []
    _, group = np.unique(_groups(data, ids), return_inverse=True)
    turn = np.random.default_rng(seed).permutation(int(group.max()) + 1)[group]
    order = np.argsort(turn, kind="stable")[:most]
    return [ids[k] for k in order]


def _groups(data: Dataset, image_ids: Sequence[str]) -> np.ndarray:
    return np.array([data.group_of[i] for i in image_ids])


def _check_enough(images: int, lesions: int, name: str, split: str | None) -> None:
    if images < FEWEST or lesions < FEWEST_LESIONS:
        needed = f"at least {FEWEST} images and {FEWEST_LESIONS} lesions are needed"
        what = f"has {count(images, 'readable image')} of {count(lesions, 'lesion')}; {needed}."
        raise DatasetError(what, name + (f", split {split!r}" if split else ""), "Choose a larger dataset, or all splits.")
