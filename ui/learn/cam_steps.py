"""A class activation map step by step, in pictures, formulas and numbers: the same steps for every method of the family."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from core.diagnoses import full_name
from core.text import code, literal
from explain.cam import Steps
from explain.methods import METHODS
from imaging.decode import encode_png
from imaging.overlay import colour_picture, overlay
from imaging.resize import fit_image, scale_image
from ui.parts.components import show_picture
from ui.parts.image_choice import Chosen
from ui.services import services
from ui.worker.jobs.explanations import CamSteps

MAPS = 6
SIDE = 180


@dataclass(frozen=True)
class Lesson:
    """What is specific to a method: its weights as a formula and in words, and a caveat."""

    formula: str
    words: Callable[[Steps], str]
    caveat: str
    gradients: bool = True


LESSONS: dict[str, Lesson] = {
    "grad-cam": Lesson(
        r"w_k = \frac{1}{h\,w} \sum_{ij} G^k_{ij}",
        lambda s: f"Grad-CAM uses the mean of each gradient map as the weight of its feature map: one number instead of {s.heatmap.size}.",
        "If the network flattens its feature maps, the mean hides that one corner may be evidence for the class and another against it.",
    ),
    "grad-cam++": Lesson(
        r"w_k = \sum_{ij} \alpha^k_{ij}\,\max(0, G^k_{ij}),\quad "
        r"\alpha^k_{ij} = \frac{(G^k_{ij})^2}{2 (G^k_{ij})^2 + (G^k_{ij})^3 \sum_{ab} A^k_{ab}}",
        lambda s: (
            "Grad-CAM++ keeps only positive gradients and gives more weight where few cells of a map are active, so that several small "
            "findings count as much as one large one."
        ),
        "Its weights are never negative: a map that is evidence against the class cannot be subtracted.",
    ),
    "hirescam": Lesson(
        r"w^k_{ij} = G^k_{ij}",
        lambda s: f"HiResCAM multiplies cell by cell: every map has {s.heatmap.size} weights of its own; nothing is averaged.",
        "For networks that end with one dense layer it shows exactly what adds up to the logit.",
    ),
    "layercam": Lesson(
        r"w^k_{ij} = \max(0, G^k_{ij})",
        lambda s: (
            "LayerCAM multiplies cell by cell, like HiResCAM, but drops the cells with a negative gradient. This keeps the maps of early, "
            "fine layers readable."
        ),
        "Evidence against the class is dropped before the sum.",
    ),
    "eigen-cam": Lesson(
        r"A = U \Sigma V^{\top},\quad w_k = V_{k1}",
        lambda s: "Eigen-CAM takes what all maps have in common: their first principal component. It uses no gradients.",
        "It does not depend on the class: the map is the same for every decision.",
        gradients=False,
    ),
}


def cam_steps(opened: services.OpenModel, chosen: Chosen, target: int, method: str) -> None:
    """Feature maps, gradients, weights, weighted sum, ReLU, enlarging."""
    steps = services.ask(CamSteps(opened.spec, chosen.picture, target, method))
    lesson, card, layer = LESSONS[method], opened.card, opened.description.default_layer
    assert layer is not None
    h, w, k = steps.maps.shape
    name = full_name(card.classes[target])
    products = (steps.maps * steps.weights).reshape(-1, k)
    strongest = np.argsort(-np.abs(products).sum(axis=0), kind="stable")[:MAPS]
    probabilities = services.predict(opened, chosen.picture).probabilities

    st.caption(f"{METHODS[method].name}: {METHODS[method].paper}. Caveat: {lesson.caveat}")
    if opened.description.flattens and method == "grad-cam":
        st.warning(literal(opened.description.method_reason), icon=":material/help:")
    st.subheader("0 · The input", anchor=False)
    left, right = st.columns([1, 2])
    with left:
        fitted = fit_image(chosen.image, card.size, card.resize.geometry, card.resize.interpolation)
        show_picture(fitted, "The photograph at the network's input size", lossless=True)
    right.write(
        f"The photograph is resized to {card.height:d} × {card.width:d} pixels ({literal(card.resize.geometry)}) and its values scaled to "
        f"{literal(card.scaling)}. The network's logit for {literal(name)} is **{steps.logit:.3f}** (score {probabilities[target]:.1%}). "
        "The logit is explained, not the score: a score near 0 or 100 % hardly changes any more."
    )
    st.subheader("1 · Feature maps", anchor=False)
    st.latex(r"A^k_{ij}")
    st.write(
        f"The layer {code(layer.path)} has {k:d} feature maps of {h:d} × {w:d} cells. Each is bright where it finds its own pattern. "
        f"The {len(strongest)} that matter most here:"
    )
    top = float(np.abs(steps.maps[..., strongest]).max())
    _row(
        [colour_picture(steps.maps[..., c], top, signed=bool(steps.maps.min() < 0)) for c in strongest],
        [f"map {c}: mean {steps.maps[..., c].mean():.3f}" for c in strongest],
    )
    if lesson.gradients:
        st.subheader("2 · Gradients", anchor=False)
        st.latex(r"G^k_{ij} = \frac{\partial z_c}{\partial A^k_{ij}}")
        st.write(
            f"How much would the logit of {literal(name)} rise if a cell were a little brighter? "
            "Orange: it would rise; blue: it would fall."
        )
        top = float(np.abs(steps.gradients[..., strongest]).max())
        _row(
            [colour_picture(steps.gradients[..., c], top) for c in strongest],
            [f"map {c}: mean {steps.gradients[..., c].mean():+.2e}" for c in strongest],
        )
    else:
        st.subheader("2 · No gradients", anchor=False)
        st.write("This method does not use the gradient of the logit.")
    st.subheader("3 · Weights", anchor=False)
    st.latex(lesson.formula)
    st.write(lesson.words(steps))
    _weights(steps, strongest)
    st.subheader("4 · Weighted sum", anchor=False)
    st.latex(r"L_{ij} = \sum_k w_k A^k_{ij}" if steps.weights.ndim == 1 else r"L_{ij} = \sum_k w^k_{ij} A^k_{ij}")
    top = float(np.abs(steps.heatmap).max())
    y, x = np.unravel_index(int(steps.heatmap.argmax()), steps.heatmap.shape)
    left, right = st.columns([1, 2])
    with left:
        _pixels(colour_picture(steps.heatmap, top), f"Weighted sum, from {steps.heatmap.min():.2e} to {steps.heatmap.max():.2e}")
    against = f" Blue cells are evidence against {literal(name)}." if lesson.gradients else ""
    right.write(
        f"The sum of all {k:d} maps, each times its weight. The sum is signed: it ranges from {steps.heatmap.min():+.3e} to "
        f"{steps.heatmap.max():+.3e}; highest in row {y + 1:d}, column {x + 1:d}.{against}"
    )
    st.subheader("5 · ReLU", anchor=False)
    st.latex(r"\max(0, L_{ij})")
    left, right = st.columns([1, 2])
    positive = np.clip(steps.heatmap, 0, None)
    with left:
        _pixels(colour_picture(positive, top, signed=False), "Only positive evidence")
    right.write(f"Only positive values are kept: {int((steps.heatmap > 0).sum())} of {h * w:d} cells.")
    if not (steps.heatmap > 0).any():
        right.warning("Nothing is left: an empty map. This is a result, not an error.")
    st.subheader("6 · Enlarged over the photograph", anchor=False)
    left, right = st.columns([1, 2])
    size = chosen.image.shape[:2]
    with left:
        show_picture(over(opened, chosen, steps.heatmap, top), f"Heatmap for {name} over the photograph")
    right.write(
        f"{h:d} × {w:d} cells become {size[0]:d} × {size[1]:d} pixels by linear interpolation. The map looks sharper than it is: "
        f"one cell covers {size[0] / h:.0f} × {size[1] / w:.0f} pixels of the photograph."
    )
    right.write("It does not show that this region *causes* the decision. A heatmap is a hint to be tested.")


def over(opened: services.OpenModel, chosen: Chosen, heatmap: np.ndarray, top: float) -> np.ndarray:
    """The photograph under a map."""
    return overlay(chosen.image, opened.enlarged(heatmap, chosen.image.shape[:2]), top)


def _weights(steps: Steps, strongest: np.ndarray) -> None:
    if steps.weights.ndim == 1:
        st.dataframe(
            {
                "map": [int(c) for c in strongest],
                "weight": [f"{steps.weights[c]:+.3e}" for c in strongest],
                "mean of the map": [f"{steps.maps[..., c].mean():.3f}" for c in strongest],
                "weight × mean": [f"{steps.weights[c] * steps.maps[..., c].mean():+.3e}" for c in strongest],
            },
            hide_index=True,
            alt="Weights of the maps above",
        )
        st.caption(f"{int((steps.weights > 0).sum())} of {len(steps.weights)} weights are positive.")
        return
    top = float(np.abs(steps.weights[..., strongest]).max())
    _row(
        [colour_picture(steps.weights[..., c], top) for c in strongest],
        [f"map {c}: adds {float((steps.weights[..., c] * steps.maps[..., c]).sum()):+.3e}" for c in strongest],
    )
    st.caption("The weights of the maps above, cell by cell, and what each map adds to the sum over all cells.")


def _row(pictures: Sequence[np.ndarray], captions: Sequence[str]) -> None:
    for place, picture, caption in zip(st.columns(len(pictures)), pictures, captions, strict=True):
        with place:
            _pixels(picture, caption)
            st.caption(literal(caption))


def _pixels(picture: np.ndarray, alt: str) -> None:
    """Every cell as a square, without smoothing."""
    height, width = picture.shape[:2]
    side = max(1, SIDE // max(height, width))
    large = scale_image(picture, (height * side, width * side), "nearest")
    st.image(encode_png(large), width="stretch", alt=alt)
