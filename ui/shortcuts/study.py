"""The Shortcuts page: the experiment over a dataset, its verdicts, what to fix first, and what to do about it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import streamlit as st

from core.errors import ImageError
from core.markers import marker_name
from core.version import __version__
from datasets.dataset import Dataset
from reports.shortcut_report import shortcut_html
from shortcuts.alarms import alarms_in_words
from shortcuts.crossed import Crossed, crossed
from shortcuts.drawing import INSERTED
from shortcuts.plan import Plan
from shortcuts.study import NAME, Study, read_study
from ui.parts import navigation
from ui.parts.components import gallery
from ui.parts.long_runs import under_way
from ui.services import audits, services
from ui.shortcuts.repair import repair_panel
from ui.shortcuts.verdicts import judged_marker
from ui.worker.jobs.shortcuts import RunShortcuts

ALL = "all images"
SHOWN = 6


def lab(opened: services.OpenModel, data: Dataset) -> None:
    """What to try, the run, its verdicts and the way out."""
    splits = [ALL, *sorted(data.table["split"].dropna().unique())]
    one, two, three = st.columns([2, 1, 1])
    markers = one.multiselect(
        "Markers", list(INSERTED), default=list(INSERTED), format_func=marker_name, key="lab-markers", help="Each is one experiment."
    )
    chosen = two.selectbox("Split", splits, index=splits.index("test") if "test" in splits else 0, key=f"lab-split-{data.name}")
    images = three.number_input(
        "Images",
        40,
        5000,
        300,
        20,
        key="lab-images",
        help="At random; half as many again that bear each marker, where the dataset's own masks or labels say so.",
    )
    if not markers:
        st.info("Choose at least one marker.")
        return
    split = None if chosen == ALL else str(chosen)
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
            "Each photograph goes through the network with and without each marker, and with a control beside it: as much clean skin "
            "changed, or a change as strong that is no marker. A run that was stopped goes on."
        )
        if st.button("Test the markers", type="primary", icon=":material/science:"):
            services.start(job)
            st.rerun()
        return
    study = kept_study(path)
    _first(data, study)
    for marker, of in study.verdicts.items():
        judged_marker(marker, of, study, folder)
    _downloads(opened, data, study, folder)
    repair_panel(data, [m for m, of in study.verdicts.items() if of.verdict == "used"])


def result_folder(opened: services.OpenModel, data: Dataset, split: str | None, plan: Plan) -> Path:
    """Where a run is kept: one folder for each classifier, dataset, split and plan."""
    asked = hashlib.sha256(repr((__version__, split, plan)).encode()).hexdigest()[:10]
    result = services.workspace().result_path(opened.spec.sha256, opened.card.sha256, data.sha256)
    return result.parent / f"shortcuts-{asked}"


def kept_study(path: Path) -> Study:
    """What `shortcuts.json` holds; raises RecordError."""
    return _study(path, path.stat().st_mtime_ns)


@st.cache_resource(max_entries=8, show_spinner=False)
def _study(path: Path, stamp: int) -> Study:  # noqa: ARG001 (the cache goes by it)
    return read_study(path)


def _first(data: Dataset, study: Study) -> None:
    """All verdicts; joined with the audit where there is one."""
    findings = audits.findings(data)
    st.subheader("What to fix first" if findings is not None else "Verdicts", anchor=False)
    rows = crossed({m: of.verdict for m, of in study.verdicts.items()}, findings or [])
    shown = {"marker": [marker_name(c.marker) for c in rows], "the classifier": [c.verdict for c in rows]}
    if findings is not None:
        shown["in the data"] = ["goes with the diagnosis" if c.in_data else "no finding" for c in rows]
    st.dataframe(
        pd.DataFrame(shown), hide_index=True, alt="Markers by whether the classifier uses them and whether they go with the diagnosis"
    )
    if findings is not None:
        for advice in dict.fromkeys(c.advice for c in rows):
            st.markdown(f"- **{', '.join(marker_name(c.marker) for c in rows if c.advice == advice)}**: {advice}")
    if findings is None:
        st.caption("Audit the dataset to see which of them go with the diagnosis in these data.")
        st.page_link(navigation.page("dataset"), label="Audit it on the Dataset page", icon=":material/fact_check:")
    for c in rows:
        if c.in_data and c.verdict == "used":
            _images(data, c)
    rule = study.rule
    st.caption(
        f"{study.images:,} photographs were tried. Used: the marker's effect less its control's is sure (95 %, adjusted for all "
        f"tests), goes further than the control's, and moves a probability by at least {rule.moves:.2f} or turns at least "
        f"{rule.flips:.0%} more decisions. Fewer than {rule.lesions} lesions tell nothing."
    )
    if study.false_alarms is not None:
        st.caption(alarms_in_words(study.false_alarms))


def _images(data: Dataset, c: Crossed) -> None:
    ids = [i for i in c.image_ids if i in set(data.table["image_id"])][:SHOWN]
    pictures: list[bytes | None] = []
    for image_id in ids:
        try:
            pictures.append(services.thumbnail(data, image_id, 256))
        except ImageError:
            pictures.append(None)
    st.markdown(f"Images that bear **{marker_name(c.marker)}**")
    gallery(ids, [str(data.row(i)["diagnosis"]) for i in ids], pictures, SHOWN)


def _downloads(opened: services.OpenModel, data: Dataset, study: Study, folder: Path) -> None:
    one, two = st.columns(2)
    name = f"{opened.name}-{data.name}-shortcuts"
    one.download_button(
        "Report (HTML)",
        lambda: shortcut_html(study, audits.findings(data), folder).encode(),
        f"{name}.html",
        "text/html",
        icon=":material/description:",
        width="stretch",
    )
    two.download_button(
        "shortcuts.json", (folder / NAME).read_bytes(), f"{name}.json", "application/json", icon=":material/data_object:", width="stretch"
    )
