"""The model card on screen: read, mend, save beside the file."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import streamlit as st

from imaging.resize import Geometry, Interpolation
from models.card import ColourOrder, Output, Scaling, card_path, make_card, training_in_words, write_card
from ui.parts.components import show_errors
from ui.services import services
from ui.worker.jobs.explanations import Describe

SCALING_WORDS = {
    "0..1": "0…1 (divided by 255)",
    "-1..1": "−1…1",
    "0..255": "0…255 (raw)",
    "imagenet": "ImageNet mean and deviation",
    "caffe": "Caffe means (with BGR: Keras' caffe mode)",
}


def card_form(opened: services.OpenModel) -> None:
    """Every field of the card; guesses are marked until they are saved."""
    card = opened.card
    if card.training is not None:
        st.info(training_in_words(card.training), icon=":material/model_training:")
    if card.guessed:
        st.warning(
            f"Guessed from the file: **{', '.join(g.replace('_', ' ') for g in card.guessed)}**. "
            "Ask whoever trained it, or try the card check. What you save counts as known.",
            icon=":material/help:",
        )

    def label(field: str, text: str) -> str:
        return f"{text} (guess)" if field in card.guessed else text

    with st.form(f"card-{opened.spec.sha256}"):
        name = st.text_input("Name", card.name)
        classes = st.text_area(
            label("classes", "Classes in output order, one a line"), "\n".join(card.classes), height=26 * len(card.classes) + 30
        )
        one, two, three = st.columns(3)
        height = one.number_input(label("height", "Input height (pixels)"), 1, 4096, card.height)
        width = two.number_input(label("width", "Input width (pixels)"), 1, 4096, card.width)
        output = three.selectbox(label("output", "Output"), get_args(Output), get_args(Output).index(card.output))
        one, two, three, four = st.columns(4)
        scalings = get_args(Scaling)
        scaling = one.selectbox(label("scaling", "Scaling"), scalings, scalings.index(card.scaling), format_func=SCALING_WORDS.__getitem__)
        orders = get_args(ColourOrder)
        colour = two.selectbox(label("colour_order", "Colour order"), orders, orders.index(card.colour_order), format_func=str.upper)
        geometries = get_args(Geometry)
        geometry = three.selectbox(label("resize", "Fitting"), geometries, geometries.index(card.resize.geometry))
        interpolations = get_args(Interpolation)
        interpolation = four.selectbox(label("resize", "Interpolation"), interpolations, interpolations.index(card.resize.interpolation))
        one, two = st.columns(2)
        positive = one.text_input(label("positive", "One sigmoid unit: it is the score of"), card.positive or "")
        malignant = two.text_input(label("malignant", "Malignant classes, with commas"), ", ".join(card.malignant))
        output_name = card.output_name or ""
        if card.output_name is not None:
            output_name = st.text_input(label("output_name", "Of the network's several outputs, the one with the classes"), output_name)
        training_data = st.text_area("Training data", card.training_data, height=80)
        licence = st.text_input("Licence", card.licence)
        intended_use = st.text_area("Intended use", card.intended_use, height=70)
        limits = st.text_area("Limits", card.limits, height=70)
        if st.form_submit_button("Save the card", type="primary"):
            with show_errors():
                saved = make_card(
                    {
                        "name": name,
                        "classes": tuple(c.strip() for c in classes.splitlines() if c.strip()),
                        "height": height,
                        "width": width,
                        "output": output,
                        "scaling": scaling,
                        "colour_order": colour,
                        "resize": {"geometry": geometry, "interpolation": interpolation},
                        "positive": positive.strip() or None,
                        "output_name": output_name.strip() or None,
                        "malignant": tuple(c.strip() for c in malignant.split(",") if c.strip()),
                        "training_data": training_data,
                        "licence": licence,
                        "intended_use": intended_use,
                        "limits": limits,
                        "training": card.training,
                    }
                )
                services.worker().ask(Describe(replace(opened.spec, card=saved)))
                write_card(saved, card_path(opened.facts.path))
                st.rerun()
    st.caption(f"Kept as {card_path(opened.facts.path).name} beside the file.")
