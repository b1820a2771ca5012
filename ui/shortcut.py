"""Test a shortcut: one photograph with and without a marker, each beside its control."""

from __future__ import annotations

import numpy as np
import streamlit as st

from imaging.overlay import draw_contour, overlay
from imaging.resize import enlarge, scale_image
from shortcuts.drawing import EVERYWHERE, INSERTED, Dose
from shortcuts.experiment import Impossible, Subject
from shortcuts.filling import FILLINGS
from shortcuts.one import Answer, in_words
from ui import services
from ui.components import MEANING, lesion_name, show_picture
from ui.image_choice import Chosen

SIDE = 380
FILLING_NAMES = {
    "telea": "its surroundings (Telea)", "navier-stokes": "its surroundings (Navier–Stokes)", "skin": "skin texture of this picture",
}  # fmt: skip
NONE = "the decision"


def shortcut_panel(opened: services.OpenModel, chosen: Chosen, lesion: np.ndarray | None) -> None:
    """Markers that are there, one to try, and what the classifier says with it, without it, and with a control."""
    if not st.toggle("Try it on this photograph", key="try-on", bind="query-params"):
        st.caption("Takes a second: a marker is taken away or put in, and the classifier answers to that and to a control.")
        return
    known = chosen.data.markers(chosen.image_id) if chosen.data and chosen.image_id and chosen.data.marker_masks else None
    subject = _subject(opened, chosen, lesion, known)
    there = ", ".join(f"{m.replace('_', ' ')} ({mask.mean():.1%} of the area)" for m, mask in subject.markers.items())
    source = "by the dataset's masks" if known is not None else "by the detectors, which err"
    st.caption(
        (f"There, {source}: {there}." if there else f"No marker is there, {source}.")
        + (" The lesion was found by its colour." if lesion is None and subject.lesion is not None else "")
        + (" No lesion was found; distances are from the middle." if subject.lesion is None else "")
    )
    options = list(dict.fromkeys([*(m for m in subject.markers if m not in EVERYWHERE), *INSERTED]))
    one, two = st.columns(2)
    marker = one.selectbox("Marker", options, format_func=lambda m: _label(m, subject), key="try-marker")
    target = two.selectbox("Class", [NONE, *opened.card.classes], format_func=lesion_name, key="try-target")
    removing = marker in subject.markers and marker not in EVERYWHERE
    dose, way = None, "telea"
    third, fourth = st.columns(2)
    again = fourth.number_input("Draw", 1, 99, 1, key="try-seed", help="Another draw puts the marker and its control elsewhere.")
    with third:
        if removing:
            way = st.selectbox("Filled with", list(FILLINGS), format_func=FILLING_NAMES.__getitem__, key="try-way")
    if not removing:
        dose = _dose(str(marker))
    index = None if target == NONE else opened.card.classes.index(target)
    answer = _answer(opened, chosen, subject, str(marker), index, way, dose, int(again))
    if isinstance(answer, Impossible):
        st.info(f"{answer.marker.replace('_', ' ').capitalize()}: {answer.reason}. Choose another marker or draw.")
        return
    _show(opened, answer)


def _label(marker: str, subject: Subject) -> str:
    name = marker.replace("_", " ")
    if marker in subject.markers:
        return f"{name}: it lies everywhere" if marker in EVERYWHERE else f"take away {name}"
    return f"put in {name}"


def _dose(marker: str) -> Dose:
    entry = INSERTED[marker]
    one, two, three, four = st.columns(4)
    kind = one.selectbox("Kind", [None, *entry.kinds], format_func=lambda k: k or "at random", key=f"try-kind-{marker}",
                         disabled=len(entry.kinds) < 2)  # fmt: skip
    colour = two.selectbox("Colour", [None, *entry.colours], format_func=lambda c: c or "at random", key=f"try-colour-{marker}",
                           disabled=len(entry.colours) < 2)  # fmt: skip
    size = three.slider("Size", 0.4, 2.5, 1.0, 0.1, format="%.1f×", key="try-size")
    strength = four.slider("Strength", 10, 100, 85, 5, format="%d %%", key="try-strength")
    at = None
    if marker not in EVERYWHERE and st.toggle("Choose its place", key="try-place"):
        across, down = st.columns(2)
        at = (
            across.slider("Left to right", 0, 100, 25, format="%d %%", key="try-x") / 100,
            down.slider("Top to bottom", 0, 100, 25, format="%d %%", key="try-y") / 100,
        )
    return Dose(marker, kind, colour, size, strength / 100, at)


