"""The frame around every page: title, navigation, and the choice of classifier and dataset.

It lies in a folder of its own, because Streamlit puts the main script's folder on the import path (where a file could
hide a room of the same name) and takes a `pages` folder beside it for its own.
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

import streamlit as st  # noqa: E402

from ui.parts import choice, navigation  # noqa: E402
from ui.parts.components import show_errors  # noqa: E402

st.set_page_config(page_title="LesionLens", page_icon=str(PROJECT / "ui" / "icon.png"), layout="wide")
page = st.navigation([navigation.page(name) for name in navigation.PAGES])
with show_errors():
    choice.sidebar()
    if st.user.get("is_logged_in"):
        st.sidebar.button("Sign out", on_click=st.logout, icon=":material/logout:")
    page.run()
