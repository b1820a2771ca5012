"""Charts of the shortcut lab, from `shortcuts.json` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from core.exports import interval
from reports.audit_charts import WIDTH, forest
from reports.charts import BLUE, GREY, ORANGE

DIRECTIONS = {"removal": "taken away", "insertion": "put in"}
PHOTOGRAPHS = {"base": "as they are", "changed": "changed", "control": "control", "cropped": "cropped to the lesion"}
DECIDED = 20  # classes beyond which only those moved furthest are drawn


def effects_chart(told: Mapping[str, Any]) -> tuple[alt.LayerChart, str] | None:
    """P(with the marker) − P(without) less the control's, a row a class and direction; and what it shows in words. told: of one marker."""
    known = [e for e in told["effects"] if e["excess"]["low"] is not None]
    known = sorted(known, key=lambda e: -abs(e["excess"]["value"]))[:DECIDED]
    rows = [
        {"name": f"{e['target']}, {DIRECTIONS[e['direction']]}", **{k: e["excess"][k] for k in ("value", "low", "high")}}
        for e in sorted(known, key=lambda e: (e["direction"] != "removal", -e["excess"]["value"]))
    ]
    if not rows:
        return None
    return forest(rows, "P with − without, less control", 0.0), ", ".join(f"{r['name']} {r['value']:+.2f}" for r in rows)


def dose_chart(doses: Sequence[Mapping[str, Any]]) -> tuple[alt.LayerChart, str]:
    """Mean change of one class's probability by size, a line a strength, 95 % intervals. doses: of one marker, at least one."""
    name = doses[0]["class"]
    rows = [
        {
            "size": d["size"],
            "strength": f"strength {d['strength']:.0%}",
            **{k: d["change"][k] for k in ("value", "low", "high")},
            "text": f"{d['images']:,} images, {interval(d['change'], '+.3f')}",
        }
        for d in doses
    ]
    strengths = sorted({r["strength"] for r in rows}, key=lambda s: float(s.split()[1].rstrip("%")))
    colour = alt.Color(
        "strength:N",
        title=None,
        sort=strengths,
        scale=alt.Scale(domain=strengths, range=[BLUE, ORANGE][: len(strengths)]),
        legend=alt.Legend(orient="top"),
    )
    sizes = sorted({r["size"] for r in rows})
    x = alt.X("size:Q", title="size (1 is usual)", scale=alt.Scale(zero=False, nice=False, padding=12), axis=alt.Axis(values=sizes))
    base = alt.Chart(pd.DataFrame(rows)).encode(x=x, color=colour)
    title = f"change of P({name})"
    y = alt.Y("value:Q", title=title)
    chart = (
        alt.Chart(pd.DataFrame({"y": [0]})).mark_rule(strokeDash=[4, 3], color=GREY).encode(y="y:Q")
        + base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title=title), y2="high:Q")
        + base.mark_line().encode(y=y)
        + base.mark_point(filled=True, size=55, opacity=1).encode(y=y, tooltip=["strength", "size", "text"])
    )
    told = ", ".join(f"size {r['size']:g} {r['strength']} {r['value']:+.2f}" for r in rows if r["value"] is not None)
    return chart.properties(width=WIDTH - 130, height=260), told
