"""Associations with the label: every column and marker against the diagnosis, counted by lesion.

A network may learn whatever is associated with the label. p-values are adjusted for the number of tests (Benjamini & Hochberg 1995).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core import diagnoses
from core.wording import count
from data_audit.evidence import AnyEvidence, Associated, Correction, ErrorRates, FlagsGoWith, GoesWith
from data_audit.findings import Finding, Severity
from data_audit.markers.present import Present
from data_audit.misclassification import card_rates, correction, in_words
from datasets.dataset import COLUMNS, Dataset
from evaluation.intervals import Figure, Z, clustered_error, ratio, undefined
from evaluation.multiple import corrected

MAX_LEVELS = 40  # more values identify things instead of grouping them
MIN_LESIONS = 10  # required on either side
STRATA = ("sex", "site", "confirmation", "source")  # and age in bands
AGE_BANDS = (0, 30, 50, 70, 130)  # years
DIAGNOSIS_WORDS = {"benign", "class", "diagnosis", "dx", "label", "malignancy", "malignant", "melanoma", "target"}  # in a column's name
NOT_ASKED = ("image_id", "lesion_id", "patient_id", "file", "label", "diagnosis", "split")


@dataclass(frozen=True)
class Association:
    """One test. target: `diagnosis`, or `malignant`; strength: bias-corrected Cramér's V, odds ratio or difference of means, with its 95 %
    interval over lesions; q: p after Benjamini–Hochberg; rates: share malignant (or mean) with and without; reversed_in: the column
    within whose values it is reversed; rows: row numbers of the images with it; perfect: the column separates malignant from benign without
    exception; restated: and its name or values say that it is the diagnosis in other words; marker: the marker it tells of; by_flags,
    correction: where a detector found it, the odds ratio of its flags, and what its errors make of it (`strength`, if it was reviewed)."""

    column: str
    target: str
    kind: str  # "Cramér's V", "odds ratio", "difference of means"
    strength: Figure
    p: float
    q: float
    lesions: int
    images: int
    rates: tuple[Figure, Figure] | None = None
    reversed_in: str = ""
    rows: tuple[int, ...] = ()
    perfect: bool = False
    restated: bool = False
    marker: str = ""
    by_flags: Figure | None = None
    correction: Correction | None = None

    @property
    def written(self) -> Associated:
        s, of = self.strength, (self.column, self.target, self.kind)
        return Associated(*of, s.value, s.low, s.high, self.p, self.q, self.lesions, self.images, self.correction)

    @property
    def unreviewed(self) -> bool:
        """Whether it rests on the flags of a detector alone."""
        return self.correction is not None and self.correction.by == "card"


def associations(dataset: Dataset, markers: Sequence[Present] = (), leave_out: Collection[str] = ()) -> list[Association]:
    """Every column and every marker against the diagnosis and against malignancy.

    leave_out: columns not tested, because they are among the markers. Those significant after correction come first, then by p.
    """
    frame = dataset.table.reset_index(drop=True)
    groups = pd.factorize(dataset.groups)[0]
    labelled = frame["diagnosis"].notna().to_numpy()
    malignant = frame["diagnosis"].map(is_malignant).to_numpy(float)
    found, by_name = [], {m.name: m for m in markers}
    for name, values in _columns(frame.drop(columns=list(leave_out)), {m.name: m.values for m in markers}).items():
        asked = labelled & values.notna().to_numpy()
        numeric = pd.api.types.is_numeric_dtype(values) and values[asked].nunique() > 2
        if not numeric:
            found.append(_crossed(name, values[asked], frame["diagnosis"][asked], groups[asked]))
        decided = asked & ~np.isnan(malignant)
        if numeric:
            found.append(_means(name, values[decided].to_numpy(float), malignant[decided] > 0, groups[decided]))
        elif values[decided].nunique() == 2:
            one = _odds(name, values[decided], malignant[decided] > 0, groups[decided], frame[decided])
            found.append(_of_marker(one, by_name[name], malignant, groups) if one and name in by_name else one)
    kept = corrected([f for f in found if f is not None])
    return sorted(kept, key=lambda f: (not f.q <= 0.05, np.nan_to_num(f.p, nan=2.0)))


def odds_ratio(exposed: np.ndarray, event: np.ndarray, groups: np.ndarray) -> tuple[Figure, float]:
    """Odds ratio with a 95 % interval on the log scale, variance between lesions (linearised), and Wald's p.

    exposed, event: bool (N,). One half is added to each cell if one is empty (Haldane 1956).
    """
    a, b = float((exposed & event).sum()), float((exposed & ~event).sum())
    c, d = float((~exposed & event).sum()), float((~exposed & ~event).sum())
    if min(a + b, c + d) == 0 or min(a + c, b + d) == 0:
        return undefined("one group is empty"), float("nan")
    half = 0.5 if min(a, b, c, d) == 0 else 0.0
    a, b, c, d = a + half, b + half, c + half, d + half
    log = np.log(a * d / (b * c))
    share = {True: a / (a + b), False: c / (c + d)}
    p = np.where(exposed, share[True], share[False])
    n = np.where(exposed, a + b, c + d)
    pull = np.where(exposed, 1, -1) * (event - p) / (n * p * (1 - p))
    spread = clustered_error(pull, groups)
    if half:  # an empty cell has no variance between lesions: Woolf's instead
        spread = max(spread, float(np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)))
    figure = Figure(float(np.exp(log)), float(np.exp(log - Z * spread)), float(np.exp(log + Z * spread)))
    return figure, _wald(log, spread)


def mean_difference(values: np.ndarray, event: np.ndarray, groups: np.ndarray) -> tuple[Figure, float]:
    """Mean of the events minus mean of the others, 95 % interval with variance between lesions, and Wald's p."""
    if event.all() or not event.any():
        return undefined("one group is empty"), float("nan")
    one, other = values[event].mean(), values[~event].mean()
    pull = np.where(event, (values - one) / event.sum(), -(values - other) / (~event).sum())
    spread = clustered_error(pull, groups)
    difference = float(one - other)
    return Figure(difference, difference - Z * spread, difference + Z * spread), _wald(difference, spread)


