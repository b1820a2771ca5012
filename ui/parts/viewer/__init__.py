"""A picture whose map can be read under the pointer, and a brush to paint on it: the one Streamlit component of LesionLens.

Everything it shows is drawn on a canvas or set as text; nothing it is given is interpreted as HTML.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from imaging.decode import encode_jpeg
from imaging.resize import Box, enlarge
from ui.parts.components import data_url

FINEST = 48  # cells a side that are sent; finer maps are reduced for reading, not for the picture
HTML = """<div class="viewer"><div class="frame"><img><canvas tabindex="0" role="application"></canvas></div>
<p class="readout" role="status"></p></div>"""
_HERE = Path(__file__).parent
WORDS = {
    "evidence": {"positive": "for the class", "negative": "against the class", "zero": "neither for nor against"},
    "sensitivity": {"positive": "brighter would raise the score", "negative": "darker would raise the score", "zero": "no effect"},
}


WHOLE = Box(0, 0, 1, 1)


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    css, js = (_HERE / "viewer.css").read_text(), (_HERE / "viewer.js").read_text()
    return st.components.v2.component("lesionlens_viewer", html=HTML, css=css, js=js)


def read_map(picture: np.ndarray, alt: str, heatmap: np.ndarray, box: Box, view: Box, strongest: float, reads: str, key: str) -> None:
    """The picture, and below it the value of the raw map under the pointer.

    picture: uint8 RGB as shown; heatmap: (h, w) raw; box: what the network saw and view: what is shown, both in shares
    0…1 of the photograph; strongest: the value that counts as 100 %; reads: evidence or sensitivity.
    """
    small = heatmap if max(heatmap.shape) <= FINEST else enlarge(heatmap, (FINEST, FINEST))
    values = [[float(f"{v:.4g}") for v in row] for row in np.nan_to_num(small)]
    _mount(key, picture, alt, values, box, view, strongest, reads)


def brush(picture: np.ndarray, alt: str, strokes: list[list[float]], radius: float, key: str) -> list[list[float]]:
    """The picture to paint on. strokes: discs (x, y, radius) in shares of the width and height; the new ones are returned."""
    return _mount(key, picture, alt, strokes=strokes, radius=radius).get("strokes") or strokes


def _mount(
    key: str,
    picture: np.ndarray,
    alt: str,
    values: Sequence[list[float]] = (),
    box: Box = WHOLE,
    view: Box = WHOLE,
    strongest: float = 0,
    reads: str = "evidence",
    strokes: Sequence[list[float]] = (),
    radius: float = 0,
) -> Any:
    """The component; with a radius it is a brush."""
    data = {
        "picture": data_url(encode_jpeg(picture, 92)),
        "alt": alt,
        "values": list(values),
        "box": vars(box),
        "view": vars(view),
        "strongest": strongest,
        "words": WORDS[reads],
        "paint": radius > 0,
        "strokes": list(strokes),
        "radius": radius,
    }
    return _component()(key=key, on_strokes_change=lambda: None, data=data)
