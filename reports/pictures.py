"""What reports are made of: templates that escape everything, charts as SVG, and pictures embedded in the page."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from core.atomic import write_bytes
from core.diagnoses import full_name
from core.errors import ImageError
from core.text import visible
from core.wording import count
from datasets.dataset import Dataset
from imaging.decode import decode_at_least, encode_jpeg, read_bytes
from imaging.resize import thumbnail

NAME = "report.html"
SIDE = 150  # pixels of the longer side of a picture


def page(template: str, **content: Any) -> str:
    """A report as HTML. In templates: the test `known` (neither None nor NaN); filters `number`, `p` (of a p-value), which write – for
    what is not known; `count`; and `diagnosis`, a code with its name."""
    made = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, finalize=_printable)
    made.tests["known"] = known
    made.filters["number"] = lambda value, digits=2: f"{value:,.{digits}f}" if known(value) else "–"
    made.filters["p"] = lambda value: "–" if not known(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
    made.filters |= {"count": count, "diagnosis": full_name}
    return made.get_template(template).render(**content)


def write_page(folder: Path, html: str) -> Path:
    """`report.html` in a folder of results."""
    path = folder / NAME
    write_bytes(path, html.encode())
    return path


def known(value: float | None) -> bool:
    return value is not None and not np.isnan(value)


def svg(chart: Any) -> Markup:
    """An Altair chart as SVG."""
    import vl_convert

    spec = chart.configure(font="sans-serif", padding={"left": 16, "right": 8, "top": 4, "bottom": 4}).to_dict()
    made = vl_convert.vegalite_to_svg(_printable(spec))
    return Markup(str(made))  # noqa: S704 (text in an SVG of Vega is escaped)


def _printable(part: Any) -> Any:
    """Text of a template or a chart as it can be shown; a control character in a chart would end the process."""
    if isinstance(part, dict):
        return {_printable(k): _printable(v) for k, v in part.items()}
    if isinstance(part, list):
        return [_printable(v) for v in part]
    return visible(part, len(part)) if isinstance(part, str) and not isinstance(part, Markup) else part


def picture_url(dataset: Dataset, image_id: str) -> str:
    """A thumbnail as a data URL, empty where the image cannot be read."""
    path = dataset.path(image_id)
    try:
        return jpeg_url(decode_at_least(read_bytes(path), SIDE)) if path is not None else ""
    except ImageError:
        return ""


def jpeg_url(picture: np.ndarray) -> str:
    """An RGB picture, as a thumbnail, as a data URL."""
    return data_url(encode_jpeg(thumbnail(picture, SIDE), 82))


def data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
