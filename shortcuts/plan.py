"""What is tried over a dataset: which photographs, which markers, and each photograph's experiments."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.markers import UNDETECTED
from data_audit.markers.present import says_yes
from datasets.dataset import Dataset
from models.card import ModelCard
from shortcuts.donors import NOBODY, Donors
from shortcuts.dose import Dose
from shortcuts.drawing import INSERTED
from shortcuts.experiment import Impossible, Subject, Trial, trials
from shortcuts.subjects import fit, outline_image

SIZES, STRENGTHS = (0.5, 1.0, 1.6), (0.4, 0.85)
OTHER_DOSES = [(size, strength) for size in SIZES for strength in STRENGTHS if (size, strength) != (1.0, 0.85)]
DOSED = 5  # every so many photographs


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


def make_trials(
    card: ModelCard, data: Dataset, image_id: str, plan: Plan, donors: Donors = NOBODY
) -> tuple[Subject, list[Trial | Impossible]]:
    """One photograph's experiments, the same in every run, whichever others are tried. Raises ImageError."""
    number = zlib.crc32(image_id.encode())
    rng = np.random.default_rng([plan.seed, number])
    subject = fit(card, outline_image(data, image_id))
    row = data.row(image_id)
    unplaced = [m for m in plan.markers if m in UNDETECTED and m not in subject.markers and says_yes(row, m)]
    markers = [m for m in plan.markers if m not in unplaced]
    diagnosis = row["diagnosis"] if isinstance(row["diagnosis"], str) else ""
    found = trials(subject, markers, plan.filling, rng, again=plan.again, lender=lambda marker: donors.lend(marker, diagnosis, rng))
    found += [Impossible(m, "insertion", "a column says it is there, and nothing says where") for m in unplaced]
    if plan.doses and number % DOSED == 0:
        for marker in markers:
            if marker not in subject.markers and marker in INSERTED:
                for size, strength in OTHER_DOSES:
                    found += trials(subject, [marker], plan.filling, rng, {marker: Dose(marker, size=size, strength=strength)})
    return subject, found
