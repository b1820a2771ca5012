"""Small heatmaps of one image side by side: by class, by method, by layer, and of several classifiers."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.diagnoses import full_name
from core.text import literal
from explain.cam import WEIGHTS
from explain.methods import METHODS, unsupported_by
from explain.views import mean_of_maps
from imaging.overlay import overlay
from imaging.resize import thumbnail
from reports.charts import probability_bars
from ui.inspect.attribution import Shown, View, explainable_layers, small_maps
from ui.parts.components import MEANING, NO_LAYER, cells, lesion_name, show_picture
from ui.parts.image_choice import Chosen
from ui.services import services

SIDE, COLUMNS = 320, 4
QUICK = (*WEIGHTS, "gradient")


def grid_panel(opened: services.OpenModel, chosen: Chosen, shown: Shown, view: View) -> None:
    """The grid that is chosen: all classes, methods or layers."""
    options = ["classes", "methods", "layers"] if shown.found.method in WEIGHTS else ["methods", "layers"]
    kind = st.segmented_control("Compare maps of this image", options, key=f"grid-{opened.name}", default=None)
    if kind is not None:
        {"classes": _classes, "methods": _methods, "layers": _layers}[kind](opened, chosen, shown, view)


def difference_panel(one: services.OpenModel, a: Shown, two: services.OpenModel, b: Shown, chosen: Chosen, view: View) -> None:
    """Where two classifiers differ for the same class: the first map minus the second, each relative to its own scale."""
    name, other = full_name(one.card.codes[a.target]), full_name(two.card.codes[b.target])
    st.subheader(f"{literal(one.card.name)} minus {literal(two.card.name)}", anchor=False)
    if name != other:
        st.info(
            f"The maps are for different classes, {literal(name)} and {literal(other)}. Choose a class above that both classifiers have."
        )
        return
    image = thumbnail(chosen.image, 640)
    first, second = (o.enlarged(s.heatmap / (s.scale or 1), image.shape[:2]) for o, s in ((one, a), (two, b)))
    left, _ = st.columns(2)
    with left:
        show_picture(overlay(image, first - second, 1.0, view.opacity, signed=True), f"Difference of two heatmaps for {name}")
    st.caption(
        f"Orange: {literal(one.card.name)} sees more evidence for {literal(name)} here; blue: {literal(two.card.name)} "
        "does. Each map is relative to its own strongest value, because the units of two networks cannot be compared."
    )


def together_panel(drawn: Sequence[tuple[services.OpenModel, Shown]], chosen: Chosen, view: View) -> None:
    """Several classifiers with the same classes as one: the mean of their scores, and of their maps for one class."""
    codes = drawn[0][0].card.codes
    if any(set(o.card.codes) != set(codes) or len(set(o.card.codes)) < len(o.card.codes) for o, _ in drawn):
        return
    st.subheader(f"The {len(drawn)} together", anchor=False)
    scores = np.mean([s.found.probabilities[[o.card.codes.index(c) for c in codes]] for o, s in drawn], axis=0)
    decided = int(scores.argmax())
    targets = sorted({o.card.codes[s.target] for o, s in drawn})
    left, right = st.columns(2)
    with left:
        st.markdown(f"Mean of the scores. Decision: **{literal(lesion_name(codes[decided]))}**, score {scores[decided]:.1%}")
        values = ", ".join(f"{c} {p:.1%}" for c, p in zip(codes, scores, strict=True))
        explained = codes.index(targets[0]) if len(targets) == 1 else decided
        st.altair_chart(probability_bars(codes, scores, decided, explained), width="stretch", alt=f"Mean scores: {values}")
        st.caption(MEANING)
    with right:
        if len(targets) > 1:
            st.info(
                f"The maps are for different classes: {', '.join(literal(full_name(t)) for t in targets)}. "
                "Choose a class above to see their mean."
            )
            return
        image, name = thumbnail(chosen.image, 640), full_name(targets[0])
        mean = mean_of_maps([o.enlarged(s.heatmap, image.shape[:2]) for o, s in drawn])
        top = _top(np.nan_to_num(mean), view.signed)
        show_picture(overlay(image, mean, top, view.opacity, view.signed), f"Mean heatmap for {name}")
        st.caption(f"Mean of the maps for {literal(name)}, each relative to its own strongest value.")


def _classes(opened: services.OpenModel, chosen: Chosen, shown: Shown, view: View) -> None:
    found = shown.found
    captions = [f"{lesion_name(opened.card.classes[t])}: {found.probabilities[t]:.1%}" for t in found.targets]
    _draw(opened, chosen, list(found.maps), captions, view, _top(found.maps, view.signed))
    st.caption("One scale for all classes: a pale map holds little evidence for its class, whatever the score.")


def _methods(opened: services.OpenModel, chosen: Chosen, shown: Shown, view: View) -> None:
    methods = [m for m in QUICK if not unsupported_by(opened.description.layers, m)]
    layer = shown.found.layer.path if shown.found.layer else None
    maps = small_maps(opened, chosen, shown.target, [(m, layer) for m in methods])
    if maps is None:
        return
    values = [METHODS[m].evidence(x) if METHODS[m].reads == "sensitivity" else x for m, x in zip(methods, maps, strict=True)]
    _draw(opened, chosen, values, [METHODS[m].name for m in methods], view)
    st.caption(
        f"For {literal(full_name(opened.card.classes[shown.target]))}. Each map has its own scale: methods measure in different units. "
        "Slower methods are in the list above. The Classifier page measures which method suits this classifier best."
    )


def _layers(opened: services.OpenModel, chosen: Chosen, shown: Shown, view: View) -> None:
    layers = explainable_layers(opened)
    if not layers:
        st.info(NO_LAYER)
        return
    method = shown.found.method if shown.found.method in WEIGHTS else "hirescam"
    maps = small_maps(opened, chosen, shown.target, [(method, x.path) for x in layers])
    if maps is None:
        return
    captions = [f"{x.path.split('/')[-1]}, {x.height} × {x.width}" for x in layers]
    _draw(opened, chosen, maps, captions, view)
    name = full_name(opened.card.classes[shown.target])
    st.caption(f"{METHODS[method].name} for {literal(name)}, from the first layers to the last. Each map has its own scale.")


def _draw(
    opened: services.OpenModel, chosen: Chosen, maps: Sequence[np.ndarray], captions: Sequence[str], view: View, scale: float | None = None
) -> None:
    """scale: the value of full colour in all maps; None: each has its own."""
    image = thumbnail(chosen.image, SIDE)
    for cell, heatmap, caption in zip(cells(len(maps), COLUMNS), maps, captions, strict=True):
        top = _top(heatmap, view.signed) if scale is None else scale
        with cell:
            large = opened.enlarged(heatmap, image.shape[:2])
            show_picture(overlay(image, large, top, view.opacity, view.signed), f"Heatmap, {caption}")
            st.caption(literal(caption) + ("" if (heatmap > 0).any() else " (empty)"))


def _top(heatmap: np.ndarray, signed: bool) -> float:
    return float((np.abs(heatmap) if signed else heatmap).max(initial=0))
