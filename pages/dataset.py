"""Dataset: what it consists of, with charts that filter each other and the gallery below."""

import streamlit as st

from core.text import literal
from datasets.layouts import NAMES
from ui.dataset.add import add_dataset
from ui.dataset.composition import crossfilter, details, headline, problems, sample
from ui.dataset.findings import findings_panel
from ui.parts import choice
from ui.parts.components import need, page_title
from ui.services import services

page_title("Dataset", "What does it consist of?")
add_dataset()
data = services.dataset(need(choice.dataset(), "dataset"))
st.markdown(f"**{literal(data.name)}**: {literal(NAMES.get(data.layout, data.layout))}")
headline(data)
problems(data)
if len(data):
    findings_panel(data)
    sample(data, crossfilter(data))
    details(data)
else:
    st.info("This dataset has no rows.")
