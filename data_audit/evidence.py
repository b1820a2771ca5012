"""The evidence of a finding: one record per kind, with the captions of the finding's images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from evaluation.intervals import Figure

Side = Literal["malignant", "benign", "both"]


@dataclass(frozen=True)
class Captioned:
    """An image of a finding and its caption; second: it belongs to the second dataset of the audit."""

    image_id: str
    caption: str
    second: bool = False


@dataclass(frozen=True)
class Evidence:
    """None beyond the images."""

    def captions(self) -> list[Captioned]:
        """Captions other than the images' names."""
        return []


@dataclass(frozen=True)
class SamePhotograph:
    """Two images that show the same photograph; correlation of their pixels, −1…1."""

    one: str
    other: str
    correlation: float

    def captions(self, across: bool) -> list[Captioned]:
        shown = ((self.one, False), (self.other, across))
        return [Captioned(i, f"{i} · {self.correlation:.2f}", second) for i, second in shown]


@dataclass(frozen=True)
class Pairs(Evidence):
    """Within the dataset."""

    pairs: tuple[SamePhotograph, ...]

    def captions(self) -> list[Captioned]:
        return [c for p in self.pairs for c in p.captions(across=False)]


@dataclass(frozen=True)
class SharedPairs(Evidence):
    """`one` of the dataset, `other` of the second."""

    shared: tuple[SamePhotograph, ...]

    def captions(self) -> list[Captioned]:
        return [c for p in self.shared for c in p.captions(across=True)]


@dataclass(frozen=True)
class DoubtfulLabel:
    """credibility: score of the diagnosis, 0…1."""

    image_id: str
    diagnosis: str
    suggested: str
    credibility: float


@dataclass(frozen=True)
class DoubtfulLabels(Evidence):
    labels: tuple[DoubtfulLabel, ...]

    def captions(self) -> list[Captioned]:
        return [Captioned(d.image_id, f"{d.image_id}: {d.diagnosis}, or {d.suggested}?") for d in self.labels]


@dataclass(frozen=True)
class MarkerShare(Evidence):
    """source: mask, table, detector or hand; share of the images that show it."""

    marker: str
    source: str
    share: float


@dataclass(frozen=True)
class GoesWith(Evidence):
    """A column associated with malignancy; odds ratio with its 95 % interval. marker: the marker it tells of, if it does."""

    column: str
    odds_ratio: float
    low: float
    high: float
    p: float
    q: float
    marker: str = ""


@dataclass(frozen=True)
class ErrorRates:
    """Of a detector, in malignant, benign or all images: share flagged of those with the marker, share not flagged of those without."""

    of: Side
    sensitivity: Figure
    specificity: Figure


@dataclass(frozen=True)
class Correction:
    """The odds ratio of the true marker. by: a review of the dataset's images drawn at random (`reviewed` of them), with its 95 %
    interval, or the error rates on the detector's card, as the least and the largest possible. Undefined with its reason. flagged: share
    of the malignant and of the benign images."""

    by: Literal["review", "card"]
    reviewed: int
    flagged: tuple[float, float]
    odds_ratio: Figure
    rates: tuple[ErrorRates, ...]

    @property
    def settled(self) -> bool:
        """Whether it tells on which side of 1 the odds ratio lies."""
        return self.odds_ratio.low > 1 or self.odds_ratio.high < 1


@dataclass(frozen=True, kw_only=True)
class FlagsGoWith(GoesWith):
    """A marker known by a detector that errs; by_flags: odds ratio of its flags alone."""

    by_flags: Figure
    correction: Correction


@dataclass(frozen=True)
class Associated:
    """A column's association with the diagnosis or with malignancy (`target`): Cramér's V, odds ratio or difference of means (`kind`)
    with its 95 % interval; correction: where it rests on a detector's flags."""

    column: str
    target: str
    kind: str
    strength: float
    low: float
    high: float
    p: float
    q: float
    lesions: int
    images: int
    correction: Correction | None = None


@dataclass(frozen=True)
class Uneven(Evidence):
    """Of the classes; as in `Imbalance`."""

    ratio: float
    entropy: float
    majority_baseline: float


@dataclass(frozen=True)
class Missing(Evidence):
    """Values missing in a column, by diagnosis; Cramér's V and p of the association, NaN if not tested."""

    column: str
    share_missing_by_class: Mapping[str, float]
    cramers_v: float
    p: float


@dataclass(frozen=True)
class Rows(Evidence):
    """Image ids, or file names."""

    rows: tuple[str, ...]


@dataclass(frozen=True)
class Confirmations(Evidence):
    """Diagnoses not confirmed by histology: images per way of confirmation, and share by class."""

    ways: Mapping[str, int]
    share_by_class: Mapping[str, float]


@dataclass(frozen=True)
class Unreadable(Evidence):
    """Images per reason."""

    reasons: Mapping[str, int]


@dataclass(frozen=True)
class PastLimit(Evidence):
    """A measure of the images; median: of all."""

    column: str
    limit: float
    median: float


@dataclass(frozen=True)
class Tones(Evidence):
    """Images per skin tone group, overall and by diagnosis."""

    counts: Mapping[str, int]
    by_class: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Carried:
    """loss: of AUC when the feature is shuffled among held-out images."""

    feature: str
    loss: float


@dataclass(frozen=True)
class Potential:
    """AUC of predicting the target from a set of features, out of fold, with its 95 % interval over lesions; reason: why it is
    undefined. carried: what the features contribute, the largest first."""

    asked: str
    target: str
    auc: float
    low: float
    high: float
    reason: str
    carried: tuple[Carried, ...] = ()

    @property
    def figure(self) -> Figure:
        return Figure(self.auc, self.low, self.high, self.reason)


@dataclass(frozen=True)
class FeatureSets(Evidence):
    sets: tuple[Potential, ...]


@dataclass(frozen=True)
class Shift:
    """One feature of a second set of images against the first. kind: `difference of means`, or `Cramér's V`; effect: that difference
    over the pooled standard deviation, or V, with its 95 % interval; q: p after Benjamini–Hochberg; first, second: mean, or share of
    the value that changed most, which is `value`."""

    feature: str
    kind: str
    effect: float
    low: float
    high: float
    p: float
    q: float
    first: float
    second: float
    value: str = ""


@dataclass(frozen=True)
class Shifts(Evidence):
    """AUC of a classifier that separates the two sets of images, and how each feature differs."""

    auc: float
    low: float
    high: float
    shifts: tuple[Shift, ...]


AnyEvidence = (
    Evidence
    | Pairs
    | SharedPairs
    | DoubtfulLabels
    | MarkerShare
    | GoesWith
    | FlagsGoWith
    | Uneven
    | Missing
    | Rows
    | Confirmations
    | Unreadable
    | PastLimit
    | Tones
    | FeatureSets
    | Shifts
)
