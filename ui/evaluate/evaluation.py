"""The parts of the Evaluate page: headline figures, confusion matrix, images of a cell."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from core.diagnoses import full_name
from core.text import literal
from core.wording import count
from datasets.dataset import Dataset
from evaluation.evaluate import BETA, How
from evaluation.figures import BY_KEY, HEADLINE, MACRO, OF_A_CLASS, OF_ALL, WEIGHTED
from evaluation.rules import RULES
from reports.charts import confusion_heatmap, figures_by_class
from studies.assess import Assessment, class_table
from ui.evaluate.heatmaps import decided_pictures, mean_heatmap
from ui.parts.components import code_key, figure_metric, gallery, lesion_name
from ui.services.predictions import PredictionSet

CELL_IMAGES = 12
TOGETHER = (
    " Maps are combined as the scores are: the maps of the views, mapped back to the image; and for several classifiers, the mean of "
    "their maps, each relative to its own strongest value."
)
RULE_NAMES = {"argmax": "highest score", "half": "score above 0.5"}


def evaluation_settings(classes: Sequence[str]) -> How:
    """The decision rule, β and a prevalence, as chosen."""
    with st.expander("Settings: decision rule, F-β, prevalence elsewhere", key="fold-how", icon=":material/tune:"):
        one, two, three, four = st.columns([2, 1, 1.4, 1.4], vertical_alignment="bottom")
        say, note = RULE_NAMES.__getitem__, "The second rule is the ISIC challenge's: every class above 0.5, so none, one or several."
        rule = one.segmented_control(
            "Decide for", list(RULES), default="argmax", format_func=say, key="rule", bind="query-params", width="stretch", help=note
        )
        beta = two.number_input("β of F-β", 0.1, 10.0, BETA, 0.1, key="beta", help="How much more weight sensitivity has than PPV.")
        name = three.selectbox("Prevalence of", classes, None, format_func=lesion_name, key="prevalence-of", placeholder="choose a class")
        note = "In the population you have in mind. The table then shows PPV and NPV for it."
        share = four.number_input("in percent", 0.01, 99.99, 2.0, 0.5, key="prevalence", disabled=name is None, help=note)
    return How(RULES[rule or "argmax"], float(beta), prevalence={name: share / 100} if name else {})


def headline(assessment: Assessment) -> None:
    """Accuracy beside that of always deciding for the commonest class, and which images were left out."""
    e = assessment.evaluation
    row = st.container(horizontal=True)
    accuracy, balanced = BY_KEY["accuracy"], BY_KEY["balanced_accuracy"]
    figure_metric(row, accuracy.name, e[accuracy.key], accuracy.meaning, accuracy.form)
    note, always = "Accuracy of always deciding for the commonest diagnosis.", f"always {literal(full_name(e.majority_class))}"
    baseline = f"{e.majority_baseline:.1%}"
    row.metric("Majority baseline", baseline, always, delta_color="off", delta_arrow="off", border=True, help=note)
    figure_metric(row, balanced.name, e[balanced.key], balanced.meaning, balanced.form)
    mean_auc = ("Mean AUC", e.averages[MACRO]["auc"], f"Mean over the classes present: {BY_KEY['auc'].meaning}.", BY_KEY["auc"].form)
    further = [(m.name, e[m.key], m.explained, m.form) for m in HEADLINE if m not in (accuracy, balanced)]
    row = st.container(horizontal=True)
    for tile in [mean_auc, *further]:
        figure_metric(row, *tile)
    others = "".join(f" {m.name}: {e[m.key]:{m.form}}." for m in OF_ALL if not m.headline and m.key in e.figures)
    st.caption(
        f"{count(e.n_images, 'image')} of {e.n_groups:,} {assessment.counted}. These figures and the matrix use the highest score.{others} "
        f"Brackets: 95 % intervals that count {assessment.counted}, not photographs."
    )
    if assessment.left_out:
        st.caption("Left out: " + "; ".join(f"{count(n, 'image')} {literal(reason)}" for reason, n in assessment.left_out.items()) + ".")
    if assessment.mapping:
        mapping = ", ".join(f"{label} → {code}" for label, code in assessment.mapping.items())
        st.info(f"The dataset's labels were mapped to the classifier's classes: {literal(mapping)}.", icon=":material/swap_horiz:")


def class_by_class(predicted: PredictionSet, data: Dataset, assessment: Assessment) -> None:
    """The matrix beside one figure of all classes, the table of all figures, and the images of a chosen cell."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        picked = confusion(assessment)
    with right:
        class_figures(assessment)
    figure_table(assessment)
    if picked is not None:
        cell_gallery(predicted, data, assessment, *picked)


