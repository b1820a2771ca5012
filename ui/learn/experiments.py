"""Three experiments on the Learn page: maps by depth, a scrambled network, and activation maximisation."""

import numpy as np
import streamlit as st

from core.diagnoses import full_name
from core.text import literal
from explain.ideal import STEPS
from explain.methods import METHODS
from explain.similarity import spearman
from imaging.decode import encode_png
from ui.inspect.attribution import explainable_layers, small_maps
from ui.learn.cam_steps import over
from ui.parts.components import cells, show_picture
from ui.parts.image_choice import Chosen
from ui.parts.long_runs import computed, start_button
from ui.services import services
from ui.worker.jobs.explanations import DrawIdeal, Scramble

COLUMNS = 4


def by_depth(opened: services.OpenModel, chosen: Chosen, target: int, method: str) -> None:
    """One method at layers from the first to the last."""
    layers = explainable_layers(opened, 12)
    maps = small_maps(opened, chosen, target, [(method, x.path) for x in layers])
    if maps is None:
        return
    st.write(
        f"The same image, class and method ({METHODS[method].name} for {literal(full_name(opened.card.classes[target]))}) at "
        f"{len(layers)} layers. Early layers respond to edges and colours in fine detail, with little regard to the class; late "
        "layers are specific to the class but coarse."
    )
    for k, (cell, x, heatmap) in enumerate(zip(cells(len(layers), COLUMNS), layers, maps, strict=True), 1):
        with cell:
            empty = "" if (heatmap > 0).any() else ", empty"
            show_picture(over(opened, chosen, heatmap, float(heatmap.max(initial=0))), f"Map at {x.path}")
            st.caption(f"{k:d} · {literal(x.path.split('/')[-1])}, {x.height:d} × {x.width:d}{empty}")
    st.caption("Each map has its own scale.")


def scrambling(opened: services.OpenModel, chosen: Chosen, target: int, method: str) -> None:
    """A slider through the cascading randomisation of Adebayo 2018 on this image."""
    st.write(
        "What if the network had learned nothing? Here a copy of it is scrambled from the output down: the weights of each layer are put "
        "in random order. A map that explains the decision must fall apart; one that does not change shows the image instead."
    )
    stages = computed("Scrambling", Scramble(opened.spec, chosen.picture, target, method))
    if stages is None:
        return
    names = ["nothing", *(f"{k + 1} · {s.stage.split('/')[-1]}" for k, s in enumerate(stages[1:]))]
    at = st.select_slider("Scrambled from the output down to", names, key="scrambled-to")
    now, first = stages[names.index(at)], stages[0]
    left, right = st.columns(2)
    for place, stage, title in ((left, first, "As trained"), (right, now, f"Scrambled: {at}")):
        with place:
            show_picture(over(opened, chosen, stage.heatmap, float(stage.heatmap.max(initial=0))), f"{title}: heatmap")
            st.caption(f"{literal(title)}. Score of {literal(full_name(opened.card.classes[target]))}: {stage.probability:.1%}")
    alike = float(spearman(first.heatmap[None], now.heatmap[None])[0])
    value = "undefined: a map is constant" if np.isnan(alike) else f"{alike:.2f}"
    st.write(f"Spearman correlation of the two maps: **{value}** (1: the same order of cells; 0: no relation).")
    st.caption(
        "A single image and shuffle can mislead; Inspect runs the check over 100 images × 5 shuffles (cascading randomisation, "
        "Adebayo 2018). Each map has its own scale."
    )


def ideal(opened: services.OpenModel, target: int) -> None:
    """Activation maximisation."""
    name = full_name(opened.card.classes[target])
    st.write(
        f"Which image gives this network the highest score for {literal(name)}? Starting from grey noise, the image is changed "
        f"{STEPS} times in the direction in which the logit of {literal(name)} rises."
    )
    if not opened.description.layers:
        st.info("This network is a SavedModel, which may not provide gradients, so this is not possible here.")
        return
    job = DrawIdeal(opened.spec, target)
    if services.task(job) is None:
        start_button(job, "Draw it", "brush")
        return
    found = computed("Drawing", job)
    if found is None:
        return
    left, right = st.columns([1, 2])
    left.image(encode_png(found.picture), width="stretch", alt=f"An image that raises the logit of {name}")
    right.write(
        f"Logit of {literal(name)}: {found.start_logit:.2f} for the noise, **{found.logit:.2f}** for this image "
        f"(score {found.probability:.1%})."
    )
    right.write(
        "It shows what the network responds to, which need not occur in skin. A network that is this confident about such an image "
        "cannot recognise when it should not decide at all."
    )
    right.caption("Activation maximisation (Erhan 2009) with jitter, small rotations and a penalty on total variation.")
