"""Test a shortcut on one photograph: a marker removed or inserted beside its control, one's own mark painted, and what-ifs."""

import numpy as np
import pandas as pd
import streamlit as st

from core.markers import EVERYWHERE, MARKERS, NO_DETECTOR, UNDETECTED, marker_name
from core.text import literal
from imaging.cover import discs
from imaging.resize import thumbnail
from shortcuts.dose import Dose
from shortcuts.drawing import INKS, INSERTED, STICKERS
from shortcuts.experiment import Impossible, Subject
from shortcuts.filling import FILLINGS
from shortcuts.one import Answer
from shortcuts.subjects import Outlined, fit
from shortcuts.whatif import possible
from ui.inspect.shortcut_result import show_answer, show_markers, show_what_if
from ui.parts.components import lesion_name
from ui.parts.image_choice import Chosen
from ui.parts.viewer import brush
from ui.services import services
from ui.worker.jobs.shortcuts import EvidenceOnMarkers, OutlinePicture, TryMarker, TryPainted, TryWhatIf

SIDE = 700
FILLING_NAMES = {
    "telea": "its surroundings (Telea)",
    "navier-stokes": "its surroundings (Navier–Stokes)",
    "skin": "skin texture of this picture",
}
NONE = "the decision"
DETECTORS = "by the detectors, which err" + "".join(f"; {marker_name(m)}: {NO_DETECTOR}" for m in UNDETECTED)
WAYS = ("A marker", "Paint a mark", "What if")
PAINTS = {**{f"{name} ink": colour for name, colour in INKS.items()}, **{f"{name} sticker": colour for name, colour in STICKERS.items()}}


def shortcut_panel(opened: services.OpenModel, chosen: Chosen, lesion: np.ndarray | None) -> None:
    """Markers that are there, one to try, and what the classifier says with it, without it, and with a control."""
    if not st.toggle("Try it on this photograph", key="try-on", bind="query-params"):
        st.caption("Takes a second: a marker is removed or inserted, and the classifier answers to that and to a control.")
        return
    outlined = services.ask(OutlinePicture(chosen.picture, chosen.data, chosen.image_id))
    subject = fit(opened.card, outlined)
    source = "by the dataset's masks" if chosen.data and chosen.data.marker_masks else DETECTORS
    st.caption(
        (f"Markers that are there, {source}." if subject.markers else f"No marker is there, {source}.")
        + (" The lesion was found by its colour." if lesion is None and subject.lesion is not None else "")
        + (" No lesion was found; distances are from the middle." if subject.lesion is None else "")
    )
    way = st.segmented_control("Try", WAYS, default=WAYS[0], key="try-what", bind="query-params") or WAYS[0]
    target = st.selectbox("Class", [NONE, *opened.card.classes], format_func=lesion_name, key="try-target")
    index = None if target == NONE else opened.card.classes.index(target)
    if subject.markers:
        _there(opened, subject, index)
    if way == "What if":
        _what_if(opened, outlined, index)
        return
    answer = _painted(opened, chosen, subject, index) if way == "Paint a mark" else _marker(opened, subject, index)
    if isinstance(answer, Impossible):
        st.info(f"{marker_name(answer.marker).capitalize()}: {literal(answer.reason)}. Choose another marker, place or draw.")
    elif answer is not None:
        show_answer(opened, answer)


def _there(opened: services.OpenModel, subject: Subject, target: int | None) -> None:
    """The markers drawn, with the share of the evidence on each beside its share of the area."""
    shares = services.ask(EvidenceOnMarkers(opened.spec, subject, target))
    left, right = st.columns([1, 2])
    with left:
        show_markers(subject)
    of = "the decision" if target is None else opened.card.classes[target]
    right.dataframe(
        pd.DataFrame(
            {
                "marker": [marker_name(m) for m in subject.markers],
                "area": [f"{mask.mean():.1%}" for mask in subject.markers.values()],
                "evidence": ["no map" if np.isnan(shares[m]) else f"{shares[m]:.1%}" for m in subject.markers],
            }
        ),
        hide_index=True,
        alt="Markers that are there, with their shares of the area and of the evidence",
    )
    right.caption(f"Shares of the area, and of the evidence for {literal(of)}.")


def _marker(opened: services.OpenModel, subject: Subject, target: int | None) -> Answer | Impossible:
    """One that is there removed, or one drawn by LesionLens inserted."""
    options = list(dict.fromkeys([*(m for m in subject.markers if m not in EVERYWHERE), *INSERTED]))
    one, two, three = st.columns([2, 2, 1])
    marker = str(one.selectbox("Marker", options, format_func=lambda m: _label(m, subject), key="try-marker"))
    again = _draw(three)
    removing = marker in subject.markers and marker not in EVERYWHERE
    dose, way = None, "telea"
    if removing:
        way = two.selectbox("Filled with", list(FILLINGS), format_func=FILLING_NAMES.__getitem__, key="try-way")
    else:
        dose = _dose(marker)
    return services.ask(TryMarker(opened.spec, subject, marker, target, way, dose, again))


