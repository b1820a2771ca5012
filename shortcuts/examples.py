"""Photographs that show what was done: as they are, changed, and the control, where the effect was a typical one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core.atomic import write_bytes
from core.errors import ImageError
from datasets.dataset import Dataset
from imaging.decode import encode_jpeg
from imaging.resize import scale_image
from models.card import ModelCard
from shortcuts.donors import Donors, find_donors
from shortcuts.effects import changes
from shortcuts.experiment import Trial
from shortcuts.plan import Plan, make_trials
from shortcuts.study import Example
from shortcuts.verdict import judged_trials

SHOWN = 3  # of each marker and direction
SIDE = 160  # pixels of the longer side of each of the three pictures
FOLDER = "examples"


def write_examples(card: ModelCard, data: Dataset, trials: pd.DataFrame, plan: Plan, folder: Path) -> list[Example]:
    """One strip of three pictures each, as JPEG, and what it shows. The class is the one the marker moves furthest on average; its
    nearest to the median effect are shown."""
    made: list[Example] = []
    donors = find_donors(card, data, plan.seed)
    for (marker, direction), rows in judged_trials(trials).groupby(["marker", "direction"], sort=False):
        change = changes(rows, "changed")[0]
        target = int(np.abs(change.mean(axis=0)).argmax())
        order = np.argsort(np.abs(change[:, target] - np.median(change[:, target])), kind="stable")
        for k in order[:SHOWN]:
            row = rows.iloc[k]
            pictures = _pictures(card, data, row, plan, donors)
            if pictures is None:
                continue
            name = f"{marker}-{direction}-{len(made)}.jpg"
            write_bytes(folder / FOLDER / name, encode_jpeg(_strip(pictures), 90))
            base, changed, control = (float(row[column][target]) for column in ("base", "changed", "control"))
            made.append(
                Example(str(marker), str(direction), row["image_id"], f"{FOLDER}/{name}", card.codes[target], base, changed, control)
            )
    return made


def _pictures(card: ModelCard, data: Dataset, row: pd.Series, plan: Plan, donors: Donors) -> list[np.ndarray] | None:
    try:
        subject, found = make_trials(card, data, str(row["image_id"]), plan, donors)
    except ImageError:  # it was there when it was tried
        return None
    for t in found:
        if isinstance(t, Trial) and (t.marker, t.direction) == (row["marker"], row["direction"]):
            return [subject.image, t.changed, t.control]
    return None


def _strip(pictures: Sequence[np.ndarray]) -> np.ndarray:
    height, width = pictures[0].shape[:2]
    scale = SIDE / max(height, width)
    size = (round(height * scale), round(width * scale))
    gap = np.full((size[0], 4, 3), 255, np.uint8)
    parts = [scale_image(p, size, "area" if scale < 1 else "bicubic") for p in pictures]
    return np.concatenate([parts[0], gap, parts[1], gap, parts[2]], axis=1)
