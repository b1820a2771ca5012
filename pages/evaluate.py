"""Evaluate: a classifier over a dataset, the confusion matrix with the images behind every cell, class by class."""

import json

import streamlit as st

from assess import as_json, class_table
from exports import safe_csv
from ui import choice, services
from ui.components import MEANING, need, page_title
from ui.evaluation import cell_gallery, class_figures, confusion, figure_table, headline
from ui.long_runs import follow

page_title("Evaluate", "How well does the classifier do on this dataset, class by class?")
opened = services.model(need(choice.model(), "classifier"))
data = services.dataset(need(choice.dataset(), "dataset"))

kept = services.kept_predictions(opened, data)
key = str(services.result_path(opened, data))
task = services.task(key)
if kept is None and (task is None or task.error is not None):
    st.write(f"**{opened.card.name}** has not been run over **{data.name}** ({len(data):,} images) yet.")
    if task is not None and task.error is not None:
        st.warning(str(task.error))
    if st.button("Run it over the dataset", type="primary", icon=":material/play_arrow:"):
        services.start_prediction(opened, data)
        st.rerun()
    st.caption(
        "A run that was stopped goes on where it was. The result is kept and found again by the hashes of file, card and data."
    )
    st.stop()
if kept is None:
    follow(key, "Predicting", lambda: services.kept_predictions(opened, data) is not None)
    st.stop()

splits = sorted(data.table["split"].dropna().unique())
split = st.segmented_control(
    "Split", splits, key="split", default="test" if "test" in splits else None, bind="query-params",
    help="None chosen: all images. A classifier is judged on images it was not trained on.",
) if splits else None  # fmt: skip
assessment = services.assessment(opened, data, kept, split)
headline(assessment)
left, right = st.columns([3, 2], gap="large")
with left:
    picked = confusion(assessment)
with right:
    class_figures(assessment)
figure_table(assessment)
if picked is not None:
    cell_gallery(opened, data, assessment, *picked)
st.subheader("Take it away", anchor=False)
first, second, third = st.columns(3)
name = f"{opened.name}-{data.name}-{split or 'all'}"
first.download_button(
    "evaluation.json", json.dumps(as_json(assessment), indent=1), f"{name}.json", "application/json", width="stretch"
)
second.download_button(
    "Figures by class (CSV)",
    safe_csv(class_table(assessment.evaluation), assessment.about),
    f"{name}-classes.csv",
    "text/csv",
    width="stretch",
)
third.download_button(
    "Predictions (CSV)", lambda: safe_csv(kept.frame(), kept.about), f"{name}-predictions.csv", "text/csv", width="stretch"
)
st.caption(MEANING)
