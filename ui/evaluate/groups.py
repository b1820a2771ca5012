"""A figure by group (sex, age, site, any column, marker present or absent), and the gaps between them, with intervals."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from core.diagnoses import full_name
from core.text import literal
from core.wording import count
from data_audit.groupings import combined, dataset_groupings
from data_audit.markers.present import known_markers
from datasets.dataset import Dataset, Problem
from evaluation.figures import BY_KEY, COMPARABLE
from evaluation.groups import GroupFigure
from evaluation.intervals import Figure
from reports.audit_charts import forest
from studies.assess import Assessment, figures_by
from ui.evaluate.thresholds import class_choice
from ui.services import audits, services

NONE = "nothing else"


def by_groups(assessment: Assessment, data: Dataset) -> None:
    """Column, class and figure; a forest plot of the groups and the table behind it."""
    masked, problems = _masked(data)
    known = dataset_groupings(data, audits.images(data), audits.verdicts(), masked)
    if not known:
        st.caption("No column of this dataset, and no marker, divides its images into groups.")
        return
    one, two, three, four = st.columns(4)
    by = one.selectbox("Group by", list(known), key="group-by", bind="query-params")
    also = two.selectbox("and by", [NONE, *[n for n in known if n != by]], key="group-by-also")
    figure = three.selectbox("Figure of", [m.key for m in COMPARABLE], format_func=lambda f: BY_KEY[f].name, key="group-figure")
    name = class_choice(four, "Class of the figure", assessment, "group-class")
    if name is None:
        return
    grouping = known[by] if also == NONE else combined(known[by], known[also])
    found = figures_by(assessment, data, [(grouping, name, figure)])[0]
    if not found:
        st.info("No evaluated image is in any of these groups.")
        return
    left, right = st.columns([1, 1], gap="large")
    with left:
        _chart([(g.group, g.figure) for g in found if g.figure.defined], f"{BY_KEY[figure].name} for {full_name(name)}", np.nan)
    with right:
        _chart([(g.group, g.gap) for g in found if not np.isnan(g.gap.low)], "gap to all others", 0.0)
    st.dataframe(_table(found), hide_index=True, alt=f"{BY_KEY[figure].name} for {full_name(name)} by {grouping.name}, with gaps")
    few = [literal(f"{g.group} ({g.small})") for g in found if g.small]
    unknown = len(assessment.rows) - sum(g.images for g in found)
    st.caption(
        (f"Too small to judge: {'; '.join(few)}. " if few else "")
        + (f"In no group, because the value is missing: {count(unknown, 'image')}. " if unknown else "")
        + f"Decision rule: {literal(assessment.evaluation.decision_rule)}. Intervals: 95 %, by lesion; q is p adjusted over these groups "
        "(Benjamini–Yekutieli), not over other tables you look at. A gap may come from other differences between the groups, such as how "
        "difficult their lesions are. " + literal(grouping.caution)
    )
    for problem in problems:
        st.warning(literal(problem.summary), icon=":material/warning:")
    if audits.images(data) is None:
        st.caption("Audit the dataset to group by detected markers and by skin tone as well.")


@st.cache_data(max_entries=4, show_spinner="Reading marker masks…", hash_funcs=services.HASH_FUNCS)
def _masked(data: Dataset) -> tuple[dict[str, np.ndarray], list[Problem]]:
    return known_markers(data)


def _chart(found: Sequence[tuple[str, Figure]], title: str, none: float) -> None:
    """none: the value of no difference, NaN for a share, which has none."""
    if found:
        rows = [{"name": group, "value": f.value, "low": f.low, "high": f.high} for group, f in found]
        chart = forest(rows, f"{title} (95 % interval)", none, share=bool(np.isnan(none)))
        values = ", ".join(f"{group} {f.value:.2f}" for group, f in found)
        st.altair_chart(chart, width="stretch", alt=f"{title} by group: {values}")


def _table(found: list[GroupFigure]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "group": [g.group for g in found],
            "images": [g.images for g in found],
            "lesions": [g.lesions for g in found],
            "of the class": [g.with_class for g in found],
            "figure": [g.figure.cell() for g in found],
            "all others": [g.rest.cell() for g in found],
            "gap": [g.gap.cell("+.2f") for g in found],
            "q": ["–" if np.isnan(g.q) else "< 0.001" if g.q < 0.001 else f"{g.q:.3f}" for g in found],
        }
    )
