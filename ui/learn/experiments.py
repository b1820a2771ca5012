"""Three experiments of the Learn page: maps by depth, the scrambled network, and what a class looks like to it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explain.ideal import STEPS
from explain.methods import METHODS
from explain.similarity import spearman
from imaging.decode import encode_png
from ui.inspect.attribution import explainable_layers, small_maps
from ui.learn.cam_steps import over
from ui.parts.components import show_picture
from ui.parts.image_choice import Chosen
from ui.parts.long_runs import computed
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
        f"The same image, class and method ({METHODS[method].name} for {opened.card.classes[target]}) at {len(layers)} layers. Early "
        "layers see edges and colours in fine detail and know little of the class; late layers know the class and see it coarsely."
    )
    for start in range(0, len(layers), COLUMNS):
        for cell, k in zip(st.columns(COLUMNS), range(start, min(start + COLUMNS, len(layers))), strict=False):
            x, heatmap = layers[k], maps[k]
            with cell:
                empty = "" if (heatmap > 0).any() else ", empty"
                show_picture(over(opened, chosen, heatmap, float(heatmap.max(initial=0))), f"Map at {x.path}")
                st.caption(f"{k + 1} · {x.path.split('/')[-1]}, {x.height} × {x.width}{empty}")
    st.caption("Each map has its own scale.")


def scrambling(opened: services.OpenModel, chosen: Chosen, target: int, method: str) -> None:
    """A slider through the cascade of Adebayo 2018 on this image."""
    st.write(
        "What if the network had learned nothing? Here a copy of it is scrambled from the output down: the values of each layer's "
        "weights are put in random order. A map that explains the decision must fall apart; one that stays shows the picture instead."
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
            st.caption(f"{title}. Score of {opened.card.classes[target]}: {stage.probability:.1%}")
    alike = float(spearman(first.heatmap[None], now.heatmap[None])[0])
    told = "undefined: a map is constant" if np.isnan(alike) else f"{alike:.2f}"
    st.write(f"Spearman correlation of the two maps: **{told}** (1: the same order of places; 0: nothing left of it).")
    st.caption(
        "One image and one shuffle can mislead; Inspect runs the check over 100 images × 5 shuffles (cascading randomisation, "
        "Adebayo 2018). Each map has its own scale."
    )


def ideal(opened: services.OpenModel, target: int) -> None:
    """Activation maximisation."""
    name = opened.card.classes[target]
    st.write(
        f"What would a picture have to look like for this network to shout “{name}”? Starting from grey noise, the picture is changed "
        f"{STEPS} times in the direction in which the logit of {name} rises."
    )
    if not opened.description.layers:
        st.info("This network is a SavedModel and need not keep its gradients, so this is not possible here.")
        return
    job = DrawIdeal(opened.spec, target)
    if services.task(job) is None and not st.button("Draw it", icon=":material/brush:", key=f"draw {job.key}"):
        return
    found = computed("Drawing", job)
    if found is None:
        return
    left, right = st.columns([1, 2])
    left.image(encode_png(found.picture), width="stretch", alt=f"A picture that raises the logit of {name}")
    right.write(
        f"Logit of {name}: {found.start_logit:.2f} for the noise, **{found.logit:.2f}** for this picture (score {found.probability:.1%})."
    )
    right.write(
        "It shows what the network answers to, which need not be anything that occurs in skin. A network that is this sure of such a "
        "picture cannot tell when it should say nothing."
    )
    right.caption("Activation maximisation (Erhan 2009) with jitter, small rotations and a penalty on total variation.")
