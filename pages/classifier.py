"""Classifier: facts about the file, its card to read and edit, the card check, and adding a file."""

import streamlit as st

from ui.classifier.card_form import card_form
from ui.classifier.file import add_model, card_check, file_facts, layers, policy_switch
from ui.classifier.method_choice import methods
from ui.parts import choice
from ui.parts.components import need, page_title
from ui.services import services

page_title("Classifier", "What is in the file, what does its card say, and do labelled images support the card?")
add_model()
opened = services.model(need(choice.model(), "classifier"))
file_facts(opened)
card_tab, check_tab, layer_tab, method_tab, policy_tab = st.tabs(
    ["Model card", "Card check", "Layers", "Methods of explanation", "Operator's policy"]
)
with card_tab:
    card_form(opened)
data = services.dataset(chosen_data) if (chosen_data := choice.dataset()) else None
with check_tab:
    card_check(opened, data)
with layer_tab:
    layers(opened)
with method_tab:
    methods(opened, data)
with policy_tab:
    policy_switch(opened)