def cramers_v(table: np.ndarray, lesions: int) -> tuple[float, float]:
    """Bias-corrected Cramér's V (Bergsma 2013, doi:10.1016/j.jkss.2012.10.002) and p of the χ² test.

    table: counts of images (rows, columns); lesions: number of lesions they show. Counts are first scaled down to lesions, as if further
    images of a lesion carried no information.
    """
    from scipy.stats import chi2

    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    rows, columns = table.shape
    if min(rows, columns) < 2:
        return float("nan"), float("nan")
    scaled = table * (lesions / table.sum())
    n = scaled.sum()
    expected = scaled.sum(1, keepdims=True) * scaled.sum(0, keepdims=True) / n
    statistic = float(((scaled - expected) ** 2 / expected).sum())
    phi = max(0.0, statistic / n - (rows - 1) * (columns - 1) / (n - 1))
    fewer = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(phi / fewer)) if fewer > 0 else float("nan"), float(chi2.sf(statistic, (rows - 1) * (columns - 1)))


def is_reversed(exposed: np.ndarray, event: np.ndarray, strata: np.ndarray) -> bool:
    """Simpson's paradox (1951): whether the odds ratio pooled over strata (Mantel & Haenszel 1959) and the crude one lie on opposite
    sides of 1, each by a tenth at least."""
    crude = _log_odds(exposed, event)
    above = below = 0.0
    for stratum in np.unique(strata):
        here = strata == stratum
        e, y, n = exposed[here], event[here], here.sum()
        above += (e & y).sum() * (~e & ~y).sum() / n
        below += (e & ~y).sum() * (~e & y).sum() / n
    if above == 0 or below == 0 or np.isnan(crude):
        return False
    pooled = float(np.log(above / below))
    return crude * pooled < 0 and min(abs(crude), abs(pooled)) > np.log(1.1)


