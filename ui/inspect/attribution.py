"""Which explanation is shown: class, method, layer, and how; and the maps, quick ones at once, slow ones with progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from explain.cam import WEIGHTS
from explain.methods import METHODS, NEEDS, unsupported_by
from models.layers import LayerInfo
from ui.parts import choice
from ui.parts.components import lesion_name
from ui.parts.image_choice import Chosen
from ui.parts.long_runs import computed
from ui.services import services
from ui.worker.jobs.explanations import Attribute, InspectPicture, MapGrid
from ui.worker.records import Inspection


@dataclass(frozen=True)
class View:
    """How everything on the page is shown: the same for the original and every heatmap."""

    opacity: float
    signed: bool
    outline: bool
    contour: float = 0.0  # share of the strongest value at which a line is drawn; 0: none
    zoom: float = 1.0
    x: float = 0.5
    y: float = 0.5

    def crop(self, image: np.ndarray) -> np.ndarray:
        """The part of a picture that is shown at this zoom."""
        if self.zoom <= 1:
            return image
        height, width = image.shape[:2]
        h, w = max(8, round(height / self.zoom)), max(8, round(width / self.zoom))
        top, left = round((height - h) * self.y), round((width - w) * self.x)
        return image[top : top + h, left : left + w]


@dataclass(frozen=True)
class Wish:
    """What is to be explained. target, contrast: class names; None: the decision, nothing; method, layer: None: default."""

    target: str | None
    contrast: str | None
    method: str | None
    layer: str | None


@dataclass(frozen=True)
class Shown:
    """One heatmap on screen. heatmap: float32 (h, w) signed; scale: the value that gets full colour; title: in words."""

    found: Inspection
    target: int
    contrast: int | None
    heatmap: np.ndarray
    scale: float
    title: str

    @property
    def signed_only(self) -> bool:
        """Whether showing the supporting side alone would hide half of what is asked for."""
        return self.contrast is not None


def controls(opened: services.OpenModel, masked: bool) -> tuple[Wish, View]:
    """Class, method and layer to explain with, and how to show it."""
    classes = opened.card.classes
    one, two = st.columns(2)
    with one:
        target = choice.target("Class to explain", classes)
    with two:
        contrast = choice.optional(
            "contrast",
            "… and not",
            [c for c in classes if c != target],
            "nothing: the class alone",
            lesion_name,
            help="Shows what speaks for the first class rather than this one: the difference of their maps.",
        )
    with one:
        default = METHODS[opened.description.default_method].name
        method = choice.optional(
            choice.METHOD,
            "Method",
            list(METHODS),
            f"{default} (default)",
            lambda m: _method_label(m, unsupported_by(opened.description.layers, m)),
            help=_method_help(opened),
        )
    with two:
        layer = _layer_choice(opened, method or opened.description.default_method)
    with st.expander("How it is shown", key="fold-view", icon=":material/tune:"):
        view = _view(masked)
    return Wish(target, contrast, method, layer), view


def attribution(opened: services.OpenModel, chosen: Chosen, wish: Wish) -> Shown | None:
    """The map that is wished for, None while it is computed (its progress is on screen) or where it is not possible."""
    method = wish.method or opened.description.default_method
    reason = unsupported_by(opened.description.layers, method)
    if reason:
        fallback = opened.description.default_method
        st.info(f"{METHODS[method].name} is not possible here: {reason} {METHODS[fallback].name} is shown.", icon=":material/block:")
        method = fallback
    layer = wish.layer if wish.layer in {x.path for x in opened.description.layers} and METHODS[method].needs == "layer" else None
    classes = opened.card.classes
    if method in WEIGHTS:
        found = services.ask(InspectPicture(opened.spec, chosen.picture, method, layer))
        target = classes.index(wish.target) if wish.target in classes else int(found.probabilities.argmax())
        other = classes.index(wish.contrast) if wish.contrast in classes and wish.contrast != classes[target] else None
        return _shown(opened, found, target, other)
    probabilities = services.predict(opened, chosen.picture).probabilities
    target = classes.index(wish.target) if wish.target in classes else int(probabilities.argmax())
    other = classes.index(wish.contrast) if wish.contrast in classes and wish.contrast != classes[target] else None
    parts = [_slow(opened, chosen, k, method, layer) for k in ([target] if other is None else [target, other])]
    known = [p for p in parts if p is not None]
    if len(known) < len(parts):
        return None
    merged = known[0] if other is None else _join(known[0], known[1])
    return _shown(opened, merged, target, other)


def method_table(opened: services.OpenModel) -> None:
    """All methods: what each needs and costs, who described it, and why this network does not support some."""
    channels = opened.description.default_layer.channels if opened.description.default_layer else 0
    rows = []
    for m in METHODS.values():
        reason = unsupported_by(opened.description.layers, m.key)
        rows.append(
            {
                "method": m.name,
                "here": f"not possible: {reason}" if reason else "yes",
                "needs": NEEDS[m.needs],
                "forward passes": f"{m.cost(channels):,}",
                "shows": ("evidence for and against" if m.opposing else "evidence for") if m.reads == "evidence" else "sensitivity",
                "source": m.paper,
            }
        )
    st.dataframe(rows, hide_index=True, height="content", alt="Methods of explanation, what they need and cost")
    st.caption(
        "A backward pass counts as two forward passes; Integrated Gradients take at least so many, more until they add up. "
        "Guided backpropagation is left out on purpose: its maps stay as they are when the network's weights are scrambled "
        "(Adebayo 2018)."
    )


def _method_label(key: str, reason: str) -> str:
    if reason:
        return f"{METHODS[key].name} · not possible here"
    passes = METHODS[key].passes
    slow = f" · {passes:,} passes" if passes > 3 else " · slow" if passes == 0 else ""
    return METHODS[key].name + slow


def _method_help(opened: services.OpenModel) -> str:
    missing = [f"{METHODS[m].name}: {r}" for m in METHODS if (r := unsupported_by(opened.description.layers, m))]
    told = f" Not possible here: {' '.join(missing)}" if missing else ""
    return f"{opened.description.method_reason} The Classifier page lists all methods with their cost.{told}"


def _layer_choice(opened: services.OpenModel, method: str) -> str | None:
    layers = {x.path: x for x in opened.description.layers if x.explainable}
    default = opened.description.default_layer
    if METHODS[method].needs != "layer" or default is None:
        st.selectbox("Layer", [], placeholder="works on the picture itself", disabled=True, key="no-layer")
        return None

    def say(path: str) -> str:
        x = layers[path]
        return f"{path.rsplit('/', maxsplit=1)[-1]} · {x.height} × {x.width}"

    return choice.optional(
        choice.LAYER,
        "Layer",
        list(layers),
        f"{say(default.path)} (default)",
        say,
        help="The default is the last layer of at least 5 × 5 cells that computes something. Early layers are finer and know less.",
    )


def _view(masked: bool) -> View:
    one, two, three = st.columns(3)
    opacity = one.slider("Opacity", 0, 100, 60, 5, format="%d %%", key="opacity")
    contour = two.slider(
        "Line around the strongest",
        0,
        95,
        0,
        5,
        format="%d %%",
        key="contour",
        help="A line where the map reaches this share of full colour; 0: no line.",
    )
    zoom = three.slider("Zoom", 1.0, 4.0, 1.0, 0.5, format="%.1f×", key="zoom")
    x = y = 0.5
    if zoom > 1:
        across, down = st.columns(2)
        x = across.slider("Left to right", 0, 100, 50, 5, format="%d %%", key="zoom-x") / 100
        y = down.slider("Top to bottom", 0, 100, 50, 5, format="%d %%", key="zoom-y") / 100
    flags = st.columns(2)
    signed = flags[0].toggle("Show evidence against the class, too", key="signed")
    outline = flags[1].toggle("Outline of the lesion", value=True, key="outline", disabled=not masked)
    return View(opacity / 100, signed, outline, contour / 100, zoom, x, y)


def _slow(opened: services.OpenModel, chosen: Chosen, target: int, method: str, layer: str | None) -> Inspection | None:
    """One class's map by a method that takes its time."""
    return computed(METHODS[method].name, Attribute(opened.spec, chosen.picture, target, method, layer))


