"""The odds ratio of a marker that a detector finds with errors: corrected by a reviewed sample, or bounded by the detector's card.

A detector that errs more in malignant than in benign images makes associations, and hides them. Answers about images drawn at random
among the flagged and the others of either diagnosis correct it (by predictive values: Marshall 1990, doi:10.1016/0895-4356(90)90077-3);
without them, error rates measured elsewhere say which odds ratios are possible (Lash, Fox & Fink 2009, doi:10.1007/978-0-387-87959-8).
"""

import numpy as np

from data_audit.evidence import Correction, ErrorRates, Side
from data_audit.markers.detector import card
from evaluation.intervals import Figure, clustered_error, ratio, undefined, wilson

LEAST = 10  # images looked at, of the flagged and of the others, malignant and benign
DRAWS = 20_000
WIDEST = 1000.0  # an odds ratio beyond this, or its inverse, is as good as none
SIDES: tuple[Side, ...] = ("malignant", "benign")
COUNTED = (("found", "with"), ("clear", "without"))  # on the card, by diagnosis: hits, of how many


def correction(
    flags: np.ndarray, seen: np.ndarray, event: np.ndarray, groups: np.ndarray, rates: tuple[ErrorRates, ...]
) -> tuple[Correction, float]:
    """What the odds ratio of the true marker is, and p against 1 (NaN where it rests on the card).

    flags: bool (N,), of the detector; seen: float (N,), 1 or 0 by a person's word, NaN where nobody looked; event: bool (N,), malignant;
    groups: int (N,), lesions; rates: of the card.
    """
    looked = ~np.isnan(seen)
    cells = [(event == side) & (flags == flag) for side in (True, False) for flag in (True, False)]
    if all((looked & cell).sum() >= min(LEAST, cell.sum()) for cell in cells):
        return by_review(flags, seen, event, groups)
    return by_card(flags, event, groups, rates), float("nan")


def by_review(flags: np.ndarray, seen: np.ndarray, event: np.ndarray, groups: np.ndarray) -> tuple[Correction, float]:
    """Corrected by predictive values. Intervals are quantiles of draws from the shares' posterior distributions (Jeffreys prior), each
    with as many trials as its images are worth (Rao & Scott 1992), so that a cell without an error has an interval as well."""
    rng = np.random.default_rng(0)
    odds, rates = [], []
    for name, side in zip(SIDES, (event, ~event), strict=True):
        flagged = _Share(flags[side], groups[side], rng)
        bearing, others = (_Share(seen[part] > 0, groups[part], rng) for part in (side & f & ~np.isnan(seen) for f in (flags, ~flags)))
        hit, miss = flagged.drawn * bearing.drawn, (1 - flagged.drawn) * others.drawn
        false, clear = flagged.drawn * (1 - bearing.drawn), (1 - flagged.drawn) * (1 - others.drawn)
        share = flagged.value * bearing.value + (1 - flagged.value) * others.value
        odds.append((share / (1 - share) if 0 < share < 1 else np.nan, (hit + miss) / (false + clear)))
        rates.append(ErrorRates(name, _quantiles(hit / (hit + miss)), _quantiles(clear / (false + clear))))
    value, drawn = odds[0][0] / odds[1][0], odds[0][1] / odds[1][1]
    low, middle, high = np.quantile(drawn, (0.025, 0.5, 0.975))
    value = float(np.clip(value, low, high)) if np.isfinite(value) else float(middle)
    p = 2 * min((drawn > 1).mean(), (drawn < 1).mean())
    odds_ratio, reviewed = Figure(value, float(low), float(high)), int((~np.isnan(seen)).sum())
    return Correction("review", reviewed, _flagged(flags, event), odds_ratio, tuple(rates)), float(np.clip(p, 2 / DRAWS, 1))