def _columns(frame: pd.DataFrame, markers: Mapping[str, np.ndarray]) -> dict[str, pd.Series]:
    """Columns to test: known columns that group images, then other columns of few values, then markers."""
    own = [c for c in COLUMNS if c not in NOT_ASKED]
    other = [c for c in frame.columns if c not in COLUMNS]
    found = {}
    for column in [*own, *other]:
        values = frame[column]
        numeric = pd.api.types.is_numeric_dtype(values)
        if values.notna().any() and values.nunique() > 1 and (numeric or values.nunique() <= MAX_LEVELS):
            found[str(column)] = values
    for name, present in markers.items():
        values = pd.Series(present, index=frame.index, dtype=float)
        if values.nunique() > 1:
            found[name] = values
    return found


def is_malignant(diagnosis: object) -> float:
    """1, 0, or NaN for an unknown diagnosis."""
    side = diagnoses.malignancy(str(diagnosis)) if isinstance(diagnosis, str) else None
    return {"malignant": 1.0, "benign": 0.0}.get(side or "", float("nan"))


def _crossed(name: str, values: pd.Series, labels: pd.Series, groups: np.ndarray) -> Association | None:
    table = pd.crosstab(values.astype(str), labels.astype(str)).to_numpy(float)
    lesions = len(np.unique(groups))
    if lesions < 2 * MIN_LESIONS or min(table.shape) < 2:
        return None
    v, p = cramers_v(table, lesions)
    return Association(name, "diagnosis", "Cramér's V", Figure(v), p, np.nan, lesions, int(table.sum()))


def _means(name: str, values: np.ndarray, event: np.ndarray, groups: np.ndarray) -> Association | None:
    if not _enough(event, groups):
        return None
    figure, p = mean_difference(values, event, groups)
    one, other = (Figure(float(values[side].mean())) for side in (event, ~event))
    n = len(np.unique(groups))
    return Association(name, "malignant", "difference of means", figure, p, np.nan, n, len(values), (one, other))


def _odds(name: str, values: pd.Series, event: np.ndarray, groups: np.ndarray, frame: pd.DataFrame) -> Association | None:
    levels = sorted(values.unique(), key=str)
    exposed = (values == levels[-1]).to_numpy()
    if not _enough(event, groups) or not _enough(exposed, groups):
        return None
    figure, p = odds_ratio(exposed, event, groups)
    rates = tuple(ratio(event[side].astype(float), np.ones(side.sum()), groups[side], "no images") for side in (exposed, ~exposed))
    plain = {str(x) for x in levels} <= {"0", "1", "0.0", "1.0", "False", "True"}  # yes or no: the name alone will do
    shown = name if plain else f"{name}: {levels[-1]}"
    rows = tuple(int(k) for k in values.index[exposed])
    lesions, reversed_in = len(np.unique(groups)), _reversed_in(frame, name, exposed, event)
    perfect = len(set(zip(exposed.tolist(), event.tolist(), strict=True))) == 2  # both sides are there
    of = shown, "malignant", "odds ratio", figure, p, np.nan, lesions, len(values), (rates[0], rates[1])
    return Association(*of, reversed_in, rows, perfect, perfect and _states_diagnosis(name, levels))


def _of_marker(one: Association, marker: Present, malignant: np.ndarray, groups: np.ndarray) -> Association:
    """Where a detector found it, with what its errors make of the odds ratio."""
    if marker.flags is None or marker.seen is None:
        return replace(one, marker=marker.marker)
    asked = ~np.isnan(marker.flags) & ~np.isnan(malignant)
    flags, event, lesions = marker.flags[asked] > 0, malignant[asked] > 0, groups[asked]
    by_flags, p = odds_ratio(flags, event, lesions)
    found, p_true = correction(flags, marker.seen[asked], event, lesions, card_rates(marker.marker))
    true = found.odds_ratio if found.by == "review" else by_flags
    p = p_true if found.by == "review" else p
    return replace(one, marker=marker.marker, by_flags=by_flags, correction=found, strength=true, p=p)


