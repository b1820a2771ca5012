"""From trials to verdicts: planted effects, none, too few, and opposite ones; against statsmodels and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from evaluation.multiple import holm
from shortcuts.effects import by_signs, changes
from shortcuts.summary import AGREEMENT, attention, summary
from shortcuts.table import COLUMNS
from shortcuts.verdict import Judged, judge
from shortcuts.winkler import sensitivity_specificity

CLASSES = ("nv", "mel")


def rows(
    n: int,
    marker: str,
    direction: str,
    change: float,
    control: float,
    seed: int = 0,
    noise: float = 0.02,
    scrambled: float | None = None,
    kinds: tuple[str, ...] = ("usual",),
) -> list[dict]:
    """Probabilities of mel around .3; `change`, `control` and `scrambled` are what the marker, its control and its change in no order add to
    it where they are inserted."""
    rng = np.random.default_rng(seed)
    sign = -1 if direction == "removal" else 1
    found = []
    for k in range(n):
        base = float(np.clip(rng.normal(0.3, 0.05), 0, 1))
        one, other = (float(np.clip(base + sign * x + rng.normal(0, noise), 0, 1)) for x in (change, control))
        found.append(
            dict.fromkeys(COLUMNS)
            | {
                "image_id": f"{marker}{direction}{k}",
                "group": f"L{k}",
                "diagnosis": "mel" if k % 4 == 0 else "nv",
                "marker": marker,
                "direction": direction,
                "kind": kinds[k % len(kinds)] if direction == "insertion" else None,
                "size": 1.0 if direction == "insertion" else np.nan,
                "strength": 0.85 if direction == "insertion" else np.nan,
                "on_lesion": 0.0,
                "area_share": 0.02,
                "evidence_share": 0.3 + 0.01 * rng.normal(),
                "reason": "",
                "base": np.array([1 - base, base]),
                "changed": np.array([1 - one, one]),
                "control": np.array([1 - other, other]),
                "scrambled": None if scrambled is None else np.array([1 - base - scrambled, base + scrambled]),
            }
        )
    return found


def one(*parts: list[dict], marker: str = "ink") -> Judged:
    frame = pd.DataFrame([r for part in parts for r in part], columns=list(COLUMNS))
    return next(j for j in judge(frame, CLASSES, [marker]) if j.marker == marker)


def test_holm_is_statsmodels() -> None:
    p = np.random.default_rng(0).random(40) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])  # type: ignore[arg-type]
    assert holm([0.01, float("nan"), 0.04, 0.03]) == pytest.approx([0.03, np.nan, 0.06, 0.06], nan_ok=True)
    assert len(holm([])) == 0


def test_a_marker_that_moves_the_score_beyond_its_control_is_used() -> None:
    told = one(rows(60, "ink", "removal", 0.25, 0.01), rows(60, "ink", "insertion", 0.3, 0.02, 1))
    assert told.verdict == "used"
    assert "moves P(" in told.why and "60 images of 60 lesions" in told.why
    put = next(e for e in told.effects if e.direction == "insertion" and e.target == "mel")
    assert put.change.value == pytest.approx(0.3, abs=0.01) and put.excess.value == pytest.approx(0.28, abs=0.01)
    away = next(e for e in told.effects if e.direction == "removal" and e.target == "mel")
    assert away.change.value == pytest.approx(0.25, abs=0.01), "the sign is that of the marker being there"


def test_no_effect_is_not_seen_to_matter_and_says_what_is_still_possible() -> None:
    told = one(rows(200, "ink", "insertion", 0.0, 0.0))
    assert told.verdict == "not seen to matter" and "at most 0.00" in told.why
    assert any(n.startswith("no removal") for n in told.notes)


def test_having_seen_no_flip_is_not_certainty() -> None:
    """None of 40 lesions: Wilson's one-sided 95 % bound is 2.706 / 42.706 = 6.3 %, of 200 it is 1.3 %."""
    few = one(rows(40, "ink", "insertion", 0.0, 0.0))
    assert few.verdict == "can't tell" and few.flips[0].within[1] == pytest.approx(0.0634, abs=1e-4)
    assert few.flips[0].change.value == 0 and few.flips[0].change.high > 0.05
    assert one(rows(200, "ink", "insertion", 0.0, 0.0)).flips[0].within[1] == pytest.approx(0.01335, abs=1e-4)


