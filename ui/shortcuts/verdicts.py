"""One marker's verdict on screen, and the evidence for it."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from core.diagnoses import full_name
from core.markers import marker_name
from core.text import literal, visible
from reports.shortcut_charts import DIRECTIONS, PHOTOGRAPHS, dose_chart, effects_chart
from reports.shortcut_report import caption
from shortcuts.study import Apart, Example, MarkerStudy, Study
from ui.parts.components import cells

ICONS = {
    "used": ":material/report:",
    "not seen to matter": ":material/check_circle:",
    "can't tell": ":material/help:",
    "not tested": ":material/block:",
}


def marker_verdict(marker: str, of: MarkerStudy, study: Study, folder: Path) -> None:
    """folder: of the study, with its examples."""
    with st.expander(f"{marker_name(marker).capitalize()}: {literal(of.verdict)}", key=f"fold-judged {marker}", icon=ICONS[of.verdict]):
        st.markdown(literal(of.why[:1].upper() + of.why[1:]))
        if of.agreement:
            st.markdown(f"Attention: {literal(of.agreement)}.")
        _examples([e for e in study.examples if e.marker == marker], folder)
        drawn = effects_chart(of.effects)
        if drawn is not None:
            st.altair_chart(drawn[0], width="stretch", alt=f"Effects of {marker_name(marker)}: {drawn[1]}")
        if of.flips:
            st.dataframe(_flips(of), hide_index=True, alt=f"Decisions that change with {marker_name(marker)}")
            st.dataframe(_rates(of), hide_index=True, alt=f"Sensitivity and specificity for {full_name(of.table_of)} with and without it")
            st.caption(f"Sensitivity and specificity of deciding for {literal(full_name(of.table_of))} on the same photographs.")
        _needed(of)
        if of.attention.defined:
            st.caption(f"Share of the evidence for the decision that lies on the marker, minus its share of the area: {of.attention:+.1%}.")
        doses = [d for d in study.doses if d.marker == marker]
        if doses:
            chart, words = dose_chart(doses)
            st.altair_chart(chart, width="stretch", alt=f"Effect of {marker_name(marker)} by size and strength: {words}")
        for apart in of.on_lesion:
            st.caption(_on_lesion(apart))
        for note in of.notes:
            st.caption(literal(note[:1].upper() + note[1:]) + ".")


def _rates(of: MarkerStudy) -> pd.DataFrame:
    """Sensitivity and specificity on the same photographs, one row per direction and change."""
    return pd.DataFrame(
        [
            {
                "marker": DIRECTIONS[direction],
                "photographs": PHOTOGRAPHS[name],
                "sensitivity": rates.sensitivity.cell(".1%"),
                "specificity": rates.specificity.cell(".1%"),
            }
            for direction, by_change in of.table.items()
            for name, rates in by_change.items()
        ]
    )


def _examples(examples: Sequence[Example], folder: Path) -> None:
    shown = [(caption(e), folder / e.file) for e in examples if (folder / e.file).is_file()]
    for cell, (words, path) in zip(cells(len(shown), 2), shown, strict=True):
        cell.image(path.read_bytes(), caption=literal(words), width="stretch", alt=visible(words))
    if shown:
        st.caption("Photographs on which the effect was closest to the median.")


def _needed(of: MarkerStudy) -> None:
    """How many lesions would be needed, if the intervals are too wide."""
    needed = [e for e in of.effects if e.needed > e.lesions]
    if of.verdict == "can't tell" and needed:
        most = max(needed, key=lambda e: e.needed)
        st.caption(
            f"With {most.lesions:,} lesions, the interval of {literal(full_name(most.target))}, {DIRECTIONS[most.direction]}, is "
            f"{most.within[0]:+.2f} to {most.within[1]:+.2f} at 90 %. About {most.needed:,.0f} lesions would bring it within "
            "the margins, if mean and spread remain the same."
        )


def _on_lesion(apart: Apart) -> str:
    effect = apart.effect
    return (
        f"Analysed separately: {DIRECTIONS[apart.direction]} where it lies on the lesion and so changes the lesion as well "
        f"(images: {effect.images:,}): P({literal(effect.target)}) with − without {effect.change.cell('+.2f')}, control "
        f"{effect.control.cell('+.2f')}; {apart.flips.change.cell('.0%')} of the decisions change."
    )


def _flips(of: MarkerStudy) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "decisions that change": [DIRECTIONS[f.direction] for f in of.flips],
            "images": [f.images for f in of.flips],
            "lesions": [f.lesions for f in of.flips],
            "marker": [f.change.cell(".1%") for f in of.flips],
            "control": [f.control.cell(".1%") for f in of.flips],
        }
    )
