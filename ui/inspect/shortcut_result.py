"""What one photograph's experiment has shown: pictures, scores, heatmaps on one scale, and the answer in words."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from core.markers import marker_name
from core.text import literal
from imaging.overlay import draw_contour, overlay
from imaging.resize import enlarge, scale_image
from shortcuts.experiment import Subject
from shortcuts.filling import widened
from shortcuts.one import Answer, in_words
from shortcuts.rule import ON_LESION
from shortcuts.whatif import WhatIf
from ui.parts.components import MEANING, show_picture
from ui.services import services

SIDE = 380
CHANGED = {"removal": "without it", "insertion": "with it"}


def show_markers(subject: Subject) -> None:
    """The photograph as the network gets it, each marker outlined."""
    size = _screen(subject.image.shape[:2])
    picture = scale_image(subject.image, size, "bicubic")
    for mask in subject.markers.values():
        picture = draw_contour(picture, widened(scale_image(mask.astype(np.uint8), size, "nearest") > 0))
    show_picture(picture, f"Markers that are there: {', '.join(marker_name(m) for m in subject.markers)}")


def show_answer(opened: services.OpenModel, answer: Answer) -> None:
    """As it is, changed, and the control."""
    name = opened.card.classes[answer.target]
    st.markdown(f"**{literal(in_words(answer, name))}**")
    trial = answer.trial
    titles = ("as it is", CHANGED[trial.direction], "control")
    _pictures(name, answer, titles, (trial.mask, trial.mask, trial.place))
    if answer.maps is not None and not np.isnan(answer.evidence):
        st.caption(
            f"{answer.evidence:.0%} of the evidence for {literal(name)} lies on the {marker_name(trial.marker)}, which covers "
            f"{answer.area:.1%} of the picture. Little heat on a marker does not mean that it does not count, nor much that it does."
        )
    if trial.on_lesion > ON_LESION:
        st.warning(f"{trial.on_lesion:.0%} of it lies on the lesion: changing it changes the lesion as well.", icon=":material/warning:")
    st.caption(
        "Pictures are as the network gets them; the three heatmaps share one scale. The control of a removal is as much clean skin "
        "filled the same way, at the same distance from the lesion; of an insertion, the marker's shape in the skin's own colour, a little "
        f"darker and with soft edges. One photograph proves nothing about others. {MEANING}"
    )


def show_what_if(opened: services.OpenModel, found: WhatIf) -> None:
    """The photograph as it is, each change, and all of them together."""
    name = opened.card.classes[found.target]
    p, decided = found.probabilities[:, found.target], found.probabilities.argmax(axis=1)
    st.dataframe(
        pd.DataFrame(
            {
                "photograph": found.names,
                f"P({name})": [f"{v:.2f}" for v in p],
                "change": ["", *(f"{v - p[0]:+.2f}" for v in p[1:])],
                "logit": [f"{v:+.2f}" for v in found.logits[:, found.target]],
                "decision": [opened.card.classes[k] + (" (turned)" if k != decided[0] else "") for k in decided],
            }
        ),
        hide_index=True,
        alt=f"Scores for {name} under each change",
    )
    _pictures(name, found, found.names, [None] * len(found.names))
    st.caption(
        "Without a control: this is what the classifier would say, not why. Filling hair or corners and cropping change the lesion's "
        f"size, sharpness and surroundings as well. {MEANING}"
    )


def _pictures(name: str, found: Answer | WhatIf, titles: Sequence[str], outlines: Sequence[np.ndarray | None]) -> None:
    scale = 0.0 if found.maps is None else float(found.maps.max(initial=0))
    size = _screen(found.pictures.shape[1:3])
    for start in range(0, len(titles), 3):
        for k, column in enumerate(st.columns(3)[: len(titles) - start], start):
            with column:
                picture, where = scale_image(found.pictures[k], size, "bicubic"), outlines[k]
                if where is None:
                    show_picture(picture, titles[k])
                else:
                    outlined = draw_contour(picture, widened(scale_image(where.astype(np.uint8), size, "nearest") > 0))
                    show_picture(outlined, f"{titles[k]}, with the outline of the change")
                p, logit = found.probabilities[k, found.target], found.logits[k, found.target]
                st.markdown(f"{literal(titles[k])}: P({literal(name)}) **{p:.2f}**, logit {logit:+.2f}")
                if found.maps is not None:
                    show_picture(overlay(picture, enlarge(found.maps[k], size), scale), f"Heatmap for {name}, {titles[k]}")


def _screen(size: tuple[int, ...]) -> tuple[int, int]:
    scale = SIDE / max(size)
    return round(size[0] * scale), round(size[1] * scale)