def test_a_control_that_moves_more_accuses_nobody() -> None:
    assert one(rows(200, "ink", "insertion", 0.01, 0.3)).verdict == "not seen to matter"
    assert one(rows(200, "ink", "insertion", 0.1, 0.3)).verdict == "can't tell"


def test_an_effect_below_the_margins_is_not_called_used() -> None:
    assert one(rows(400, "ink", "insertion", 0.03, 0.0)).verdict == "not seen to matter"


def test_few_lesions_tell_nothing_and_photographs_do_not_help() -> None:
    few = one(rows(11, "ink", "insertion", 0.3, 0.0))
    assert few.verdict == "can't tell" and "only 11 lesions" in few.why
    again = [r | {"group": f"L{k % 11}"} for k, r in enumerate(rows(290, "ink", "insertion", 0.3, 0.0))]
    assert one(again).verdict == "can't tell"


def test_a_large_effect_on_fourteen_lesions_is_sure_by_turning_signs() -> None:
    """All fourteen move the same way: of 2 to the power of 14 ways to turn their signs two are as far out."""
    told = one(rows(14, "ink", "removal", 0.3, 0.0))
    assert told.verdict == "used" and told.lead is not None
    assert told.lead.p == pytest.approx(2 / 2**14) and told.lead.adjusted == pytest.approx(2 * 2 / 2**14)


def test_signs_by_hand() -> None:
    """1 + 2 + 4 with one sign turned: of eight totals ±7, ±5, ±3, ±1 six are at least as far from 0 as 3."""
    assert by_signs(np.array([1.0, -2.0, 4.0])) == 6 / 8
    assert by_signs(np.zeros(5)) == 1
    many = by_signs(np.ones(20))
    assert many == pytest.approx(1 / 20_000), "the one seen is among those drawn"


def test_opposite_directions_cannot_be_told() -> None:
    told = one(rows(80, "ink", "removal", -0.2, 0.0), rows(80, "ink", "insertion", 0.25, 0.0, 1))
    assert told.verdict == "can't tell" and "contradict each other" in told.why


def test_a_removal_stands_although_the_inserted_one_does_less_than_its_scrambled_change() -> None:
    """As a sticker that a network has learned: what is drawn moves it the same way, and its change in no order moves it more."""
    told = one(rows(80, "ink", "removal", 0.27, 0.0), rows(80, "ink", "insertion", 0.19, 0.0, 1, scrambled=0.3))
    assert told.verdict == "used" and told.lead is not None and told.lead.direction == "removal"


def test_an_insertion_that_its_change_in_no_order_equals_tells_by_decisions_alone() -> None:
    """.1 of probability that any hard edge moves is not the marker's; from a tenth of the decisions surely turning it matters anyhow."""
    told = one(rows(200, "ink", "insertion", 0.1, 0.0, scrambled=0.1))
    assert told.verdict == "can't tell" and "in no order" in told.why
    turning = one(rows(200, "ink", "insertion", 0.22, 0.0, scrambled=0.25))
    assert turning.verdict == "used" and "in no order" in turning.why and turning.lead is not None
    turned = float((np.stack(pd.DataFrame(rows(200, "ink", "insertion", 0.22, 0.0))["changed"].to_list())[:, 1] > 0.5).mean())
    assert abs(turning.lead.decided.value) == pytest.approx(turned) and 0.15 < turned < 0.85
    own = one(rows(200, "ink", "insertion", 0.1, 0.0, scrambled=0.02))
    assert own.verdict == "used" and "in no order" not in own.why


