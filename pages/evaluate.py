"""Evaluate: a classifier over a dataset; the confusion matrix with the images behind every cell, figures class by class."""

import json

import streamlit as st

from core.exports import safe_csv
from core.text import literal
from studies.assess import QUICK, Assessment, as_json, class_table
from ui.evaluate.calibration import calibration
from ui.evaluate.comparison import comparison
from ui.evaluate.ensembles import choose_recipe, combined, recipe_line, run_missing
from ui.evaluate.evaluation import class_by_class, evaluation_settings, headline
from ui.evaluate.groups import by_groups
from ui.evaluate.report import report_html
from ui.evaluate.thresholds import operating_point
from ui.inspect.familiarity import unlike
from ui.parts import choice, navigation
from ui.parts.components import MEANING, download, need, page_title
from ui.services import predictions, services

TEST = "test"

page_title("Evaluate", "How well does the classifier perform on this dataset, class by class?")
opened = services.model(need(choice.model(), "classifier"))
data = services.dataset(need(choice.dataset(), "dataset"))
if predictions.kept(opened, data) is None:
    run_missing(opened, data)
    st.stop()

splits, split = choice.splits(data), None
if splits:
    note = "None selected: all images. Evaluate a classifier on images it was not trained on."
    split = st.segmented_control(
        "Split", splits, default=TEST if TEST in splits else None, key="split", bind="query-params", format_func=literal, help=note
    )
how = evaluation_settings(list(dict.fromkeys(opened.card.codes)))
recipe = choose_recipe(opened.name, splits)


predicted = combined(opened, data, recipe) or st.stop()  # a classifier may have to be run first
recipe_line(predicted, recipe)
assessment = predictions.assessment(predicted, data, split, how)
headline(assessment)


def on_split(other: str | None) -> Assessment:
    """The assessment of the same predictions on another split, for what is chosen or fitted there."""
    return predictions.assessment(predicted, data, other, QUICK)


SECTIONS = {
    "Class by class": lambda: class_by_class(predicted, data, assessment),
    "Thresholds": lambda: operating_point(assessment, splits, split, on_split),
    "Calibration": lambda: calibration(assessment, splits, split, on_split),
    navigation.GROUPS: lambda: by_groups(assessment, data),
    "Comparison": lambda: comparison(predicted, data, assessment, split),
    "Unlike these": lambda: unlike(opened, data),
}
SECTIONS[choice.part("Part of the evaluation", list(SECTIONS), "Class by class", "section")]()
st.subheader("Download", anchor=False)
first, second, third, fourth = st.columns(4)
name = f"{predicted.name.replace(' ', '')}-{data.name}-{split or 'all'}"
download(first, "evaluation.json", lambda: json.dumps(as_json(assessment), indent=1), f"{name}.json")
download(second, "Classes (CSV)", lambda: safe_csv(class_table(assessment.evaluation), assessment.about), f"{name}-classes.csv")
download(third, "Predictions (CSV)", lambda: safe_csv(predicted.table.frame(), predicted.table.about), f"{name}-predictions.csv")
download(fourth, "Report (HTML)", lambda: report_html(predicted, data, assessment), f"{name}.html", "description")
st.caption(MEANING)
