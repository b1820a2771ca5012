"""Odds ratios by flags that err: corrected by a review, bounded by the card, or left open; and how grave a finding on them may be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data_audit import misclassification
from data_audit.associations import Association, association_findings
from data_audit.evidence import Correction, ErrorRates, FlagsGoWith
from data_audit.findings import LEAKAGE, Finding, by_severity
from data_audit.misclassification import LEAST, WIDEST, by_card, by_review, card_rates, correction
from demo.detectors.making import right_by_diagnosis
from evaluation.intervals import Figure, undefined, wilson
from tests.truth import detected

NAN = float("nan")


def exactly(of: str, sensitivity: float, specificity: float) -> ErrorRates:
    return ErrorRates(of, Figure(sensitivity, sensitivity, sensitivity), Figure(specificity, specificity, specificity))  # type: ignore[arg-type]


def images(flagged: tuple[int, int], of: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """flags, event: so many flagged of the malignant and of the benign images."""
    flags = np.concatenate([np.arange(n) < k for k, n in zip(flagged, of, strict=True)])
    return flags, np.repeat([True, False], of)


def test_a_review_turns_an_odds_ratio_round_by_hand() -> None:
    """Malignant: 40 of 100 flagged, of ten looked at 9 bear it; of ten others, 5: .4 · .9 + .6 · .5 = .66. Benign: 200 of 400 flagged, 6
    of 10; of the others 2 of 10: .5 · .6 + .5 · .2 = .40. Odds .66/.34 over .40/.60 are 2.91; the flags say .67."""
    flags, event = images((40, 200), (100, 400))
    seen = np.full(500, NAN)
    for first, n in ((0, 9), (40, 5), (100, 6), (300, 2)):
        seen[first : first + 10] = np.arange(10) < n
    found, p = correction(flags, seen, event, np.arange(500), ())
    assert (found.by, found.reviewed, found.flagged) == ("review", 40, (0.4, 0.5))
    assert found.odds_ratio.value == pytest.approx(0.66 / 0.34 / (0.4 / 0.6))
    assert found.odds_ratio.low < 1.5 and found.odds_ratio.high > 5 and 0.005 < p < 0.2
    malignant, benign = found.rates
    assert malignant.of == "malignant" and malignant.sensitivity.value == pytest.approx(0.36 / 0.66, abs=0.04)
    assert benign.specificity.value == pytest.approx(0.4 / 0.6, abs=0.04)
    seen[0] = NAN  # nine of the flagged malignant ones are too few
    assert correction(flags, seen, event, np.arange(500), ())[0].by == "card" and LEAST == 10


def test_all_images_reviewed_is_an_odds_ratio_by_hand() -> None:
    """Woolf's interval of the true table 30, 20, 40, 60, whatever was flagged."""
    event = np.repeat([True, False, True, False], [30, 20, 40, 60])
    true = np.repeat([1.0, 1.0, 0.0, 0.0], [30, 20, 40, 60])
    found, p = by_review(np.arange(150) % 3 == 0, true, event, np.arange(150))
    woolf = np.sqrt(1 / 30 + 1 / 20 + 1 / 40 + 1 / 60)
    assert found.odds_ratio.value == pytest.approx(2.25)
    assert np.log(found.odds_ratio.high / found.odds_ratio.low) == pytest.approx(2 * 1.96 * woolf, rel=0.05)
    assert p == pytest.approx(0.0219, abs=0.006)
    inverse, q = by_review(np.arange(150) % 3 == 0, true, ~event, np.arange(150))
    assert inverse.odds_ratio.value == pytest.approx(1 / 2.25) and q == pytest.approx(0.0219, abs=0.006)
    lesions, _ = by_review(*(np.tile(x, 4) for x in (np.arange(150) % 3 == 0, true, event, np.arange(150))))
    assert np.log(lesions.odds_ratio.high / lesions.odds_ratio.low) == pytest.approx(2 * 1.96 * woolf, rel=0.05), "lesions, not images"


