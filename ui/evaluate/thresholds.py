"""Curves of one class, a threshold chosen on one split and applied to this one, and what it means for 1,000 people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from evaluation.curves import Curve, precision_recall_curve, roc_curve
from evaluation.intervals import Figure, ratio
from evaluation.ranking import rank
from evaluation.readers import CLASSES, READERS
from evaluation.thresholds import WAYS, operating_points
from reports.evaluation_charts import curve_chart, of_a_thousand, people_chart
from studies.assess import Assessment
from ui.services import services

HERE = "these images"


def operating_point(assessment: Assessment, splits: Sequence[str], split: str | None, of: Callable[[str | None], Assessment]) -> None:
    """of: the assessment of another split, for a threshold that is chosen there."""
    classes = [c.name for c in assessment.evaluation.per_class if 0 < c.support < assessment.evaluation.n_images]
    if not classes:
        st.caption("Only one class occurs here, so there is nothing to tell apart.")
        return
    usual = next((c for c in classes if c in CLASSES), classes[0])
    one, two, three, four = st.columns([1.2, 2.4, 1.4, 1.4], vertical_alignment="bottom")
    name = one.selectbox("Class against the rest", classes, index=classes.index(usual), key="curve-class")
    way_name = two.selectbox("Threshold for", list(WAYS), key="way")
    way = WAYS[way_name]
    number = (
        three.number_input(way.asks[0].upper() + way.asks[1:], way.low, way.high, way.usual, key=f"number-{way_name}")
        if way.asks
        else way.usual
    )
    places = [HERE, *[s for s in splits if s != split]]
    where = four.selectbox("Chosen on", places, key="chosen-on", help="Choose on images that are not the ones you judge on.")
    source = assessment if where == HERE else of(where)
    chosen = _threshold(source, name, way_name, float(number))
    if chosen is None:
        st.warning(f"There are no images of {name} in split {where} to choose on.")
        return
    scores = _side(assessment, name)[0]
    ends = float(np.floor(scores.min() * 1000) / 1000), float(np.ceil(scores.max() * 1000) / 1000)
    threshold = (
        st.slider(
            "Decide for it from this score on",
            ends[0],
            ends[1],
            min(max(chosen, ends[0]), ends[1]),
            0.001,
            "%.3f",
            key=f"threshold-{name}-{way_name}-{number}-{where}-{split}",
        )
        if ends[0] < ends[1]
        else chosen
    )
    st.caption(
        f"Threshold {chosen:.4f} by {way_name}"
        + (f" {number:g}" if way.asks else "")
        + f", chosen on {where}"
        + (
            ". Chosen and judged on the same images, it looks better than it will elsewhere."
            if where == HERE
            else f", applied to {split or 'all images'}."
        )
    )
    _curves(assessment, name, float(threshold))
    _outcome(assessment, name, float(threshold))


def _threshold(source: Assessment, name: str, way: str, number: float) -> float | None:
    scores, positive, _ = _side(source, name)
    if not positive.any() or positive.all():
        return None
    points = operating_points(scores, positive)
    value = points.thresholds[WAYS[way].choose(points, number)]
    return float(np.nextafter(scores.max(), np.inf)) if np.isinf(value) else float(value)


def _curves(assessment: Assessment, name: str, threshold: float) -> None:
    roc, precision = _computed(assessment, name)
    scores, positive, _ = _side(assessment, name)
    found, wrong = (scores >= threshold)[positive].mean(), (scores >= threshold)[~positive].mean()
    decided = scores >= threshold
    ppv = positive[decided].mean() if decided.any() else np.nan
    readers = READERS if name in CLASSES else ()
    area = next(c["auc"] for c in assessment.evaluation.per_class if c.name == name)
    left, right = st.columns(2, gap="large")
    with left:
        chart = curve_chart(roc, "1 − specificity", "sensitivity", (float(wrong), float(found)), readers, diagonal=True)
        st.altair_chart(chart, width="stretch", alt=f"ROC curve of {name}: AUC {area:.2f}")
        st.caption(f"ROC. AUC {area:.3f}. Orange: the threshold. Band: 95 %, lesions resampled.")
    with right:
        chart = curve_chart(precision, "sensitivity", "PPV", (float(found), float(ppv)))
        st.altair_chart(chart, width="stretch", alt=f"Precision–recall curve of {name}; prevalence {positive.mean():.1%}")
        st.caption(f"Precision–recall. Always deciding for {name} gives a PPV of {positive.mean():.1%}, its share here.")
    if readers:
        told = "; ".join(f"{r.who}: {r.sensitivity:.0%}, {r.specificity:.0%}" for r in readers)
        st.caption(
            f"Green diamonds: physicians' sensitivity and specificity for melanoma ({told}; {readers[0].source}), on {readers[0].on}. "
            "Other patients and another task: no comparison, only a scale."
        )


def _outcome(assessment: Assessment, name: str, threshold: float) -> None:
    """Matrix of the decision with intervals, and 1,000 people like these as icons."""
    scores, positive, groups = _side(assessment, name)
    decided = scores >= threshold
    cells = [[(positive & decided).sum(), (positive & ~decided).sum()], [(~positive & decided).sum(), (~positive & ~decided).sum()]]
    shares: dict[str, Figure] = {
        "Sensitivity": _share(positive & decided, positive, groups),
        "Specificity": _share(~positive & ~decided, ~positive, groups),
        "PPV": _share(positive & decided, decided, groups),
        "NPV": _share(~positive & ~decided, ~decided, groups),
    }
    left, right = st.columns([2, 3], gap="large")
    with left:
        table = pd.DataFrame(cells, index=[name, f"not {name}"], columns=[f"decided for {name}", "decided against"])
        st.table(table.map("{:,}".format))
        for title, figure in shares.items():
            interval = f" [{figure.low:.1%}, {figure.high:.1%}]" if not np.isnan(figure.low) else ""
            st.markdown(f"{title} **{figure.value:.1%}**{interval}" if figure.defined else f"{title} undefined: {figure.reason}")
    with right:
        people = of_a_thousand(shares["Sensitivity"].value, shares["Specificity"].value, float(positive.mean()))
        told = ", ".join(f"{n:,} {outcome}" for outcome, n in people.items())
        st.markdown("**Of 1,000 people like these**")
        st.altair_chart(people_chart(people), width="stretch", alt=f"Of 1,000 people like these: {told}")
        st.caption(
            f"If {positive.mean():.1%} have it, as among these images. Where fewer have it, more of the alarms are false. "
            "A share of a dataset is no patient's risk."
        )


def _share(hits: np.ndarray, trials: np.ndarray, groups: np.ndarray) -> Figure:
    return ratio(hits.astype(float), trials.astype(float), groups, "no image was decided so")


def _side(assessment: Assessment, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, which rows are of the class, and the lesion of each."""
    rows = assessment.rows
    return rows[name].to_numpy(float), (rows["diagnosis"] == name).to_numpy(), rows["group"].to_numpy()


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=services.KNOWN_BY)
def _computed(assessment: Assessment, name: str) -> tuple[Curve, Curve]:
    scores, positive, groups = _side(assessment, name)
    ranked = rank(scores, positive, groups, int(groups.max()) + 1)
    return roc_curve(ranked, int(groups.max()) + 1), precision_recall_curve(ranked, int(groups.max()) + 1)
