"""The brush: cover a part of the photograph and see how the scores change."""

import numpy as np
import streamlit as st

from core.diagnoses import full_name
from core.text import literal
from imaging.cover import FILLS, cover, discs
from imaging.picture import Picture
from imaging.resize import thumbnail
from reports.charts import before_after_bars
from ui.parts.components import code_key, show_picture
from ui.parts.image_choice import Chosen
from ui.parts.viewer import brush
from ui.services import services

SIDE = 700


def covering_panel(opened: services.OpenModel, chosen: Chosen) -> None:
    """The photograph to paint on, and the scores before and after."""
    key = f"strokes-{chosen.picture.sha256}"
    turn = st.session_state.setdefault(f"turn-{key}", 0)
    strokes: list[list[float]] = st.session_state.get(key, [])
    one, two, three = st.columns([2, 2, 1.2], vertical_alignment="bottom")
    radius = one.slider("Brush", 1, 20, 6, format="%d %% of the width", key="brush") / 100
    fill = two.segmented_control("Covered with", list(FILLS), default="blurred", key="fill") or "blurred"
    if three.button("Start over", disabled=not strokes, icon=":material/restart_alt:", width="stretch"):
        st.session_state[key], st.session_state[f"turn-{key}"] = [], turn + 1
        st.rerun()
    left, right = st.columns(2)
    with left:
        drawn = brush(thumbnail(chosen.image, SIDE), f"{chosen.name}, to paint on", strokes, radius, f"brush-{key}-{turn}")
    if len(drawn) != len(strokes):
        st.session_state[key] = drawn
        st.rerun()
    with right:
        if not strokes:
            st.info("Paint over what you suspect, such as a pen mark or a ruler, and see whether the scores change.")
            return
        covered = discs(chosen.image.shape[:2], strokes)
        changed = cover(chosen.image, covered, fill)
        show_picture(thumbnail(changed, SIDE), f"{chosen.name} with {covered.mean():.0%} of the area covered")
    first, then = services.predict(opened, chosen.picture), services.predict(opened, Picture(changed))
    before, after = first.probabilities, then.probabilities
    classes, decided, now = opened.card.classes, int(before.argmax()), int(after.argmax())
    name, other = full_name(classes[decided]), full_name(classes[now])
    outcome = (
        f"The decision changes from **{literal(name)}** to **{literal(other)}**." if now != decided else "The decision does not change."
    )
    st.markdown(
        f"Covering {covered.mean():.1%} of the area: score of {literal(name)} from {before[decided]:.1%} to {after[decided]:.1%} "
        f"(logit {first.logits[decided]:.2f} to {then.logits[decided]:.2f}). {outcome}"
    )
    values = ", ".join(f"{c} {b:.1%} to {a:.1%}" for c, b, a in zip(classes, before, after, strict=True))
    st.altair_chart(before_after_bars(classes, np.stack([before, after])), width="stretch", alt=f"Scores before and after: {values}")
    code_key(classes)
    st.caption("Covering is itself a change: cover as much clean skin elsewhere before you blame what lies under the brush.")