def test_a_card_without_doubt_gives_back_the_truth() -> None:
    """Malignant: half bear it, .8 of them flagged and .1 of the others: .45. Benign: a fifth, .9 and .2: .34. Odds ratio 1 / .25 = 4,
    by the flags 1.6. With many images the interval of the flagged share is all that is left."""
    flags, event = images((45_000, 34_000), (100_000, 100_000))
    found = by_card(flags, event, np.arange(200_000), (exactly("malignant", 0.8, 0.9), exactly("benign", 0.9, 0.8)))
    assert found.odds_ratio.value == pytest.approx(4.0) and found.settled
    share = 1.96 * np.sqrt(0.45 * 0.55 / 100_000) / 0.7, 1.96 * np.sqrt(0.34 * 0.66 / 100_000) / 0.7
    least = (0.5 - share[0]) / (0.5 + share[0]) / ((0.2 + share[1]) / (0.8 - share[1]))
    assert found.odds_ratio.low == pytest.approx(least, rel=1e-3) and found.odds_ratio.high > 4


def test_doubtful_rates_widen_the_bounds_by_hand() -> None:
    """Sensitivity .8 to 1 and specificity .9 to 1 in malignant ones: the share lies from (.45 − .1) / .9 = .389 to .45 / .8 = .5625."""
    flags, event = images((45_000, 34_000), (100_000, 100_000))
    doubtful = ErrorRates("malignant", Figure(0.9, 0.8, 1.0), Figure(0.95, 0.9, 1.0))
    found = by_card(flags, event, np.arange(200_000), (doubtful, exactly("benign", 0.9, 0.8)))
    assert found.odds_ratio.low == pytest.approx(0.389 / 0.611 * 4, rel=0.06)
    assert found.odds_ratio.high == pytest.approx(0.5625 / 0.4375 * 4, rel=0.06)


def test_what_a_card_cannot_tell() -> None:
    flags, event = images((450, 340), (1000, 1000))
    both, groups = (exactly("both", 0.8, 0.9),), np.arange(2000)
    for rates in ((), both):
        found = by_card(flags, event, groups, rates)
        assert "in malignant and in benign images was not measured" in found.odds_ratio.reason and found.rates == rates
    impossible = by_card(flags, event, groups, (exactly("malignant", 0.9, 0.5), exactly("benign", 0.9, 0.8)))
    assert "the malignant images flagged do not agree" in impossible.odds_ratio.reason and not impossible.settled
    nothing = ErrorRates("malignant", undefined("no such photographs"), Figure(0.9, 0.8, 1.0))
    open_ = by_card(flags, event, groups, (nothing, exactly("benign", 0.9, 0.8)))
    assert (open_.odds_ratio.low, open_.odds_ratio.high) == (1 / WIDEST, WIDEST) and not open_.settled


def test_rates_of_the_card_by_diagnosis_where_they_were_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    (rates,) = card_rates("hair")
    assert rates.of == "both" and rates.sensitivity.value == pytest.approx(0.714) and card_rates("black_frame") == ()
    assert (rates.sensitivity.low, rates.sensitivity.high) == wilson(rates.sensitivity.value, 702)
    counts = {"found": 9, "with": 10, "clear": 30, "without": 40}
    facts = {"markers": {"hair": {"by diagnosis": {"malignant": counts, "benign": {**counts, "with": 0, "found": 0}}}}}
    monkeypatch.setattr(misclassification, "card", lambda: facts)
    malignant, benign = card_rates("hair")
    assert (malignant.sensitivity.value, malignant.specificity.value) == (0.9, 0.75) and not benign.sensitivity.defined
    assert malignant.sensitivity.low == wilson(0.9, 10)[0] and benign.of == "benign"


def test_the_detectors_are_counted_by_diagnosis() -> None:
    flagged, truth = np.array([1, 0, 1, 0, 1, 0], bool), np.array([1, 1, 0, 0, 1, 0], bool)
    counts = right_by_diagnosis(flagged, truth, np.array([1, 1, 1, 0, 0, NAN]))
    assert counts["malignant"] == {"found": 1, "with": 2, "clear": 0, "without": 1}
    assert counts["benign"] == {"found": 1, "with": 1, "clear": 1, "without": 1}
    assert right_by_diagnosis(flagged, truth, np.ones(6)) == {}


BUBBLE = Association(
    "gel_bubble (detected)", "malignant", "odds ratio", Figure(9.0, 7.0, 11.0), 0.0, 0.0, 900, 1000, rows=(0, 2), marker="gel_bubble"
)


def finding(by: str, odds: Figure, rates: tuple[ErrorRates, ...] = (), q: float = 0.0) -> Finding | None:
    of = Correction(by, 44 if by == "review" else 0, (0.5, 0.25), odds, rates)  # type: ignore[arg-type]
    strength = odds if by == "review" else BUBBLE.strength
    found = association_findings([replace(BUBBLE, by_flags=BUBBLE.strength, correction=of, strength=strength, q=q)], ["a", "b", "c"])
    return found[0] if found else None


