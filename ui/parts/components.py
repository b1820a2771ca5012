"""Pieces of screen that several pages share."""

import base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import diagnoses
from core.diagnoses import full_name
from core.errors import ImageError, LesionLensError
from core.text import literal, visible
from datasets.dataset import Dataset
from evaluation.intervals import Figure
from imaging.decode import encode_jpeg, encode_png
from ui.parts import navigation
from ui.services import services

MEANING = (
    "A score is the value of the network's output layer, not the probability of a disease. "
    "LesionLens is not a medical device; nothing here is a diagnosis."
)


NO_LAYER = "This network has no layer with spatial feature maps."
TYPES = {".csv": "text/csv", ".html": "text/html", ".json": "application/json", ".npy": "application/octet-stream", ".png": "image/png"}


@contextmanager
def show_errors() -> Iterator[None]:
    """Shows a user's mistake or a broken file as one message; the rest of the page is drawn."""
    try:
        yield
    except LesionLensError as error:
        st.error(literal(error), icon=":material/error:")


def page_title(title: str, what: str) -> None:
    st.title(title, anchor=False)
    st.caption(what)


def need(chosen: str | None, what: str) -> str:
    """The chosen name; where there is none, the page ends with a note on how to add one."""
    if chosen is None:
        st.info(f"There is no {what} in this workspace yet. Add one on the {'Classifier' if what == 'classifier' else 'Dataset'} page.")
        st.stop()
    return chosen


def figure_metric(place: DeltaGenerator, name: str, figure: Figure, meaning: str = "", form: str = ".1%") -> None:
    """A figure as a tile: its value, and below it the interval or the reason why there is none. place: a horizontal container breaks the
    row where a column would cut off a long name."""
    value = f"{figure.value:{form}}" if figure.defined else "undefined"
    interval = f"[{figure.low:{form}}, {figure.high:{form}}]" if not np.isnan(figure.low) else literal(figure.reason)
    place.metric(name, value, interval, delta_color="off", delta_arrow="off", border=True, help=meaning or None)


def show_picture(image: np.ndarray, alt: str, caption: str | None = None, lossless: bool = False) -> None:
    """An RGB picture as wide as its column, with alternative text."""
    content = encode_png(image) if lossless else encode_jpeg(image, 92)
    st.image(content, caption=None if caption is None else literal(caption), width="stretch", alt=visible(alt))


def download(
    place: DeltaGenerator,
    label: str,
    content: str | bytes | Callable[[], str | bytes],
    name: str,
    icon: str = "download",
    key: str | None = None,
    help: str | None = None,
) -> None:
    """A button that saves a file. content: made only when it is pressed, if a function; the name's suffix gives its type."""
    kind, icon = TYPES[PurePath(name).suffix], f":material/{icon}:"
    place.download_button(label, content, name, kind, width="stretch", icon=icon, key=key, help=help)


def data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def thumbnail_urls(data: Dataset, image_ids: Sequence[str]) -> list[str | None]:
    """Thumbnails for the rows of a table; None where there is no readable file."""
    return [data_url(small) if (small := thumbnail(data, i)) else None for i in image_ids]


def lesion_name(code: str) -> str:
    """`mel` → `Melanoma (mel)`, for a label or the start of a line."""
    name = visible(full_name(code))
    return name if name == code else f"{name[0].upper()}{name[1:]}"


def diagnoses_of(data: Dataset, image_ids: Sequence[str]) -> list[str]:
    """For captions: the diagnosis of each image, in full."""
    found = [data.row(i)["diagnosis"] for i in image_ids]
    return ["no diagnosis" if pd.isna(d) else lesion_name(str(d)) for d in found]


def code_key(codes: Sequence[str]) -> None:
    """Beside a chart or table that has room for codes alone: what they stand for."""
    known = [literal(f"{c}: {diagnoses.long_name(c.lower())}") for c in codes if full_name(c) != c]
    if known:
        st.caption(" · ".join(known))


def cells(n: int, columns: int, gap: Literal["small", "medium"] = "small") -> Iterator[DeltaGenerator]:
    """Places for n things, in rows of so many columns."""
    row: list[DeltaGenerator] = []
    for k in range(n):
        if k % columns == 0:
            row = st.columns(columns, gap=gap)
        yield row[k % columns]


def thumbnail(data: Dataset, image_id: str, side: int = services.THUMBNAIL) -> bytes | None:
    """A small JPEG; None where there is no readable file."""
    try:
        return services.thumbnail(data, image_id, side)
    except ImageError:
        return None


def gallery(
    image_ids: Sequence[str],
    captions: Sequence[str],
    pictures: Sequence[np.ndarray | bytes | None],
    columns: int = 6,
    datasets: Sequence[str | None] | None = None,
) -> None:
    """Pictures in rows, each with a link to Inspect. datasets: the one each belongs to, where that is not the chosen one."""
    chosen = {k: st.session_state[k] for k in ("model", "dataset") if st.session_state.get(k)}
    elsewhere = [{"dataset": name} if name else {} for name in datasets or [None] * len(image_ids)]
    places = cells(len(image_ids), columns)
    for cell, image_id, caption, picture, other in zip(places, image_ids, captions, pictures, elsewhere, strict=True):
        with cell:
            if picture is None:
                st.caption(f"{literal(image_id)}: no readable picture")
            else:
                content = encode_jpeg(picture, 88) if isinstance(picture, np.ndarray) else picture
                st.image(content, width="stretch", alt=f"{image_id}: {caption}")
            link = chosen | other | {"image": image_id}
            st.page_link(navigation.page("inspect"), label=literal(caption), help=f"Inspect {literal(image_id)}", query_params=link)
