"""A picture whose map can be read under the pointer, and a brush to cover parts of it (our one component of our own).

Everything it shows is drawn on a canvas or set as text; nothing it is given is taken for HTML.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from imaging.decode import encode_jpeg
from imaging.resize import Box, enlarge
from ui.parts.components import data_url

FINEST = 48  # cells a side that are sent; finer maps are thinned for reading, not for the picture
HTML = (
    '<div class="viewer"><div class="frame"><img><canvas tabindex="0" role="application"></canvas></div>'
    '<p class="told" role="status"></p></div>'
)
_HERE = Path(__file__).parent
WORDS = {
    "evidence": {"positive": "for the class", "negative": "against the class", "zero": "neither for nor against"},
    "sensitivity": {"positive": "brighter would raise it", "negative": "darker would raise it", "zero": "it does not matter"},
}


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    return st.components.v2.component(
        "lesionlens_viewer", html=HTML, css=(_HERE / "viewer.css").read_text(), js=(_HERE / "viewer.js").read_text()
    )


def read_map(picture: np.ndarray, alt: str, heatmap: np.ndarray, box: Box, view: Box, strongest: float, reads: str, key: str) -> None:
    """The picture, with the value of the raw map under the pointer told below it.

    picture: uint8 RGB as shown; heatmap: (h, w) raw; box: what the network saw and view: what is shown, both in shares
    0…1 of the photograph; strongest: the value that counts as 100 %; reads: evidence or sensitivity.
    """
    small = heatmap if max(heatmap.shape) <= FINEST else enlarge(heatmap, (FINEST, FINEST))
    values = [[float(f"{v:.4g}") for v in row] for row in np.nan_to_num(small)]
    _component()(
        key=key,
        data={
            "picture": data_url(encode_jpeg(picture, 92)),
            "alt": alt,
            "values": values,
            "box": vars(box),
            "view": vars(view),
            "strongest": strongest,
            "words": WORDS[reads],
            "paint": False,
            "strokes": [],
            "radius": 0,
        },
    )


def brush(picture: np.ndarray, alt: str, strokes: list[list[float]], radius: float, key: str) -> list[list[float]]:
    """The picture to paint on. strokes: discs (x, y, radius) in shares of the width and height; the new ones are returned."""
    whole = Box(0, 0, 1, 1)
    result = _component()(
        key=key,
        on_strokes_change=lambda: None,
        data={
            "picture": data_url(encode_jpeg(picture, 92)),
            "alt": alt,
            "values": [],
            "box": vars(whole),
            "view": vars(whole),
            "strongest": 0,
            "words": WORDS["evidence"],
            "paint": True,
            "strokes": strokes,
            "radius": radius,
        },
    )
    return result.get("strokes") or strokes