def confusion(assessment: Assessment) -> tuple[str, str] | None:
    """The matrix; the cell that is clicked or chosen below it, as (diagnosis, decision)."""
    e = assessment.evaluation
    st.subheader("Confusion matrix", anchor=False)
    numbers = ["counts", "row percent"]
    shown = st.segmented_control("Numbers", numbers, default="counts", key="numbers", label_visibility="collapsed")
    percent, worst = shown == "row percent", _commonest_mistake(assessment)
    alt = f"Confusion matrix of {len(e.classes)} classes."
    if worst:
        alt += f" Commonest mistake: {full_name(worst[0])} decided as {full_name(worst[1])}, {count(worst[2], 'image')}."
    chart = confusion_heatmap(e.matrix, e.classes, percent)
    event = st.altair_chart(chart, width="stretch", on_select="rerun", key=f"matrix-{percent}", alt=alt)
    cells = event["selection"].get("cell") or []
    clicked = (cells[0]["diagnosis"], cells[0]["decision"]) if cells else None
    if clicked is not None and st.session_state.get("last-cell") != clicked:
        st.session_state["diagnosed"], st.session_state["decided"] = clicked
    st.session_state["last-cell"] = clicked
    code_key(e.classes)
    st.caption("Click a cell, or choose one here, to see its images.")
    left, right = st.columns(2)
    diagnosed = left.selectbox("Diagnosis", e.classes, index=None, key="diagnosed", placeholder="choose", bind="query-params")
    decided = right.selectbox("Decision", e.classes, index=None, key="decided", placeholder="choose", bind="query-params")
    return (diagnosed, decided) if diagnosed and decided else None


def class_figures(assessment: Assessment) -> None:
    """One figure for all classes as points with intervals."""
    frame = class_table(assessment.evaluation)
    st.subheader("Class by class", anchor=False)
    known, say = [m.key for m in OF_A_CLASS if m.key in frame], lambda n: BY_KEY[n].name
    name = st.selectbox("Figure", known, format_func=say, key="figure", label_visibility="collapsed", bind="query-params")
    values = ", ".join(f"{r['class']} {r[name]:.2f}" for _, r in frame.iterrows() if not np.isnan(r[name]))
    st.altair_chart(figures_by_class(frame, name, BY_KEY[name].name), width="stretch", alt=f"{BY_KEY[name].name} by class: {values}")
    st.caption(f"{BY_KEY[name].explained} Decision rule: {literal(assessment.evaluation.decision_rule)}. Grey lines: 95 % intervals.")


def figure_table(assessment: Assessment) -> None:
    """All figures of all classes, and why some are undefined."""
    e = assessment.evaluation
    frame = class_table(e)
    known = [m for m in OF_A_CLASS if m.key in frame]
    shown = pd.DataFrame({"class": frame["class"], "images": [f"{n:,}" for n in frame["support"]]})
    for m in known:
        shown[m.title(e.beta)] = [c[m.key].cell() if m.key in c.figures else "" for c in e.per_class]
    for kind, title in ((MACRO, "macro mean"), (WEIGHTED, "weighted mean")):
        means = {BY_KEY[key].title(e.beta): f.cell() for key, f in e.averages[kind].items()}
        shown = pd.concat([shown, pd.DataFrame([{"class": title, **means}])], ignore_index=True)
    st.dataframe(
        shown.fillna(""),
        hide_index=True,
        column_config={"class": st.column_config.TextColumn(width=120, pinned=True)},
        alt="All figures by class with their 95 % intervals",
    )
    reasons = {
        f"{literal(c.name)}: {m.title(e.beta)} undefined, {literal(c[m.key].reason)}"
        for m in known
        for c in e.per_class
        if m.key in c.figures and not c[m.key].defined
    }
    if reasons:
        st.caption("; ".join(sorted(reasons)) + ".")
    st.caption(
        f"Decision rule: {literal(e.decision_rule)}. Intervals: AUC, Obuchowski; balanced accuracy, stratified Wilson; shares of fewer "
        "than 100 lesions, or of none or all of them, Wilson on the effective number; "
        f"all others, {e.resamples:,} resamples of the lesions (BCa)."
    )


def cell_gallery(predicted: PredictionSet, data: Dataset, assessment: Assessment, diagnosed: str, decided: str) -> None:
    """The images of one cell, the most confident first, with heatmaps of the decision."""
    rows = assessment.rows
    cell = rows[(rows["diagnosis"] == diagnosed) & (rows["decision"] == decided)].sort_values(decided, ascending=False)
    right = diagnosed == decided
    st.subheader(f"{literal(lesion_name(diagnosed))} decided as {literal(full_name(decided))}: {count(len(cell), 'image')}", anchor=False)
    if cell.empty:
        st.info("No image in this cell." + ("" if right else " This mistake did not occur."))
        return
    maps_on = st.toggle("Heatmaps of the decision", value=True, key="maps-on")
    pages = (len(cell) - 1) // CELL_IMAGES + 1
    page = st.number_input(f"Page of {pages}", 1, pages, 1, key=f"cell-{diagnosed}-{decided}") if pages > 1 else 1
    shown = cell.iloc[(page - 1) * CELL_IMAGES : page * CELL_IMAGES]
    ids = shown["image_id"].tolist()
    captions = [f"{decided} {score:.0%}" for score in shown[decided]]
    gallery(ids, captions, decided_pictures(predicted, data, ids, decided, maps_on))
    st.caption(
        "Sorted by the score of the decision. Each heatmap has its own colour scale; open an image to compare classes."
        + ("" if predicted.alone else TOGETHER)
    )
    if predicted.alone:
        mean_heatmap(predicted.first, data, cell["image_id"].tolist(), decided)


def _commonest_mistake(assessment: Assessment) -> tuple[str, str, int] | None:
    e = assessment.evaluation
    wrong = e.matrix.copy()
    wrong[range(len(e.classes)), range(len(e.classes))] = 0
    if wrong.sum() == 0:
        return None
    row, column = divmod(int(wrong.argmax()), len(e.classes))
    return e.classes[row], e.classes[column], int(wrong.max())