def test_one_kind_of_a_marker_may_be_used_where_all_together_are_not() -> None:
    labels = [r | {"kind": "label", "image_id": r["image_id"] + "l"} for r in rows(40, "ink", "insertion", 0.3, 0.0)]
    dates = [r | {"kind": "date", "group": "D" + r["group"]} for r in rows(900, "ink", "insertion", 0.0, 0.0, 1)]
    told = one(labels, dates)
    assert told.verdict == "used" and told.lead is not None and told.lead.kind == "label" and "inserting it (label)" in told.why
    assert {e.kind for e in told.effects} == {""}


def test_a_lent_photograph_is_compared_with_itself() -> None:
    frame = pd.DataFrame(rows(3, "hair", "removal", 0.2, 0.0, noise=0), columns=list(COLUMNS))
    frame["lent"] = [np.array([0.2, 0.8])] * 3  # type: ignore[assignment]
    frame["control"] = [np.array([0.3, 0.7])] * 3  # type: ignore[assignment]
    assert changes(frame, "control")[0][:, 1] == pytest.approx(0.1) and changes(frame, "changed")[0][:, 1] == pytest.approx(0.2)


def test_what_nothing_can_find_is_not_tested() -> None:
    told = one(rows(200, "text", "insertion", 0.0, 0.0), marker="text")
    assert told.verdict == "not tested" and "no detector" in told.why
    assert one(rows(200, "text", "insertion", 0.3, 0.0), marker="text").verdict == "used"


def test_a_wide_interval_says_how_many_would_be_needed() -> None:
    told = one(rows(40, "ink", "insertion", 0.0, 0.0, noise=0.25))
    assert told.verdict == "can't tell"
    needed = next(e.needed for e in told.effects)
    e = told.effects[0]
    assert needed == pytest.approx(40 * ((e.within[1] - e.within[0]) / 2 / (0.05 - abs(e.excess.value))) ** 2, abs=1)


def test_more_tests_make_it_harder() -> None:
    weak = rows(60, "ink", "insertion", 0.06, 0.0, 3, noise=0.16)
    alone = judge(pd.DataFrame(weak, columns=list(COLUMNS)), CLASSES, ["ink"])[0]
    others = [r for k in range(8) for r in rows(60, f"m{k}", "insertion", 0.0, 0.0, 10 + k)]
    many = judge(pd.DataFrame(weak + others, columns=list(COLUMNS)), CLASSES, ["ink"])[0]
    assert all(b.adjusted >= 4 * a.adjusted or b.adjusted == 1 for a, b in zip(alone.effects, many.effects, strict=True))


def test_the_table_of_winkler_by_hand() -> None:
    """Four photographs: a melanoma found, one missed, a nevus left alone, one alarmed; with ink every nevus is alarmed."""
    frame = pd.DataFrame(rows(4, "ink", "insertion", 0.0, 0.0), columns=list(COLUMNS))
    frame["diagnosis"] = ["mel", "mel", "nv", "nv"]
    frame["base"] = [np.array([1 - p, p]) for p in (0.9, 0.2, 0.1, 0.7)]  # type: ignore[assignment]
    frame["changed"] = [np.array([1 - p, p]) for p in (0.9, 0.6, 0.8, 0.7)]  # type: ignore[assignment]
    table = sensitivity_specificity(frame, "mel", CLASSES)
    told = {name: (rates.sensitivity.value, rates.specificity.value) for name, rates in table.items()}
    assert told["base"] == (0.5, 0.5) and told["changed"] == (1.0, 0.0)
    nobody = sensitivity_specificity(frame.assign(diagnosis=None), "mel", CLASSES)["base"].sensitivity
    assert not nobody.defined and nobody.reason


def test_attention_and_effect_are_set_beside_each_other() -> None:
    frame = pd.DataFrame(rows(60, "ink", "insertion", 0.3, 0.0), columns=list(COLUMNS))
    told = summary(frame, judge(frame, CLASSES, ["ink"]), CLASSES, {"model": "x"})
    assert told.verdicts["ink"].agreement == AGREEMENT[True, True]
    assert attention(frame).value == pytest.approx(0.28, abs=0.01)
    blind = frame.assign(evidence_share=0.001)
    told = summary(blind, judge(blind, CLASSES, ["ink"]), CLASSES, {})
    assert told.verdicts["ink"].agreement == AGREEMENT[False, True] and told.doses == ()
    assert not attention(frame.assign(evidence_share=np.nan)).defined
    assert told.verdicts["ink"].table_of == "mel"


