"""One image under one classifier, on screen: heatmap, scores, warnings, downloads."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import streamlit as st

from errors import CardError
from explain.heatmap import Explanation, share_inside
from imaging.decode import encode_png_with
from imaging.overlay import colour_bar, draw_contour, overlay
from imaging.resize import enlarge, scale_image, seen_box
from models.policy import apply_policy
from reports.charts import probability_bars
from ui import services
from ui.components import MEANING, show_picture
from ui.image_choice import Chosen
from ui.worker.jobs import Inspection
from version import __version__

METHOD_NAMES = {"grad-cam": "Grad-CAM", "hirescam": "HiResCAM"}


@dataclass(frozen=True)
class View:
    """How everything on the page is shown: the same for the original and every heatmap."""

    opacity: float
    signed: bool
    outline: bool
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


def screen_size(image: np.ndarray, side: int = 1100) -> np.ndarray:
    """The picture at most `side` pixels long: what a screen can show; the original stays on the server."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    return image if scale >= 1 else scale_image(image, (round(height * scale), round(width * scale)), "area")


def shared_scale(maps: np.ndarray, signed: bool) -> float:
    """The value that gets full colour: the strongest evidence for any class (signed: or against one), so
    that the maps of all classes of an image can be compared."""
    return float((np.abs(maps) if signed else maps).max(initial=0))


def heatmap_panel(
    opened: services.OpenModel, chosen: Chosen, found: Inspection, target: int, view: View, mask: np.ndarray | None
) -> None:
    """The overlay with its legend, the layer it was read at, and what warns against reading it."""
    card = opened.card
    if found.maps is None or found.layer is None:
        st.info(f"{card.name} shows no layers, so there is no heatmap. It predicts.", icon=":material/visibility_off:")
        return
    shown = screen_size(chosen.image)
    size = shown.shape[:2]
    large = enlarge(found.maps[target], size, seen_box(size, card.size, card.resize.geometry))
    scale = shared_scale(found.maps, view.signed)
    drawn = overlay(shown, large, scale, view.opacity, view.signed)
    if view.outline and mask is not None:
        drawn = draw_contour(drawn, mask)
    explanation = Explanation(found.method, card.classes[target], found.layer.path, found.maps[target])
    name = METHOD_NAMES.get(found.method, found.method)
    show_picture(view.crop(drawn), f"{name} heatmap of {chosen.name} for {card.classes[target]} by {card.name}")
    _legend(view.signed)
    st.caption(
        f"{name} for **{card.classes[target]}** at layer `{found.layer.path}`, {found.layer.height} × {found.layer.width} cells. "
        "Colours: evidence for the class, on one scale for all classes of this image."
    )
    _warnings(explanation)
    if mask is not None:
        _inside(large, mask, explanation)


def _legend(signed: bool) -> None:
    left, middle, right = st.columns([2, 3, 2])
    left.caption("against" if signed else "none")
    middle.image(colour_bar(signed), width="stretch", alt="Colour scale from no evidence to strongest evidence for the class")
    right.caption("for" if signed else "most")


def _warnings(explanation: Explanation) -> None:
    if explanation.empty:
        st.warning(
            "Empty map: nothing in this layer speaks for this class. That is a result, not an error.", icon=":material/grid_off:"
        )
    if explanation.coarse:
        h, w = explanation.heatmap.shape
        st.warning(f"Too coarse to read: {h} × {w} cells say hardly more than left or right.", icon=":material/grid_view:")


def _inside(large: np.ndarray, mask: np.ndarray, explanation: Explanation) -> None:
    fitted = scale_image(mask.astype(np.uint8), large.shape, "nearest").astype(bool)
    share, area = share_inside(large, fitted), float(fitted.mean())
    if np.isnan(share):
        st.caption("Share of the evidence inside the lesion: undefined, the map is empty.")
    else:
        st.caption(
            f"**{share:.0%}** of the evidence for {explanation.target} lies inside the lesion's outline, "
            f"which covers {area:.0%} of the picture (what chance would give)."
        )


def score_panel(opened: services.OpenModel, found: Inspection, target: int) -> None:
    """Bars of all classes, and what a score is, right beside the number."""
    card = opened.card
    decided = int(found.probabilities.argmax())
    st.markdown(f"Decision: **{card.classes[decided]}**, score {found.probabilities[decided]:.1%}")
    told = ", ".join(f"{c} {p:.1%}" for c, p in zip(card.classes, found.probabilities, strict=True))
    st.altair_chart(probability_bars(card.classes, found.probabilities, decided, target), width="stretch", alt=f"Scores: {told}")
    st.caption(f"{MEANING} Decision rule: the highest score. Orange outline: the class explained.")
    if card.output == "multi-label":
        st.caption("This network scores each class on its own; the scores need not add up to 100 %.")
    guessed = [g for g in card.guessed if g in ("classes", "scaling", "colour_order", "positive", "output")]
    if guessed:
        st.warning(
            f"Guessed, not known: {', '.join(guessed).replace('_', ' ')}. The names of the classes and the scores may be wrong; "
            "check them on the Classifier page.", icon=":material/help:",
        )  # fmt: skip
    policy = services.policy(opened)
    if policy is not None:
        with st.container(border=True):
            st.markdown(f"**Operator's policy: {policy.name}**")
            try:
                st.write(apply_policy(policy, card, found.probabilities))
            except CardError as error:
                st.write(str(error))
            st.caption(f"Set by {policy.operator}. Source: {policy.source}. It is the operator's rule, not advice by LesionLens.")


def downloads(opened: services.OpenModel, chosen: Chosen, found: Inspection, target: int, view: View) -> None:
    """The overlay and the raw numbers, with version, hashes and parameters in both."""
    if found.maps is None or found.layer is None:
        return
    card = opened.card
    scale = shared_scale(found.maps, view.signed)
    heatmap = found.maps[target]
    about = {
        "software": f"LesionLens {__version__}", "model": opened.facts.path.name, "model_sha256": opened.facts.sha256,
        "card_sha256": card.sha256, "image": chosen.name,
        "image_pixels_sha256": services.sha256(np.ascontiguousarray(chosen.image).tobytes()),
        "dataset_sha256": chosen.data.sha256 if chosen.data else "", "method": found.method, "layer": found.layer.path,
        "target": card.classes[target], "scale": repr(scale),
        "note": "Not a medical device; a score is not a chance of disease.",
    }  # fmt: skip
    size = chosen.image.shape[:2]
    large = enlarge(heatmap, size, seen_box(size, card.size, card.resize.geometry))
    content = {
        "about": about,
        "scores": dict(zip(card.classes, found.probabilities.tolist(), strict=True)),
        "logits": dict(zip(card.classes, found.logits.tolist(), strict=True)),
        "heatmap": {"rows": heatmap.tolist(), "signed": True, "of": card.classes[target]},
    }
    left, right = st.columns(2)
    stem = f"{chosen.name.rsplit('.', 1)[0]}-{opened.name}-{card.classes[target]}"
    left.download_button(
        "Overlay (PNG)", lambda: encode_png_with(overlay(chosen.image, large, scale, view.opacity, view.signed), about),
        f"{stem}.png", "image/png", width="stretch", key=f"png-{opened.name}",
    )  # fmt: skip
    right.download_button(
        "Numbers (JSON)",
        json.dumps(content, indent=1),
        f"{stem}.json",
        "application/json",
        width="stretch",
        key=f"json-{opened.name}",
    )
