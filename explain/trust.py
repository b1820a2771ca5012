"""Whether to trust a map: everything measured about it, one table of rules, one badge with its reasons."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from core.runs import Run, part
from explain.covered import COVERED, Covered, covered
from explain.faithfulness import RANDOM_MAPS, STEPS, Faithfulness, faithfulness, predictions
from explain.gradients import COMPLETE, Completeness
from explain.heatmap import Explanation
from explain.localisation import Localisation, localise
from explain.methods import DEFAULT, METHODS, Settings, attribution, explained_layer
from explain.sanity import FAILED, Sanity
from explain.stability import CHANGES, Stability, stability
from imaging.resize import enlarge, seen_box
from models.classifier import Classifier, Prediction

Verdict = Literal["supported", "not tested yet", "weak", "don't read"]
_UNITS = {"probability": "", "log odds": " log odds"}
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)  # the best first
LEAST = 0.15  # gain over the best control that counts, as a share of how far the score moves on this photograph
RISE = {"probability": 0.2, "log odds": 2.0}  # least difference between the photograph and the covered one for a map to explain
TWINS = 2.0  # times what an untrained copy of the network gains on the same photograph
TWIN_MAPS = 1  # random maps beside the untrained copy's own, in half as many steps
SEEN = 0.001  # change of the score that three digits show
MOVES = 0.2  # change of the score, 0…1, that is too large under a harmless change of the image,
OF_RISE = 0.5  # unless it is less than this share of what the photograph scores above the covered one
STEADY = 0.6  # Spearman correlation below which a map is unstable under a harmless change of the image


@dataclass(frozen=True)
class Evidence:
    """What was measured about one map; None: not measured. localisation: by mask (lesion, ink, …).

    twin: faithfulness of the map that an untrained copy of the network has of the same photograph, to that copy.
    """

    explanation: Explanation
    faithfulness: Faithfulness | None = None
    stability: Stability | None = None
    sanity: Sanity | None = None
    completeness: Completeness | None = None
    localisation: dict[str, Localisation] = field(default_factory=dict)
    covered: Covered | None = None
    twin: Faithfulness | None = None


@dataclass(frozen=True)
class Rule:
    """Where it applies, the verdict cannot be better than this one, for this reason."""

    key: str
    verdict: Verdict
    applies: Callable[[Evidence], bool]
    reason: Callable[[Evidence], str]


@dataclass(frozen=True)
class Badge:
    """verdict: the worst of the rules that apply; reasons, rules: of each rule that applies, worst first."""

    verdict: Verdict
    reasons: tuple[str, ...]
    rules: tuple[str, ...]


def _size(e: Evidence) -> str:
    return "{} × {}".format(*e.explanation.heatmap.shape)


def _lowest(e: Evidence) -> tuple[str, float]:
    assert e.stability is not None
    change, value = e.stability.lowest
    return CHANGES[change][0], value


def _furthest(e: Evidence) -> tuple[str, float]:
    assert e.stability is not None
    change, value = max(e.stability.probability_change.items(), key=lambda item: abs(item[1]))
    return CHANGES[change][0], value


RULES: tuple[Rule, ...] = (
    Rule("empty", "don't read", lambda e: e.explanation.empty, lambda e: "The map is empty: it shows no evidence for the class."),
    Rule(
        "coarse",
        "don't read",
        lambda e: e.explanation.coarse,
        lambda e: f"The map has {_size(e)} cells, too few to show more than left or right.",
    ),
    Rule(
        "constant",
        "don't read",
        lambda e: e.covered is not None and e.covered.constant,
        lambda e: f"The score depends on nothing in the photograph: with everything covered it is the same ({_now(e):.3f}).",
    ),
    Rule(
        "no better than random",
        "don't read",
        lambda e: e.faithfulness is not None and e.faithfulness.judged.over_random <= 0,
        lambda e: f"Covering what it highlights changes the score no more than covering random regions ({_over(e, 'over_random')}).",
    ),
    Rule(
        "no better than the centre",
        "don't read",
        lambda e: e.faithfulness is not None and e.faithfulness.judged.over_centre <= 0,
        lambda e: f"Pointing at the middle of the image does just as well ({_over(e, 'over_centre')}).",
    ),
    Rule(
        "nothing to explain",
        "weak",
        lambda e: e.faithfulness is not None and _judged(e).rise < RISE[_judged(e).unit],
        lambda e: (
            "Covering the whole photograph does not lower the score by enough to be explained "
            f"({_judged(e).deletion[0]:.3f} before, {_judged(e).deletion[-1]:.3f} after{_UNITS[_judged(e).unit]})."
        ),
    ),
    Rule(
        "within random spread",
        "weak",
        lambda e: e.faithfulness is not None and e.faithfulness.judged.score <= e.faithfulness.judged.random.max(),
        lambda e: "One of the random maps does just as well.",
    ),
    Rule(
        "too small a gain",
        "weak",
        lambda e: e.faithfulness is not None and 0 < _judged(e).gain < _least(e),
        lambda e: (
            f"It does hardly better than the best random map or the middle ({_over(e, 'gain')}); on this photograph "
            f"{signed(_least(e))} or more counts."
        ),
    ),
    Rule(
        "no better than untrained",
        "weak",
        lambda e: e.faithfulness is not None and e.twin is not None and e.faithfulness.judged.over_random < TWINS * _twins(e),
        lambda e: (
            f"An untrained copy of the network does about as well with a map of its own: {signed(_twins(e))} against random maps, "
            f"this one {_over(e, 'over_random')}."
        ),
    ),
    Rule("saturated", "weak", lambda e: e.covered is not None and e.covered.saturated, lambda e: _saturated(e)),  # noqa: PLW0108
    Rule(
        "faithfulness not tested",
        "not tested yet",
        lambda e: e.faithfulness is None and not e.explanation.empty,
        lambda e: "Not yet tested whether covering what it highlights changes the score.",
    ),
    Rule(
        "untrained not tested",
        "not tested yet",
        lambda e: e.faithfulness is not None and e.twin is None,
        lambda e: "Not compared with an untrained copy of the network, which takes layers that are accessible.",
    ),
    Rule(
        "sanity failed",
        "weak",
        lambda e: e.sanity is not None and e.sanity.passed is False,
        lambda e: (
            f"Randomising all weights leaves much of the map unchanged (Spearman {_left(e):.2f}; "
            f"under {FAILED} passes): it shows the image more than the decision."
        ),
    ),
    Rule(
        "sanity undefined",
        "weak",
        lambda e: e.sanity is not None and e.sanity.passed is None,
        lambda e: "The sanity check is inconclusive: most maps of the randomised network are constant.",
    ),
    Rule(
        "sanity not tested",
        "not tested yet",
        lambda e: e.sanity is None,
        lambda e: "Not yet tested whether the map depends on the network's weights (sanity check).",
    ),
    Rule(
        "unstable",
        "weak",
        lambda e: e.stability is not None and not _lowest(e)[1] >= STEADY,
        lambda e: f"The map changes under {_lowest(e)[0]} (Spearman {_lowest(e)[1]:.2f}; {STEADY} or more is stable).",
    ),
    Rule(
        "score moves",
        "weak",
        lambda e: e.stability is not None and abs(_furthest(e)[1]) >= _most_moved(e),
        lambda e: f"The score itself changes by {100 * _furthest(e)[1]:+.0f} percentage points under {_furthest(e)[0]}.",
    ),
    Rule(
        "decision turns",
        "weak",
        lambda e: e.stability is not None and any(e.stability.flips.values()),
        lambda e: (
            "The predicted class itself changes under "
            + ", ".join(CHANGES[k][0] for k, flip in (e.stability.flips if e.stability else {}).items() if flip)
            + "."
        ),
    ),
    Rule(
        "incomplete",
        "weak",
        lambda e: e.completeness is not None and not e.completeness.holds,
        lambda e: f"The map does not add up to the difference it explains: off by {_gap(e):.1%}, {COMPLETE:.0%} is allowed.",
    ),
    Rule(
        "not of a class",
        "weak",
        lambda e: not METHODS[e.explanation.method].by_class,
        lambda e: "This method gives the same map for every class.",
    ),
)


def least(f: Faithfulness) -> float:
    """The gain that counts, in the curves' unit."""
    return LEAST * f.reach


