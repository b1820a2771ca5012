"""Whether a score is the probability it looks like, how to correct it, and the net benefit of deciding by it."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from core.diagnoses import full_name
from core.text import literal
from evaluation.calibration import CORRECTIONS, brier, calibration_error, reliability
from evaluation.net_benefit import THRESHOLDS, better_ranges, net_benefit, treat_all
from reports.evaluation_charts import decision_chart, reliability_chart
from studies.assess import Assessment
from ui.evaluate.thresholds import class_choice

NONE = "nothing"


def calibration(assessment: Assessment, splits: Sequence[str], split: str | None, on_split: Callable[[str | None], Assessment]) -> None:
    """on_split: the assessment of another split, which a correction is fitted on."""
    others = [s for s in splits if s != split]
    one, two, three = st.columns([1.2, 2, 2], vertical_alignment="bottom")
    name = class_choice(one, "Class", assessment, "calibration-class")
    if name is None:
        return
    way = two.selectbox("Correct the scores by", [NONE, *CORRECTIONS], key="correction", disabled=not others)
    where = three.selectbox("fitted on split", others, key="fitted-on", disabled=way == NONE) if others else None
    rows, classes = assessment.rows, list(assessment.evaluation.classes)
    scores, positive = rows[classes].to_numpy(float), (rows["diagnosis"] == name).to_numpy()
    groups, k = rows["group"].to_numpy(), classes.index(name)
    shown = {"as they are": scores[:, k]}
    if way != NONE and where:
        shown["corrected"] = _corrected(scores, on_split(where).rows, classes, way)[:, k]
    left, right = st.columns(2, gap="large")
    with left:
        bins = {which: reliability(s, positive, groups) for which, s in shown.items()}
        worst = max(bins["as they are"], key=lambda b: abs(b.share.value - b.score))
        chart = reliability_chart(bins["as they are"], bins.get("corrected"))
        alt = f"Reliability of the scores for {full_name(name)}; furthest off: mean score {worst.score:.0%}, share {worst.share.value:.0%}"
        st.altair_chart(chart, width="stretch", alt=alt)
        for which, s in shown.items():
            parts = brier(s, positive)
            st.markdown(
                f"Scores {which}: calibration error **{calibration_error(s, positive):.3f}**, Brier score **{parts.score:.3f}** "
                f"(reliability {parts.reliability:.3f} − resolution {parts.resolution:.3f} + uncertainty {parts.uncertainty:.3f} "
                f"{'+' if parts.within >= 0 else '−'} {abs(parts.within):.3f} within bins)"
            )
        st.caption(
            f"Each point is about a tenth of the {len(rows):,} images; lines are 95 % intervals by lesion. Below the dashed line, the "
            "classifier is overconfident. With another mix of patients, the scores are off again."
        )
    with right:
        curves = {
            "by the score": net_benefit(shown["as they are"], positive),
            "treat all": treat_all(positive),
            "treat nobody": np.zeros(len(THRESHOLDS)),
        }
        if "corrected" in shown:
            curves["by the corrected score"] = net_benefit(shown["corrected"], positive)
        ranges = better_ranges(curves["by the score"], np.stack([curves["treat all"], curves["treat nobody"]]))
        found = ", ".join(f"from {low:.0%} to {high:.0%}" if low < high else f"at {low:.0%}" for low, high in ranges)
        span = f"better than both {found}" if found else "nowhere better than both"
        st.altair_chart(decision_chart(THRESHOLDS, curves), width="stretch", alt=f"Net benefit for {full_name(name)}: by the score {span}")
        st.caption(
            "Decision curve: true positives minus false positives, weighted by the odds of the threshold, per patient. By the score it is "
            f"{span}. The threshold is the probability of {literal(full_name(name))} from which one would act."
        )


def _corrected(scores: np.ndarray, rows: pd.DataFrame, classes: Sequence[str], way: str) -> np.ndarray:
    """Scores (N, C) by a correction fitted on the rows of another assessment."""
    true = np.array([classes.index(d) for d in rows["diagnosis"]])
    return CORRECTIONS[way](rows[list(classes)].to_numpy(float), true)(scores)
