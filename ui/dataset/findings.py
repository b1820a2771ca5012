"""What is wrong with the dataset: findings in order of severity, each with a remedy and the images that show it."""

from typing import Literal

import pandas as pd
import streamlit as st

from core.errors import LesionLensError, RecordError
from core.text import literal
from core.wording import count
from data_audit.audit import SPLIT, Asked
from data_audit.evidence import FlagsGoWith, GoesWith, MarkerShare
from data_audit.findings import Finding
from data_audit.resplit import parse_fractions
from data_audit.review import reviewed, strata
from datasets.dataset import Dataset
from reports.pictures import NAME as REPORT
from studies.assess import QUICK
from ui.parts import choice, navigation
from ui.parts.components import download, gallery, thumbnail
from ui.parts.long_runs import follow, stopped_or_failed
from ui.services import audits, predictions, services

SHOWN = 12
NOTHING = "none"
SPLITS = ("70/15/15", "80/10/10", "80/20")
Colour = Literal["red", "orange", "gray"]
SEVERITIES: dict[str, tuple[Colour, str]] = {
    "grave": ("red", ":material/error:"),
    "moderate": ("orange", ":material/warning:"),
    "note": ("gray", ":material/info:"),
}


def findings_panel(data: Dataset) -> None:
    """The findings of the kept audit, or a way to run one."""
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
        st.warning(literal(error))
        _ask(data, "Audit it again")
        return
    if kept is None:
        st.caption(
            "Reads every image once. Looks for markers, associations with the diagnosis, what predicts it without the lesion, the same "
            "photograph under two names or in two splits, and poor images. The result is kept; a second run reads only what has changed."
        )
        _ask(data, "Audit it")
        return
    if not kept.findings:
        st.success("These checks found nothing. This does not mean that the data are sound.", icon=":material/check:")
    for number, finding in enumerate(kept.findings):
        _finding(data, finding, number, kept.about.against)
    st.caption(
        f"Checks: {literal(', '.join(kept.about.checks))}. An association is not yet a shortcut: whether a classifier uses it "
        "is another question."
    )
    _downloads(data)
    _ask(data, "Audit it again")


def _ask(data: Dataset, label: str) -> None:
    """The options of an audit, and the button that starts it."""
    with st.expander("Options: doubtful labels, a second dataset, a clean split", key="fold-ask", icon=":material/add:"):
        predicted, against, fractions = _predicted(data), _second(data), _fractions()
    if st.button(label, type="primary", icon=":material/fact_check:"):
        services.start(audits.run(data, Asked(predicted, against, fractions, verdicts=services.workspace().verdicts)))
        st.rerun()


def _predicted(data: Dataset) -> pd.DataFrame | None:
    """Kept predictions of the chosen classifier, for labels that may be wrong."""
    name = choice.model()
    note = "Only if it was not trained on these images. Run it over them on the Evaluate page first."
    if name is None or not st.checkbox(f"Flag labels that the predictions of {literal(name)} contradict", key="audit-judged", help=note):
        return None
    try:
        opened = services.model(name)
        made = predictions.alone(opened, data)
        if made is None:
            st.warning("There are no predictions for these images yet; make them on the Evaluate page. The audit runs without them.")
            return None
        return predictions.assessment(made, data, None, QUICK).rows
    except LesionLensError as error:
        st.warning(f"{literal(error)} The audit runs without predictions.")
        return None


def _second(data: Dataset) -> Dataset | None:
    others = [n for n in services.workspace().dataset_names() if n != data.name]
    if not others:
        return None
    name = st.selectbox("Compare with a second dataset", [NOTHING, *others], key="audit-against")
    return None if name == NOTHING else services.dataset(name)


def _fractions() -> str:
    label = "Make a clean new split (training/validation/test, in percent)"
    note = "Images of one lesion or patient and identical photographs stay together; the classes have similar shares in each split."
    chosen = st.selectbox(label, [NOTHING, *SPLITS], key="audit-split", accept_new_options=True, help=note)
    if chosen in (None, NOTHING):
        return ""
    try:
        parse_fractions(chosen)
    except LesionLensError as error:
        st.warning(f"{literal(error)} The audit runs without a new split.")
        return ""
    return str(chosen)


def _downloads(data: Dataset) -> None:
    left, middle, right = st.columns(3)
    if report := audits.file(data, REPORT):
        download(left, "Report (HTML)", report, f"audit-{data.name}.html", "description")
    if split := audits.file(data, SPLIT):
        download(middle, "New split (CSV)", split, f"split-{data.name}.csv", "call_split")
    right.page_link(navigation.page("review"), label="Review the markers", icon=":material/rule:")


def _finding(data: Dataset, finding: Finding, number: int, against: str | None) -> None:
    colour, icon = SEVERITIES[finding.severity]
    on = finding.evidence
    marker = on.marker if isinstance(on, MarkerShare) and on.source == "detector" else None
    with st.container(border=True):
        left, right = st.columns([3.6, 1.3], vertical_alignment="center")
        with left:
            st.badge(f"{finding.severity}: {literal(finding.kind)}", icon=icon, color=colour)
            st.write(literal(finding.summary))
            if finding.remedy:
                st.caption(literal(finding.remedy))
            if marker:
                _reviewed(data, marker)
        shown = finding.n_images > 0 and right.toggle(count(finding.n_images, "image"), key=f"finding-{data.sha256[:8]}-{number}")
        for step, chosen in _steps(finding).items():
            navigation.next_step(right, step, {"dataset": data.name, **chosen})
        if shown:
            _images(data, finding, number, against)


def _steps(finding: Finding) -> dict[str, dict[str, str]]:
    """What to do about it (of `navigation.STEPS`), in this order, and what is chosen there: look at what a detector flagged, test whether
    a classifier uses it, repair the data."""
    on = finding.evidence
    if isinstance(on, MarkerShare):
        return {"review": {"marker": on.marker}} if on.source == "detector" else {}
    if not isinstance(on, GoesWith):
        return {}
    if not on.marker:
        return {"compare": {"group-by": on.column.split(":")[0]}}
    return {step: {"marker": on.marker} for step in ("review", "test", "repair") if step != "review" or isinstance(on, FlagsGoWith)}


def _reviewed(data: Dataset, marker: str) -> None:
    """People's verdicts on this marker's flags in this dataset, as they stand now."""
    table, given = audits.images(data), audits.verdicts().of(marker)
    if table is None or given.empty:
        return
    r = reviewed(table, marker, given, strata(data))
    if r.precision.defined:
        st.caption(f"Reviewed: {r.precision:.1%} of the flagged images have it ({r.seen['flagged']:,} reviewed).")
    if r.share.defined:
        st.caption(f"By the review, {r.share:.1%} of all images have it.")


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
        [thumbnail(source, one.image_id, 260) if (source := second if one.second else data) else None for one in here],
        columns=4,
        datasets=[against if one.second else None for one in here],
    )
