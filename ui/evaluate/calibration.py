"""Whether a score is the chance it looks like, what corrects it, and what deciding by it is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from evaluation.calibration import CORRECTIONS, brier, calibration_error, reliability
from evaluation.net_benefit import THRESHOLDS, net_benefit, treat_all
from evaluation.readers import CLASSES
from reports.evaluation_charts import decision_chart, reliability_chart
from studies.assess import Assessment

NONE = "nothing"


def calibration(assessment: Assessment, splits: Sequence[str], split: str | None, of: Callable[[str | None], Assessment]) -> None:
    """of: the assessment of another split, which a correction is fitted on."""
    e = assessment.evaluation
    names = [c.name for c in e.per_class if 0 < c.support < e.n_images]
    if not names:
        st.caption("Only one class occurs here, so there is nothing to compare a score with.")
        return
    usual = next((c for c in names if c in CLASSES), names[0])
    others = [s for s in splits if s != split]
    one, two, three = st.columns([1.2, 2, 2], vertical_alignment="bottom")
    name = one.selectbox("Class", names, index=names.index(usual), key="calibration-class")
    way = two.selectbox("Correct the scores by", [NONE, *CORRECTIONS], key="correction", disabled=not others)
    where = three.selectbox("fitted on split", others, key="fitted-on", disabled=way == NONE) if others else None
    rows, classes = assessment.rows, list(e.classes)
    scores, positive = rows[classes].to_numpy(float), (rows["diagnosis"] == name).to_numpy()
    groups, k = rows["group"].to_numpy(), classes.index(name)
    corrected = _corrected(scores, of(where), classes, way) if way != NONE and where else None
    shown = {"as they are": scores[:, k]} | ({"corrected": corrected[:, k]} if corrected is not None else {})
    left, right = st.columns(2, gap="large")
    with left:
        bins = {told: reliability(s, positive, groups) for told, s in shown.items()}
        worst = max(bins["as they are"], key=lambda b: abs(b.share.value - b.score))
        st.altair_chart(
            reliability_chart(bins["as they are"], bins.get("corrected")),
            width="stretch",
            alt=f"Reliability of the scores of {name}; furthest off: mean score {worst.score:.0%}, share {worst.share.value:.0%}",
        )
        for told, s in shown.items():
            parts = brier(s, positive)
            st.markdown(
                f"Scores {told}: calibration error **{calibration_error(s, positive):.3f}**, Brier score **{parts.score:.3f}** "
                f"(reliability {parts.reliability:.3f} − resolution {parts.resolution:.3f} + uncertainty {parts.uncertainty:.3f} "
                f"{'+' if parts.within >= 0 else '−'} {abs(parts.within):.3f} within bins)"
            )
        st.caption(
            f"Each point is about a tenth of the {len(rows):,} images, lines are 95 % intervals by lesion. Below the dashed line the "
            "classifier is surer than it is right. On another mix of patients it is off again."
        )
    with right:
        curves = {
            "by the score": net_benefit(shown["as they are"], positive),
            "treat all": treat_all(positive),
            "treat nobody": np.zeros(len(THRESHOLDS)),
        }
        if corrected is not None:
            curves["by the corrected score"] = net_benefit(shown["corrected"], positive)
        best = THRESHOLDS[curves["by the score"] > np.maximum(curves["treat all"], 0)]
        told = f"better than both from {best.min():.0%} to {best.max():.0%}" if len(best) else "nowhere better than both"
        st.altair_chart(decision_chart(THRESHOLDS, curves), width="stretch", alt=f"Net benefit for {name}: by the score {told}")
        st.caption(
            f"Decision curve: true positives less false ones, weighed by the odds of the threshold, a patient. By the score it is {told}. "
            f"The threshold is the chance of {name} from which one would act."
        )


def _corrected(scores: np.ndarray, source: Assessment, classes: Sequence[str], way: str) -> np.ndarray:
    rows = source.rows
    true = np.array([classes.index(d) for d in rows["diagnosis"]])
    return CORRECTIONS[way](rows[list(classes)].to_numpy(float), true)(scores)
