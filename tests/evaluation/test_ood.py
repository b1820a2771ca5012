"""Out-of-distribution scores: against scikit-learn and SciPy, and on distributions whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from evaluation.ood import (
    FITTED,
    JUDGED,
    NEIGHBOURS,
    SCALED,
    Features,
    Reference,
    arrays,
    conformal,
    fit_reference,
    from_arrays,
    separation,
    split_parts,
)


def features(n: int, shift: float = 0.0, seed: int = 0) -> Features:
    """Two depths of correlated positive features, an embedding and logits; shift moves the first depth's logarithm against its
    correlation, where every single feature stays within its usual range."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 1))
    log = common + 0.1 * rng.normal(size=(n, 4)) + shift * np.array([1, -1, 1, -1])
    embedding = rng.normal(size=(n, 6)) + 3
    logits = rng.normal(size=(n, 3))
    scores = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    return Features((np.exp(log), rng.normal(size=(n, 5))), embedding, logits, scores)


@pytest.fixture(scope="module")
def reference() -> Reference:
    groups = np.arange(2000)
    return fit_reference(features(2000), split_parts(groups), groups, [f"i{k}" for k in groups], none=2)


def test_parts_share_no_lesion_and_hold_their_shares() -> None:
    groups = np.repeat(np.arange(1000), 3)
    parts = split_parts(groups, seed=4)
    assert all(len(np.unique(parts[groups == g])) == 1 for g in range(50))
    assert np.bincount(parts).tolist() == [1800, 600, 600]
    assert (split_parts(groups, seed=5) != parts).any()


def test_a_shift_against_the_correlation_is_seen(reference: Reference) -> None:
    """.5 to each of four features that go together with a noise of .1: no single one leaves its range of ±2."""
    found = separation(reference, reference.scores(features(500, 0.5, seed=1)), np.arange(500))["mahalanobis"]
    same = separation(reference, reference.scores(features(500, 0.0, seed=2)), np.arange(500))["mahalanobis"]
    assert found.auroc.value > 0.97 and found.fpr95.value < 0.15
    assert same.auroc.low < 0.5 < same.auroc.high
    assert same.flagged.low < 0.05 < same.flagged.high


def test_auroc_and_the_shares_are_what_scikit_learn_and_counting_give(reference: Reference) -> None:
    scores = reference.scores(features(300, 0.12, seed=3))
    for name, told in separation(reference, scores, np.arange(300)).items():
        inside, outside = reference.judged[name], scores[name]
        true = np.repeat([0, 1], [len(inside), len(outside)])
        assert told.auroc.value == pytest.approx(roc_auc_score(true, np.concatenate([inside, outside])), abs=1e-9)
        limit = np.sort(inside)[int(np.ceil(0.95 * len(inside))) - 1]
        assert told.fpr95.value == pytest.approx((outside <= limit).mean(), abs=0.01)
        assert told.flagged.value == pytest.approx((outside > reference.thresholds[name]).mean(), abs=1e-12)


def test_the_threshold_lets_through_what_it_promises(reference: Reference) -> None:
    for name in reference.thresholds:
        alarms = reference.false_alarms(name)
        assert alarms.low <= 0.05 <= alarms.high


def test_the_threshold_counts_lesions_by_hand() -> None:
    """19 lesions of one image each, 1 to 19: 95 % of 20 is the 19th. Of 39, 38 of 40. The last of the 39 photographed four times, three of
    them low, keeps its one share: below 38 lie 37 and three quarters, so it is 39."""
    assert conformal(np.arange(1.0, 20), np.arange(19)) == 19
    assert conformal(np.arange(1.0, 40), np.arange(39)) == 38
    again = np.concatenate([np.arange(2.0, 39), [39.0, 0.1, 0.2, 0.3, 40.0]])
    assert conformal(again, np.concatenate([np.arange(38), [38] * 4])) == 39
    assert conformal(np.arange(5.0), np.arange(5)) == 4, "of few lesions the largest"


def test_new_lesions_stay_below_as_promised() -> None:
    """1,500 thresholds of 40 lesions, one to four images alike, each tried on an image of one more: 95.1 % ± 1.1, as 39 of 41; and with
    one image a lesion the shares below are spread as the beta distribution says."""
    rng = np.random.default_rng(12)
    passed, below = np.zeros(1500, bool), np.zeros(1500)
    for k in range(1500):
        lesion = np.repeat(np.arange(40), rng.integers(1, 5, 40))
        scores = 0.9 * rng.standard_normal(40)[lesion] + np.sqrt(0.19) * rng.standard_normal(len(lesion))
        passed[k] = rng.standard_normal() <= conformal(scores, lesion)
        below[k] = norm.cdf(conformal(rng.standard_normal(40), np.arange(40)))
    promised = replace(fit_reference(features(90), split_parts(np.arange(90)), np.arange(90), ["i"] * 90), lesions=40).stays_below
    assert promised.value == pytest.approx(39 / 41)
    assert passed.mean() == pytest.approx(39 / 41, abs=0.015)
    assert (promised.low, promised.high) == pytest.approx(np.quantile(below, [0.025, 0.975]), abs=0.012)