def by_card(flags: np.ndarray, event: np.ndarray, groups: np.ndarray, rates: tuple[ErrorRates, ...]) -> Correction:
    """The odds ratios possible if the detector errs here as it did on the photographs of its card: the share that bears the marker
    follows from the share flagged (Rogan & Gladen 1978, doi:10.1093/oxfordjournals.aje.a112510), with every rate at the end of its
    interval that leads farthest, in malignant and in benign images each."""
    flagged = _flagged(flags, event)
    if [r.of for r in rates] != ["malignant", "benign"]:
        return Correction(
            "card", 0, flagged, undefined("how often the detector errs in malignant and in benign images was not measured"), rates
        )
    odds = []
    for of, side in zip(rates, (event, ~event), strict=True):
        share = ratio(flags[side].astype(float), np.ones(side.sum()), groups[side], "no images")
        likely = _bearing(share.value, of.sensitivity.value, of.specificity.value)
        low = _bearing(share.low, of.sensitivity.high, of.specificity.low)
        high = _bearing(share.high, of.sensitivity.low, of.specificity.high)
        low, high = (0.0 if np.isnan(low) else low), (1.0 if np.isnan(high) else high)
        if np.isnan(share.low) or high == 0 or low == 1:
            return Correction(
                "card", 0, flagged, undefined(f"the {of.of} images flagged do not agree with the error rates on the card"), rates
            )
        odds.append(tuple(p / (1 - p) if p < 1 else np.inf for p in (likely, low, high)))
    (value, low, high), (value_0, low_0, high_0) = odds
    at_least, at_most = low / high_0 if high_0 else np.inf, high / low_0 if low_0 else np.inf
    low, high = (float(np.clip(x, 1 / WIDEST, WIDEST)) for x in (at_least, at_most))
    likely = value / value_0 if value_0 else np.nan
    return Correction("card", 0, flagged, Figure(float(likely if low <= likely <= high else np.sqrt(low * high)), low, high), rates)


def card_rates(marker: str) -> tuple[ErrorRates, ...]:
    """Sensitivity and specificity on the card with Wilson intervals: of malignant and of benign photographs, or of all where these were
    not told apart; none where nothing was measured."""
    facts = card()["markers"][marker]
    if counts := facts.get("by diagnosis"):
        return tuple(ErrorRates(side, *(_share(counts[side][hits], counts[side][of]) for hits, of in COUNTED)) for side in SIDES)
    if "figures" not in facts:
        return ()
    rates = zip(("sensitivity", "specificity"), ("with", "without"), strict=True)
    return (ErrorRates("both", *(_share(facts["figures"][rate] * facts["images"][of], facts["images"][of]) for rate, of in rates)),)


def in_words(of: Correction) -> str:
    """What the detector's errors leave of the odds ratio, as a table shows it."""
    if not of.odds_ratio.defined:
        return "can't be told"
    if of.by == "review":
        return f"corrected by {of.reviewed:,} images looked at"
    low, high = of.odds_ratio.low, of.odds_ratio.high
    most = f"{WIDEST:g} or more" if high >= WIDEST else f"{high:.2f}"
    return f"{low:.2f} to {most} are possible"


class _Share:
    """A share of bool values (N,), with draws from its posterior; of no images, with draws from the prior."""

    def __init__(self, hits: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> None:
        self.value = float(hits.mean()) if len(hits) else 0.5
        n = _worth(hits.astype(float), groups) if len(hits) else 0.0
        self.drawn = rng.beta(self.value * n + 0.5, (1 - self.value) * n + 0.5, DRAWS)


def _worth(hits: np.ndarray, groups: np.ndarray) -> float:
    """Independent trials with the variance that the share has between groups."""
    value, n = float(hits.mean()), len(hits)
    variance = clustered_error(hits - value, groups) ** 2 / n**2
    return min(value * (1 - value) / variance, n) if variance > 0 else len(np.unique(groups))


def _bearing(flagged: float, sensitivity: float, specificity: float) -> float:
    """Share that bears the marker, 0…1; NaN where the detector tells nothing."""
    worth = sensitivity + specificity - 1
    return float(np.clip((flagged + specificity - 1) / worth, 0, 1)) if worth > 0 else float("nan")


def _flagged(flags: np.ndarray, event: np.ndarray) -> tuple[float, float]:
    return float(flags[event].mean()), float(flags[~event].mean())


def _share(hits: float, n: int) -> Figure:
    return Figure(hits / n, *wilson(hits / n, n)) if n else undefined("no such photographs")


def _quantiles(drawn: np.ndarray) -> Figure:
    low, middle, high = np.quantile(drawn, (0.025, 0.5, 0.975))
    return Figure(float(middle), float(low), float(high))
