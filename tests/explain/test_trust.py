"""What is measured about a map, and the table of rules that makes a badge of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.runs import Run, finish
from explain.comparison import Subject, compare_methods, examine_dataset
from explain.covered import Covered
from explain.faithfulness import Faithfulness, area, faithfulness
from explain.gradients import Completeness
from explain.heatmap import Explanation
from explain.localisation import localise
from explain.sanity import Sanity
from explain.similarity import spearman, ssim
from explain.stability import CHANGES, Stability, stability
from explain.trust import RULES, VERDICTS, Evidence, as_row, badge, examine, signed
from imaging.decode import encode_png
from models.classifier import Classifier, open_classifier
from tests.explain.planted import planted_classifier, planted_pictures


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return planted_classifier(tmp_path_factory.mktemp("planted") / "planted.keras")


# --- localisation


def test_localisation_counts_evidence_and_area() -> None:
    heat = np.array([[3, 0], [1, np.nan]])
    found = localise(heat, np.array([[True, False], [False, True]]))
    assert found.share == pytest.approx(0.75) and found.area == pytest.approx(1 / 3) and found.hit is True
    assert localise(heat, np.array([[False, False], [True, False]])).hit is False
    empty = localise(np.zeros((2, 2)), np.eye(2, dtype=bool))
    assert np.isnan(empty.share) and empty.hit is None and empty.area == 0.5


# --- similarity


def test_similarity_by_hand() -> None:
    a = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    assert spearman(a, a[:, ::-1, ::-1])[0] == pytest.approx(-1) and spearman(a, 10 * a + 3)[0] == pytest.approx(1)
    swapped = np.array([[[1.0, 2.0], [4.0, 3.0]]])
    assert spearman(a, swapped)[0] == pytest.approx(0.8)  # 1 − 6·2/(4·15)
    assert np.isnan(spearman(a, np.ones_like(a))[0]) and np.isnan(ssim(a, np.zeros_like(a))[0])
    board = np.indices((8, 8)).sum(0)[None] % 2 - 0.5
    assert ssim(board, 5 * board)[0] == pytest.approx(1, abs=1e-6) and ssim(board, -board)[0] < -0.9


def test_spearman_equals_scipy(rng: np.random.Generator) -> None:
    from scipy.stats import spearmanr

    a, b = rng.standard_normal((2, 5, 6, 7)).round(1)
    wanted = [spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(spearman(a, b), wanted)


# --- faithfulness


def test_curves_of_a_map_that_knows_and_one_that_does_not(planted: Classifier) -> None:
    images, masks = planted_pictures(3)
    prepared = planted.prepare(list(images))
    for image, mask in zip(prepared, masks, strict=True):
        right = finish(faithfulness(planted, image, 0, mask.astype(float), "mean"))
        wrong = finish(faithfulness(planted, image, 0, -mask.astype(float), "mean"))
        assert right.deletion[0] == pytest.approx(right.insertion[-1]) and right.deletion[-1] == pytest.approx(right.insertion[0])
        # the square is 64 of 1,024 pixels: all of it is gone after the second of 20 steps
        assert right.deletion[2] == pytest.approx(right.deletion[-1], abs=0.01)
        assert right.insertion[2] > 0.9 * right.insertion[-1] and wrong.insertion[10] < 0.6
        assert right.over_random > 0.1 and right.over_centre > 0 and wrong.over_random < -0.1
        assert len(right.random) == 5 and right.baseline == "mean"


def test_area_by_hand() -> None:
    assert area(np.array([1.0, 0.5, 0.0])) == pytest.approx(0.5) and area(np.ones(21)) == pytest.approx(1)


def test_the_controls_are_the_same_for_every_map_but_random_ones_have_its_grain(planted: Classifier) -> None:
    image = planted.prepare(list(planted_pictures(1)[0]))[0]
    fine, coarse = (finish(faithfulness(planted, image, 0, np.eye(n))) for n in (16, 4))
    np.testing.assert_allclose(fine.centre_deletion, coarse.centre_deletion)
    assert np.abs(fine.random_deletion - coarse.random_deletion).max() > 0
    again = finish(faithfulness(planted, image, 0, np.eye(16)))
    np.testing.assert_allclose(fine.random_deletion, again.random_deletion)


@pytest.mark.parametrize("changes", [{"baseline": "black"}, {"steps": 10}, {"random_maps": 2}, {"seed": 1}])
def test_arguments_of_the_curves_have_an_effect(planted: Classifier, changes: dict) -> None:
    image = planted.prepare(list(planted_pictures(1)[0]))[0]
    one, two = (finish(faithfulness(planted, image, 0, np.eye(8), **c)) for c in ({}, changes))
    assert one.random_deletion.shape != two.random_deletion.shape or np.abs(one.random_deletion - two.random_deletion).max() > 0


def test_a_datasets_colour_is_the_mean_baseline(planted: Classifier) -> None:
    image = planted.prepare(list(planted_pictures(1)[0]))[0]
    green = finish(faithfulness(planted, image, 0, np.eye(8), "mean", (0, 255, 0)))
    assert green.deletion[-1] > 0.99  # a green picture is the class


# --- stability


def test_a_map_of_a_constant_network_is_undefined_and_a_planted_one_is_steady(planted: Classifier) -> None:
    fitted = planted_pictures(1)[0][0]
    found = finish(stability(planted, fitted, 0, "hirescam"))
    assert set(found.correlation) == set(CHANGES) and not any(found.flips.values())
    assert found.correlation["noise"] > 0.5 and found.correlation["brighter"] > 0.9
    flat = finish(stability(planted, np.full((32, 32, 3), 128, np.uint8), 0, "hirescam"))
    assert np.isnan(flat.correlation["jpeg"]) and np.isnan(flat.lowest[1])


def test_the_changes_are_small_and_what_they_say() -> None:
    image = planted_pictures(1)[0][0]
    changed = {k: change(image) for k, (_, change) in CHANGES.items()}
    assert np.abs(changed["noise"].astype(int) - image)[image < 200].std() < 4
    np.testing.assert_array_equal(changed["shift"][1:, 1:], image[:-1, :-1])
    assert changed["brighter"].mean() > image.mean() > changed["darker"].mean()
    np.testing.assert_allclose(changed["darker"], image * 0.9, atol=0.51)
    assert all(c.dtype == np.uint8 and c.shape == image.shape for c in changed.values())


# --- the badge

GOOD = Faithfulness(
    np.array([1, 0.2, 0.1]),
    np.array([0.1, 0.8, 1]),
    np.tile([1, 0.6, 0.1], (2, 1)),
    np.tile([0.1, 0.5, 1], (2, 1)),
    np.array([1, 0.5, 0.1]),
    np.array([0.1, 0.6, 1]),
    "blur",
)
STEADY = Stability(dict.fromkeys(CHANGES, 0.95), dict.fromkeys(CHANGES, 0.0), dict.fromkeys(CHANGES, False))
SANE = Sanity("grad-cam", "conv", ("a",), (0.05,), (0.1,), (0,), 100, 5)
MAP = Explanation("grad-cam", "mel", "conv", np.eye(7, dtype=np.float32))
# an untrained copy gains 0.1 over its one random map: 0.55 − 0.45 against 0
TWIN = Faithfulness(
    np.array([1, 0.4, 0]), np.array([0, 0.6, 1]), np.array([[1, 0.5, 0]]), np.array([[0, 0.5, 1]]), np.ones(3), np.ones(3), "blur"
)
SEEN = Covered(np.array([1, 0.1, 0.2, 0.3]), np.array([5.0, -2, -1, -1]))
ALL_GOOD = Evidence(MAP, GOOD, STEADY, SANE, covered=SEEN, twin=TWIN)


def worse(**changes: object) -> Evidence:
    return replace(ALL_GOOD, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("evidence", "verdict", "rule"),
    [
        (ALL_GOOD, "supported", None),
        (worse(explanation=replace(MAP, heatmap=-MAP.heatmap)), "don't read", "empty"),
        (worse(explanation=replace(MAP, heatmap=np.eye(4, dtype=np.float32))), "don't read", "coarse"),
        (worse(faithfulness=replace(GOOD, deletion=np.array([1, 0.9, 0.1]))), "don't read", "no better than random"),
        (
            worse(faithfulness=replace(GOOD, centre_deletion=np.array([1, 0.0, 0.1]), centre_insertion=np.array([0.1, 1, 1]))),
            "don't read",
            "no better than the centre",
        ),
        (
            worse(
                faithfulness=replace(
                    GOOD,
                    random_insertion=np.array([[0.1, 0.9, 1], [0.1, 0.1, 1]]),
                    random_deletion=np.array([[1, 0.1, 0.1], [1, 0.9, 0.1]]),
                )
            ),
            "weak",
            "within random spread",
        ),
        # the centre scores 0.225: 0.3 − 0.225 is less than 15 % of 0.9
        (
            worse(faithfulness=replace(GOOD, centre_deletion=np.array([1, 0.3, 0.1]), centre_insertion=np.array([0.1, 0.75, 1]))),
            "weak",
            "too small a gain",
        ),
        # 1 of the photograph, 0.85 of the covered one
        (worse(faithfulness=replace(GOOD, deletion=np.array([1, 0.2, 0.85]))), "weak", "nothing to explain"),
        (worse(twin=replace(TWIN, deletion=np.array([1, 0.2, 0]), insertion=np.array([0, 0.7, 1]))), "weak", "no better than untrained"),
        (worse(covered=Covered(np.full(4, 0.5), np.array([0.0, 1e-6, 0, 0]))), "don't read", "constant"),
        (worse(covered=Covered(np.ones(4), np.array([40.0, 9, 8, 7.5]))), "weak", "saturated"),
        (worse(covered=Covered(np.zeros(4), np.array([-40.0, -9, -8, -7.5]))), "weak", "saturated"),
        (worse(faithfulness=None), "not tested yet", "faithfulness not tested"),
        (worse(twin=None), "not tested yet", "untrained not tested"),
        (worse(sanity=None), "not tested yet", "sanity not tested"),
        (worse(sanity=replace(SANE, spearman=(0.4,))), "weak", "sanity failed"),
        (worse(sanity=replace(SANE, undefined=(300,))), "weak", "sanity undefined"),
        (worse(stability=replace(STEADY, correlation={**STEADY.correlation, "jpeg": 0.5})), "weak", "unstable"),
        (worse(stability=replace(STEADY, correlation={**STEADY.correlation, "jpeg": float("nan")})), "weak", "unstable"),
        (worse(stability=replace(STEADY, probability_change={**STEADY.probability_change, "jpeg": -0.46})), "weak", "score moves"),
        # 0.44 is less than half of 0.9, which the photograph scores above the covered one
        (worse(stability=replace(STEADY, probability_change={**STEADY.probability_change, "jpeg": -0.44})), "supported", None),
        (worse(stability=replace(STEADY, flips={**STEADY.flips, "shift": True})), "weak", "decision turns"),
        (worse(completeness=Completeness(1.0, 2.0, 64)), "weak", "incomplete"),
        (worse(explanation=replace(MAP, method="eigen-cam")), "weak", "not of a class"),
    ],
)
def test_each_rule_of_the_badge(evidence: Evidence, verdict: str, rule: str | None) -> None:
    found = badge(evidence)
    assert found.verdict == verdict and found.rules[:1] == (() if rule is None else (rule,)) and found.reasons


def test_every_rule_is_tried_above() -> None:
    tried = {case[2] for case in test_each_rule_of_the_badge.pytestmark[0].args[1] if case[2] is not None}  # type: ignore[attr-defined]
    assert tried == {rule.key for rule in RULES}


def test_the_gains_by_hand() -> None:
    """Areas over two steps: half the middle and a quarter of each end. Map .675 − .375, each random map .525 − .575, centre .575 − .525."""
    assert GOOD.score == pytest.approx(0.3) and GOOD.centre == pytest.approx(0.05) and GOOD.random == pytest.approx([-0.05, -0.05])
    assert GOOD.over_random == pytest.approx(0.35) and GOOD.over_centre == pytest.approx(0.25) and GOOD.gain == pytest.approx(0.25)
    one_good = replace(GOOD, random_deletion=np.array([[1, 0.6, 0.1], [1, 0.2, 0.1]]))  # the second scores .525 − .375
    assert one_good.over_random == pytest.approx(0.25) and one_good.gain == pytest.approx(0.15)
    assert GOOD.reach == pytest.approx(0.9) and GOOD.rise == pytest.approx(0.9)  # from 0.1 to 1


@pytest.mark.parametrize(("log_odds", "judged"), [(6.9, "probability"), (7.1, "log odds"), (-7.1, "log odds")])
def test_a_photograph_at_the_end_of_the_scale_is_judged_in_log_odds(log_odds: float, judged: str) -> None:
    odds = replace(GOOD, deletion=np.array([log_odds, 0, 0]), unit="log odds")
    assert replace(GOOD, log_odds=odds).judged.unit == judged


@pytest.mark.parametrize(
    ("value", "shown"), [(0.275, "+0.275"), (-0.0021, "-0.002"), (0.0003, "+0.0003"), (-0.000042, "-0.00004"), (0.0, "0")]
)
def test_no_gain_is_printed_as_nothing(value: float, shown: str) -> None:
    assert signed(value) == shown


def test_worst_reasons_come_first() -> None:
    bad = worse(sanity=None, faithfulness=replace(GOOD, deletion=np.array([1, 0.9, 0.1])))
    found = badge(bad)
    assert found.rules[0] == "no better than random" and "sanity not tested" in found.rules and found.verdict == "don't read"


def test_examining_a_photograph_measures_everything(planted: Classifier) -> None:
    images, masks = planted_pictures(1, seed=3)
    evidence, prediction = finish(examine(planted, images[0], None, "hirescam", sanity=SANE, masks={"lesion": masks[0]}))
    assert prediction.probabilities.argmax() == 0 and evidence.explanation.target == "green"
    assert evidence.faithfulness is not None and evidence.faithfulness.over_random > 0
    assert evidence.localisation["lesion"].share > 0.5 and evidence.localisation["lesion"].hit
    row = as_row(evidence, badge(evidence))
    assert row["lesion_share"] == evidence.localisation["lesion"].share and len(row["deletion"]) == 21
    assert {f"stability_{k}" for k in CHANGES} <= set(row) and row["verdict"] in VERDICTS
    opposed, _ = finish(examine(planted, images[0], 1, "hirescam"))
    assert opposed.explanation.empty and opposed.faithfulness is None and badge(opposed).verdict == "don't read"


@pytest.fixture
def subjects(tmp_path: Path) -> list[Subject]:
    images, masks = planted_pictures(5)
    made = []
    for k, (image, mask) in enumerate(zip(images, masks, strict=True)):
        (tmp_path / f"{k}.png").write_bytes(encode_png(image))
        made.append(Subject(f"image {k}", tmp_path / f"{k}.png", f"lesion {k // 2}", lambda m=mask: {"lesion": m}))  # type: ignore[misc]
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n")
    return [*made, Subject("broken", tmp_path / "broken.png", "lesion 9")]


def test_a_killed_examination_goes_on_and_gives_the_same(planted: Classifier, subjects: list[Subject], tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    def begin(name: str) -> Run[Any]:
        return examine_dataset(planted, subjects, {"model_sha256": "ab"}, tmp_path / f"{name}.parquet", "hirescam")

    whole = finish(begin("whole"))
    killed = begin("killed")
    for _ in range(3):
        next(killed)
    killed.close()
    left = next(p for p in tmp_path.iterdir() if p.suffix == ".jsonl")
    left.write_text(left.read_text() + '{"image_id": "image 2", "verd')  # killed in the middle of a line
    again = begin("killed")
    assert next(again)[0] == 2
    finish(again)
    one, two = (pq.read_table(tmp_path / f"{n}.parquet") for n in ("whole", "killed"))
    assert str(one.to_pylist()) == str(two.to_pylist()) and one.num_rows == 6 and not list(tmp_path.glob(".*jsonl"))
    assert whole[-1]["image_id"] == "broken" and "error" in whole[-1] and whole[0]["lesion_share"] > 0.5
    last_first = examine_dataset(planted, [subjects[-1], subjects[0]], {}, tmp_path / "other.parquet", "hirescam")
    finish(last_first)
    assert {"error", "verdict", "lesion_share"} <= set(pq.read_table(tmp_path / "other.parquet").column_names)


def test_methods_are_compared_on_the_same_images(planted: Classifier, subjects: list[Subject]) -> None:
    scores = finish(compare_methods(planted, subjects, ["hirescam", "eigen-cam", "gradient"], sanity={"hirescam": SANE}))
    assert {s.method for s in scores} == {"hirescam", "eigen-cam", "gradient"}
    assert [s.over_centre.value for s in scores] == sorted((s.over_centre.value for s in scores), reverse=True)
    by = {s.method: s for s in scores}
    assert by["hirescam"].images == 5 and by["hirescam"].sanity == 0.05 and np.isnan(by["gradient"].sanity)
    assert by["hirescam"].over_random.low < by["hirescam"].over_random.value < by["hirescam"].over_random.high
    assert sum(by["hirescam"].verdicts.values()) == 5 and by["eigen-cam"].verdicts["supported"] == 0
    assert by["hirescam"].in_lesion.value > 0.5


def test_methods_that_are_not_possible_come_last_with_the_reason(tmp_path: Path, subjects: list[Subject]) -> None:
    import keras

    from tests.models import networks

    keras.utils.set_random_seed(0)
    networks.flat(keras).export(str(tmp_path / "net"), verbose=False)
    classifier = open_classifier(tmp_path / "net")
    scores = finish(compare_methods(classifier, subjects[:1], ["grad-cam", "occlusion"]))
    assert [s.method for s in scores] == ["occlusion", "grad-cam"] and "SavedModel" in scores[1].reason
    assert not scores[1].over_centre.defined
