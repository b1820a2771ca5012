"""One marker's verdict on screen, and what it rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.exports import interval
from core.markers import marker_name
from reports.shortcut_charts import DIRECTIONS, PHOTOGRAPHS, dose_chart, effects_chart
from reports.shortcut_report import caption

ICONS = {"used": ":material/report:", "not seen to matter": ":material/check_circle:", "can't tell": ":material/help:"}


def judged_marker(marker: str, told: dict[str, Any], content: dict[str, Any], folder: Path) -> None:
    """content: of `shortcuts.json`, in whose folder the examples lie."""
    with st.expander(f"{marker_name(marker).capitalize()}: {told['verdict']}", key=f"fold-judged {marker}", icon=ICONS[told["verdict"]]):
        st.markdown(told["why"][:1].upper() + told["why"][1:])
        if told.get("agreement"):
            st.markdown(f"Attention: {told['agreement']}.")
        _examples(marker, content, folder)
        drawn = effects_chart(told)
        if drawn is not None:
            st.altair_chart(drawn[0], width="stretch", alt=f"Effects of {marker_name(marker)}: {drawn[1]}")
        if told["flips"]:
            st.dataframe(_flips(told), hide_index=True, alt=f"Decisions that turn with {marker_name(marker)}")
            st.dataframe(_table(told), hide_index=True, alt=f"Sensitivity and specificity for {told['table_of']} with and without it")
            st.caption(f"Sensitivity and specificity of deciding for {told['table_of']} on the same photographs.")
        _power(told)
        looked = told["attention"]
        if looked["value"] is not None:
            st.caption(f"Share of the evidence for the decision on the marker, less its share of the area: {interval(looked, '+.1%')}.")
        doses = [d for d in content["doses"] if d["marker"] == marker]
        if doses:
            chart, words = dose_chart(doses)
            st.altair_chart(chart, width="stretch", alt=f"Effect of {marker_name(marker)} by size and strength: {words}")
        for apart in told["on_lesion"]:
            st.caption(_on_lesion(apart))
        for note in told["notes"]:
            st.caption(note[:1].upper() + note[1:] + ".")


def _examples(marker: str, content: dict[str, Any], folder: Path) -> None:
    shown = [(e, folder / e["file"]) for e in content["examples"] if e["marker"] == marker and (folder / e["file"]).is_file()]
    for start in range(0, len(shown), 2):
        for column, (told, path) in zip(st.columns(2), shown[start : start + 2], strict=False):
            column.image(path.read_bytes(), caption=caption(told), width="stretch", alt=caption(told))
    if shown:
        st.caption("Photographs on which the effect was nearest to the median one.")


def _power(told: dict[str, Any]) -> None:
    """How many lesions would be needed, where the intervals are too wide."""
    needed = [e for e in told["effects"] if e["needed"] is not None and e["needed"] > e["lesions"]]
    if told["verdict"] == "can't tell" and needed:
        most = max(needed, key=lambda e: e["needed"])
        st.caption(
            f"With {most['lesions']:,} lesions, the widest interval ({most['target']}, {DIRECTIONS[most['direction']]}) is "
            f"{most['within'][0]:+.2f} to {most['within'][1]:+.2f} at 90 %. About {most['needed']:,.0f} lesions would bring it inside "
            "the margins, if mean and spread stay as they are."
        )


def _on_lesion(apart: dict[str, Any]) -> str:
    effect, flips = apart["effect"], apart["flips"]
    return (
        f"Apart, {DIRECTIONS[apart['direction']]} on {effect['images']:,} images where it lies on the lesion, which changes the lesion "
        f"as well: P({effect['target']}) with − without {interval(effect['change'], '+.2f')}, control "
        f"{interval(effect['control'], '+.2f')}; {interval(flips['change'], '.0%')} of the decisions turn."
    )


def _flips(told: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "decisions that turn": [DIRECTIONS[f["direction"]] for f in told["flips"]],
            "images": [f["images"] for f in told["flips"]],
            "lesions": [f["lesions"] for f in told["flips"]],
            "marker": [interval(f["change"], ".1%") for f in told["flips"]],
            "control": [interval(f["control"], ".1%") for f in told["flips"]],
        }
    )


def _table(told: dict[str, Any]) -> pd.DataFrame:
    rows = [
        {
            "marker": DIRECTIONS[direction],
            "photographs": PHOTOGRAPHS[name],
            "sensitivity": interval(figures["sensitivity"], ".1%"),
            "specificity": interval(figures["specificity"], ".1%"),
        }
        for direction, of in told["table"].items()
        for name, figures in of.items()
    ]
    return pd.DataFrame(rows)
