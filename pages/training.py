"""Training: a published system trained on a dataset of the workspace, watched, stopped, compared."""

import streamlit as st

from ui import choice, services
from ui.components import need, page_title
from ui.training_form import new_training
from ui.training_runs import runs
from ui.trainings import GO_TO, NEW, PARTS, TRAININGS

page_title("Training", "Train a published system on this dataset, watch what it learns, and compare trainings.")
if GO_TO in st.session_state:
    st.session_state["part"] = st.session_state.pop(GO_TO)
part = st.segmented_control(
    "Part",
    PARTS,
    default=None if "part" in st.session_state else TRAININGS,
    key="part",
    bind="query-params",
    width="stretch",
    label_visibility="collapsed",
)
if part == NEW:
    new_training(services.dataset(need(choice.dataset(), "dataset")))
else:
    runs()
