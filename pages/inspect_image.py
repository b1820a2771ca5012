"""Inspect: one image and one or several classifiers, with their scores and heatmaps."""

import numpy as np
import pandas as pd
import streamlit as st

from core.markers import marker_name
from core.text import literal
from imaging.overlay import draw_contour
from ui.inspect.attribution import Request, Shown, View, attribution, controls
from ui.inspect.familiarity import familiar_panel, warn_if_unlike
from ui.inspect.grids import difference_panel, grid_panel, together_panel
from ui.inspect.inspection import downloads, heatmap_panel, score_panel, screen_size
from ui.inspect.occlusion import covering_panel
from ui.inspect.shortcut import shortcut_panel
from ui.inspect.trust import evidence_so_far, trust_details, trust_panel
from ui.parts import choice
from ui.parts.components import lesion_name, need, page_title, show_errors, show_picture
from ui.parts.image_choice import Chosen, choose_image
from ui.services import services

page_title("Inspect an image", "What did the network look at, and what does it predict?")
name = need(choice.model(), "classifier")
data = services.dataset(chosen_data) if (chosen_data := choice.dataset()) else None


def facts(chosen: Chosen) -> None:
    """The dataset's entries for the image."""
    size = f"{chosen.image.shape[1]} × {chosen.image.shape[0]}"
    if chosen.data is None or chosen.image_id is None:
        st.caption(f"An upload of {size} pixels. Nothing else is known about it.")
        return
    row = chosen.data.row(chosen.image_id)
    shown = {k: v for k, v in row.items() if k not in ("file", "label") and not pd.isna(v)} | {"pixels": size}
    if "age" in shown:
        shown["age"] = f"{shown['age']:.0f} years"
    if "diagnosis" in shown:
        shown["diagnosis"] = lesion_name(shown["diagnosis"])
    markers = chosen.data.markers(chosen.image_id)
    if markers:
        shown["markers"] = ", ".join(f"{marker_name(m)} ({mask.mean():.1%} of the area)" for m, mask in markers.items())
    table = {"fact": [str(k).replace("_", " ") for k in shown], "value": [str(v) for v in shown.values()]}
    st.dataframe(table, hide_index=True, alt="The dataset's entries for this image")


def one_classifier(opened: services.OpenModel, chosen: Chosen, request: Request, view: View, mask: np.ndarray | None) -> Shown | None:
    """Original and heatmap side by side, scores below."""
    st.subheader(literal(opened.card.name), anchor=False)
    left, right = st.columns(2)
    with right:
        shown = attribution(opened, chosen, request)
        if shown is not None:
            heatmap_panel(opened, chosen, shown, view, mask)
            trust_panel(opened, chosen, shown)
    with left:
        original = screen_size(chosen.image)
        if view.outline and mask is not None:
            original = draw_contour(original, mask)
        show_picture(view.crop(original), f"Photograph {chosen.name}")
        st.caption(f"{literal(chosen.name)}, unchanged" + (", with the outline of the lesion" if view.outline and mask is not None else ""))
        probabilities = shown.found.probabilities if shown else services.predict(opened, chosen.picture).probabilities
        score_panel(opened, probabilities, shown.target if shown else int(probabilities.argmax()))
    if shown is not None:
        downloads(opened, chosen, shown, view, evidence_so_far(opened, chosen, shown) if shown.contrast is None else None)
        trust_details(opened, chosen, shown, data)
        grid_panel(opened, chosen, shown, view)
    return shown


chosen = choose_image(data)
if chosen is None:
    st.info("Choose an image above, or upload one.")
    st.stop()
others = [m for m in services.workspace().model_names() if m != name]
also = st.multiselect("Compare with", others, key="also", placeholder="other classifiers", bind="query-params")
mask = chosen.data.mask(chosen.image_id) if chosen.data and chosen.image_id else None
with show_errors():
    warn_if_unlike(services.model(name), chosen, choice.dataset())
request, view = controls(services.model(name), mask is not None)
drawn: list[tuple[services.OpenModel, Shown]] = []
for each in [name, *also]:
    with show_errors():
        opened = services.model(each)
        shown = one_classifier(opened, chosen, request, view, mask)
        if shown is not None:
            drawn.append((opened, shown))
if len(drawn) > 1:
    together_panel(drawn, chosen, view)
if len(drawn) == 2:
    difference_panel(*drawn[0], *drawn[1], chosen, view)
upload, title = chosen.data is None, "Is it like the images the classifier was trained on?"
with st.expander(title, key=f"fold-familiar {upload}", icon=":material/compare:", expanded=upload), show_errors():
    familiar_panel(services.model(name), chosen, choice.dataset())
with st.expander("Test a shortcut: take a marker away, or put one in", key="fold-shortcut", icon=":material/science:"), show_errors():
    shortcut_panel(services.model(name), chosen, mask)
with st.expander("Cover a part and see how the scores change", key="fold-cover", icon=":material/brush:"), show_errors():
    covering_panel(services.model(name), chosen)
st.subheader("The dataset's entries for this image", anchor=False)
facts(chosen)
