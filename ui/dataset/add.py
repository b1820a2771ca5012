"""Adding a dataset: its folder or table, and its name in the workspace."""

from pathlib import Path

import streamlit as st

from core.errors import LesionLensError, WorkspaceError
from core.text import literal
from core.wording import count
from datasets.layouts import NAMES
from ui.parts import choice
from ui.services import reach, services

PATH, NAME, ADDED = "add-path", "add-name", "dataset-added"


def add_dataset() -> None:
    """The form; what was typed stays until the dataset is added. Only where browser and server are on the same machine."""
    added = st.session_state.pop(ADDED, None)
    if added is not None:
        st.success(literal(added), icon=":material/check:")
    with st.expander("Add a dataset", key="fold-add", icon=":material/add:"):
        if not reach.is_local():
            st.info(
                "This server can be reached from other machines, so a browser may not name folders on it. Its operator can add a dataset "
                "with `python cli.py dataset add PATH --name NAME`."
            )
            return
        with st.form("add-dataset", border=False):
            path = st.text_input("Folder or table on this machine", placeholder="/data/HAM10000", key=PATH).strip()
            name = st.text_input("Name in this workspace", placeholder="ham10000", key=NAME).strip()
            st.caption(
                "Nothing is copied. Recognised automatically: HAM10000, ISIC challenges 2016–2020, isic-cli downloads, ISIC JSON files, "
                "one folder per class, any table with image IDs."
            )
            if not st.form_submit_button("Add", icon=":material/add:"):
                return
        try:
            _add(path, name)
        except LesionLensError as error:
            st.error(literal(error), icon=":material/error:")
            return
        st.rerun()


def _add(path: str, name: str) -> None:
    if not path:
        raise WorkspaceError("no folder or table is given.", todo="Enter its path on this machine.")
    found = Path(path).expanduser() if path.startswith("~/") else Path(path)
    if not found.is_absolute():
        raise WorkspaceError("is not an absolute path.", path, f"Enter an absolute path, such as {Path.home() / 'data'}.")
    if not name:
        raise WorkspaceError("the dataset has no name.", todo="Enter a name for it in this workspace.")
    space = services.workspace()
    same = space.datasets_at(found)
    with st.spinner("Reading its table and the list of its files…"):
        data = space.open_dataset(name) if name in same else space.add_dataset(name, found)
    others = [n for n in same if n != name]
    st.session_state[ADDED] = (
        f"{'Here already, as' if name in same else 'Added'} {name}: {count(len(data), 'image')}, {NAMES.get(data.layout, data.layout)}. "
        "It is now the selected dataset." + (f" The same data are in this workspace as {', '.join(others)} too." if others else "")
    )
    st.query_params[choice.DATASET] = name
    st.query_params.pop(choice.IMAGE, None)
    st.session_state.pop(choice.IMAGE, None)