def small_maps(opened: services.OpenModel, chosen: Chosen, target: int, cells: Sequence[tuple[str, str | None]]) -> list[np.ndarray] | None:
    """Maps of one class by (method, layer), for quick methods; each new one has to be compiled first."""
    return computed("Maps", MapGrid(opened.spec, chosen.picture, target, tuple(cells)))


def _join(one: Inspection, two: Inspection) -> Inspection:
    from dataclasses import replace

    return replace(one, maps=np.concatenate([one.maps, two.maps]), targets=(*one.targets, *two.targets))


def _shown(opened: services.OpenModel, found: Inspection, target: int, contrast: int | None) -> Shown:
    name = opened.card.classes[target]
    if contrast is None:
        entry = METHODS[found.method]
        scale = float(np.abs(found.maps).max(initial=0))
        if entry.reads == "evidence" and not st.session_state.get("signed"):
            scale = float(found.maps.max(initial=0))
        return Shown(found, target, None, found.of(target), max(scale, 0.0), f"for **{name}**")
    heatmap = found.of(target) - found.of(contrast)
    top = float(np.abs(heatmap).max(initial=0))
    return Shown(found, target, contrast, heatmap, top, f"for **{name}** and not **{opened.card.classes[contrast]}**")


def explainable_layers(opened: services.OpenModel, most: int = 9) -> list[LayerInfo]:
    """Layers spread over the depth of the network, the default among them, first to last."""
    layers = [x for x in opened.description.layers if x.explainable]
    if len(layers) <= most:
        return layers
    picked = {round(k) for k in np.linspace(0, len(layers) - 1, most)}
    default = opened.description.default_layer
    return [x for k, x in enumerate(layers) if k in picked or x == default]
