"""Which explanation is shown, and how: class, method, layer; quick maps at once, slow ones with progress."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from core.diagnoses import full_name
from core.text import literal
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
    """How pictures are shown, the same for the photograph and every heatmap."""

    opacity: float
    signed: bool
    outline: bool
    contour: float = 0.0  # share of the strongest value at which a contour is drawn; 0: none
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
class Request:
    """What is to be explained. target: None for the decision; contrast: another class or None; method, layer: None for the default."""

    target: str | None
    contrast: str | None
    method: str | None
    layer: str | None


@dataclass(frozen=True)
class Shown:
    """One heatmap on screen. heatmap: float32 (h, w), signed; scale: the value of full colour; title: what it is for, in words."""

    found: Inspection
    target: int
    contrast: int | None
    heatmap: np.ndarray
    scale: float
    title: str

    @property
    def signed_only(self) -> bool:
        """Whether its negative side must be shown: it is the difference of two classes."""
        return self.contrast is not None


def controls(opened: services.OpenModel, masked: bool) -> tuple[Request, View]:
    """Class, method and layer to explain with, and how to show it."""
    classes = opened.card.classes
    one, two = st.columns(2)
    with one:
        target = choice.target("Class to explain", classes)
    with two:
        note = "Shows the evidence for the first class rather than this one: the difference of their maps."
        others = [c for c in classes if c != target]
        contrast = choice.optional("contrast", "… and not", others, "nothing: the class alone", lesion_name, note)
    with one:
        usual, missing = METHODS[opened.description.default_method].name, _unsupported(opened)
        note = f"{literal(opened.description.method_reason)} The Classifier page lists all methods with their cost."
        if missing:
            note += f" Not for this network: {' '.join(f'{METHODS[m].name}: {literal(reason)}' for m, reason in missing.items())}"
        say = partial(_method_label, missing=missing)
        method = choice.optional(choice.METHOD, "Method", list(METHODS), f"{usual} (default)", say, note)
    with two:
        layer = _layer_choice(opened, method or opened.description.default_method)
    with st.expander("How it is shown", key="fold-view", icon=":material/tune:"):
        view = _view(masked)
    return Request(target, contrast, method, layer), view


def attribution(opened: services.OpenModel, chosen: Chosen, request: Request) -> Shown | None:
    """The map asked for; None while it is computed, with its progress on screen."""
    method = request.method or opened.description.default_method
    reason = unsupported_by(opened.description.layers, method)
    if reason:
        fallback = opened.description.default_method
        st.info(
            f"{METHODS[method].name} cannot be used here: {literal(reason)} {METHODS[fallback].name} is shown.", icon=":material/block:"
        )
        method = fallback
    layer = request.layer if request.layer in {x.path for x in opened.description.layers} and METHODS[method].needs == "layer" else None
    classes = opened.card.classes
    found = services.ask(InspectPicture(opened.spec, chosen.picture, method, layer)) if method in WEIGHTS else None
    probabilities = (found or services.predict(opened, chosen.picture)).probabilities
    target = classes.index(request.target) if request.target in classes else int(probabilities.argmax())
    other = classes.index(request.contrast) if request.contrast in classes and request.contrast != classes[target] else None
    if found is None:
        found = computed(METHODS[method].name, Attribute(opened.spec, chosen.picture, target, method, layer))
    if found is not None and other is not None and other not in found.targets:
        second = computed(METHODS[method].name, Attribute(opened.spec, chosen.picture, other, method, layer))
        found = second and replace(found, maps=np.concatenate([found.maps, second.maps]), targets=(target, other))
    return None if found is None else _shown(opened, found, target, other)


def method_table(opened: services.OpenModel) -> None:
    """All methods: what each needs and costs, its source, and why some cannot be used with this network."""
    channels = opened.description.default_layer.channels if opened.description.default_layer else 0
    rows = []
    for m in METHODS.values():
        reason = unsupported_by(opened.description.layers, m.key)
        rows.append(
            {
                "method": m.name,
                "here": f"no: {reason}" if reason else "yes",
                "needs": NEEDS[m.needs],
                "forward passes": f"{m.cost(channels):,}",
                "shows": ("evidence for and against" if m.opposing else "evidence for") if m.reads == "evidence" else "sensitivity",
                "source": m.paper,
            }
        )
    st.dataframe(rows, hide_index=True, height="content", alt="Methods of explanation, what they need and cost")
    st.caption(
        "A backward pass counts as two forward passes. For Integrated Gradients this is the minimum; it takes more until the map adds up. "
        "Guided backpropagation is left out on purpose: its maps do not change when the network's weights are scrambled (Adebayo 2018)."
    )


def _unsupported(opened: services.OpenModel) -> dict[str, str]:
    """Method → why it cannot be used with this network."""
    return {m: reason for m in METHODS if (reason := unsupported_by(opened.description.layers, m))}


def _method_label(key: str, missing: Collection[str]) -> str:
    if key in missing:
        return f"{METHODS[key].name} · not for this network"
    passes = METHODS[key].passes
    return METHODS[key].name + (f" · {passes:,} passes" if passes > 3 else " · slow" if passes == 0 else "")


def _layer_choice(opened: services.OpenModel, method: str) -> str | None:
    layers = {x.path: x for x in opened.description.layers if x.explainable}
    default = opened.description.default_layer
    if METHODS[method].needs != "layer" or default is None:
        st.selectbox("Layer", [], placeholder="not needed: works on the image itself", disabled=True, key="no-layer")
        return None

    def say(path: str) -> str:
        return f"{path.rsplit('/', maxsplit=1)[-1]} · {layers[path].height} × {layers[path].width}"

    note = "The default is the last layer of at least 5 × 5 cells that computes something. Early layers are finer but less specific."
    return choice.optional(choice.LAYER, "Layer", list(layers), f"{say(default.path)} (default)", say, note)


def _view(masked: bool) -> View:
    one, two, three = st.columns(3)
    opacity = one.slider("Opacity", 0, 100, 60, 5, format="%d %%", key="opacity")
    note = "A line where the map reaches this share of full colour; 0 % for no line."
    contour = two.slider("Contour", 0, 95, 0, 5, format="%d %%", key="contour", help=note)
    zoom = three.slider("Zoom", 1.0, 4.0, 1.0, 0.5, format="%.1f×", key="zoom")
    x = y = 0.5
    if zoom > 1:
        across, down = st.columns(2)
        x = across.slider("Left to right", 0, 100, 50, 5, format="%d %%", key="zoom-x") / 100
        y = down.slider("Top to bottom", 0, 100, 50, 5, format="%d %%", key="zoom-y") / 100
    flags = st.columns(2)
    signed = flags[0].toggle("Show evidence against the class as well", key="signed")
    outline = flags[1].toggle("Outline of the lesion", value=True, key="outline", disabled=not masked)
    return View(opacity / 100, signed, outline, contour / 100, zoom, x, y)


def small_maps(opened: services.OpenModel, chosen: Chosen, target: int, cells: Sequence[tuple[str, str | None]]) -> list[np.ndarray] | None:
    """Maps of one class by (method, layer), for quick methods; None while they are computed: each new one has to be compiled first."""
    return computed("Maps", MapGrid(opened.spec, chosen.picture, target, tuple(cells)))


def _shown(opened: services.OpenModel, found: Inspection, target: int, contrast: int | None) -> Shown:
    title = f"for **{literal(full_name(opened.card.classes[target]))}**"
    if contrast is None:
        positive = METHODS[found.method].reads == "evidence" and not st.session_state.get("signed")
        scale = float((found.maps if positive else np.abs(found.maps)).max(initial=0))
        return Shown(found, target, None, found.of(target), scale, title)
    heatmap = found.of(target) - found.of(contrast)
    top = float(np.abs(heatmap).max(initial=0))
    return Shown(found, target, contrast, heatmap, top, f"{title} and not **{literal(full_name(opened.card.classes[contrast]))}**")


def explainable_layers(opened: services.OpenModel, most: int = 9) -> list[LayerInfo]:
    """Layers spread over the depth of the network, from first to last, the default among them."""
    layers = [x for x in opened.description.layers if x.explainable]
    if len(layers) <= most:
        return layers
    picked = {round(k) for k in np.linspace(0, len(layers) - 1, most)}
    default = opened.description.default_layer
    return [x for k, x in enumerate(layers) if k in picked or x == default]
