"""Odds ratios of detected markers beside the truth: photographs labelled by hand, and simulated studies whose detectors err by diagnosis.

Fills the section “Detected markers” of `docs/truth.md`: `LESIONLENS_REAL_DATA=… python -m tests.truth.detected`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.markers import marker_name
from data_audit import misclassification
from data_audit.evidence import Correction, ErrorRates
from data_audit.markers.detector import LEARNED, find_markers
from data_audit.misclassification import by_card, by_review
from datasets.opening import open_dataset
from docs.tables.published_pages import markdown, write_block
from evaluation.intervals import Figure

PAGE = Path(__file__).parents[2] / "docs" / "truth.md"
REVIEWS, STUDIES, EACH = 100, 400, (10, 30, 60)  # answers for each diagnosis, flagged and not
BY_HAND = {"sticker": "patches"}


@dataclass(frozen=True)
class Study:
    """A marker in simulated malignant and benign images. bearing: how many in a thousand bear it; found, clear: sensitivity and
    specificity in percent; each for malignant, benign."""

    name: str
    images: tuple[int, int]
    bearing: tuple[int, int]
    found: tuple[int, int]
    clear: tuple[int, int]

    @property
    def truth(self) -> float:
        (one, other) = self.bearing
        return one * (1000 - other) / (other * (1000 - one))

    @property
    def by_flags(self) -> float:
        one, other = ((b * f + (1000 - b) * (100 - c)) / 100_000 for b, f, c in zip(self.bearing, self.found, self.clear, strict=True))
        return one * (1 - other) / (other * (1 - one))


STUDY = (
    Study("rulers missed in malignant images", (300, 900), (600, 470), (75, 92), (95, 85)),
    Study("hair, a poor detector", (300, 900), (450, 590), (80, 70), (55, 65)),
    Study("a rare sticker", (200, 1000), (8, 66), (90, 90), (97, 99)),
    Study("bubbles, no association", (300, 900), (400, 400), (75, 60), (50, 70)),
    Study("ink, a strong association", (150, 450), (300, 30), (74, 74), (95, 95)),
)
CARD = 300  # photographs of the simulated card, of either diagnosis, half of them with the marker


def simulated(study: Study, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """flags, true marker, malignant: bool (N,)."""
    malignant = np.repeat([True, False], study.images)
    bears = rng.random(len(malignant)) * 1000 < np.where(malignant, *study.bearing)
    chance = rng.random(len(malignant)) * 100
    return np.where(bears, chance < np.where(malignant, *study.found), chance >= np.where(malignant, *study.clear)), bears, malignant


def looked_at(flags: np.ndarray, true: np.ndarray, malignant: np.ndarray, each: int, rng: np.random.Generator) -> np.ndarray:
    """float (N,): the answers of somebody who never errs, on so many images drawn at random of each diagnosis, flagged and not."""
    seen = np.full(len(flags), np.nan)
    for cell in (malignant & flags, malignant & ~flags, ~malignant & flags, ~malignant & ~flags):
        drawn = rng.permutation(np.flatnonzero(cell))[:each]
        seen[drawn] = true[drawn]
    return seen


def a_card(study: Study, rng: np.random.Generator) -> tuple[ErrorRates, ...]:
    """Of a detector tried on CARD photographs of either diagnosis, with 95 % intervals by Clopper & Pearson (1934)."""
    n = CARD // 2
    counts = [(rng.binomial(n, f / 100), rng.binomial(n, c / 100)) for f, c in zip(study.found, study.clear, strict=True)]
    return tuple(ErrorRates(of, *(exact(k, n) for k in c)) for of, c in zip(misclassification.SIDES, counts, strict=True))


def exact(hits: int, n: int) -> Figure:
    from scipy.stats import binomtest

    interval = binomtest(hits, n).proportion_ci(method="exact")
    return Figure(hits / n, float(interval.low), float(interval.high))


def odds_ratio(there: np.ndarray, malignant: np.ndarray) -> float:
    table = pd.crosstab(malignant, there).to_numpy(float)
    return float(table[1, 1] * table[0, 0] / (table[1, 0] * table[0, 1]))


def held(found: Sequence[Correction], truth: float) -> str:
    """Share of the intervals that hold the truth, and the factor from their lower to their upper end."""
    holds = np.mean([f.odds_ratio.low <= truth <= f.odds_ratio.high for f in found])
    wide = np.median([f.odds_ratio.high / f.odds_ratio.low for f in found])
    return f"{holds:.1%} (× {wide:,.0f})" if wide >= 20 else f"{holds:.1%} (× {wide:.1f})"


def simulations() -> list[list[str]]:
    rows = []
    for k, study in enumerate(STUDY):
        rng = np.random.default_rng(k)
        drawn = [simulated(study, rng) for _ in range(STUDIES)]
        lesions = np.arange(sum(study.images))
        reviews = [[by_review(f, looked_at(f, b, m, each, rng), m, lesions)[0] for f, b, m in drawn] for each in EACH]
        cards = [by_card(f, m, lesions, a_card(study, rng)) for f, _, m in drawn]
        told = [c for c in cards if c.odds_ratio.defined]
        of_card = f"{held(told, study.truth)}, {len(cards) - len(told)} refused" if told else "all refused"
        rows.append([study.name, f"{study.truth:.2f}", f"{study.by_flags:.2f}", *(held(r, study.truth) for r in reviews), of_card])
    return rows


def photographs(folder: Path) -> list[list[str]]:
    """By marker: by hand, by flags, and a hundred reviews whose answers are the labels by hand."""
    data = open_dataset(folder / "markers.csv")
    malignant = (data.table["diagnosis"] == "malignant").to_numpy()
    found = [find_markers(data.read(i)).flags for i in data.table["image_id"]]
    rows, lesions, rng = [], np.arange(len(data)), np.random.default_rng(0)
    for marker in LEARNED:
        flags, true = np.array([f[marker] for f in found]), data.table[BY_HAND.get(marker, marker)].to_numpy(float) > 0
        truth = odds_ratio(true, malignant)
        tried = [
            [by_review(flags, looked_at(flags, true, malignant, each, rng), malignant, lesions)[0] for _ in range(REVIEWS)] for each in EACH
        ]
        first = f"{tried[1][0].odds_ratio:.2f}"
        rows.append([marker_name(marker), f"{truth:.2f}", f"{odds_ratio(flags, malignant):.2f}", first, *(held(t, truth) for t in tried)])
    return rows


def main() -> None:
    misclassification.DRAWS = 2000  # of 20,000: a tenth of the time
    after = [f"{each} answers each" for each in EACH]
    parts = [
        f"Simulated, {STUDIES} studies a row (the share that holds the truth is known to ± 2 points; in brackets the factor from the lower "
        "to the upper end):",
        markdown(["study", "truth", "by the flags", *after, f"by a card of {CARD} photographs of either diagnosis"], simulations()),
    ]
    if root := os.environ.get("LESIONLENS_REAL_DATA"):
        columns = ["marker", "by hand", "by the flags", f"first review of {EACH[1]} each", *after]
        parts += [
            f"1,219 photographs of ISIC 2017 labelled by hand, {REVIEWS} reviews a row. The detectors have learned from these very photographs, "
            "so their flags err less here than elsewhere:",
            markdown(columns, photographs(Path(root) / "isic2017_markers")),
        ]
    write_block(PAGE, "detected: written by python -m tests.truth.detected", "detected", "\n" + "\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
