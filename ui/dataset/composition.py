"""The parts of the Dataset page: headline figures, problems, charts that filter each other, gallery, tables."""

import numpy as np
import pandas as pd
import streamlit as st

from core.diagnoses import full_name
from core.text import code, literal
from data_audit.balancing import as_python, balancing
from data_audit.composition import UNKNOWN, age_by_class, cross_table, imbalance, missing_values, site_by_sex_percent
from datasets.dataset import Dataset
from reports.charts import age_boxes, age_histogram, filtered_bars, stacked_share
from ui.parts.components import code_key, diagnoses_of, gallery, thumbnail

BARS = {"diagnosis": "Diagnosis", "sex": "Sex", "site": "Site", "confirmation": "Confirmed by", "split": "Split"}
AGE_STEP = 10
SHOWN_VALUES = 16
GALLERY = 18


def headline(data: Dataset) -> None:
    """How many images there are, and how imbalanced the classes are."""
    classes = imbalance(data)
    row = st.container(horizontal=True)
    row.metric("Images", f"{len(data):,}", border=True)
    row.metric("Lesions", f"{data.n_lesions:,}" if data.n_lesions is not None else "not named", border=True)
    ratio = "undefined" if np.isnan(classes.ratio) else f"{classes.ratio:.1f} : 1"
    row.metric("Imbalance", ratio, border=True, help="Images of the commonest diagnosis for each image of the rarest.")
    baseline = "undefined" if np.isnan(classes.majority_baseline) else f"{classes.majority_baseline:.1%}"
    commonest = full_name(classes.majority_class) if classes.majority_class else "the commonest diagnosis"
    row.metric("Baseline", baseline, border=True, help=f"Majority baseline: accuracy of always deciding for {literal(commonest)}.")
    several = int((data.groups.value_counts() > 1).sum())
    if data.n_lesions is not None and several:
        st.caption(f"Lesions photographed more than once: {several:,}. Intervals and splits must count lesions.")


def problems(data: Dataset) -> None:
    """Problems found on opening, with their rows."""
    n = len(data.problems)
    if not n:
        st.caption(":material/check: No problems in the table and the file names.")
        return
    title, key = f"{n} problem{'s' if n > 1 else ''} found on opening", f"fold-problems {data.sha256}"
    with st.expander(title, key=key, icon=":material/warning:", expanded=n <= 2):
        for problem in data.problems:
            st.markdown(f"**{literal(problem.kind)}**: {literal(problem.summary)}")
            rows = ", ".join(code(r) for r in problem.rows[:8])
            st.caption(rows + (f" and {len(problem.rows) - 8:,} more" if len(problem.rows) > 8 else ""))


def crossfilter(data: Dataset) -> pd.DataFrame:
    """Bars and ages; a selection in one chart filters all others. Returns the rows that pass all filters."""
    st.subheader("Filter by clicking", anchor=False)
    st.caption("Click bars (with Shift for several) or drag over ages. Grey: all images; blue: those that pass the other filters.")
    table = data.table[list(BARS)].astype(object).where(data.table[list(BARS)].notna(), UNKNOWN)
    columns = [c for c in BARS if data.table[c].notna().any()]
    picked = {c: _picked(data, c) for c in columns}
    ages = _picked_ages(data) if data.table["age"].notna().any() else None
    keep = {c: table[c].isin(values) for c, values in picked.items() if values}
    if ages:
        keep["age"] = data.table["age"].between(*ages)
    places = st.columns(3)
    for k, column in enumerate(columns):
        with places[k % 3]:
            _bars(data, table, column, _all_but(keep, column, table.index))
    if data.table["age"].notna().any():
        with places[len(columns) % 3]:
            _ages(data, _all_but(keep, "age", table.index))
    shown = data.table[_all_but(keep, "", table.index)]
    code_key(data.classes)
    filters = [f"{BARS[c]}: {literal(', '.join(v))}" for c, v in picked.items() if v] + (
        [f"age {ages[0]:.0f}–{ages[1]:.0f}"] if ages else []
    )
    if filters:
        left, right = st.columns([4, 1])
        left.markdown(f"**{len(shown):,} of {len(data):,} images** · " + " · ".join(filters))
        if right.button("Clear filters", width="stretch"):
            st.session_state["filter-round"] = st.session_state.get("filter-round", 0) + 1
            st.rerun()
    return shown


def _key(data: Dataset, column: str) -> str:
    return f"chart-{data.name}-{column}-{st.session_state.get('filter-round', 0)}"


def _picked(data: Dataset, column: str) -> list[str]:
    event = st.session_state.get(_key(data, column)) or {}
    return [row[column] for row in event.get("selection", {}).get(column, []) if column in row]


def _picked_ages(data: Dataset) -> tuple[float, float] | None:
    event = st.session_state.get(_key(data, "age")) or {}
    dragged = event.get("selection", {}).get("age") or {}
    span = next(iter(dragged.values()), None) if isinstance(dragged, dict) else None
    return (float(span[0]), float(span[1])) if span else None


def _all_but(keep: dict[str, pd.Series], column: str, index: pd.Index) -> pd.Series:
    """Which rows pass every filter except the one on this column."""
    return pd.DataFrame({name: mask for name, mask in keep.items() if name != column}, index).all(axis=1)


