"""One image under one classifier, on screen: heatmap, scores, warnings, downloads."""

import io
import json

import numpy as np
import streamlit as st

from core.diagnoses import full_name
from core.errors import CardError
from core.exports import plain
from core.text import code, literal
from core.version import __version__
from explain.heatmap import Explanation
from explain.localisation import localise
from explain.methods import METHODS
from explain.trust import Evidence, as_row, badge
from imaging.decode import encode_png_with
from imaging.overlay import colour_bar, draw_contour, overlay
from imaging.resize import Box, scale_image, seen_box
from models.policy import apply_policy
from reports.charts import probability_bars
from ui.inspect.attribution import Shown, View
from ui.parts.components import MEANING, code_key, download, lesion_name
from ui.parts.image_choice import Chosen
from ui.parts.viewer import read_map
from ui.services import services


def screen_size(image: np.ndarray, side: int = 1100) -> np.ndarray:
    """The picture, at most `side` pixels long, for the screen; the original stays on the server."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    return image if scale >= 1 else scale_image(image, (round(height * scale), round(width * scale)), "area")


def drawn_over(opened: services.OpenModel, image: np.ndarray, shown: Shown, view: View) -> np.ndarray:
    """The picture under the colours of the map, with its contour; sensitivities by their absolute value."""
    large = opened.enlarged(shown.heatmap, image.shape[:2])
    signed = view.signed or shown.signed_only
    if METHODS[shown.found.method].reads == "sensitivity" and not signed:
        large = np.abs(large)
    drawn = overlay(image, large, shown.scale, view.opacity, signed)
    if view.contour and shown.scale > 0:
        drawn = draw_contour(drawn, np.nan_to_num(large) >= view.contour * shown.scale)
    return drawn


def heatmap_panel(opened: services.OpenModel, chosen: Chosen, shown: Shown, view: View, mask: np.ndarray | None) -> None:
    """The overlay with its legend, its layer, and warnings about what it cannot show."""
    card, found = opened.card, shown.found
    entry, name = METHODS[found.method], full_name(card.classes[shown.target])
    small = screen_size(chosen.image)
    drawn = drawn_over(opened, small, shown, view)
    if view.outline and mask is not None:
        drawn = draw_contour(drawn, mask)
    alt = f"{entry.name} heatmap of {chosen.name} for {name} by {card.name}"
    box = _in_shares(seen_box(small.shape[:2], card.size, card.resize.geometry), small.shape[:2])
    read_map(view.crop(drawn), alt, shown.heatmap, box, _visible(view), shown.scale, entry.reads, key=f"viewer-{opened.name}")
    _legend(view.signed or shown.signed_only, entry.reads, shown.contrast is not None)
    height, width = shown.heatmap.shape
    place = f"at layer {code(found.layer.path)}" if found.layer else "on the image itself"
    scale = "on one scale for all classes of this image" if len(found.targets) == len(card.classes) else "on its own scale"
    st.caption(f"{entry.name} {shown.title} {place}, {height:d} × {width:d} cells, {scale}.")
    if found.gap is not None:
        st.caption(f"Completeness: the map adds up to the difference of the logits to within {found.gap:.2%} (the limit is 1 %).")
    contrast = None if shown.contrast is None else full_name(card.classes[shown.contrast])
    _warnings(Explanation(found.method, name, found.place, shown.heatmap), contrast)
    if mask is not None and shown.contrast is None:
        _inside(opened, shown, mask)


def _legend(signed: bool, reads: str, contrast: bool) -> None:
    words = {"evidence": ("against", "for"), "sensitivity": ("darker raises it", "brighter raises it")}[reads]
    words = ("for the other", "for the class") if contrast else words
    left, middle, right = st.columns([2, 3, 2])
    left.caption(words[0] if signed else "none")
    middle.image(colour_bar(signed), width="stretch", alt="Colour scale from no evidence to strongest evidence for the class")
    right.caption(words[1] if signed else "most")


def _warnings(explanation: Explanation, contrast: str | None) -> None:
    if explanation.empty:
        rather = f" rather than {literal(contrast)}" if contrast else ""
        st.warning(
            f"Empty map: no evidence for {literal(explanation.target)}{rather}. This is a result, not an error.", icon=":material/grid_off:"
        )
    if explanation.coarse:
        cells = "{} × {}".format(*explanation.heatmap.shape)
        st.warning(
            f"Too coarse: {cells} cells show little more than left or right. Occlusion does not depend on the layer.",
            icon=":material/grid_view:",
        )


def _inside(opened: services.OpenModel, shown: Shown, mask: np.ndarray) -> None:
    large = opened.enlarged(shown.heatmap, mask.shape)
    found = localise(METHODS[shown.found.method].evidence(large), mask)
    if found.hit is None:
        st.caption("Share of the evidence inside the lesion: undefined, because the map is empty.")
        return
    st.caption(
        f"**{found.share:.0%}** of the evidence for {literal(full_name(opened.card.classes[shown.target]))} lies inside the "
        f"lesion's outline, which covers {found.area:.0%} of the image (the share expected by chance)."
    )


def _in_shares(box: Box, size: tuple[int, int]) -> Box:
    height, width = size
    return Box(box.left / width, box.top / height, box.width / width, box.height / height)


def _visible(view: View) -> Box:
    if view.zoom <= 1:
        return Box(0, 0, 1, 1)
    side = 1 / view.zoom
    return Box((1 - side) * view.x, (1 - side) * view.y, side, side)


def score_panel(opened: services.OpenModel, probabilities: np.ndarray, target: int) -> None:
    """Bars of all classes, and what a score means, right beside the number."""
    card = opened.card
    decided = int(probabilities.argmax())
    st.markdown(f"Decision: **{literal(lesion_name(card.classes[decided]))}**, score {probabilities[decided]:.1%}")
    values = ", ".join(f"{c} {p:.1%}" for c, p in zip(card.classes, probabilities, strict=True))
    st.altair_chart(probability_bars(card.classes, probabilities, decided, target), width="stretch", alt=f"Scores: {values}")
    code_key(card.classes)
    st.caption(f"{MEANING} Decision rule: the highest score. Orange outline: the class explained.")
    if card.output == "multi-label":
        st.caption("This network scores each class separately; the scores need not add up to 100 %.")
    guessed = [g for g in card.guessed if g in ("classes", "scaling", "colour_order", "positive", "output")]
    if guessed:
        st.warning(
            f"Guessed from the file: {literal(', '.join(guessed).replace('_', ' '))}. The class names and the scores may be wrong; "
            "check them on the Classifier page.",
            icon=":material/help:",
        )
    policy = services.policy(opened)
    if policy is not None:
        with st.container(border=True):
            st.markdown(f"**Operator's policy: {literal(policy.name)}**")
            try:
                st.write(literal(apply_policy(policy, card, probabilities)))
            except CardError as error:
                st.write(literal(error))
            st.caption(
                f"Set by {literal(policy.operator)}. Source: {literal(policy.source)}. "
                "This is the operator's rule, not advice from LesionLens."
            )


def downloads(opened: services.OpenModel, chosen: Chosen, shown: Shown, view: View, evidence: Evidence | None) -> None:
    """Overlay, raw array, and numbers with the evidence on the map's trust (None for a difference of classes); all but the array carry
    version, hashes and parameters."""
    card, found = opened.card, shown.found
    name = card.classes[shown.target] + (f"-not-{card.classes[shown.contrast]}" if shown.contrast is not None else "")
    about = {
        "software": f"LesionLens {__version__}",
        "model": opened.facts.path.name,
        "model_sha256": opened.facts.sha256,
        "card_sha256": card.sha256,
        "image": chosen.name,
        "image_pixels_sha256": chosen.picture.sha256,
        "dataset_sha256": chosen.data.sha256 if chosen.data else "",
        "method": found.method,
        "layer": found.place,
        "target": name,
        "scale": repr(shown.scale),
        "note": "Not a medical device; a score is not a chance of disease.",
    }
    content = {
        "about": about,
        "scores": dict(zip(card.classes, found.probabilities.tolist(), strict=True)),
        "logits": dict(zip(card.classes, found.logits.tolist(), strict=True)),
        "heatmap": {"rows": shown.heatmap.tolist(), "signed": True, "of": name},
        "trust": evidence and {**as_row(evidence, badge(evidence)), "sanity": evidence.sanity},
    }
    left, middle, right = st.columns(3)
    stem = f"{chosen.name.rsplit('.', 1)[0]}-{opened.name}-{name}-{found.method}"

    def png() -> bytes:
        return encode_png_with(drawn_over(opened, chosen.image, shown, view), about)

    help = "The signed map as a NumPy array, float32, not rescaled."
    download(left, "Overlay (PNG)", png, f"{stem}.png", key=f"png-{opened.name}")
    download(middle, "Raw map (NPY)", lambda: _npy(shown.heatmap), f"{stem}.npy", key=f"npy-{opened.name}", help=help)
    download(right, "Numbers (JSON)", lambda: json.dumps(plain(content), indent=1), f"{stem}.json", key=f"json-{opened.name}")


def _npy(heatmap: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, heatmap, allow_pickle=False)
    return buffer.getvalue()
