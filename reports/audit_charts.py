"""Charts of an audit, from `audit.json` alone; each can be printed."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from reports.charts import BLUE, GREY, ORANGE, QUARTERS, ROW, named_rows, with_numbers

WIDTH = 460  # pixels of the plot


def class_counts(rows: Sequence[Mapping[str, Any]]) -> alt.LayerChart:
    """rows: diagnosis, images, share."""
    frame = pd.DataFrame(rows).assign(text=lambda f: [f"{n:,} ({s:.1%})" for n, s in zip(f["images"], f["share"], strict=True)])
    scale = alt.Scale(domain=[0, float(frame["images"].max()) * 1.25])
    x = alt.X("images:Q", title="images", axis=alt.Axis(tickCount=6), scale=scale)
    base = alt.Chart(frame).encode(y=named_rows("diagnosis"), x=x)
    return with_numbers(base.mark_bar(color=BLUE, height=16), base).properties(width=WIDTH)


def forest(rows: Sequence[Mapping[str, Any]], title: str, none: float, log: bool = False, share: bool = False) -> alt.LayerChart:
    """rows: name, value, low, high; none: the value of no effect (odds ratio 1, AUC .5), NaN if there is none; share: an axis from 0 to 1
    whatever the values, so that charts can be compared."""
    frame = pd.DataFrame(rows).dropna(subset=["value"])
    frame["text"] = [f"{r['value']:.2f} [{r['low']:.2f}, {r['high']:.2f}]" for r in frame.to_dict("records")]
    frame["beyond"] = (frame["low"] > none) | (frame["high"] < none)
    scale = alt.Scale(type="log") if log else alt.Scale(domain=[0, 1]) if share else alt.Scale(zero=False)
    colour = alt.Color("beyond:N", scale=alt.Scale(domain=[True, False], range=[ORANGE, GREY]), legend=None)
    base = alt.Chart(frame).encode(y=named_rows("name", limit=330))
    lines = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=title, scale=scale), x2="high:Q", color=colour)
    dots = base.mark_point(filled=True, size=55, opacity=1).encode(x=alt.X("value:Q", scale=scale), color=colour, tooltip=["name", "text"])
    at = alt.Chart(pd.DataFrame({"x": [none]}).dropna()).mark_rule(strokeDash=[4, 3], color=GREY).encode(x="x:Q")
    return (at + lines + dots).properties(width=WIDTH - 130, height=alt.Step(ROW))


def share_bars(rows: Sequence[Mapping[str, Any]], title: str) -> alt.LayerChart:
    """rows: name, share 0…1, text."""
    axis = alt.Axis(format="%", values=QUARTERS)
    x = alt.X("share:Q", title=title, axis=axis, scale=alt.Scale(domain=[0, 1.15]))
    base = alt.Chart(pd.DataFrame(rows)).encode(y=named_rows("name", limit=240), x=x)
    return with_numbers(base.mark_bar(color=BLUE, height=16), base).properties(width=WIDTH)
