"""Inspect: one image, one or several classifiers, what they looked at and what they say."""

import numpy as np
import pandas as pd
import streamlit as st

from imaging.overlay import draw_contour
from ui import choice, services
from ui.components import need, page_title, show_errors, show_picture
from ui.image_choice import Chosen, choose_image
from ui.inspection import View, downloads, heatmap_panel, score_panel, screen_size

page_title("Inspect an image", "What did the network look at, and what does it say?")
name = need(choice.model(), "classifier")
data = services.dataset(choice.dataset()) if choice.dataset() else None


def controls(opened: services.OpenModel, masked: bool) -> tuple[str | None, View]:
    """Class to explain and how to show it. None: each classifier's own decision."""
    first, second, third = st.columns([2, 1.4, 1.6])
    with first:
        target = choice.target("Class to explain", opened.card.classes)
    opacity = second.slider("Opacity", 0, 100, 60, 5, format="%d %%", key="opacity")
    zoom = third.slider("Zoom", 1.0, 4.0, 1.0, 0.5, format="%.1f×", key="zoom")
    x = y = 0.5
    if zoom > 1:
        across, down = st.columns(2)
        x = across.slider("Left to right", 0, 100, 50, 5, format="%d %%", key="zoom-x") / 100
        y = down.slider("Top to bottom", 0, 100, 50, 5, format="%d %%", key="zoom-y") / 100
    flags = st.columns(2)
    signed = flags[0].toggle("Show evidence against the class, too", key="signed")
    outline = flags[1].toggle("Outline of the lesion", value=True, key="outline", disabled=not masked)
    return target, View(opacity / 100, signed, outline, zoom, x, y)


def facts(chosen: Chosen) -> None:
    """What the dataset knows of the image."""
    if chosen.data is None or chosen.image_id is None:
        st.caption(f"An upload of {chosen.image.shape[1]} × {chosen.image.shape[0]} pixels. Nothing else is known of it.")
        return
    row = chosen.data.row(chosen.image_id)
    shown = {k: v for k, v in row.items() if k not in ("file", "label") and not pd.isna(v)}
    shown["pixels"] = f"{chosen.image.shape[1]} × {chosen.image.shape[0]}"
    if shown.get("age") is not None:
        shown["age"] = f"{shown['age']:.0f} years"
    markers = chosen.data.markers(chosen.image_id)
    if markers:
        shown["markers"] = ", ".join(f"{m.replace('_', ' ')} ({mask.mean():.1%} of the area)" for m, mask in markers.items())
    st.dataframe(
        {"fact": [str(k).replace("_", " ") for k in shown], "value": [str(v) for v in shown.values()]},
        hide_index=True, alt="Facts of the dataset on this image",
    )  # fmt: skip


def one_classifier(opened: services.OpenModel, chosen: Chosen, target: str | None, view: View, mask: np.ndarray | None) -> None:
    """Original and heatmap side by side, scores below."""
    found = services.inspect(opened, chosen.image)
    known = target if target in opened.card.classes else None
    index = opened.card.classes.index(known) if known else int(found.probabilities.argmax())
    st.subheader(opened.card.name, anchor=False)
    left, right = st.columns(2)
    with left:
        original = screen_size(chosen.image)
        if view.outline and mask is not None:
            original = draw_contour(original, mask)
        show_picture(view.crop(original), f"Photograph {chosen.name}")
        st.caption(f"{chosen.name}, as it is" + (", with the outline of the lesion" if view.outline and mask is not None else ""))
        score_panel(opened, found, index)
    with right:
        heatmap_panel(opened, chosen, found, index, view, mask)
        st.caption(f"Why this method: {opened.description.method_reason}")
        downloads(opened, chosen, found, index, view)


chosen = choose_image(data)
if chosen is None:
    st.info("Choose an image above, or upload one.")
    st.stop()
also = st.multiselect(
    "Compare with",
    [m for m in services.workspace().model_names() if m != name],
    key="also",
    placeholder="other classifiers",
    bind="query-params",
)
mask = chosen.data.mask(chosen.image_id) if chosen.data and chosen.image_id else None
opened = services.model(name)
target, view = controls(opened, mask is not None)
for each in [name, *also]:
    with show_errors():
        one_classifier(services.model(each), chosen, target, view, mask)
st.subheader("What the dataset knows of this image", anchor=False)
facts(chosen)
