"""A figure by group: sex, age, site, any column, marker present or absent; gaps with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from data_audit.groupings import Grouping, combined, dataset_groupings
from data_audit.markers.present import known_markers
from datasets.dataset import Dataset
from evaluation.figures import BY_KEY, COMPARABLE
from evaluation.groups import GroupFigure
from evaluation.readers import CLASSES
from reports.audit_charts import forest
from studies.assess import Assessment, figures_by
from ui.services import audits, services

NONE = "nothing else"


def by_groups(assessment: Assessment, data: Dataset) -> None:
    """Which column, class and figure; a forest of the groups and the table behind it."""
    e = assessment.evaluation
    names = [c.name for c in e.per_class if 0 < c.support < e.n_images]
    known = _groupings(data)
    if not names or not known:
        st.caption("No column of this dataset, and no marker, divides its images into groups.")
        return
    usual = next((c for c in names if c in CLASSES), names[0])
    one, two, three, four = st.columns(4)
    by = one.selectbox("Group by", list(known), key="group-by", bind="query-params")
    also = two.selectbox("and by", [NONE, *[n for n in known if n != by]], key="group-by-also")
    figure = three.selectbox("Figure of", [m.key for m in COMPARABLE], format_func=lambda f: BY_KEY[f].name, key="group-figure")
    name = four.selectbox("Class of the figure", names, index=names.index(usual), key="group-class")
    grouping = known[by] if also == NONE else combined(known[by], known[also])
    found = figures_by(assessment, data, grouping, name, figure)
    if not found:
        st.info("No judged image is in any of these groups.")
        return
    left, right = st.columns([1, 1], gap="large")
    with left:
        _chart([g for g in found if g.figure.defined], f"{BY_KEY[figure].name} of {name}", "figure", np.nan)
    with right:
        _chart([g for g in found if not np.isnan(g.gap.low)], "gap to all others", "gap", 0.0)
    st.dataframe(_table(found), hide_index=True, alt=f"{BY_KEY[figure].name} of {name} by {grouping.name}, with gaps")
    few = [f"{g.group} ({g.small})" for g in found if g.small]
    unknown = len(assessment.rows) - sum(g.images for g in found)
    st.caption(
        (f"Too small to be judged: {'; '.join(few)}. " if few else "")
        + (f"{unknown:,} images are in no group, because their value is not known. " if unknown else "")
        + f"Decision rule: {e.decision_rule}. Intervals are 95 %, by lesion; q is p adjusted over these groups (Benjamini–Hochberg). "
        "A gap may come from what else differs between the groups, such as how hard their lesions are. " + grouping.caution
    )
    if audits.images(data) is None:
        st.caption("Audit the dataset to group by markers the detectors find and by skin tone as well.")


def _groupings(data: Dataset) -> dict[str, Grouping]:
    return dataset_groupings(data, audits.images(data), audits.verdicts(), _masked(data))


@st.cache_data(max_entries=4, show_spinner="Reading marker masks…", hash_funcs=services.KNOWN_BY)
def _masked(data: Dataset) -> dict[str, np.ndarray]:
    return known_markers(data)[0]


def _chart(found: list[GroupFigure], title: str, which: str, none: float) -> None:
    if not found:
        return
    rows = [{"name": g.group, **{k: getattr(getattr(g, which), k) for k in ("value", "low", "high")}} for g in found]
    told = ", ".join(f"{r['name']} {r['value']:.2f}" for r in rows)
    st.altair_chart(
        forest(rows, f"{title} (95 % interval)", none, share=which == "figure"), width="stretch", alt=f"{title} by group: {told}"
    )


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
