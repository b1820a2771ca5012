"""Many small heatmaps of one image: by class, by method, by layer, and between two classifiers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from explain.cam import WEIGHTS
from explain.methods import METHODS, unsupported_by
from explain.views import mean_of_maps
from imaging.overlay import overlay
from imaging.resize import enlarge, seen_box, thumbnail
from reports.charts import probability_bars
from ui.inspect.attribution import Shown, View, explainable_layers, small_maps
from ui.parts.components import MEANING, show_picture
from ui.parts.image_choice import Chosen
from ui.services import services

SIDE, COLUMNS = 320, 4
QUICK = (*WEIGHTS, "gradient")


def grid_panel(opened: services.OpenModel, chosen: Chosen, shown: Shown, view: View) -> None:
    """A grid the user asks for."""
    options = ["classes", "methods", "layers"] if shown.found.method in WEIGHTS else ["methods", "layers"]
    kind = st.segmented_control("Compare maps of this image", options, key=f"grid-{opened.name}", default=None)
    if kind == "classes":
        _classes(opened, chosen, shown, view)
    elif kind == "methods":
        _methods(opened, chosen, shown, view)
    elif kind == "layers":
        _layers(opened, chosen, shown, view)


def difference_panel(one: services.OpenModel, a: Shown, two: services.OpenModel, b: Shown, chosen: Chosen, view: View) -> None:
    """Where two classifiers differ for the class of the same name: each map by its own scale, the second taken off the first."""
    names = one.card.codes[a.target], two.card.codes[b.target]
    st.subheader(f"{one.card.name} minus {two.card.name}", anchor=False)
    if names[0] != names[1]:
        st.info(f"The maps are of different classes ({names[0]}, {names[1]}). Choose a class above that both know.")
        return
    image = thumbnail(chosen.image, 640)
    large = [_over(o, image, s.heatmap / s.scale if s.scale > 0 else s.heatmap) for o, s in ((one, a), (two, b))]
    left, _ = st.columns(2)
    with left:
        difference = large[0] - large[1]
        show_picture(overlay(image, difference, 1.0, view.opacity, signed=True), f"Difference of two heatmaps for {names[0]}")
    st.caption(
        f"Orange: {one.card.name} finds more for {names[0]} here; blue: {two.card.name} does. Each map counts relative to its own "
        "strongest value, because the units of two networks cannot be compared."
    )


def together_panel(drawn: Sequence[tuple[services.OpenModel, Shown]], chosen: Chosen, view: View) -> None:
    """Several classifiers of the same classes as one: the mean of their scores, and of their maps of one class."""
    codes = drawn[0][0].card.codes
    if any(set(o.card.codes) != set(codes) or len(set(o.card.codes)) < len(o.card.codes) for o, _ in drawn):
        return
    st.subheader(f"The {len(drawn)} together", anchor=False)
    scores = np.mean([s.found.probabilities[[o.card.codes.index(c) for c in codes]] for o, s in drawn], axis=0)
    decided = int(scores.argmax())
    named = {o.card.codes[s.target] for o, s in drawn}
    left, right = st.columns(2)
    with left:
        st.markdown(f"Mean of the scores. Decision: **{codes[decided]}**, score {scores[decided]:.1%}")
        told = ", ".join(f"{c} {p:.1%}" for c, p in zip(codes, scores, strict=True))
        explained = codes.index(next(iter(named))) if len(named) == 1 else decided
        st.altair_chart(probability_bars(codes, scores, decided, explained), width="stretch", alt=f"Mean scores: {told}")
        st.caption(MEANING)
    with right:
        if len(named) > 1:
            st.info(f"The maps are of different classes ({', '.join(sorted(named))}). Choose a class above to see their mean.")
            return
        image = thumbnail(chosen.image, 640)
        mean = mean_of_maps([_over(o, image, s.heatmap) for o, s in drawn])
        show_picture(
            overlay(image, mean, _top(np.nan_to_num(mean), view.signed), view.opacity, view.signed), f"Mean heatmap for {next(iter(named))}"
        )
        st.caption(f"Mean of the maps for {next(iter(named))}, each relative to its own strongest value.")


def _classes(opened: services.OpenModel, chosen: Chosen, shown: Shown, view: View) -> None:
    found = shown.found
    top = float((np.abs(found.maps) if view.signed else found.maps).max(initial=0))
    names = opened.card.classes
    captions = [f"{names[t]}: {found.probabilities[t]:.1%}" for t in found.targets]
    _draw(opened, chosen, list(found.maps), [top] * len(found.targets), captions, view.signed, view)
    st.caption("One scale for all classes: a pale map has little to say for its class, whatever the score.")


def _methods(opened: services.OpenModel, chosen: Chosen, shown: Shown, view: View) -> None:
    methods = [m for m in QUICK if not unsupported_by(opened.description.layers, m)]
    layer = shown.found.layer.path if shown.found.layer else None
    maps = small_maps(opened, chosen, shown.target, [(m, layer) for m in methods])
    if maps is None:
        return
    values = [METHODS[m].evidence(x) if METHODS[m].reads == "sensitivity" else x for m, x in zip(methods, maps, strict=True)]
    _draw(opened, chosen, values, [_top(v, view.signed) for v in values], [METHODS[m].name for m in methods], view.signed, view)
    st.caption(
        f"For {opened.card.classes[shown.target]}. Each map has its own scale: methods measure in different units. "
        "Slower methods are in the list above. Which suits this classifier best is measured on the Classifier page."
    )


def _layers(opened: services.OpenModel, chosen: Chosen, shown: Shown, view: View) -> None:
    layers = explainable_layers(opened)
    if not layers:
        st.info("This network shows no layers that keep a picture.")
        return
    method = shown.found.method if shown.found.method in WEIGHTS else "hirescam"
    maps = small_maps(opened, chosen, shown.target, [(method, x.path) for x in layers])
    if maps is None:
        return
    captions = [f"{x.path.split('/')[-1]}, {x.height} × {x.width}" for x in layers]
    _draw(opened, chosen, maps, [_top(m, view.signed) for m in maps], captions, view.signed, view)
    st.caption(
        f"{METHODS[method].name} for {opened.card.classes[shown.target]}, from the first layers to the last. Each map has its own scale."
    )


def _draw(
    opened: services.OpenModel,
    chosen: Chosen,
    maps: Sequence[np.ndarray],
    tops: Sequence[float],
    captions: Sequence[str],
    signed: bool,
    view: View,
) -> None:
    image = thumbnail(chosen.image, SIDE)
    for start in range(0, len(maps), COLUMNS):
        for cell, k in zip(st.columns(COLUMNS), range(start, min(start + COLUMNS, len(maps))), strict=False):
            with cell:
                empty = " (empty)" if tops[k] <= 0 or not (maps[k] > 0).any() else ""
                show_picture(overlay(image, _over(opened, image, maps[k]), tops[k], view.opacity, signed), f"Heatmap, {captions[k]}")
                st.caption(captions[k] + empty)


def _over(opened: services.OpenModel, image: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    size, card = image.shape[:2], opened.card
    return enlarge(heatmap, size, seen_box(size, card.size, card.resize.geometry))


def _top(heatmap: np.ndarray, signed: bool) -> float:
    return float((np.abs(heatmap) if signed else heatmap).max(initial=0))
