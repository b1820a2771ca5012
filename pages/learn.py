"""Learn: Grad-CAM of one image, step by step, with the actual numbers."""

import streamlit as st

from ui import choice, services
from ui.components import need, page_title
from ui.image_choice import choose_image
from ui.learning import grad_cam_steps

page_title(
    "How a heatmap is made", "Grad-CAM (Selvaraju 2017) in six steps, on an image of your choice, with the actual numbers."
)
opened = services.model(need(choice.model(), "classifier"))
chosen = choose_image(services.dataset(choice.dataset()) if choice.dataset() else None)
if chosen is None:
    st.info("Choose an image above, or upload one.")
elif opened.description.default_layer is None:
    st.info("This network shows no layers, so there are no steps to show. Choose another in the sidebar.")
else:
    found = services.inspect(opened, chosen.image, "grad-cam")
    decided = opened.card.classes[int(found.probabilities.argmax())]
    target = choice.target(f"Class to explain (decision: {decided})", opened.card.classes)
    index = opened.card.classes.index(target or decided)
    grad_cam_steps(opened, chosen, found, index)
