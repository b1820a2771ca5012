"""Whether to trust a map: everything measured about it, one table of rules, one badge with its reasons."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from core.runs import Run, part
from explain.faithfulness import RANDOM_MAPS, STEPS, Faithfulness, faithfulness
from explain.gradients import COMPLETE, Completeness
from explain.heatmap import Explanation
from explain.localisation import Localisation, localise
from explain.methods import DEFAULT, METHODS, Settings, attribution, explained_layer
from explain.sanity import FAILED, Sanity
from explain.stability import CHANGES, Stability, stability
from imaging.resize import enlarge, seen_box
from models.classifier import Classifier, Prediction

Verdict = Literal["supported", "weak", "don't read"]
MOVES = 0.2  # change of the score, 0…1, that is too large under a harmless change of the image
STEADY = 0.7  # Spearman correlation below which a map is unstable under a harmless change of the image


@dataclass(frozen=True)
class Evidence:
    """What was measured about one map; None: not measured. localisation: by mask (lesion, ink, …)."""

    explanation: Explanation
    faithfulness: Faithfulness | None = None
    stability: Stability | None = None
    sanity: Sanity | None = None
    completeness: Completeness | None = None
    localisation: dict[str, Localisation] = field(default_factory=dict)


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
        "no better than random",
        "don't read",
        lambda e: e.faithfulness is not None and e.faithfulness.over_random <= 0,
        lambda e: (
            f"Covering what it highlights changes the score no more than covering random regions ({_over(e, 'over_random')} against "
            "random maps)."
        ),
    ),
    Rule(
        "no better than the centre",
        "don't read",
        lambda e: e.faithfulness is not None and e.faithfulness.over_centre <= 0,
        lambda e: f"Pointing at the middle of the image does just as well ({_over(e, 'over_centre')} against the centre).",
    ),
    Rule(
        "within random spread",
        "weak",
        lambda e: e.faithfulness is not None and e.faithfulness.score <= e.faithfulness.random.max(),
        lambda e: "One of the random maps does just as well.",
    ),
    Rule(
        "faithfulness not measured",
        "weak",
        lambda e: e.faithfulness is None and not e.explanation.empty,
        lambda e: "Not yet tested whether covering what it highlights changes the score.",
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
        "weak",
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
        lambda e: e.stability is not None and abs(_furthest(e)[1]) >= MOVES,
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

_ORDER: tuple[Verdict, ...] = ("don't read", "weak", "supported")


def badge(evidence: Evidence) -> Badge:
    """Applies the table of rules."""
    found = sorted((r for r in RULES if r.applies(evidence)), key=lambda r: _ORDER.index(r.verdict))
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
) -> Run[tuple[Evidence, Prediction]]:
    """Explain one photograph, uint8 RGB (H, W, 3), and measure what the rules need.

    target: class index, None for the predicted class. masks: bool (H, W) by name, in the photograph's own pixels.
    sanity: result of `check_sanity`. steps, random_maps: of the curves (see `faithfulness`).
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
    if not explanation.empty:
        importance = np.abs(heatmap) if entry.reads == "sensitivity" else heatmap
        baseline, colour = settings.baseline, settings.colour
        faithful = yield from part(
            faithfulness(classifier, prepared[0], index, importance, baseline, colour, steps, random_maps, settings.seed), 0.15, 0.5
        )
        steady = yield from part(stability(classifier, fitted, index, method, layer, settings), 0.5, 1)
        evidence = replace(evidence, faithfulness=faithful, stability=steady)
    return evidence, found.prediction


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


def _over(e: Evidence, what: str) -> str:
    return f"{getattr(e.faithfulness, what):+.3f}"


def _left(e: Evidence) -> float:
    assert e.sanity is not None
    return e.sanity.spearman[-1]


def _gap(e: Evidence) -> float:
    assert e.completeness is not None
    return e.completeness.gap


def _why_supported(e: Evidence) -> str:
    assert e.faithfulness is not None
    return (
        f"Covering what it highlights changes the score more than covering random regions ({_over(e, 'over_random')}) or the middle "
        f"({_over(e, 'over_centre')}), the map depends on the network's weights, and it is stable under harmless changes."
    )
