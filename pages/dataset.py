"""Dataset: what it consists of. Charts filter each other and the gallery below."""

from pathlib import Path

import streamlit as st

from datasets.layouts import NAMES
from ui.dataset.composition import crossfilter, details, headline, problems, sample
from ui.dataset.findings import findings_panel
from ui.parts import choice
from ui.parts.components import need, page_title, show_errors
from ui.services import services

page_title("Dataset", "What does it consist of?")
if services.is_local():
    with st.expander("Add a dataset", key="fold-add", icon=":material/add:"), st.form("add-dataset", border=False):
        path = st.text_input("Folder or table on this machine", placeholder="/data/HAM10000")
        as_name = st.text_input("Name in this workspace", placeholder="ham10000")
        st.caption(
            "Nothing is copied. Recognised: HAM10000, ISIC challenges 2016–2020, isic-cli downloads, ISIC JSON files, "
            "one folder a class, any table with image ids."
        )
        if st.form_submit_button("Add") and path and as_name:
            with show_errors():
                services.open_dataset(Path(path))
                services.workspace().register_dataset(as_name, Path(path))
                st.rerun()
data = services.dataset(need(choice.dataset(), "dataset"))
st.markdown(f"**{data.name}**: {NAMES.get(data.layout, data.layout)}")
headline(data)
problems(data)
if len(data):
    findings_panel(data)
    shown = crossfilter(data)
    sample(data, shown)
    details(data)
else:
    st.info("This dataset has no rows.")
