"""Evaluate: a classifier over a dataset, the confusion matrix with the images behind every cell, class by class."""

import json

import streamlit as st

from assess import QUICK, Assessment, as_json, class_table
from exports import plain, safe_csv
from reports.evaluation_report import evaluation_html
from ui import audits, choice, services
from ui.calibrating import calibration
from ui.comparing import comparison
from ui.components import MEANING, need, page_title
from ui.evaluation import class_by_class, headline, how_judged
from ui.familiar import unlike
from ui.grouping import by_groups
from ui.long_runs import follow
from ui.operating import operating_point

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
how = how_judged(list(dict.fromkeys(opened.card.codes)))
assessment = services.assessment(opened, data, kept, split, how)
headline(assessment)


def of(other: str | None) -> Assessment:
    """The same predictions on another split, for what is chosen or fitted there."""
    return services.assessment(opened, data, kept, other, QUICK)


SECTIONS = {
    "Class by class": lambda: class_by_class(opened, data, assessment),
    "Thresholds": lambda: operating_point(assessment, splits, split, of),
    "Calibration": lambda: calibration(assessment, splits, split, of),
    "Groups": lambda: by_groups(assessment, data),
    "Comparison": lambda: comparison(opened, data, assessment, split),
    "Unlike these": lambda: unlike(opened, data),
}
section = st.segmented_control(
    "What to look at", list(SECTIONS), default="Class by class", key="section", bind="query-params", width="stretch",
    label_visibility="collapsed",
)  # fmt: skip
SECTIONS[section or "Class by class"]()
st.subheader("Take it away", anchor=False)
first, second, third, fourth = st.columns(4)
name = f"{opened.name}-{data.name}-{split or 'all'}"
first.download_button(
    "evaluation.json", json.dumps(as_json(assessment), indent=1), f"{name}.json", "application/json", width="stretch"
)
second.download_button(
    "Classes (CSV)",
    safe_csv(class_table(assessment.evaluation), assessment.about),
    f"{name}-classes.csv",
    "text/csv",
    width="stretch",
)
third.download_button(
    "Predictions (CSV)", lambda: safe_csv(kept.frame(), kept.about), f"{name}-predictions.csv", "text/csv", width="stretch"
)
fourth.download_button(
    "Report (HTML)", lambda: evaluation_html(data, plain(as_json(assessment)), assessment.rows, audits.findings(data)), f"{name}.html",
    "text/html", width="stretch",
)  # fmt: skip
st.caption(MEANING)