def _show(opened: services.OpenModel, answer: Answer) -> None:
    name = opened.card.classes[answer.target]
    st.markdown(f"**{in_words(answer, name)}**")
    changed = {"removal": "without it", "insertion": "with it"}[answer.trial.direction]
    titles = ("as it is", changed, "control")
    scale = 0.0 if answer.maps is None else float(answer.maps.max(initial=0))
    for k, (column, title) in enumerate(zip(st.columns(3), titles, strict=True)):
        with column:
            size = _screen(answer.pictures[k].shape[:2])
            picture = scale_image(answer.pictures[k], size, "bicubic")
            where = (answer.trial.mask, answer.trial.mask, answer.trial.place)[k]
            outlined = draw_contour(picture, scale_image(where.astype(np.uint8), size, "nearest").astype(bool))
            show_picture(outlined, f"{title}, with the outline of the change")
            st.markdown(
                f"{title}: P({name}) **{answer.probabilities[k, answer.target]:.2f}**, logit {answer.logits[k, answer.target]:+.2f}"
            )
            if answer.maps is not None:
                show_picture(overlay(picture, enlarge(answer.maps[k], size), scale), f"Heatmap for {name}, {title}")
    if answer.maps is not None and not np.isnan(answer.evidence):
        st.caption(
            f"{answer.evidence:.0%} of the evidence for {name} lies on the {answer.trial.marker.replace('_', ' ')}, which covers "
            f"{answer.area:.1%} of the picture. Little heat on a marker does not mean that it does not count, nor much that it does."
        )
    if answer.trial.on_lesion > 0.2:
        st.warning(
            f"{answer.trial.on_lesion:.0%} of it lies on the lesion: changing it changes the lesion as well.",
            icon=":material/warning:",
        )
    st.caption(
        "Pictures are as the network gets them; the three heatmaps share one scale. The control of a removal is as much clean skin "
        "filled the same way, at the same distance from the lesion; of an insertion, the marker's change with its order scrambled, of the "
        f"same area and mean colour difference. One photograph proves nothing about others. {MEANING}"
    )


def _screen(size: tuple[int, int]) -> tuple[int, int]:
    scale = SIDE / max(size)
    return round(size[0] * scale), round(size[1] * scale)


def _subject(
    opened: services.OpenModel, chosen: Chosen, lesion: np.ndarray | None, known: dict[str, np.ndarray] | None
) -> Subject:
    key = (opened.spec.sha256, opened.card.sha256, services.pixels_sha(chosen.image), chosen.image_id)
    return _fitted(key, opened, chosen.image, lesion, known)


@st.cache_data(max_entries=16, show_spinner="Looking for markers…")
def _fitted(
    key: tuple,  # noqa: ARG001 (the cache goes by it)
    _opened: services.OpenModel,
    _image: np.ndarray,
    _lesion: np.ndarray | None,
    _known: dict[str, np.ndarray] | None,
) -> Subject:
    return services.worker().ask("subject_of", spec=_opened.spec, image=_image, lesion=_lesion, markers=_known)


def _answer(
    opened: services.OpenModel,
    chosen: Chosen,
    subject: Subject,
    marker: str,
    target: int | None,
    way: str,
    dose: Dose | None,
    seed: int,
) -> Answer | Impossible:
    key = (opened.spec.sha256, opened.card.sha256, services.pixels_sha(chosen.image), marker, target, way, repr(dose), seed)
    return _asked(key, opened, subject, marker, target, way, dose, seed)


@st.cache_data(max_entries=32, show_spinner="Trying…")
def _asked(
    key: tuple,  # noqa: ARG001 (the cache goes by it)
    _opened: services.OpenModel,
    _subject: Subject,
    _marker: str,
    _target: int | None,
    _way: str,
    _dose: Dose | None,
    _seed: int,
) -> Answer | Impossible:
    return services.worker().ask(
        "try_marker", spec=_opened.spec, subject=_subject, marker=_marker, target=_target, way=_way, dose=_dose, seed=_seed
    )
