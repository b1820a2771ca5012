"""A second classifier on the same images: what differs, by how much, and where the two disagree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from core.errors import LesionLensError
from datasets.dataset import Dataset
from evaluation.comparison import Comparison
from evaluation.figures import BY_KEY, OF_ALL
from reports.evaluation_charts import difference_heatmap
from studies.assess import Assessment, compared
from ui.evaluate.ensembles import run_missing
from ui.evaluate.heatmaps import decided_pictures
from ui.parts.components import figure_metric, show_picture
from ui.services import predictions, services
from ui.services.predictions import PredictionSet

NONE = "none"
SHOWN = 6


def comparison(judged: PredictionSet, data: Dataset, assessment: Assessment, split: str | None) -> None:
    """Choose another classifier of the workspace, or one of an ensemble's members; its predictions are made here where they are
    missing."""
    others = [n for n in services.workspace().model_names() if not judged.alone or n != judged.first.name]
    if not others:
        st.caption("The workspace holds no other classifier. Add one on the Classifier page.")
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
        second = predictions.judged(made, data, split, assessment.how)
        found = _compared(assessment, second)
    except LesionLensError as error:
        st.warning(str(error), icon=":material/warning:")
        return
    _differences(found, judged.name, name, assessment)
    _disagreements(judged, made, data, assessment, second)


@st.cache_resource(max_entries=16, show_spinner="Comparing…", hash_funcs=services.KNOWN_BY)
def _compared(first: Assessment, second: Assessment) -> Comparison:
    return compared(first, second)


def _differences(found: Comparison, first: str, second: str, assessment: Assessment) -> None:
    st.markdown(
        f"On the same {found.n_images:,} images, **{second}** less **{first}**. Only {second} is right on {found.better:,}, only {first} "
        f"on {found.worse:,}" + ("." if np.isnan(found.p) else f" (p {_p(found.p)}, McNemar's test by lesion).")
    )
    known = [m for m in OF_ALL if m.key in found.differences]
    for first_of_row in range(0, len(known), 2):  # more in a row are cut off on a small screen
        for column, measure in zip(st.columns(2), known[first_of_row : first_of_row + 2], strict=False):
            figure_metric(column, measure.name, found.differences[measure.key], measure.meaning, "+.3f")
    left, right = st.columns(2, gap="medium")
    with left:
        st.altair_chart(
            difference_heatmap(found.matrix, assessment.evaluation.classes),
            width="stretch",
            alt=f"Confusion matrix of {second} less that of {first}; {int(np.trace(found.matrix)):+,} right decisions",
        )
        st.caption("Images more or less in each cell. Blue is a gain: more on the diagonal, fewer beside it. Orange is a loss.")
    with right:
        names = list(next(iter(found.per_class.values())))
        rows = {who: [figures[n].cell("+.3f") for n in names] for who, figures in found.per_class.items()}
        shown = pd.DataFrame.from_dict(rows, orient="index", columns=[BY_KEY[n].name for n in names])
        st.dataframe(shown, alt=f"Differences class by class, {second} less {first}")
        st.caption("Differences with 95 % intervals: both are resampled together, by lesion. An interval beyond 0 is a difference.")


def _disagreements(judged: PredictionSet, other: PredictionSet, data: Dataset, one: Assessment, two: Assessment) -> None:
    """Images the two decide differently, the surest quarrel first, with what each looked at for its own decision."""
    both = one.rows.merge(two.rows, on=["image_id", "diagnosis"], suffixes=("", " second"))
    apart = both[both["decision"] != both["decision second"]]
    if apart.empty:
        st.caption("They decide alike on every image.")
        return
    sure = [min(row[row["decision"]], row[f"{row['decision second']} second"]) for row in apart.to_dict("records")]
    apart = apart.assign(sure=sure).sort_values("sure", ascending=False)
    pages = -(-len(apart) // SHOWN)
    st.markdown(f"**They decide {len(apart):,} images differently**, the surest of both first")
    page = st.pagination(pages, key="disagree-page") if pages > 1 else 1
    for start in range((page - 1) * SHOWN, min(page * SHOWN, len(apart)), 2):
        cells = st.columns(2, gap="medium")
        for cell, row in zip(cells, apart.iloc[start : start + 2].to_dict("records"), strict=False):
            with cell:
                _pair(judged, other, data, row)


def _pair(judged: PredictionSet, other: PredictionSet, data: Dataset, row: dict) -> None:
    st.caption(f"{row['image_id']} · diagnosis **{row['diagnosis']}**")
    for column, model, end in zip(st.columns(2), (judged, other), ("", " second"), strict=True):
        decided = row[f"decision{end}"]
        with column:
            picture = decided_pictures(model, data, [row["image_id"]], decided, maps_on=True)[0]
            told = f"{model.name}: {decided} {row[f'{decided}{end}']:.0%}" + (" ✓" if decided == row["diagnosis"] else "")
            if picture is None:
                st.caption("no readable picture")
            else:
                show_picture(picture, f"{row['image_id']} with the heatmap of {told}")
            st.caption(told)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
