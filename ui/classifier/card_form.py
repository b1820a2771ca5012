"""The model card on screen: read it, correct it, save it beside the file."""

from dataclasses import replace
from typing import get_args

import streamlit as st

from core.text import literal
from imaging.resize import Geometry, Interpolation
from models.card import ColourOrder, Output, card_path, make_card, training_in_words, write_card
from ui.parts.choice import choose
from ui.parts.components import show_errors
from ui.services import services
from ui.worker.jobs.explanations import Describe

SCALING_WORDS = {
    "0..1": "0…1 (divided by 255)",
    "-1..1": "−1…1",
    "0..255": "0…255 (raw)",
    "imagenet": "ImageNet mean and standard deviation",
    "caffe": "Caffe means (with BGR: Keras' caffe mode)",
}


def card_form(opened: services.OpenModel) -> None:
    """Every field of the card; guesses are marked as such until they are saved."""
    card = opened.card
    if card.training is not None:
        st.info(literal(training_in_words(card.training)), icon=":material/model_training:")
    if card.guessed:
        st.warning(
            f"Guessed from the file: **{', '.join(literal(g.replace('_', ' ')) for g in card.guessed)}**. "
            "Ask whoever trained the network, or run the card check. What you save counts as known.",
            icon=":material/help:",
        )

    def label(field: str, text: str) -> str:
        return f"{text} (guess)" if field in card.guessed else text

    with st.form(f"card-{opened.spec.sha256}"):
        name = st.text_input("Name", card.name)
        text = label("classes", "Classes in output order, one per line")
        classes = st.text_area(text, "\n".join(card.classes), height=26 * len(card.classes) + 30)
        one, two, three = st.columns(3)
        height = one.number_input(label("height", "Input height (pixels)"), 1, 4096, card.height)
        width = two.number_input(label("width", "Input width (pixels)"), 1, 4096, card.width)
        output = choose(three, label("output", "Output"), get_args(Output), card.output)
        one, two, three, four = st.columns(4)
        scaling = choose(one, label("scaling", "Scaling"), SCALING_WORDS, card.scaling)
        colour = choose(two, label("colour_order", "Colour order"), {c: c.upper() for c in get_args(ColourOrder)}, card.colour_order)
        geometry = choose(three, label("resize", "Resizing"), get_args(Geometry), card.resize.geometry)
        interpolation = choose(four, label("resize", "Interpolation"), get_args(Interpolation), card.resize.interpolation)
        one, two = st.columns(2)
        positive = one.text_input(label("positive", "Class that a single sigmoid output scores"), card.positive or "")
        malignant = two.text_area(label("malignant", "Malignant classes, one per line"), "\n".join(card.malignant), height=100)
        output_name = card.output_name or ""
        if card.output_name is not None:
            output_name = st.text_input(label("output_name", "Which of the network's outputs holds the class scores"), output_name)
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
                        "malignant": tuple(c.strip() for c in malignant.splitlines() if c.strip()),
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
    st.caption(f"Saved as {literal(card_path(opened.facts.path).name)} beside the file.")
