"""What the user has chosen (classifier, dataset, image, …), kept in the address so that a link restores it."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.text import literal
from datasets.dataset import Dataset
from ui.parts.components import lesion_name
from ui.services import services

MODEL, DATASET, IMAGE, TARGET, METHOD, LAYER = "model", "dataset", "image", "target", "method", "layer"
ALL = "all images"


def sidebar() -> None:
    """The two choices every page shares, and the state of the worker."""
    space = services.workspace()
    models, datasets = space.model_names(), space.dataset_names()
    with st.sidebar:
        _select("Classifier", MODEL, models, "demo-honest", "No classifier yet")
        _select("Dataset", DATASET, datasets, "demo", "No dataset yet")
        st.caption("For research and teaching only. LesionLens is not a medical device; a score is not the probability of a disease.")
        with st.expander("Network process", key="fold-process"):
            pid = services.worker().pid
            st.caption("Networks run in a separate process." + ("" if pid else " It starts with the next request."))
            if st.button("Stop it", disabled=pid is None, help="Ends every computation under way. It restarts when it is needed."):
                services.worker().stop()
                st.rerun()


def model() -> str | None:
    """The name of the chosen classifier."""
    return st.session_state.get(MODEL)


def dataset() -> str | None:
    """The name of the chosen dataset."""
    return st.session_state.get(DATASET)


def splits(data: Dataset) -> list[str]:
    return sorted(data.table["split"].dropna().unique())


def split(data: Dataset, key: str, usual: str | None) -> str | None:
    """A split of the dataset, or None for all images. usual: what is chosen at first, if the dataset has it."""
    places = [ALL, *splits(data)]
    chosen = st.selectbox("Split", places, places.index(usual) if usual in places else 0, key=f"{key}-{data.name}")
    return None if chosen == ALL else chosen


def _select(label: str, key: str, options: list[str], preferred: str, nothing: str) -> None:
    """A choice that follows the address, so that every link restores it."""
    wanted = st.query_params.get(key)
    if wanted is not None and wanted not in options:
        st.warning(f"The link asks for the {label.lower()} “{literal(wanted, 60)}”, which is not in this workspace.")
    if wanted in options:
        st.session_state[key] = wanted
    elif st.session_state.get(key) not in options:
        st.session_state[key] = preferred if preferred in options else next(iter(options), None)
    if st.session_state[key] is not None and wanted != st.session_state[key]:
        st.query_params[key] = st.session_state[key]
    st.selectbox(label, options, key=key, placeholder=nothing, disabled=not options, on_change=_to_address, args=(key,))


def choose(place: DeltaGenerator, label: str, options: Sequence[str] | Mapping[str, str], chosen: str, **keywords: str | bool) -> str:
    """A list with one option chosen at first. options: a mapping gives what is shown for each; keywords: of Streamlit's selectbox."""
    say = options.__getitem__ if isinstance(options, Mapping) else str
    names = list(options)
    return place.selectbox(label, names, names.index(chosen), format_func=say, **keywords)  # type: ignore[call-overload, no-any-return]


def part(label: str, options: Sequence[str], usual: str, key: str) -> str:
    """Which part of a page is shown; it is in the address."""
    at_first = None if key in st.session_state else usual
    chosen = st.segmented_control(
        label, options, default=at_first, key=key, bind="query-params", width="stretch", label_visibility="collapsed"
    )
    return chosen or usual


def target(label: str, classes: Sequence[str]) -> str | None:
    """The class to explain, or None for the decision."""
    return optional(TARGET, label, classes, "the decision", lesion_name)


def optional(
    key: str, label: str, options: Sequence[str], nothing: str, say: Callable[[str], str] = str, help: str | None = None
) -> str | None:
    """A choice that may be left open. The address holds the option itself, `say` gives what is shown; nothing: shown for None."""
    wanted = st.query_params.get(key)
    if wanted in options:
        st.session_state[key] = wanted
    elif st.session_state.get(key) not in options:
        st.session_state[key] = None
    return st.selectbox(
        label, options, index=None, key=key, placeholder=nothing, format_func=say, on_change=_to_address, args=(key,), help=help
    )


def _to_address(key: str) -> None:
    if st.session_state[key] is None:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = st.session_state[key]