def _states_diagnosis(name: str, levels: Sequence[object]) -> bool:
    """Whether a column of two values is a diagnosis by its name, or by values that stand for a malignant and a benign one."""
    sides = {diagnoses.malignancy(diagnoses.code_or_name(str(level))) for level in levels}
    return sides == {"malignant", "benign"} or bool(DIAGNOSIS_WORDS & set(name.lower().replace("_", " ").split()))


def _reversed_in(frame: pd.DataFrame, name: str, exposed: np.ndarray, event: np.ndarray) -> str:
    """The first column within whose values the association is reversed; empty if there is none."""
    strata = {c: frame[c] for c in STRATA if c != name and c in frame} | {"age": pd.cut(frame["age"], AGE_BANDS)}
    for column, values in strata.items():
        if column != name and values.nunique() > 1 and is_reversed(exposed, event, pd.factorize(values)[0]):
            return column
    return ""


def _enough(side: np.ndarray, groups: np.ndarray) -> bool:
    return min(len(np.unique(groups[side])), len(np.unique(groups[~side]))) >= MIN_LESIONS


def _wald(value: float, spread: float) -> float:
    from scipy.stats import norm

    return float(2 * norm.sf(abs(value) / spread)) if spread > 0 else float("nan")


def _log_odds(exposed: np.ndarray, event: np.ndarray) -> float:
    a, b = (exposed & event).sum() + 0.5, (exposed & ~event).sum() + 0.5
    c, d = (~exposed & event).sum() + 0.5, (~exposed & ~event).sum() + 0.5
    return float(np.log(a * d / (b * c)))


# columns that may be real risk factors, or that follow from how a diagnosis is made; anything else is how the image was taken
EXPECTED = ("age", "sex", "site", "skin type", "fitzpatrick", "tone", "confirmation")
GRAVE, MODERATE = 2.0, 1.25  # odds ratio, or its inverse, beyond which the whole interval lies


REVIEW, TRY = "Review a sample of both diagnoses first; then test", "Test"
LEADS = "in the shortcut lab whether the classifier uses it; if it does, repair the data: a cleaned copy, training weights or a trap split."
COMPARE = "Compare the classifier's results by it; where they differ, balance it over the diagnoses before you train again."
RISK = "It may be a real risk factor: state whether the classifier is given it, and evaluate by it."


def association_findings(found: Sequence[Association], image_ids: Sequence[str]) -> list[Finding]:
    """Associations with malignancy that are significant, adjusted for the number of tests, and those that a detector hides; image_ids:
    the table's."""
    asked = [a for a in found if a.kind == "odds ratio" and a.strength.defined and (a.q <= 0.05 or _hidden(a))]
    return [_finding(a, tuple(image_ids[k] for k in a.rows)) for a in asked]


def _hidden(a: Association) -> bool:
    """Whether its flags show no association, but whatever their errors are, the marker has one."""
    return a.unreviewed and a.correction is not None and _beyond(a.correction.odds_ratio) >= MODERATE


