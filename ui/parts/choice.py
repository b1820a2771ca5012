"""What the user chose, kept in the address so that a link restores it: classifier, dataset, image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from ui.parts.components import lesion_name
from ui.services import services

MODEL, DATASET, IMAGE, TARGET, METHOD, LAYER = "model", "dataset", "image", "target", "method", "layer"


def sidebar() -> None:
    """The two choices every page shares, and the state of the worker."""
    space = services.workspace()
    models, datasets = space.model_names(), space.dataset_names()
    with st.sidebar:
        _select("Classifier", MODEL, models, "demo-honest", "No classifier yet")
        _select("Dataset", DATASET, datasets, "demo", "No dataset yet")
        st.caption("Research and teaching only. LesionLens is no medical device; a score is not a chance of disease.")
        with st.expander("Network process", key="fold-process"):
            pid = services.worker().pid
            st.caption("Networks run in a process of their own." + ("" if pid else " It starts with the next request."))
            if st.button("Stop it", disabled=pid is None, help="Ends whatever a network is computing. It starts again by itself."):
                services.worker().stop()
                st.rerun()


def model() -> str | None:
    """Name of the chosen classifier."""
    return st.session_state.get(MODEL)


def dataset() -> str | None:
    """Name of the chosen dataset."""
    return st.session_state.get(DATASET)


def _select(label: str, key: str, options: list[str], preferred: str, nothing: str) -> None:
    """A choice whose source of truth is the address, so that every link restores it."""
    wanted = st.query_params.get(key)
    if wanted is not None and wanted not in options:
        st.warning(f"The link asks for {label.lower()} “{wanted[:60]}”, which this workspace does not hold.")
    if wanted in options:
        st.session_state[key] = wanted
    elif st.session_state.get(key) not in options:
        st.session_state[key] = preferred if preferred in options else next(iter(options), None)
    if st.session_state[key] is not None and wanted != st.session_state[key]:
        st.query_params[key] = st.session_state[key]
    st.selectbox(label, options, key=key, placeholder=nothing, disabled=not options, on_change=_to_address, args=(key,))


def target(label: str, classes: Sequence[str]) -> str | None:
    """The class to explain, or None for the decision."""
    return optional(TARGET, label, classes, "the decision", lesion_name)


def optional(
    key: str, label: str, options: Sequence[str], placeholder: str, say: Callable[[str], str] = str, help: str | None = None
) -> str | None:
    """A choice that may be left open. The address holds its plain name, whatever is shown."""
    wanted = st.query_params.get(key)
    if wanted in options:
        st.session_state[key] = wanted
    elif st.session_state.get(key) not in options:
        st.session_state[key] = None
    return st.selectbox(
        label, options, index=None, key=key, placeholder=placeholder, format_func=say, on_change=_to_address, args=(key,), help=help
    )


def _to_address(key: str) -> None:
    if st.session_state[key] is None:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = st.session_state[key]