def _painted(opened: services.OpenModel, chosen: Chosen, subject: Subject, target: int | None) -> Answer | Impossible | None:
    """What somebody paints on the photograph, inserted."""
    key = f"mark-{chosen.picture.sha256}"
    turn = st.session_state.setdefault(f"turn-{key}", 0)
    strokes: list[list[float]] = st.session_state.get(key, [])
    one, two, three, four = st.columns([2, 2, 2, 1], vertical_alignment="bottom")
    radius = one.slider("Brush", 1, 12, 2, format="%d %% of the width", key="mark-brush") / 100
    paint = two.selectbox("Colour", list(PAINTS), key="mark-colour")
    strength = three.slider("Strength", 10, 100, 85, 5, format="%d %%", key="mark-strength") / 100
    again = _draw(four)
    if st.button("Start over", disabled=not strokes, icon=":material/restart_alt:", key="mark-again"):
        st.session_state[key], st.session_state[f"turn-{key}"] = [], turn + 1
        st.rerun()
    seen = subject.image
    height, width = seen.shape[:2]
    scale = SIDE / max(height, width)
    left, right = st.columns(2)
    with left:
        whole = thumbnail(seen, SIDE) if scale < 1 else seen
        drawn = brush(whole, f"{chosen.name} as the network gets it, to paint on", strokes, radius, f"mark-{key}-{turn}")
    if len(drawn) != len(strokes):
        st.session_state[key] = drawn
        st.rerun()
    if not strokes:
        right.info("Paint a mark where you want it. Its control is the same shape in the skin's own colour, at the same distance.")
        return None
    painted = discs((height, width), strokes)
    return services.ask(TryPainted(opened.spec, subject, painted, PAINTS[paint], strength, target, again))


def _what_if(opened: services.OpenModel, outlined: Outlined, target: int | None) -> None:
    """The photograph cropped, without hair, without dark corners."""
    why = possible(outlined)
    can = [name for name, reason in why.items() if not reason]
    if not can:
        st.info(f"Nothing to change here: {literal(', '.join(why.values()))}.")
        return
    one, two = st.columns(2)
    changes = one.multiselect("The photograph", can, default=can, key=f"what-if-{'-'.join(can)}")
    way = two.selectbox("Filled with", list(FILLINGS), format_func=FILLING_NAMES.__getitem__, key="what-if-way")
    missing = [f"not {name}: {reason}" for name, reason in why.items() if reason]
    if missing:
        st.caption(f"{literal('; '.join(missing).capitalize())}.")
    if not changes:
        st.info("Choose at least one change.")
        return
    show_what_if(opened, services.ask(TryWhatIf(opened.spec, outlined, tuple(changes), target, way)))


def _draw(place: st.delta_generator.DeltaGenerator) -> int:
    return int(place.number_input("Draw", 1, 99, 1, key="try-seed", help="Another draw puts the marker and its control elsewhere."))


def _label(marker: str, subject: Subject) -> str:
    name = marker_name(marker)
    if marker in subject.markers:
        return f"{name}: it lies everywhere" if marker in EVERYWHERE else f"remove {name}"
    return f"insert {name}"


def _dose(marker: str) -> Dose:
    entry = INSERTED[marker]
    one, two, three, four = st.columns(4)
    kind = one.selectbox(
        "Kind", [None, *entry.kinds], format_func=lambda k: k or "at random", key=f"try-kind-{marker}", disabled=len(entry.kinds) < 2
    )
    colour = two.selectbox(
        "Colour",
        [None, *entry.colours],
        format_func=lambda c: c or "at random",
        key=f"try-colour-{marker}",
        disabled=len(entry.colours) < 2,
    )
    size = three.slider("Size", 0.4, 2.5, 1.0, 0.1, format="%.1f×", key="try-size")
    strength = four.slider("Strength", 10, 100, 85, 5, format="%d %%", key="try-strength")
    at = None
    if MARKERS[marker].lies in ("beside", "border") and st.toggle("Choose its place", key="try-place"):
        across, down = st.columns(2)
        at = (
            across.slider("Left to right", 0, 100, 25, format="%d %%", key="try-x") / 100,
            down.slider("Top to bottom", 0, 100, 25, format="%d %%", key="try-y") / 100,
        )
    return Dose(marker, kind, colour, size, strength / 100, at)
