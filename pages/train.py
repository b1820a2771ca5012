"""Training: published systems trained on a dataset of the workspace, watched, stopped and compared."""

import streamlit as st

from ui.parts import choice
from ui.parts.components import need, page_title
from ui.services import services
from ui.services.trainings import GO_TO, NEW, PARTS, TRAININGS
from ui.training.form import new_training
from ui.training.runs import runs

page_title("Training", "Train a published system on this dataset, watch what it learns, and compare trainings.")
if GO_TO in st.session_state:
    st.session_state["part"] = st.session_state.pop(GO_TO)
if choice.part("Part", PARTS, TRAININGS, "part") == NEW:
    new_training(services.dataset(need(choice.dataset(), "dataset")))
else:
    runs()
