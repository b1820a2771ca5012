"""Confirming and rejecting marker flags, one picture at a time, by key or by click."""

import cv2
import numpy as np
import pandas as pd
import streamlit as st

from core.errors import ImageError
from core.markers import DETECTED, MARKERS, NO_DETECTOR, UNDETECTED, marker_name, plane
from core.text import literal
from data_audit.misclassification import LEAST
from data_audit.review import SIDES, Reviewed, Side, Verdicts, next_row, reviewed, strata
from datasets.dataset import Dataset
from evaluation.intervals import Figure
from imaging.decode import read_bits
from imaging.resize import scale_image, thumbnail
from ui.parts import choice
from ui.parts.components import show_picture
from ui.services import audits

LARGE = 720  # pixels
OUTLINE = (0, 158, 115)  # RGB
ENOUGH_TO_CORRECT = (
    f"From {LEAST} malignant and {LEAST} benign images each, of the flagged and of the others, the next audit corrects the marker's "
    "association with the diagnosis by your answers; more make its interval narrower."
)


def judge(data: Dataset, images: pd.DataFrame) -> None:
    """The choice of marker and side, the picture, three answers, and what they add up to."""
    verdicts, drawn_by = audits.verdicts(), strata(data)
    present = [m for m in DETECTED if images[f"{m}_flag"].notna().any()]
    if not present:
        st.warning("No picture of this dataset could be read, so no marker was looked for.")
        return
    flagged = {m: f"{int((images[f'{m}_flag'] == True).sum()):,} flagged" for m in present}  # noqa: E712 (None is neither)
    flagged |= dict.fromkeys(UNDETECTED, "no detector")
    left, right = st.columns([1, 1], vertical_alignment="bottom")
    with left:
        marker = choice.optional("marker", "Marker", list(flagged), present[0], lambda m: f"{marker_name(m)} ({flagged[m]})") or present[0]
    if marker in UNDETECTED:
        right.caption(f"{marker_name(marker).capitalize()} has {NO_DETECTOR}. Your answers count in the next audit.")
        _one(data, images, marker, "not flagged", verdicts, drawn_by)
        return
    with right:
        side = (
            st.segmented_control(
                "Drawn at random from",
                SIDES,
                default="flagged",
                key="side",
                bind="query-params",
                width="stretch",
                format_func=lambda s: {"flagged": "the flagged", "not flagged": "the others"}[s],
            )
            or "flagged"
        )
    _one(data, images, marker, side, verdicts, drawn_by)


@st.fragment
def _one(data: Dataset, images: pd.DataFrame, marker: str, side: Side, verdicts: Verdicts, drawn_by: np.ndarray) -> None:
    given = verdicts.of(marker)
    row = next_row(images, marker, side, given, drawn_by)
    shown, answers = st.columns([2, 1], gap="medium")
    looked_for = marker in DETECTED
    with answers:
        outlined = looked_for and st.toggle("Outline it", value=True, help="What the detector found.", key="outlined")
        _answers(None if row is None else str(images["content"].iloc[row]), marker, verdicts, given.empty)
        _figures(reviewed(images, marker, given, drawn_by), side)
    with shown:
        if row is None:
            there = not looked_for or (images[f"{marker}_flag"] == (side == "flagged")).any()
            st.success("You have looked at all of them." if there else "There are none.")
            return
        image_id = str(images["image_id"].iloc[row])
        try:
            picture = thumbnail(data.read(image_id), LARGE)
        except ImageError as error:
            st.error(f"{literal(error)} Put it aside to go on.", icon=":material/error:")
            return
        mask = _mask(data, image_id, marker, picture.shape[:2]) if outlined else None
        show_picture(_outlined(picture, mask), alt=f"{image_id}: {MARKERS[marker].question}")
        score = f"score of the detector {float(images[f'{marker}_score'].iloc[row]):.2f}" if looked_for else "no detector"
        st.caption(f"{literal(image_id)} · {score}" + ("" if mask is None or mask.any() else " · nothing outlined"))


def _answers(content: str | None, marker: str, verdicts: Verdicts, none: bool) -> None:
    st.markdown(f"**{MARKERS[marker].question}**")
    answers = (("Yes", True, "Y"), ("No", False, "N"), ("Can't tell", None, "U"))
    for label, present, key in answers:
        st.button(
            label,
            key=f"answer-{key}",
            shortcut=key,
            width="stretch",
            disabled=content is None,
            on_click=verdicts.give,
            args=(content, marker, present),
            type="primary" if present is True else "secondary",
        )
    st.button(
        "Back",
        help="Takes the last answer back.",
        key="answer-back",
        shortcut="B",
        width="stretch",
        disabled=none,
        on_click=verdicts.take_back,
        args=(marker,),
    )


def _figures(r: Reviewed, side: Side) -> None:
    enough = r.enough(side)
    if enough:
        st.success(f"Enough: {enough}.", icon=":material/check:")
    total = r.flagged if side == "flagged" else r.others
    looked_for = r.marker in DETECTED
    row = f"{r.in_a_row[side]:,} {'right' if looked_for else 'without it'} in a row"
    st.progress(r.seen[side] / total if total else 1.0, f"{r.seen[side]:,} of {total:,} looked at, {row}")
    if len(r.by_stratum[side]) > 1:
        st.caption(f"Looked at: {', '.join(f'{n:,} {literal(name)}' for name, n in r.by_stratum[side].items())}, drawn in turn.")
    flags = (("of the flagged show it (precision)", r.precision), ("of the others show it (missed)", r.missed))
    rows = (*(flags if looked_for else ()), ("of all images show it", r.share))
    for label, figure in rows:
        st.markdown(f"{_percent(figure)} {label}")
    st.caption(
        "With 95 % intervals. Stop when the page says “Enough”. “Can't tell” counts neither way. Verdicts are kept in the workspace. "
        f"{ENOUGH_TO_CORRECT if looked_for else ''}"
    )


def _percent(figure: Figure) -> str:
    return f"**{figure.value:.1%}** [{figure.low:.1%}, {figure.high:.1%}]" if figure.defined else f"– ({literal(figure.reason)})"


def _mask(data: Dataset, image_id: str, marker: str, size: tuple[int, int]) -> np.ndarray:
    """bool (H, W) of what the detector found; all false where it found nothing."""
    path = audits.mask(data, image_id)
    if not path.exists():
        return np.zeros(size, bool)
    return scale_image(plane(read_bits(path), marker).astype(np.uint8), size, "nearest").astype(bool)


def _outlined(picture: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    if mask is None or not mask.any():
        return picture
    lines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = np.ascontiguousarray(picture.copy())
    cv2.drawContours(drawn, lines, -1, (255, 255, 255), 3, cv2.LINE_AA)
    cv2.drawContours(drawn, lines, -1, OUTLINE, 1, cv2.LINE_AA)
    return drawn