def test_energy_is_minus_logsumexp_and_none_is_the_class_itself(reference: Reference) -> None:
    some = features(7, seed=5)
    scores = reference.scores(some)
    assert scores["energy"] == pytest.approx(-np.log(np.exp(some.logits).sum(axis=1)), abs=1e-12)
    assert scores["none"] == pytest.approx(some.probabilities[:, 2])


def test_neighbours_are_scikit_learns(reference: Reference) -> None:
    some, learned = features(20, seed=6), features(2000).of(split_parts(np.arange(2000)) == FITTED)
    oracle = NearestNeighbors(n_neighbors=NEIGHBOURS, metric="cosine").fit(learned.embedding)
    distance, index = oracle.kneighbors(some.embedding)
    assert reference.scores(some)["nearest"] == pytest.approx(distance[:, -1], abs=1e-9)
    told = reference.nearest(some.embedding[0], 3)
    assert [i for i, _ in told] == [reference.of[k] for k in index[0, :3]]
    assert [1 - alike for _, alike in told] == pytest.approx(distance[0, :3], abs=1e-9)


def test_mahalanobis_is_the_textbook_one_where_nothing_has_to_be_shrunk() -> None:
    """Five independent features of a network that never fires otherwise: the distance grows as the inverse covariance says."""
    rng = np.random.default_rng(8)
    x = np.sinh(rng.normal(size=(20_000, 3)) @ np.array([[1.0, 0.8, 0], [0, 0.6, 0], [0, 0, 2.0]]) / 4)
    parts = np.tile([FITTED, FITTED, SCALED, JUDGED], 5000)
    nothing = np.zeros((20_000, 2))
    one = fit_reference(Features((x,), None, nothing, nothing), parts, np.arange(20_000), ["i"] * 20_000)
    depth = one.depths[0]
    probe = np.array([[0.1, -0.1, 0.3], [0.2, 0.2, 0.2]])
    told = np.exp(depth.far(probe) * depth.width + depth.middle)
    compressed = np.arcsinh(x[parts == FITTED] / (0.01 * np.abs(x[parts == FITTED]).mean(axis=0)))
    q = np.arcsinh(probe / (0.01 * np.abs(x[parts == FITTED]).mean(axis=0))) - compressed.mean(axis=0)
    expected = np.sqrt(np.einsum("ij,jk,ik->i", q, np.linalg.inv(np.cov(compressed.T)), q))
    assert told == pytest.approx(expected, rel=0.02)
    assert one.best == "mahalanobis" and one.nearest(np.zeros(3), 2) == []


def test_a_network_without_layers_goes_by_energy() -> None:
    some = features(400)
    bare = replace(some, pooled=(), embedding=None)
    groups = np.arange(400)
    one = fit_reference(bare, split_parts(groups), groups, [str(g) for g in groups])
    assert one.best == "energy" and set(one.scores(bare)) == {"energy"}


def test_a_network_that_answers_alike_to_everything_is_no_error() -> None:
    some = features(300)
    dull = replace(some, pooled=(np.zeros((300, 4)), np.ones((300, 3))))
    groups = np.arange(300)
    one = fit_reference(dull, split_parts(groups), groups, [str(g) for g in groups])
    told = separation(one, one.scores(dull), groups)["mahalanobis"]
    assert np.isfinite(one.scores(dull)["mahalanobis"]).all() and told.auroc.value == 0.5


def test_lesions_count_once(reference: Reference) -> None:
    """Ten photographs each of fifty lesions say less than five hundred lesions."""
    scores = reference.scores(features(500, 0.12, seed=9))
    one = separation(reference, scores, np.arange(500))["mahalanobis"].auroc
    alike = {name: np.repeat(s[:50], 10) for name, s in scores.items()}
    ten = separation(reference, alike, np.repeat(np.arange(50), 10))["mahalanobis"].auroc
    assert ten.high - ten.low > 1.5 * (one.high - one.low)


def test_a_reference_survives_being_stored(reference: Reference) -> None:
    again = from_arrays(dict(arrays(reference)))
    some = features(10, 0.2, seed=10)
    for name, scores in reference.scores(some).items():
        assert again.scores(some)[name] == pytest.approx(scores, abs=1e-4)
    assert (again.of, again.none, dict(again.thresholds)) == (reference.of, 2, reference.thresholds)
    assert again.further_than("energy", np.inf) == 1.0 and again.further_than("energy", -np.inf) == 0.0


def test_a_normal_score_gives_the_auroc_of_theory() -> None:
    """Logits of one class, normal: shifted by one standard deviation, AUROC is Φ(1/√2)."""
    rng = np.random.default_rng(11)
    groups = np.arange(20_000)

    def of(logit: np.ndarray) -> Features:
        return Features((), None, logit[:, None], np.ones((len(logit), 1)))

    one = fit_reference(of(rng.normal(size=20_000)), split_parts(groups), groups, [""] * 20_000)
    told = separation(one, one.scores(of(rng.normal(-1, 1, 4000))), np.arange(4000))["energy"]
    assert told.auroc.value == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.015)
    assert told.fpr95.value == pytest.approx(norm.cdf(norm.ppf(0.95) - 1), abs=0.03)