def _finding(a: Association, image_ids: tuple[str, ...]) -> Finding:
    column = a.column.replace("_", " ")
    evidence: AnyEvidence = GoesWith(a.column, a.strength.value, a.strength.low, a.strength.high, a.p, a.q, a.marker)
    if a.restated:
        summary = f"{column} separates malignant from benign without exception in {count(a.images, 'image')}."
        return Finding(
            "the diagnosis in another column", "note", summary, (), evidence, "Do not give it to a classifier: it is the answer."
        )
    if a.correction is not None and a.by_flags is not None:
        fields = (a.column, a.strength.value, a.strength.low, a.strength.high, a.p, a.q, a.marker)
        evidence = FlagsGoWith(*fields, by_flags=a.by_flags, correction=a.correction)
        said = _corrected(a, a.by_flags, a.correction)
    else:
        rates = f" Malignant: {a.rates[0]:.1%} of the images with it, {a.rates[1]:.1%} of those without." if a.rates else ""
        perfect = " It separates them without exception, unless it is the diagnosis in other words." if a.perfect else ""
        said = f"is associated with malignancy: odds ratio {a.strength:.2f}, {count(a.lesions, 'lesion')}.{rates}{perfect}"
    paradox = f" Within the values of {a.reversed_in} the association is reversed." if a.reversed_in else ""
    expected = a.column.split(":")[0] in EXPECTED
    remedy = RISK if expected else f"{REVIEW if a.unreviewed else TRY} {LEADS}" if a.marker else COMPARE
    kind = "associated with the diagnosis" if _known(a) else "may be associated with the diagnosis"
    return Finding(kind, "note" if expected else _severity(a), f"{column} {said}{paradox}", image_ids, evidence, remedy)


def _known(a: Association) -> bool:
    """Whether there is an association, whatever errors a detector makes."""
    return a.correction is None or a.correction.settled or a.correction.by == "review"


def _severity(a: Association) -> Severity:
    """What rests on flags that nobody reviewed is moderate at most, and a note where their errors leave it open; where nothing is known
    of their errors, it goes by the flags."""
    if a.correction is None or not a.unreviewed:
        beyond = _beyond(a.strength)
        return "note" if beyond < MODERATE else "grave" if beyond >= GRAVE else "moderate"
    of = a.correction.odds_ratio
    return "moderate" if _beyond(of if of.defined else a.strength) >= MODERATE else "note"


def _beyond(odds: Figure) -> float:
    """How far the whole interval lies from 1."""
    return max(odds.low, 1 / odds.high) if odds.high > 0 else float("nan")


def _corrected(a: Association, by_flags: Figure, of: Correction) -> str:
    """The odds ratio with what is known of the detector's errors in either diagnosis, and what they make of it."""
    lesions, errs = count(a.lesions, "lesion"), ""
    if of.rates:
        where = "In these images" if of.by == "review" else "On photographs labelled by hand"
        found, wrong = (" and ".join(f"{rate(r):.0%}{_of(r)}" for r in of.rates) for rate in (_sensitivity, _false_alarms))
        errs = f" {where} the detector flagged {found} images with it, and {wrong} images without."
    if of.by == "review":
        corrected = f"odds ratio {a.strength:.2f}, corrected by {count(of.reviewed, 'image')} that people looked at"
        return f"is associated with malignancy: {corrected} ({by_flags.value:.2f} by the flags alone), {lesions}.{errs}"
    said = f"has an odds ratio for malignancy of {by_flags:.2f} by its flags, which nobody reviewed, {lesions}.{errs}"
    if not of.odds_ratio.defined:
        one, other = of.flagged
        explained = f"{one:.1%} of the malignant and {other:.1%} of the benign images are flagged; errors that differ by as much explain it"
        return f"{said} Whether the marker itself is associated can't be told: {of.odds_ratio.reason}. {explained}."
    possible = f"If it errs likewise here, odds ratios from {in_words(of)}"
    return f"{said} {possible}." if of.settled else f"{said} {possible}: whether the marker is associated at all can't be told."


def _of(rates: ErrorRates) -> str:
    return " of the" if rates.of == "both" else f" of the {rates.of}"


def _sensitivity(rates: ErrorRates) -> Figure:
    return rates.sensitivity


def _false_alarms(rates: ErrorRates) -> Figure:
    share = rates.specificity
    return Figure(1 - share.value, 1 - share.high, 1 - share.low, share.reason)
