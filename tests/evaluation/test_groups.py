"""Figures by group, and gaps, against numbers worked out by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from evaluation.figures import COMPARABLE
from evaluation.groups import GroupFigure, by_group, difference, figure_of
from evaluation.intervals import Figure
from evaluation.multiple import benjamini_hochberg, corrected, corrected_together


def test_benjamini_hochberg_by_hand() -> None:
    """Four known: .01·4/1, .03·4/2 and .04·4/3 (the larger is lowered to the one after it), .5."""
    adjusted = benjamini_hochberg([0.01, 0.04, np.nan, 0.03, 0.5])
    np.testing.assert_allclose(adjusted, [0.04, 0.16 / 3, np.nan, 0.16 / 3, 0.5])


def test_q_is_over_all_that_is_asked_at_once() -> None:
    """.01 alone among two is .02. Of five it is .05, times 1 + ½ + ⅓ + ¼ + ⅕ = 2.2833, as the five may depend on each other."""
    none = Figure(0.0)
    one, two, three = (GroupFigure("g", 9, 9, 9, none, none, none, p, "") for p in (0.01, 0.5, np.nan))
    assert [g.q for g in corrected([one, two])] == pytest.approx([0.02, 0.5])
    together = corrected_together([[one, two, three], [], [two, two, two]])
    assert [len(of_one) for of_one in together] == [3, 0, 3]
    assert [g.q for g in together[0][:2]] == pytest.approx([0.05 * 137 / 60, 1]) and np.isnan(together[0][2].q)


def data(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    scores = rng.standard_normal(n) + 1.5 * positive
    return scores, positive, scores > 0.7, rng.choice(np.array(["f", "m"], object), n)


@pytest.mark.parametrize("figure", [m.key for m in COMPARABLE])
def test_each_group_is_the_figure_of_its_rows(figure: str) -> None:
    scores, positive, decided, sex = data(0)
    theirs = {
        "sensitivity": lambda y, d, s: metrics.recall_score(y, d),
        "specificity": lambda y, d, s: metrics.recall_score(~y, ~d),
        "ppv": lambda y, d, s: metrics.precision_score(y, d),
        "npv": lambda y, d, s: metrics.precision_score(~y, ~d),
        "auc": lambda y, d, s: metrics.roc_auc_score(y, s),
        "average_precision": lambda y, d, s: metrics.average_precision_score(y, s),
        "accuracy": lambda y, d, s: metrics.accuracy_score(y, d),
        "f1": lambda y, d, s: metrics.f1_score(y, d),
        "f_beta": lambda y, d, s: metrics.fbeta_score(y, d, beta=2),
    }
    found = by_group(scores, positive, decided, np.arange(400), list(sex), figure)
    assert [g.group for g in found] == ["f", "m"] and sum(g.images for g in found) == 400
    for g in found:
        rows = sex == g.group
        if figure in theirs:
            assert g.figure.value == pytest.approx(theirs[figure](positive[rows], decided[rows], scores[rows]))
        assert g.gap.value == pytest.approx(g.figure.value - g.rest.value)
        assert g.figure.low < g.figure.value < g.figure.high and g.with_class == positive[rows].sum()
    assert found[0].figure.value == found[1].rest.value and found[0].gap.value == -found[1].gap.value


def test_a_planted_gap_is_found_and_rows_without_a_group_are_left_out() -> None:
    scores, positive, decided, sex = data(1, 1200)
    decided[(sex == "f") & positive] &= np.random.default_rng(2).random(int(((sex == "f") & positive).sum())) < 0.6
    values = [None if k % 10 == 0 else v for k, v in enumerate(sex)]
    found = corrected(by_group(scores, positive, decided, np.arange(1200), values, "sensitivity"))
    assert found[0].gap.high < 0 and found[0].q < 0.01 and sum(g.images for g in found) == 1080


def test_mover_by_hand_and_p_agrees_with_the_interval() -> None:
    """Newcombe 1998: .56 [.44, .67] less .48 [.37, .59]: .08 − √(.12² + .11²) to .08 + √(.11² + .11²)."""
    gap, p = difference(Figure(0.56, 0.44, 0.67), Figure(0.48, 0.37, 0.59))
    assert (gap.low, gap.high) == pytest.approx((0.08 - np.hypot(0.12, 0.11), 0.08 + np.hypot(0.11, 0.11)))
    assert p > 0.05
    few = difference(Figure(0.5, 0.3, 0.7), Figure(0.1, 0.0, 0.2), 9)  # to 0 it is .4, half an interval √.05: t = 2.262 · .4/√.05 = 4.047
    assert few[1] == pytest.approx(2 * stats.t.sf(2.262157 * 0.4 / np.sqrt(0.05), 9), rel=1e-5) and few[1] > 2 * stats.norm.sf(3.506)
    just = difference(Figure(0.6, 0.5, 0.7), Figure(0.6 - np.hypot(0.1, 0.1), 0.3, 0.6 - np.hypot(0.1, 0.1) + 0.1))
    assert just[0].low == pytest.approx(0) and just[1] == pytest.approx(0.05)


def test_small_groups_are_said_to_be_small() -> None:
    scores, positive, decided, _ = data(3, 100)
    values = ["rare" if k < 6 else "common" for k in range(100)]
    rare, common = sorted(by_group(scores, positive, decided, np.arange(100), values, "auc"), key=lambda g: g.images)
    assert rare.small.startswith("lesions of the class: ") and common.small == ""
    assert np.isnan(rare.p) and np.isnan(common.p), "no test against a group, or a rest, too small to be judged"
    one = by_group(scores, positive, decided, np.zeros(100), ["all"] * 100, "sensitivity")[0]
    assert np.isnan(one.figure.low) and np.isnan(one.gap.value), "one lesion, and no others to compare with"


def test_beta_and_lesions_have_an_effect() -> None:
    scores, positive, decided, _ = data(4)
    args = (scores, positive, decided)
    assert figure_of(*args, np.arange(400), "f_beta", beta=0.5).value != figure_of(*args, np.arange(400), "f_beta", beta=3).value
    rows = figure_of(*args, np.arange(400), "sensitivity")
    fours = figure_of(*(np.repeat(a, 4) for a in args), np.repeat(np.arange(400), 4), "sensitivity")  # type: ignore[arg-type, call-arg]
    assert (fours.low, fours.high) == pytest.approx((rows.low, rows.high))


@pytest.mark.parametrize("figure", ["sensitivity", "auc"])
def test_gap_intervals_cover_no_gap(figure: str) -> None:
    """200 sets of 80 lesions, two images each, no gap between the groups: 0 is in the interval about 19 times in 20."""
    rng, covered = np.random.default_rng(6), 0
    for _ in range(200):
        lesion = np.repeat(np.arange(80), 2)
        positive = (np.arange(80) % 2 == 0)[lesion]
        scores = rng.standard_normal(80)[lesion] + 0.7 * rng.standard_normal(160) + 1.2 * positive
        side = np.array(["a", "b"], object)[(np.arange(80) // 2) % 2][lesion]
        gap = by_group(scores, positive, scores > 0.6, lesion, list(side), figure)[0].gap
        covered += gap.low <= 0 <= gap.high
    assert 0.91 <= covered / 200 <= 0.99
