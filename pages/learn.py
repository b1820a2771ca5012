"""Learn: class activation maps step by step with the actual numbers, how reliable they are, and how a shortcut is detected."""

import streamlit as st

from core.diagnoses import full_name
from core.text import literal
from explain.methods import METHODS
from ui.learn.cam_steps import LESSONS, cam_steps
from ui.learn.experiments import by_depth, ideal, scrambling
from ui.learn.story import STORY, story
from ui.parts import choice
from ui.parts.components import NO_LAYER, need, page_title
from ui.parts.image_choice import choose_image
from ui.services import services

page_title("Learn", "How a heatmap is made, how reliable it is, and how a shortcut is detected, with the actual numbers.")
lesson = choice.part("Lesson", ["Step by step", "By depth", "Scrambled", "What the class looks like", STORY], "Step by step", "lesson")
if lesson == STORY:
    story()
    st.stop()
opened = services.model(need(choice.model(), "classifier"))
chosen = choose_image(services.dataset(chosen_data) if (chosen_data := choice.dataset()) else None)
if chosen is None:
    st.info("Choose an image above, or upload one.")
elif opened.description.default_layer is None:
    st.info(f"{NO_LAYER} Choose another classifier in the sidebar.")
else:
    probabilities = services.predict(opened, chosen.picture).probabilities
    decided = opened.card.classes[int(probabilities.argmax())]
    one, two = st.columns(2)
    with one:
        target = choice.target(f"Class to explain (decision: {literal(full_name(decided))})", opened.card.classes)
    with two:
        method = choice.optional(choice.METHOD, "Method", list(LESSONS), "Grad-CAM", lambda m: METHODS[m].name) or "grad-cam"
    index = opened.card.classes.index(target or decided)
    if lesson == "What the class looks like":
        ideal(opened, index)
    else:
        {"By depth": by_depth, "Scrambled": scrambling}.get(lesson, cam_steps)(opened, chosen, index, method)
