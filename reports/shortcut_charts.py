"""Charts of the shortcut lab, from what `shortcuts.json` holds alone."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from core.wording import count
from reports.audit_charts import WIDTH, forest
from reports.charts import BLUE, GREY, ORANGE, coloured
from shortcuts.effects import Effect
from shortcuts.study import Dosed

DIRECTIONS = {"removal": "removed", "insertion": "inserted"}
PHOTOGRAPHS = {"base": "unchanged", "changed": "changed", "control": "control", "cropped": "cropped to the lesion"}
MOST = 20  # effects drawn, the largest


def effects_chart(effects: Sequence[Effect]) -> tuple[alt.LayerChart, str] | None:
    """P(with the marker) − P(without) minus the control's, a row per class and direction; and the chart in words.

    effects: of one marker.
    """
    known = [e for e in effects if not np.isnan(e.excess.low)]
    known = sorted(known, key=lambda e: -abs(e.excess.value))[:MOST]
    rows = [
        {"name": f"{e.target}, {DIRECTIONS[e.direction]}", "value": e.excess.value, "low": e.excess.low, "high": e.excess.high}
        for e in sorted(known, key=lambda e: (e.direction != "removal", -e.excess.value))
    ]
    if not rows:
        return None
    return forest(rows, "Change of the probability by the marker, less its control's", 0.0), ", ".join(
        f"{r['name']} {r['value']:+.2f}" for r in rows
    )


def dose_chart(doses: Sequence[Dosed]) -> tuple[alt.LayerChart, str]:
    """Mean change of one class's probability by size, a line per strength, 95 % intervals; and the chart in words. doses: of one marker."""
    name = doses[0].target
    rows = [
        {
            "size": d.size,
            "strength": f"strength {d.strength:.0%}",
            "value": d.change.value,
            "low": d.change.low,
            "high": d.change.high,
            "text": f"{count(d.images, 'image')}, {d.change.cell('+.3f')}",
        }
        for d in doses
    ]
    strengths = [f"strength {s:.0%}" for s in sorted({d.strength for d in doses})]
    sizes = sorted({d.size for d in doses})
    x = alt.X("size:Q", title="size (1 is typical)", scale=alt.Scale(zero=False, nice=False, padding=12), axis=alt.Axis(values=sizes))
    base = alt.Chart(pd.DataFrame(rows)).encode(x=x, color=coloured("strength", strengths, [BLUE, ORANGE][: len(strengths)]))
    title = f"change of P({name})"
    y = alt.Y("value:Q", title=title)
    chart = (
        alt.Chart(pd.DataFrame({"y": [0]})).mark_rule(strokeDash=[4, 3], color=GREY).encode(y="y:Q")
        + base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title=title), y2="high:Q")
        + base.mark_line().encode(y=y)
        + base.mark_point(filled=True, size=55, opacity=1).encode(y=y, tooltip=["strength", "size", "text"])
    )
    summary = ", ".join(f"size {d.size:g} strength {d.strength:.0%} {d.change.value:+.2f}" for d in doses if d.change.defined)
    return chart.properties(width=WIDTH - 130, height=260), summary
