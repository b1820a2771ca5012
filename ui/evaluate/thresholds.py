"""Curves of one class, a threshold chosen on one split and applied to this one, and its outcome for 1,000 people."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.diagnoses import full_name
from core.text import literal
from evaluation.curves import Curve, precision_recall_curve, roc_curve
from evaluation.intervals import Figure, ratio
from evaluation.ranking import rank
from evaluation.readers import CLASSES, READERS
from evaluation.thresholds import WAYS, operating_points
from reports.evaluation_charts import curve_chart, of_a_thousand, people_chart
from studies.assess import Assessment
from ui.parts.components import lesion_name
from ui.services import services

HERE = "these images"


def operating_point(assessment: Assessment, splits: Sequence[str], split: str | None, on_split: Callable[[str | None], Assessment]) -> None:
    """on_split: the assessment of another split, for a threshold that is chosen there."""
    one, two, three, four = st.columns([1.2, 2.4, 1.4, 1.4], vertical_alignment="bottom")
    name = class_choice(one, "Class against the rest", assessment, "curve-class")
    if name is None:
        return
    way_name = two.selectbox("Threshold for", list(WAYS), key="way")
    way, number = WAYS[way_name], WAYS[way_name].usual
    if way.asks:
        number = three.number_input(way.asks[0].upper() + way.asks[1:], way.low, way.high, way.usual, key=f"number-{way_name}")
    places = [HERE, *[s for s in splits if s != split]]
    where = four.selectbox("Chosen on", places, key="chosen-on", help="Choose it on other images than those you evaluate on.")
    chosen = _threshold(assessment if where == HERE else on_split(where), name, way_name, float(number))
    if chosen is None:
        st.warning(f"There are no images of {literal(full_name(name))} in split {literal(where)} to choose on.")
        return
    scores = _side(assessment, name)[0]
    low, high = float(np.floor(scores.min() * 1000) / 1000), float(np.ceil(scores.max() * 1000) / 1000)
    threshold = chosen
    if low < high:
        start, key = min(max(chosen, low), high), f"threshold-{name}-{way_name}-{number}-{where}-{split}"
        threshold = st.slider("Decide for it from this score upwards", low, high, start, 0.001, "%.3f", key=key)
    same = ". Chosen and evaluated on the same images, it looks better than it will elsewhere."
    applied = same if where == HERE else f", applied to {literal(split or 'all images')}."
    st.caption(f"Threshold {chosen:.4f} by {way_name}" + (f" {number:g}" if way.asks else "") + f", chosen on {literal(where)}{applied}")
    _curves(assessment, name, float(threshold))
    _outcome(assessment, name, float(threshold))


def class_choice(place: DeltaGenerator, label: str, assessment: Assessment, key: str) -> str | None:
    """One of the classes that some, but not all, of the images belong to; None, with the reason on screen, where there is none."""
    e = assessment.evaluation
    classes = [c.name for c in e.per_class if 0 < c.support < e.n_images]
    if not classes:
        st.caption("Only one class occurs here, so there is nothing to tell apart.")
        return None
    usual = next((k for k, c in enumerate(classes) if c in CLASSES), 0)
    return place.selectbox(label, classes, usual, format_func=lesion_name, key=key)


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
        st.altair_chart(chart, width="stretch", alt=f"ROC curve for {full_name(name)}: AUC {area:.2f}")
        st.caption(f"ROC. AUC {area:.3f}. Orange: the threshold. Band: 95 %, by resampling of lesions.")
    with right:
        chart = curve_chart(precision, "sensitivity", "PPV", (float(found), float(ppv)))
        st.altair_chart(chart, width="stretch", alt=f"Precision–recall curve for {full_name(name)}; prevalence {positive.mean():.1%}")
        st.caption(
            f"Precision–recall. Always deciding for {literal(full_name(name))} gives a PPV of {positive.mean():.1%}, its prevalence here."
        )
    if readers:
        figures = "; ".join(f"{r.who}: {r.sensitivity:.0%}, {r.specificity:.0%}" for r in readers)
        st.caption(
            f"Green diamonds: physicians' sensitivity and specificity for melanoma ({figures}; {readers[0].source}), on {readers[0].on}. "
            "Other patients and another task: for orientation, not for comparison."
        )


def _outcome(assessment: Assessment, name: str, threshold: float) -> None:
    """The matrix of the decision, figures with intervals, and 1,000 people like these as icons."""
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
        table = pd.DataFrame(
            cells, index=[literal(lesion_name(name)), f"not {literal(name)}"], columns=[f"decided for {literal(name)}", "decided against"]
        )
        st.table(table.map("{:,}".format))
        for title, figure in shares.items():
            interval = f" [{figure.low:.1%}, {figure.high:.1%}]" if not np.isnan(figure.low) else ""
            st.markdown(f"{title} **{figure.value:.1%}**{interval}" if figure.defined else f"{title} undefined: {literal(figure.reason)}")
    with right:
        people = of_a_thousand(shares["Sensitivity"].value, shares["Specificity"].value, float(positive.mean()))
        outcomes = ", ".join(f"{n:,} {outcome}" for outcome, n in people.items())
        st.markdown("**Of 1,000 people like these**")
        st.altair_chart(people_chart(people), width="stretch", alt=f"Of 1,000 people like these: {outcomes}")
        st.caption(
            f"At a prevalence of {positive.mean():.1%}, as among these images. Where it is lower, more of the alarms are false. "
            "A share in a dataset is not a patient's risk."
        )


def _share(hits: np.ndarray, trials: np.ndarray, groups: np.ndarray) -> Figure:
    return ratio(hits.astype(float), trials.astype(float), groups, "no image with this decision")


def _side(assessment: Assessment, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, which rows are of the class, and the lesion of each."""
    rows = assessment.rows
    return rows[name].to_numpy(float), (rows["diagnosis"] == name).to_numpy(), rows["group"].to_numpy()


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=services.HASH_FUNCS)
def _computed(assessment: Assessment, name: str) -> tuple[Curve, Curve]:
    scores, positive, groups = _side(assessment, name)
    ranked = rank(scores, positive, groups, int(groups.max()) + 1)
    return roc_curve(ranked, int(groups.max()) + 1), precision_recall_curve(ranked, int(groups.max()) + 1)