def test_dose_response_by_size_and_strength() -> None:
    frame = pd.DataFrame(
        rows(40, "ink", "insertion", 0.1, 0.0)
        + [r | {"size": 1.6, "image_id": r["image_id"] + "b"} for r in rows(40, "ink", "insertion", 0.4, 0.0, 1)],
        columns=list(COLUMNS),
    )
    told = summary(frame, judge(frame, CLASSES, ["ink"]), CLASSES, {}).doses
    assert [(d.size, round(d.change.value, 1)) for d in told] == [(1.0, 0.1), (1.6, 0.4)]
    assert {e.images for e in summary(frame, judge(frame, CLASSES, ["ink"]), CLASSES, {}).verdicts["ink"].effects} == {40}


def test_signs_are_those_of_the_marker_being_there() -> None:
    frame = pd.DataFrame(rows(3, "ink", "removal", 0.2, 0.0, noise=0), columns=list(COLUMNS))
    change, control = changes(frame, "changed")[0], changes(frame, "control")[0]
    assert change[:, 1] == pytest.approx(0.2) and control == pytest.approx(0)
    assert np.isnan(changes(frame, "scrambled")[0]).all(), "a removal has no change in no order beside it"


def test_markers_on_the_lesion_are_reported_apart() -> None:
    beside, upon = rows(60, "ink", "removal", 0.0, 0.0), rows(60, "ink", "removal", 0.15, 0.0, 1)
    frame = pd.DataFrame(beside + [r | {"on_lesion": 0.6, "image_id": r["image_id"] + "on"} for r in upon], columns=list(COLUMNS))
    told = summary(frame, judge(frame, CLASSES, ["ink"]), CLASSES, {}).verdicts["ink"]
    assert told.verdict != "used" and {e.images for e in told.effects} == {60}
    (apart,) = told.on_lesion
    assert apart.direction == "removal" and apart.effect.images == 60
    assert abs(apart.effect.change.value) == pytest.approx(0.15, abs=0.01)
    everywhere = frame.assign(marker="hair", direction="insertion")
    assert not summary(everywhere, judge(everywhere, CLASSES, ["hair"]), CLASSES, {}).verdicts["hair"].on_lesion


def test_crops_stand_in_the_table_where_there_is_a_lesion() -> None:
    frame = pd.DataFrame(rows(4, "ink", "insertion", 0.0, 0.0), columns=list(COLUMNS))
    frame["diagnosis"] = ["mel", "mel", "nv", "nv"]
    frame["cropped"] = [np.array([0.1, 0.9]), None, np.array([0.9, 0.1]), np.array([0.2, 0.8])]  # type: ignore[assignment]
    rates = sensitivity_specificity(frame, "mel", CLASSES)["cropped"]
    assert (rates.sensitivity.value, rates.specificity.value) == (1.0, 0.5)


def test_a_control_that_turns_more_decisions_accuses_nobody() -> None:
    """The marker moves P(mel) by .1 and turns none; the control moves it by .02 on average but turns a third."""
    frame = pd.DataFrame(rows(90, "ink", "insertion", 0.1, 0.0), columns=list(COLUMNS))
    wild = [np.array([0.1, 0.9]) if k % 3 == 0 else c - np.array([-0.3, 0.3]) for k, c in enumerate(frame["control"])]
    told = judge(frame.assign(control=wild), CLASSES, ["ink"])[0]  # type: ignore[arg-type]
    assert told.flips[0].outdone and told.verdict == "can't tell"
    assert judge(frame, CLASSES, ["ink"])[0].verdict == "used" and not judge(frame, CLASSES, ["ink"])[0].flips[0].outdone
