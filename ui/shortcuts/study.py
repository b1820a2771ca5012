"""The Shortcuts page: the experiment over a dataset, its verdicts, what to fix first, and how to repair it."""

import hashlib
from pathlib import Path

import pandas as pd
import streamlit as st

from core.markers import MARKERS, marker_name
from core.text import literal
from core.version import __version__
from datasets.dataset import Dataset
from reports.shortcut_report import shortcut_html
from shortcuts.alarms import alarms_in_words
from shortcuts.crossed import Crossed, crossed
from shortcuts.drawing import INSERTED
from shortcuts.plan import Plan
from shortcuts.study import NAME, Study, read_study
from ui.parts import choice, navigation
from ui.parts.components import diagnoses_of, download, gallery, thumbnail
from ui.parts.long_runs import start_button, under_way
from ui.services import audits, services
from ui.shortcuts.repair import repair_panel
from ui.shortcuts.verdicts import marker_verdict
from ui.worker.jobs.shortcuts import RunShortcuts

SHOWN = 6


def lab(opened: services.OpenModel, data: Dataset) -> None:
    """What to test, the run, its verdicts and repairs; or repairs alone, for a marker that a link names."""
    named = [m for m in MARKERS if m == st.query_params.get("marker")]
    if choice.part("Part", (navigation.EXPERIMENT, navigation.REPAIR), navigation.EXPERIMENT, "lab-part") == navigation.REPAIR:
        repair_panel(data, named)
        return
    one, two, three = st.columns([2, 1, 1])
    every, note = list(INSERTED), "Each marker is one experiment."
    asked = [m for m in named if m in every]
    if named and not asked:
        st.info(f"No experiment can show whether a classifier uses {MARKERS[named[0]].borne}; these are the markers it can be tested on.")
    markers = one.multiselect("Markers", every, default=asked or every, format_func=marker_name, key="lab-markers", help=note)
    with two:
        split = choice.split(data, "lab-split", "test")
    note = "Drawn at random; and half as many again with each marker, where the dataset has marker masks or labels."
    images = three.number_input("Images", 40, 5000, 300, 20, key="lab-images", help=note)
    if not markers:
        st.info("Choose at least one marker.")
        return
    doses = st.toggle("Other sizes and strengths as well", key="lab-doses")
    again = st.toggle("Count false alarms: every control is drawn twice", key="lab-again")
    plan = Plan(tuple(markers), int(images), doses=doses, again=again)
    folder = result_folder(opened, data, split, plan)
    path = folder / NAME
    job = RunShortcuts(opened.spec, data, split, plan, folder)
    if under_way(job, "Trying markers", path):
        return
    if not path.exists():
        st.caption(
            "Each photograph goes through the network with and without each marker, and with a control: an equal area of clean skin "
            "filled, or the marker's shape in the skin's own colour. A run that was stopped continues where it stopped."
        )
        start_button(job, "Test the markers", "science", primary=True)
        return
    study = kept_study(path)
    for c in _first(data, study):
        marker_verdict(c.marker, study.verdicts[c.marker], study, folder)
    _downloads(opened, data, study, folder)
    repair_panel(data, [m for m, of in study.verdicts.items() if of.verdict == "used"])


def result_folder(opened: services.OpenModel, data: Dataset, split: str | None, plan: Plan) -> Path:
    """Where the results of a run are: one folder for each classifier, dataset, split and plan."""
    asked = hashlib.sha256(repr((__version__, split, plan)).encode()).hexdigest()[:10]
    result = services.workspace().result_path(opened.spec.sha256, opened.card.sha256, data.sha256)
    return result.parent / f"shortcuts-{asked}"


def kept_study(path: Path) -> Study:
    """The content of `shortcuts.json`; raises RecordError."""
    return _study(path, path.stat().st_mtime_ns)


@st.cache_resource(max_entries=8, show_spinner=False)
def _study(path: Path, stamp: int) -> Study:  # noqa: ARG001 (a key of the cache)
    return read_study(path)


def _first(data: Dataset, study: Study) -> list[Crossed]:
    """All verdicts, the most pressing first, with the findings of the audit if there is one."""
    findings = audits.findings(data)
    st.subheader("What to fix first" if findings is not None else "Verdicts", anchor=False)
    rows = crossed({m: of.verdict for m, of in study.verdicts.items()}, findings or [])
    shown = {"marker": [marker_name(c.marker) for c in rows], "the classifier": [c.verdict for c in rows]}
    if findings is not None:
        shown["in the data"] = ["associated with the diagnosis" if c.in_data else "no finding" for c in rows]
    alt = "Markers by whether the classifier uses them and whether they are associated with the diagnosis"
    st.dataframe(pd.DataFrame(shown), hide_index=True, alt=alt)
    if findings is not None:
        for advice in dict.fromkeys(c.advice for c in rows):
            st.markdown(f"- **{', '.join(marker_name(c.marker) for c in rows if c.advice == advice)}**: {literal(advice)}")
    else:
        st.caption("Audit the dataset to see which of them are associated with the diagnosis in these data.")
        st.page_link(navigation.page("dataset"), label="Audit it on the Dataset page", icon=":material/fact_check:")
    for c in rows:
        if c.in_data and c.verdict == "used":
            _images(data, c)
    st.caption(
        f"{study.images:,} photographs were tested: those drawn at random and those drawn for a marker they bear. "
        + literal(study.rule.in_words)
    )
    if study.false_alarms is not None:
        st.caption(alarms_in_words(study.false_alarms))
    return rows


def _images(data: Dataset, c: Crossed) -> None:
    ids = [i for i in c.image_ids if i in set(data.table["image_id"])][:SHOWN]
    st.markdown(f"Images with **{marker_name(c.marker)}**")
    gallery(ids, diagnoses_of(data, ids), [thumbnail(data, i, 256) for i in ids], SHOWN)


def _downloads(opened: services.OpenModel, data: Dataset, study: Study, folder: Path) -> None:
    one, two = st.columns(2)
    name = f"{opened.name}-{data.name}-shortcuts"
    download(one, "Report (HTML)", lambda: shortcut_html(study, audits.findings(data), folder), f"{name}.html", "description")
    download(two, "shortcuts.json", (folder / NAME).read_bytes(), f"{name}.json", "data_object")
