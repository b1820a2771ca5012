"""The pages, in the order of the menu; each is one script in `pages/`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

FOLDER = Path(__file__).resolve().parents[1] / "pages"

# name (script and address) -> (title, icon)
PAGES = {
    "start": ("Start", "home"),
    "inspect": ("Inspect an image", "visibility"),
    "dataset": ("Dataset", "bar_chart"),
    "review": ("Review", "rule"),
    "evaluate": ("Evaluate", "grid_on"),
    "shortcuts": ("Shortcuts", "science"),
    "training": ("Training", "model_training"),
    "classifier": ("Classifier", "network_node"),
    "learn": ("Learn", "school"),
}


def page(name: str) -> StreamlitPage:
    """A page by name, for the menu and for links."""
    title, icon = PAGES[name]
    return st.Page(FOLDER / f"{name}.py", title=title, icon=f":material/{icon}:", url_path=name, default=name == "start")
