"""A second classifier on the same images: how the figures differ, and where the two disagree."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from core.errors import LesionLensError
from core.text import literal
from core.wording import count
from datasets.dataset import Dataset
from evaluation.comparison import Comparison, caution
from evaluation.figures import BY_KEY, HEADLINE
from reports.evaluation_charts import difference_heatmap
from studies.assess import Assessment, compared
from ui.evaluate.ensembles import run_missing
from ui.evaluate.heatmaps import decided_pictures
from ui.parts.components import cells, code_key, figure_metric, lesion_name, show_picture
from ui.services import predictions, services
from ui.services.predictions import PredictionSet

NONE = "none"
SHOWN = 6


@dataclass(frozen=True)
class Disagreement:
    """An image that two classifiers decide differently: what each decides, and its score for that."""

    image_id: str
    diagnosis: str
    decisions: tuple[str, str]
    scores: tuple[float, float]


def comparison(predicted: PredictionSet, data: Dataset, assessment: Assessment, split: str | None) -> None:
    """Another classifier of the workspace, or one of an ensemble's members; its predictions are made here where they are missing."""
    others = [n for n in services.workspace().model_names() if not predicted.alone or n != predicted.first.name]
    if not others:
        st.caption("There is no other classifier in this workspace. Add one on the Classifier page.")
        return
    name = st.selectbox("Compare with", [NONE, *others], key="compare-with", bind="query-params")
    if name in (None, NONE):
        return
    try:
        other = services.model(name)
        made = predictions.alone(other, data)
        if made is None:
            run_missing(other, data)
            return
        second = predictions.assessment(made, data, split, assessment.how)
        found = _compared(assessment, second)
    except LesionLensError as error:
        st.warning(literal(error), icon=":material/warning:")
        return
    _differences(found, predicted.name, name, assessment)
    _disagreements(predicted, made, data, assessment, second)


@st.cache_resource(max_entries=16, show_spinner="Comparing…", hash_funcs=services.HASH_FUNCS)
def _compared(first: Assessment, second: Assessment) -> Comparison:
    return compared(first, second)


def _differences(found: Comparison, first: str, second: str, assessment: Assessment) -> None:
    st.markdown(
        f"On the same {found.n_images:,} images, **{literal(second)}** minus **{literal(first)}**. Only {literal(second)} is right on "
        f"{found.better:,}, only {literal(first)} on {found.worse:,}"
        + ("." if np.isnan(found.p) else f" (p {_p(found.p)}, McNemar's test by lesion).")
    )
    row = st.container(horizontal=True)
    for measure in HEADLINE:
        figure_metric(row, measure.name, found.differences[measure.key], measure.explained, "+.3f")
    left, right = st.columns(2, gap="medium")
    with left:
        st.altair_chart(
            difference_heatmap(found.matrix, assessment.evaluation.classes),
            width="stretch",
            alt=f"Confusion matrix of {second} minus that of {first}; {int(np.trace(found.matrix)):+,} right decisions",
        )
        code_key(assessment.evaluation.classes)
        st.caption("Images more or fewer in each cell. Blue is a gain: more on the diagonal, fewer off it. Orange is a loss.")
    with right:
        names = list(next(iter(found.per_class.values())))
        rows = {who: [figures[n].cell("+.3f") for n in names] for who, figures in found.per_class.items()}
        shown = pd.DataFrame.from_dict(rows, orient="index", columns=[BY_KEY[n].name for n in names])
        st.dataframe(shown, alt=f"Differences class by class, {second} minus {first}")
        st.caption(
            "Differences with 95 % intervals; lesions are left out of both together. An interval that excludes 0 is a difference. "
            + literal(caution(found))
        )


def _disagreements(predicted: PredictionSet, other: PredictionSet, data: Dataset, one: Assessment, two: Assessment) -> None:
    """Images the two decide differently, with the heatmap of each for its own decision."""
    apart = disagreements(one.rows, two.rows)
    if not apart:
        st.caption("They decide every image alike.")
        return
    pages = -(-len(apart) // SHOWN)
    st.markdown(f"**They decide {count(len(apart), 'image')} differently**, the most confident disagreements first")
    page = st.pagination(pages, key="disagree-page") if pages > 1 else 1
    here = apart[(page - 1) * SHOWN : page * SHOWN]
    for cell, one_image in zip(cells(len(here), 2, "medium"), here, strict=True):
        with cell:
            _pair(predicted, other, data, one_image)


def disagreements(first: pd.DataFrame, second: pd.DataFrame) -> list[Disagreement]:
    """Of `Assessment.rows` of the same images, the pair whose less sure decision is surest first."""
    both = first.merge(second, on=["image_id", "diagnosis"], suffixes=("", " second"))
    found = []
    for row in both[both["decision"] != both["decision second"]].to_dict("records"):
        decisions = row["decision"], row["decision second"]
        scores = row[decisions[0]], row[f"{decisions[1]} second"]
        found.append(Disagreement(row["image_id"], row["diagnosis"], decisions, scores))
    return sorted(found, key=lambda d: -min(d.scores))


def _pair(predicted: PredictionSet, other: PredictionSet, data: Dataset, image: Disagreement) -> None:
    st.caption(f"{literal(image.image_id)} · diagnosis **{literal(lesion_name(image.diagnosis))}**")
    for column, model, decided, score in zip(st.columns(2), (predicted, other), image.decisions, image.scores, strict=True):
        with column:
            picture = decided_pictures(model, data, [image.image_id], decided, maps_on=True)[0]
            decision = f"{model.name}: {lesion_name(decided)} {score:.0%}" + (" ✓" if decided == image.diagnosis else "")
            if picture is None:
                st.caption("no readable picture")
            else:
                show_picture(picture, f"{image.image_id} with the heatmap of {decision}")
            st.caption(literal(decision))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
