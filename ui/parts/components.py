"""Pieces of screen that several pages share."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import diagnoses
from core.errors import ImageError, LesionLensError
from datasets.dataset import Dataset
from evaluation.intervals import Figure
from imaging.decode import encode_jpeg, encode_png
from ui.parts import navigation
from ui.services import services

MEANING = (
    "A score is what the network's output layer gives, not the chance of a disease. "
    "LesionLens is no medical device; nothing here is a diagnosis."
)


@contextmanager
def show_errors() -> Iterator[None]:
    """A user's mistake or a broken file becomes one message; the rest of the page stands."""
    try:
        yield
    except LesionLensError as error:
        st.error(str(error), icon=":material/error:")


def page_title(title: str, what: str) -> None:
    st.title(title, anchor=False)
    st.caption(what)


def need(chosen: str | None, what: str) -> str:
    """The chosen name, or an empty state that says how to get one."""
    if chosen is None:
        st.info(f"There is no {what} in this workspace yet. Add one on the {'Classifier' if what == 'classifier' else 'Dataset'} page.")
        st.stop()
    return chosen


def figure_metric(place: DeltaGenerator, name: str, figure: Figure, meaning: str = "", form: str = ".1%") -> None:
    """A figure as a tile: its value, below it the interval or why there is none."""
    value = f"{figure.value:{form}}" if figure.defined else "undefined"
    interval = f"[{figure.low:{form}}, {figure.high:{form}}]" if not np.isnan(figure.low) else figure.reason
    place.metric(name, value, interval, delta_color="off", delta_arrow="off", border=True, help=meaning or None)


def show_picture(image: np.ndarray, alt: str, caption: str | None = None, lossless: bool = False) -> None:
    """An RGB picture as wide as its column, with an alternative text."""
    content = encode_png(image) if lossless else encode_jpeg(image, 92)
    st.image(content, caption=caption, width="stretch", alt=alt)


def data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def thumbnail_urls(data: Dataset, image_ids: Sequence[str]) -> list[str | None]:
    """Small pictures for a table's rows; None where there is no readable file."""
    urls: list[str | None] = []
    for image_id in image_ids:
        try:
            urls.append(data_url(services.thumbnail(data, image_id)))
        except ImageError:
            urls.append(None)
    return urls


def lesion_name(code: str) -> str:
    """`mel` → `mel · melanoma`; names without a long form stay."""
    long = diagnoses.long_name(code)
    return code if long == code else f"{code} · {long}"


def gallery(
    image_ids: Sequence[str],
    captions: Sequence[str],
    pictures: Sequence[np.ndarray | bytes | None],
    columns: int = 6,
    datasets: Sequence[str | None] | None = None,
) -> None:
    """Pictures in rows, each with a link to Inspect; datasets: of each, where not all are of the chosen one."""
    elsewhere = datasets or [None] * len(image_ids)
    for start in range(0, len(image_ids), columns):
        row = st.columns(columns)
        for cell, k in zip(row, range(start, min(start + columns, len(image_ids))), strict=False):
            with cell:
                shown = pictures[k]
                if shown is None:
                    st.caption(f"{image_ids[k]}: no readable picture")
                else:
                    content = encode_jpeg(shown, 88) if isinstance(shown, np.ndarray) else shown
                    st.image(content, width="stretch", alt=f"{image_ids[k]}: {captions[k]}")
                st.page_link(
                    navigation.page("inspect"),
                    label=captions[k],
                    help=f"Inspect {image_ids[k]}",
                    query_params={**_choice(elsewhere[k]), "image": image_ids[k]},
                )


def _choice(dataset: str | None) -> dict[str, str]:
    chosen = {k: st.session_state[k] for k in ("model", "dataset") if st.session_state.get(k)}
    return chosen | ({"dataset": dataset} if dataset else {})