def test_what_rests_on_flags_nobody_reviewed_is_moderate_at_most() -> None:
    rates = (ErrorRates("malignant", Figure(0.9, 0.8, 0.95), Figure(0.75, 0.7, 0.85)), exactly("benign", 0.5, 0.6))
    sure = finding("card", Figure(5.0, 4.0, 8.0), rates)
    assert sure is not None and (sure.kind, sure.severity, sure.image_ids) == ("associated with the diagnosis", "moderate", ("a", "c"))
    assert "flagged 90% [80%, 95%] of the malignant and 50% [50%, 50%] of the benign images with it" in sure.summary
    assert "and 25% [15%, 30%] of the malignant and 40% [40%, 40%] of the benign images without" in sure.summary
    assert "odds ratios from 4.00 to 8.00 are possible." in sure.summary and sure.remedy.startswith("Review a sample of both diagnoses")
    assert isinstance(sure.evidence, FlagsGoWith) and sure.evidence.by_flags.value == 9
    doubtful = finding("card", Figure(2.0, 0.8, WIDEST), rates)
    assert doubtful is not None and (doubtful.kind, doubtful.severity) == ("may be associated with the diagnosis", "note")
    assert "from 0.80 to 1000 or more are possible: whether the marker is associated at all can't be told." in doubtful.summary
    unknown = finding("card", undefined("it was not measured"), (exactly("both", 0.9, 0.75),))
    assert unknown is not None and unknown.severity == "moderate" and "can't be told: it was not measured." in unknown.summary
    assert "50.0% of the malignant and 25.0% of the benign images are flagged" in unknown.summary
    assert "flagged 90% [90%, 90%] of the images with it, and 25% [25%, 25%] of the images without" in unknown.summary


def test_a_reviewed_marker_may_be_grave_and_says_what_corrected_it() -> None:
    grave = finding("review", Figure(3.0, 2.1, 4.2), (exactly("malignant", 0.9, 0.75), exactly("benign", 0.5, 0.6)))
    assert grave is not None and grave.severity == "grave"
    assert "odds ratio 3.00 [2.10, 4.20], corrected by 44 images that people looked at (9.00 by the flags alone)" in grave.summary
    assert grave.remedy.startswith("Test in the shortcut lab") and "In these images the detector flagged 90%" in grave.summary
    weak = finding("review", Figure(1.3, 1.1, 1.6))
    assert weak is not None and weak.severity == "note"


def test_an_association_that_errors_hide_is_found_and_no_advice_throws_images_away() -> None:
    hidden = finding("card", Figure(3.0, 1.5, 5.0), q=0.9)
    assert hidden is not None and hidden.severity == "moderate"
    assert finding("card", Figure(2.0, 0.8, 5.0), q=0.9) is None and finding("review", Figure(3.0, 0.9, 5.0), q=0.9) is None
    column = replace(BUBBLE, column="clinic: Vienna", marker="", q=0.01)
    for one in (hidden, *association_findings([column], ["a", "b", "c"])):
        assert one.remedy and "emove" not in one.remedy


def test_leakage_stands_above_everything_else() -> None:
    many = tuple(map(str, range(3606)))
    grave = Finding("associated with the diagnosis", "grave", "", many)
    leaks = [Finding(kind, "grave", "", ("a",)) for kind in sorted(LEAKAGE)]
    small = Finding("blurred photographs", "moderate", "", ("a",))
    assert by_severity([small, grave, *leaks]) == [*leaks, grave, small]
    assert by_severity([grave, Finding("lesions in several splits", "moderate", "", ())])[0].kind == "lesions in several splits"


@pytest.mark.slow
@pytest.mark.parametrize("study", detected.STUDY, ids=lambda s: s.name)
def test_intervals_hold_the_truth_of_simulated_studies(monkeypatch: pytest.MonkeyPatch, study: detected.Study) -> None:
    """400 studies each, 95 % intervals; a share of .95 is seen below .925 once in fifty times."""
    monkeypatch.setattr(misclassification, "DRAWS", 2000)
    rng = np.random.default_rng(3)
    held = []
    for _ in range(400):
        flags, true, malignant = detected.simulated(study, rng)
        seen = detected.looked_at(flags, true, malignant, 30, rng)
        odds = by_review(flags, seen, malignant, np.arange(len(flags)))[0].odds_ratio
        held.append(odds.low <= study.truth <= odds.high)
    assert np.mean(held) >= 0.925
