"""The six steps of Grad-CAM as pictures, formulas and numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from imaging.decode import encode_png
from imaging.overlay import colour_picture, overlay
from imaging.resize import enlarge, fit_image, scale_image, seen_box
from ui import services
from ui.components import show_picture
from ui.image_choice import Chosen
from ui.worker.jobs import Inspection

MAPS = 6
SIDE = 180


def grad_cam_steps(opened: services.OpenModel, chosen: Chosen, found: Inspection, target: int) -> None:
    """Feature maps, gradients, weights, weighted sum, ReLU, enlarging."""
    steps = services.steps(opened, chosen.image, target)
    card, layer = opened.card, found.layer
    assert layer is not None
    h, w, k = steps.maps.shape
    name = card.classes[target]
    strongest = np.argsort(-np.abs(steps.weights * steps.maps.mean((0, 1))))[:MAPS]

    if opened.description.flattens:
        st.warning(f"A caution for this network: {opened.description.method_reason}", icon=":material/help:")
    st.subheader("0 · What goes in", anchor=False)
    left, right = st.columns([1, 2])
    with left:
        fitted = fit_image(chosen.image, card.size, card.resize.geometry, card.resize.interpolation)
        show_picture(fitted, "The photograph at the network's input size", lossless=True)
    right.write(
        f"The photograph is brought to {card.height} × {card.width} pixels ({card.resize.geometry}) and its colours to {card.scaling}. "
        f"The network answers with a logit for {name}: **{steps.logit:.3f}** (score {found.probabilities[target]:.1%}). "
        "The logit is explained, not the score: a score near 0 or 100 % hardly moves any more."
    )
    st.subheader("1 · Feature maps", anchor=False)
    st.latex(r"A^k_{ij}")
    st.write(
        f"The layer `{layer.path}` keeps {k} pictures of {h} × {w} cells. Each lights up where it finds its own pattern. "
        f"The {MAPS} that matter most here:"
    )
    top = float(np.abs(steps.maps[..., strongest]).max())
    _row(
        [colour_picture(steps.maps[..., c], top, signed=bool(steps.maps.min() < 0)) for c in strongest],
        [f"map {c}: mean {steps.maps[..., c].mean():.3f}" for c in strongest],
    )
    st.subheader("2 · Gradients", anchor=False)
    st.latex(r"G^k_{ij} = \frac{\partial z_c}{\partial A^k_{ij}}")
    st.write(
        f"How much would the logit of {name} rise if a cell were a little brighter? Orange: it would rise; blue: it would fall."
    )
    top = float(np.abs(steps.gradients[..., strongest]).max())
    _row(
        [colour_picture(steps.gradients[..., c], top) for c in strongest],
        [f"map {c}: mean {steps.gradients[..., c].mean():+.2e}" for c in strongest],
    )
    st.subheader("3 · One weight a map", anchor=False)
    st.latex(r"\alpha_k = \frac{1}{h\,w} \sum_{ij} G^k_{ij}")
    st.write(f"Grad-CAM takes the mean of each gradient picture as the weight of its map: one number instead of {h * w}.")
    st.dataframe(
        {"map": [int(c) for c in strongest], "weight α": [f"{steps.weights[c]:+.3e}" for c in strongest],
         "mean of the map": [f"{steps.maps[..., c].mean():.3f}" for c in strongest],
         "weight × mean": [f"{steps.weights[c] * steps.maps[..., c].mean():+.3e}" for c in strongest]},
        hide_index=True, alt="Weights of the maps shown",
    )  # fmt: skip
    st.caption(f"{int((steps.weights > 0).sum())} of {k} weights are positive.")
    st.subheader("4 · Weighted sum", anchor=False)
    st.latex(r"L_{ij} = \sum_k \alpha_k A^k_{ij}")
    top = float(np.abs(steps.heatmap).max())
    y, x = np.unravel_index(int(steps.heatmap.argmax()), steps.heatmap.shape)
    left, right = st.columns([1, 2])
    with left:
        _pixels(colour_picture(steps.heatmap, top), f"Weighted sum, from {steps.heatmap.min():.2e} to {steps.heatmap.max():.2e}")
    right.write(
        f"All {k} maps, each times its weight, added up. The sum is signed: it runs from "
        f"{steps.heatmap.min():+.3e} to {steps.heatmap.max():+.3e}; "
        f"highest in row {y + 1}, column {x + 1}. Blue cells speak against {name}."
    )
    st.subheader("5 · ReLU", anchor=False)
    st.latex(r"\max(0, L_{ij})")
    left, right = st.columns([1, 2])
    positive = np.clip(steps.heatmap, 0, None)
    with left:
        _pixels(colour_picture(positive, top, signed=False), "Only positive evidence")
    right.write(f"Only what speaks for {name} is kept: {int((steps.heatmap > 0).sum())} of {h * w} cells.")
    if not (steps.heatmap > 0).any():
        right.warning("Nothing is left: an empty map. That is a result.")
    st.subheader("6 · Enlarged over the photograph", anchor=False)
    left, right = st.columns([1, 2])
    size = chosen.image.shape[:2]
    large = enlarge(steps.heatmap, size, seen_box(size, card.size, card.resize.geometry))
    with left:
        show_picture(overlay(chosen.image, large, top), f"Heatmap for {name} over the photograph")
    right.write(
        f"{h} × {w} cells become {size[0]} × {size[1]} pixels by linear interpolation. The picture looks sharper than what is known: "
        f"one cell covers {size[0] / h:.0f} × {size[1] / w:.0f} pixels of the photograph."
    )
    right.write("What it does not say: that this place *causes* the decision. A heatmap is a hint to be tested.")


def _row(pictures: Sequence[np.ndarray], captions: Sequence[str]) -> None:
    for place, picture, caption in zip(st.columns(len(pictures)), pictures, captions, strict=True):
        with place:
            _pixels(picture, caption)
            st.caption(caption)


def _pixels(picture: np.ndarray, alt: str) -> None:
    """Every cell as a square: here nothing is smoothed."""
    height, width = picture.shape[:2]
    side = max(1, SIDE // max(height, width))
    large = scale_image(picture, (height * side, width * side), "nearest")
    st.image(encode_png(large), width="stretch", alt=alt)
