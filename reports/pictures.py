"""What reports are made of: templates that escape everything, charts as SVG, and pictures inside the page."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from core.errors import ImageError
from datasets.dataset import Dataset
from imaging.decode import decode_at_least, encode_jpeg, read_bytes
from imaging.resize import thumbnail

SIDE = 150  # pixels of the longer side of a picture


def environment() -> Environment:
    """Templates with the test `known` (neither None nor NaN); the filters `number` and `p` (of a p-value) write – for what is not."""
    made = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
    made.tests["known"] = known
    made.filters["number"] = lambda value, digits=2: f"{value:,.{digits}f}" if known(value) else "–"
    made.filters["p"] = lambda value: "–" if not known(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
    return made


def known(value: float | None) -> bool:
    return value is not None and not np.isnan(value)


def svg(chart: Any) -> Markup:
    """An Altair chart as SVG."""
    import vl_convert

    made = vl_convert.vegalite_to_svg(chart.configure(font="sans-serif", padding={"left": 16, "right": 8, "top": 4, "bottom": 4}).to_dict())
    return Markup(str(made))  # noqa: S704 (text in an SVG of Vega is escaped)


def picture_url(dataset: Dataset, image_id: str) -> str:
    """A small picture as a data URL, or nothing where it cannot be read."""
    path = dataset.path(image_id)
    if path is None:
        return ""
    try:
        small = thumbnail(decode_at_least(read_bytes(path), SIDE), SIDE)
    except ImageError:
        return ""
    return jpeg_url(small)


def jpeg_url(picture: np.ndarray) -> str:
    """An RGB picture, made small, as a data URL."""
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(thumbnail(picture, SIDE), 82)).decode()