def signed(value: float) -> str:
    """A signed number with three digits behind the point, or as many as it takes to differ from nothing."""
    if abs(value) < 1e-6:
        return "0"
    return f"{value:+.3f}" if round(abs(value), 3) else np.format_float_positional(value, precision=1, fractional=False, sign=True)


def badge(evidence: Evidence) -> Badge:
    """Applies the table of rules."""
    found = sorted((r for r in RULES if r.applies(evidence)), key=lambda r: -VERDICTS.index(r.verdict))
    verdict: Verdict = found[0].verdict if found else "supported"
    reasons = tuple(r.reason(evidence) for r in found) or (_why_supported(evidence),)
    return Badge(verdict, reasons, tuple(r.key for r in found))


def examine(
    classifier: Classifier,
    image: np.ndarray,
    target: int | None,
    method: str,
    layer: str | None = None,
    settings: Settings = DEFAULT,
    sanity: Sanity | None = None,
    masks: dict[str, np.ndarray] | None = None,
    steps: int = STEPS,
    random_maps: int = RANDOM_MAPS,
    twin: Classifier | None = None,
) -> Run[tuple[Evidence, Prediction]]:
    """Explain one photograph, uint8 RGB (H, W, 3), and measure what the rules need.

    target: class index, None for the predicted class. masks: bool (H, W) by name, in the photograph's own pixels.
    sanity: result of `check_sanity`. steps, random_maps: of the curves (see `faithfulness`). twin: `untrained_twin` of the classifier.
    """
    fitted = classifier.fit(image)
    prepared = classifier.scale(fitted[None])
    wanted = None if target is None else np.array([target])
    found = yield from part(attribution(classifier, prepared, wanted, method, layer, settings), 0, 0.15)
    entry, heatmap, index = METHODS[method], found.maps[0], int(found.targets[0])
    explanation = Explanation(method, classifier.card.classes[index], explained_layer(classifier, method, layer), heatmap)
    evidence = Evidence(explanation, sanity=sanity, completeness=found.complete[0] if found.complete else None)
    box = seen_box(image.shape[:2], classifier.card.size, classifier.card.resize.geometry)
    large = enlarge(heatmap, image.shape[:2], box)
    evidence = replace(evidence, localisation={k: localise(entry.evidence(large), m) for k, m in (masks or {}).items()})
    baseline, colour = settings.baseline, settings.colour
    evidence = replace(evidence, covered=covered(classifier, prepared[0], index, colour))

    def curves(of: Classifier, small: np.ndarray, steps: int, maps: int) -> Run[Faithfulness]:
        importance = np.abs(small) if entry.reads == "sensitivity" else small
        return faithfulness(of, prepared[0], index, importance, baseline, colour, steps, maps, settings.seed)

    if not explanation.empty:
        faithful = yield from part(curves(classifier, heatmap, steps, random_maps), 0.15, 0.4)
        evidence = replace(evidence, faithfulness=faithful)
        if twin is not None:
            own = yield from part(attribution(twin, prepared, np.array([index]), method, layer, settings), 0.4, 0.5)
            evidence = replace(evidence, twin=(yield from part(curves(twin, own.maps[0], steps // 2, TWIN_MAPS), 0.5, 0.6)))
        steady = yield from part(stability(classifier, fitted, index, method, layer, settings), 0.6, 1)
        evidence = replace(evidence, stability=steady)
    return evidence, found.prediction


def passes(cost: int, steps: int = STEPS, random_maps: int = RANDOM_MAPS) -> int:
    """How many predictions it takes to examine one map. cost: of the map itself (`Method.cost`)."""
    curves = predictions(steps, random_maps) + predictions(steps // 2, TWIN_MAPS)
    return COVERED + curves + (2 + len(CHANGES)) * cost


def as_row(evidence: Evidence, verdict: Badge) -> dict[str, Any]:
    """One flat row of `trust.parquet`; NaN where a figure was not measured or is undefined."""
    e, nan = evidence, math.nan
    f, s = e.faithfulness, e.stability
    row = {
        "method": e.explanation.method,
        "layer": e.explanation.layer,
        "target": e.explanation.target,
        "verdict": verdict.verdict,
        "reasons": " ".join(verdict.reasons),
        "empty": e.explanation.empty,
        **{k: getattr(f, k) if f else nan for k in ("deletion_area", "insertion_area", "over_random", "over_centre")},
        "unit": f.judged.unit if f else None,
        "gain": f.judged.gain if f else nan,
        "least_gain": least(f.judged) if f else nan,
        "untrained_gain": _twins(e) if f and e.twin else nan,
        "random_mean": float(f.random.mean()) if f else nan,
        "centre": f.centre if f else nan,
        "completeness_gap": e.completeness.gap if e.completeness else nan,
        "deletion": f.deletion.tolist() if f else None,
        "insertion": f.insertion.tolist() if f else None,
        **{f"stability_{change}": s.correlation[change] if s else nan for change in CHANGES},
    }
    for name, where in e.localisation.items():
        row |= {f"{name}_share": where.share, f"{name}_area": where.area, f"{name}_hit": where.hit}
    return row


def _judged(e: Evidence) -> Faithfulness:
    assert e.faithfulness is not None
    return e.faithfulness.judged


def _over(e: Evidence, what: str) -> str:
    return signed(getattr(_judged(e), what)) + _UNITS[_judged(e).unit]


def _least(e: Evidence) -> float:
    return least(_judged(e))


def _twins(e: Evidence) -> float:
    """What the untrained copy gains over random maps, in the unit the map is judged in."""
    assert e.twin is not None
    twin = e.twin if _judged(e).unit == "probability" or e.twin.log_odds is None else e.twin.log_odds
    return max(twin.over_random, 0.0)


def _now(e: Evidence) -> float:
    assert e.covered is not None
    return float(e.covered.probability[0])


def _saturated(e: Evidence) -> str:
    assert e.covered is not None
    odds, moved = e.covered.log_odds[0], float(np.ptp(e.covered.probability))
    stays = f", and moves by {moved:.3f} at most when everything is covered" if moved < SEEN else ""
    return f"The network is saturated: its score is {_now(e):.3f} (log odds {odds:+.0f}){stays}."


def _most_moved(e: Evidence) -> float:
    return MOVES if e.faithfulness is None else max(MOVES, OF_RISE * e.faithfulness.rise)


def _left(e: Evidence) -> float:
    assert e.sanity is not None
    return e.sanity.spearman[-1]


def _gap(e: Evidence) -> float:
    assert e.completeness is not None
    return e.completeness.gap


def _why_supported(e: Evidence) -> str:
    return (
        f"Covering what it highlights changes the score more than covering random regions ({_over(e, 'over_random')}) or the middle "
        f"({_over(e, 'over_centre')}), and more than an untrained copy of the network would let it; the map depends on the network's "
        "weights, and it is stable under harmless changes."
    )
