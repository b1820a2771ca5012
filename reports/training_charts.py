"""Charts of training runs and searches, from their histories alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from reports.charts import BLUE, GREEN, GREY, ORANGE, coloured

CURVES = {"loss": "loss", "accuracy": "accuracy", "balanced_accuracy": "balanced accuracy"}
SIDES = {"train": "training images", "val": "validation"}
FINISHED = {"complete": "completed", "pruned": "pruned", "fail": "failed", "running": "running"}


def curve_chart(
    history: Sequence[Mapping[str, Any]], curve: str, chosen: int | None, width: int | str = "container"
) -> tuple[alt.LayerChart, str]:
    """One curve by epoch, training and validation, a rule at the chosen epoch; and the chart in words. curve: of CURVES."""
    rows = [{"epoch": e["epoch"], "images": name, CURVES[curve]: e[f"{side}_{curve}"]} for e in history for side, name in SIDES.items()]
    x = alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(nice=False))
    loss = curve == "loss"
    ticks = alt.Axis() if loss else alt.Axis(format=".2f", tickMinStep=0.01)
    y = alt.Y(f"{CURVES[curve]}:Q", scale=alt.Scale(zero=loss), axis=ticks)
    base = alt.Chart(pd.DataFrame(rows)).encode(x=x, y=y, color=coloured("images", list(SIDES.values()), [ORANGE, BLUE]))
    chart: alt.LayerChart = base.mark_line() + base.mark_point(filled=True, size=30, opacity=1).encode(
        tooltip=["epoch", "images", alt.Tooltip(f"{CURVES[curve]}:Q", format=".3f")]
    )
    if chosen is not None:
        chart = alt.Chart(pd.DataFrame({"epoch": [chosen]})).mark_rule(strokeDash=[4, 3], color=GREY).encode(x="epoch:Q") + chart
    last = history[-1]
    values = (last[f"{side}_{curve}"] for side in SIDES)
    train, val = ("–" if v is None else f"{v:.3f}" for v in values)
    summary = f"{CURVES[curve]}, epoch {last['epoch']}: training images {train}, validation {val}"
    return chart.properties(width=width, height=260), summary


def split_chart(counts: Mapping[str, Mapping[str, int]]) -> alt.Chart:
    """Images of each class in each split. counts: split → class → images."""
    names = {"train": "training", "val": "validation", "test": "test"}
    rows = pd.DataFrame([{"split": names[s], "class": c, "images": n} for s, per in counts.items() for c, n in per.items()])
    order = rows.groupby("class")["images"].sum().sort_values(ascending=False).index.tolist()
    parts = list(names.values())
    chart = alt.Chart(rows, height=24 * len(order) + 130).transform_calculate(part=f"indexof({parts}, datum.split)")
    return chart.mark_bar().encode(
        x=alt.X("images:Q"),
        y=alt.Y("class:N", sort=order, title=None),
        color=coloured("split", parts, [BLUE, GREEN, ORANGE]),
        order=alt.Order("part:Q"),
        tooltip=["class", "split", alt.Tooltip("images:Q", format=",")],
    )


def search_chart(trials: Sequence[Mapping[str, Any]], width: int | str = 640) -> alt.LayerChart | None:
    """Balanced accuracy by trial, and the best so far; pruned trials with their last value."""
    rows, best, so_far = [], None, []
    for t in trials:
        value = t["balanced_accuracy"] if t["balanced_accuracy"] is not None else (t["curve"][-1] if t["curve"] else None)
        if value is not None:
            rows.append({"trial": t["number"], "value": value, "how": FINISHED.get(t["state"], t["state"])})
        if t["balanced_accuracy"] is not None:
            best = max(best or 0.0, t["balanced_accuracy"])
        if best is not None:
            so_far.append({"trial": t["number"], "value": best})
    if not rows:
        return None
    x = alt.X("trial:Q", axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("value:Q", title="validation balanced accuracy", scale=alt.Scale(zero=False))
    points = alt.Chart(pd.DataFrame(rows)).mark_point(filled=True, size=60, opacity=1)
    chart = points.encode(
        x=x,
        y=y,
        color=coloured("how", list(FINISHED.values()), [BLUE, ORANGE, "#b2182b", GREY]),
        tooltip=["trial", "how", alt.Tooltip("value:Q", format=".3f")],
    )
    line = alt.Chart(pd.DataFrame(so_far or [{"trial": 0, "value": None}])).mark_line(interpolate="step-after", color=GREY)
    return (line.encode(x=x, y=y) + chart).properties(width=width, height=240)


def importance_chart(importance: Mapping[str, float], width: int = 640) -> alt.Chart:
    """Importance of each setting, as a share."""
    rows = pd.DataFrame([{"setting": k, "share": v} for k, v in importance.items()])
    marks = alt.Chart(rows, width=width, height=alt.Step(24)).mark_bar(color=BLUE)
    return marks.encode(
        x=alt.X("share:Q", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("setting:N", sort="-x", title=None),
        tooltip=["setting", alt.Tooltip("share:Q", format=".0%")],
    )
