"""What is wrong with the dataset: findings in order of gravity, each with what to do and the images that show it."""

from __future__ import annotations

from typing import Literal

import pandas as pd
import streamlit as st

from core.errors import ImageError, LesionLensError, RecordError
from data_audit.audit import Asked
from data_audit.evidence import MarkerShare
from data_audit.findings import Finding
from data_audit.resplit import parse_fractions
from data_audit.review import reviewed
from datasets.dataset import Dataset
from studies.assess import QUICK
from ui.parts import choice, navigation
from ui.parts.components import gallery
from ui.parts.long_runs import follow, stopped_or_failed
from ui.services import audits, predictions, services

SHOWN = 12
NOTHING = "none"
SPLITS = ("70/15/15", "80/10/10", "80/20")
Colour = Literal["red", "orange", "gray"]
GRAVITY: dict[str, tuple[Colour, str]] = {
    "grave": ("red", ":material/error:"),
    "moderate": ("orange", ":material/warning:"),
    "note": ("gray", ":material/info:"),
}


def findings_panel(data: Dataset) -> None:
    """The kept audit, or a way to run it."""
    st.subheader("What is wrong with it?", anchor=False)
    job = audits.run(data)
    task = services.task(job)
    if task is not None and not task.finished:
        follow(job, "Auditing (thousandths)")
        return
    if task is not None and task.error is not None:
        stopped_or_failed(job, task.error, "Audit it")
        return
    try:
        kept = audits.read(data)
    except RecordError as error:
        st.warning(str(error))
        _ask(data, "Audit it again")
        return
    if kept is None:
        st.caption(
            "Reads every picture once: markers, what goes with the diagnosis, what tells it without the lesion, the same photograph "
            "under two names or in two splits, bad photographs. The result is kept, and a second run reads only what has changed."
        )
        _ask(data, "Audit it")
        return
    if not kept.findings:
        st.success("Nothing found by these checks. That does not make the data sound.", icon=":material/check:")
    for number, finding in enumerate(kept.findings):
        _finding(data, finding, number, kept.about.against)
    st.caption(
        f"Checks: {', '.join(kept.about.checks)}. An association is not yet a shortcut: whether a classifier uses it is another question."
    )
    _take_away(data)
    _ask(data, "Audit it again")


def _ask(data: Dataset, label: str) -> None:
    """What an audit may be given, and the button that starts it."""
    with st.expander("Ask for more: doubtful labels, a second dataset, a clean split", key="fold-ask", icon=":material/add:"):
        judged, against, fractions = _judged(data), _second(data), _fractions()
    if st.button(label, type="primary", icon=":material/fact_check:"):
        services.start(audits.run(data, Asked(judged, against, fractions, verdicts=services.workspace().verdicts)))
        st.rerun()


def _judged(data: Dataset) -> pd.DataFrame | None:
    """Kept predictions of the chosen classifier, for labels that may be wrong."""
    name = choice.model()
    if name is None:
        return None
    if not st.checkbox(
        f"Doubt labels that the predictions of {name} contradict",
        key="audit-judged",
        help="Only if it did not learn from these images. Predict them on the Evaluate page first.",
    ):
        return None
    try:
        opened = services.model(name)
        made = predictions.alone(opened, data)
        if made is None:
            st.warning("These images were not predicted yet; do it on the Evaluate page. The audit goes without.")
            return None
        return predictions.judged(made, data, None, QUICK).rows
    except LesionLensError as error:
        st.warning(f"{error} The audit goes without.")
        return None


def _second(data: Dataset) -> Dataset | None:
    others = [n for n in services.workspace().dataset_names() if n != data.name]
    if not others:
        return None
    name = st.selectbox("Compare with a second dataset", [NOTHING, *others], key="audit-against")
    return None if name == NOTHING else services.dataset(name)


def _fractions() -> str:
    chosen = st.selectbox(
        "Make a clean new split (training/validation/test, in percent)",
        [NOTHING, *SPLITS],
        key="audit-split",
        accept_new_options=True,
        help="Lesions, patients and photographs that are the same stay together; every class in about the same share.",
    )
    if chosen in (None, NOTHING):
        return ""
    try:
        parse_fractions(chosen)
    except LesionLensError as error:
        st.warning(f"{error} The audit goes without.")
        return ""
    return str(chosen)


def _take_away(data: Dataset) -> None:
    report, split = audits.report(data), audits.split(data)
    left, middle, right = st.columns(3)
    if report is not None:
        left.download_button(
            "Report (HTML)", report, f"audit-{data.name}.html", "text/html", icon=":material/description:", width="stretch"
        )
    if split is not None:
        middle.download_button(
            "New split (CSV)", split, f"split-{data.name}.csv", "text/csv", icon=":material/call_split:", width="stretch"
        )
    right.page_link(navigation.page("review"), label="Review the markers", icon=":material/rule:")


def _finding(data: Dataset, finding: Finding, number: int, against: str | None) -> None:
    colour, icon = GRAVITY[finding.severity]
    on = finding.evidence
    marker = on.marker if isinstance(on, MarkerShare) and on.source == "detector" else None
    with st.container(border=True):
        left, right = st.columns([3.6, 1.3], vertical_alignment="center")
        with left:
            st.badge(f"{finding.severity}: {finding.kind}", icon=icon, color=colour)
            st.write(finding.summary)
            if finding.remedy:
                st.caption(finding.remedy)
            if marker:
                _reviewed(data, marker)
        shown = finding.n_images > 0 and right.toggle(f"{finding.n_images:,} images", key=f"finding-{data.sha256[:8]}-{number}")
        if marker:
            right.page_link(
                navigation.page("review"), label="Review", icon=":material/rule:", query_params={"dataset": data.name, "marker": marker}
            )
        if shown:
            _images(data, finding, number, against)


def _reviewed(data: Dataset, marker: str) -> None:
    """What people have said of this marker's flags here, as it stands now."""
    images, given = audits.images(data), audits.verdicts().of(marker)
    if images is None or given.empty:
        return
    r = reviewed(images, marker, given)
    if r.precision.defined:
        st.caption(f"Reviewed here: {r.precision:.1%} of the flagged bear it ({r.seen['flagged']:,} looked at).")
    if r.share.defined:
        st.caption(f"By the reviewed, {r.share:.1%} of all images bear it.")


def _images(data: Dataset, finding: Finding, number: int, against: str | None) -> None:
    """A page of the finding's images; pairs side by side."""
    captions = finding.captions
    sheets = -(-len(captions) // SHOWN)
    sheet = st.pagination(sheets, key=f"sheet-{data.sha256[:8]}-{number}") if sheets > 1 else 1
    here = captions[(sheet - 1) * SHOWN : sheet * SHOWN]
    second = services.dataset(against) if against in services.workspace().dataset_names() else None
    gallery(
        [one.image_id for one in here],
        [one.caption for one in here],
        [_thumbnail(second if one.second else data, one.image_id) for one in here],
        columns=4,
        datasets=[against if one.second else None for one in here],
    )


def _thumbnail(data: Dataset | None, image_id: str) -> bytes | None:
    """None where the picture cannot be read, or its dataset is not in the workspace."""
    if data is None:
        return None
    try:
        return services.thumbnail(data, image_id, 260)
    except ImageError:
        return None