def _bars(data: Dataset, table: pd.DataFrame, column: str, kept: pd.Series) -> None:
    counts = table[column].value_counts()
    frame = pd.DataFrame({"all": counts, "shown": table[column][kept].value_counts()}).fillna(0).astype(int)
    frame = frame.sort_values("all", ascending=False).head(SHOWN_VALUES).rename_axis(column).reset_index()
    values = ", ".join(f"{r[column]} {r['shown']:,} of {r['all']:,}" for _, r in frame.head(8).iterrows())
    chart = filtered_bars(frame, column, BARS[column], column, frame[column].tolist())
    st.altair_chart(chart, width="stretch", on_select="rerun", key=_key(data, column), alt=f"{BARS[column]}: {values}")
    if len(counts) > SHOWN_VALUES:
        st.caption(f"The {SHOWN_VALUES} commonest of {len(counts)}.")


def _ages(data: Dataset, kept: pd.Series) -> None:
    edges = np.arange(0, 101, AGE_STEP)
    ages = data.table["age"]
    every, shown = (np.histogram(a.dropna().clip(0, 99.9), edges)[0] for a in (ages, ages[kept]))
    frame = pd.DataFrame({"from": edges[:-1], "to": edges[1:], "all": every, "shown": shown})
    values = ", ".join(f"{r['from']}–{r['to']}: {r['shown']}" for _, r in frame.iterrows())
    st.altair_chart(age_histogram(frame, "age"), width="stretch", on_select="rerun", key=_key(data, "age"), alt=f"Images by age: {values}")
    st.caption(f"Missing ages: {int(ages.isna().sum()):,}.")


def sample(data: Dataset, shown: pd.DataFrame) -> None:
    """A page of the images that pass the filters."""
    with_file = shown[shown["file"].notna()]
    if with_file.empty:
        st.info("No image that passes these filters has a file." if len(shown) else "No image passes these filters.")
        return
    pages = (len(with_file) - 1) // GALLERY + 1
    page = st.number_input(f"Images, page of {pages:,}", 1, pages, 1, key=f"gallery-{data.name}-{len(with_file)}")
    ids = with_file["image_id"].iloc[(page - 1) * GALLERY : page * GALLERY].tolist()
    gallery(ids, diagnoses_of(data, ids), [thumbnail(data, i, 220) for i in ids])


WEIGHTS = {
    "inverse frequency": "class weights by inverse frequency",
    "effective number": "class weights by effective number of samples (Cui 2019, β = 0.999)",
    "undersample": "images per class after undersampling",
    "oversample": "images per class after oversampling",
    "prior": "prevalence to divide scores by (prior correction)",
}


def details(data: Dataset) -> None:
    """Tables and cross tables."""
    st.subheader("In detail", anchor=False)
    names = ["Classes", "Confirmation", "Age", "Sex", "Site × sex", "Split", "Missing values"]
    classes, confirmation, age, sex, site, split, missing = st.tabs(names)
    order = list(data.classes)
    found = imbalance(data)
    with classes:
        shown = found.counts.assign(share=found.counts["share"] * 100)
        percent = {"share": st.column_config.NumberColumn("share (%)", format="%.1f")}
        st.dataframe(shown, hide_index=True, column_config=percent, alt="Images, lesions and share by diagnosis")
        st.caption(f"Entropy {found.entropy:.2f} (1: all classes equally common, 0: a single class).")
        if not found.counts.empty:
            kind = st.selectbox("Against class imbalance", list(WEIGHTS), format_func=WEIGHTS.__getitem__, key="weights")
            st.caption("A Python dictionary by diagnosis, to copy into training code.")
            st.code(as_python(balancing(found.counts), kind), language="python", wrap_lines=True)
    for tab, column, title in ((confirmation, "confirmation", "Confirmed by"), (sex, "sex", "Sex"), (split, "split", "Split")):
        with tab:
            if data.table[column].isna().all():
                st.info(f"The dataset has no column for this: {title.lower()}.")
                continue
            crossed = cross_table(data, "diagnosis", column)
            chart = stacked_share(crossed, "diagnosis", column, f"{title} by diagnosis", order)
            st.altair_chart(chart, width="stretch", alt=f"{title} by diagnosis; numbers in the table below")
            counts = crossed.pivot(index="diagnosis", columns=column, values="images").fillna(0).astype(int)
            st.dataframe(counts, alt=f"Images by diagnosis and {title.lower()}")
    with age:
        ages = age_by_class(data)
        if ages["n"].sum():
            st.altair_chart(age_boxes(ages, order), width="stretch", alt="Quartiles of age by diagnosis; numbers in the table below")
            st.dataframe(ages, hide_index=True, alt="Age by diagnosis in years")
        else:
            st.info("The dataset has no ages.")
    with site:
        if data.table["site"].notna().any():
            st.dataframe(site_by_sex_percent(data).round(1), alt="Sites by sex, in percent of all images")
            st.caption("Percent of all images.")
        else:
            st.info("The dataset has no sites.")
    with missing:
        percent = {"percent": st.column_config.NumberColumn(format="%.1f")}
        st.dataframe(missing_values(data), hide_index=True, column_config=percent, alt="Missing values by column")
