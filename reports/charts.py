"""Altair charts. Colours are Okabe and Ito's, which colour-blind eyes tell apart; nothing is said by colour alone."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from evaluation.confusion import row_percent
from evaluation.intervals import Figure
from explain.faithfulness import Faithfulness
from explain.sanity import Sanity

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#9aa3a6"
TEXT = "#737f84"  # readable on the light and the dark page
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#7f7f7f")
ROW = 26  # pixels a bar
WHEN = ("before", "after")


def probability_bars(names: Sequence[str], probabilities: np.ndarray, decided: int, target: int) -> alt.Chart:
    """One bar a class in output order; the decision in blue, the explained class outlined."""
    frame = pd.DataFrame(
        {
            "class": list(names),
            "score": [float(p) for p in probabilities],
            "text": [f"{p:.1%}" if p >= 0.001 else "< 0.1%" for p in probabilities],
            "role": ["decision" if k == decided else "other" for k in range(len(names))],
            "explained": [k == target for k in range(len(names))],
        }
    )
    base = alt.Chart(frame).encode(
        y=alt.Y("class:N", sort=None, title=None, axis=alt.Axis(labelLimit=220, labelOverlap=False)),
        x=alt.X("score:Q", title="score", scale=alt.Scale(domain=[0, 1.12]), axis=alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1])),
        tooltip=["class", alt.Tooltip("score:Q", format=".4f")],
    )
    bars = base.mark_bar(height=16).encode(
        color=alt.Color("role:N", scale=alt.Scale(domain=["decision", "other"], range=[BLUE, GREY]), legend=None),
        stroke=alt.condition("datum.explained", alt.value(ORANGE), alt.value(None)),
        strokeWidth=alt.condition("datum.explained", alt.value(2.5), alt.value(0)),
    )
    texts = base.mark_text(align="left", dx=5, color=TEXT).encode(text="text:N")
    return (bars + texts).properties(height=alt.Step(ROW))


def filtered_bars(frame: pd.DataFrame, column: str, title: str, select: str, order: Sequence[str] | None = None) -> alt.Chart:
    """frame: columns `column`, all, shown (images in total and under the other filters). Bars can be selected."""
    pick = alt.selection_point(name=select, fields=[column], toggle=True, empty=True)
    base = alt.Chart(frame).encode(
        y=alt.Y(
            f"{column}:N", sort=list(order) if order is not None else "-x", title=None, axis=alt.Axis(labelLimit=170, labelOverlap=False)
        ),
        tooltip=[
            column,
            alt.Tooltip("all:Q", title="all images", format=","),
            alt.Tooltip("shown:Q", title="under the filters", format=","),
        ],
    )
    room = alt.Scale(domain=[0, 1.25 * max(float(frame["all"].max()), 1)], nice=False)
    axis = alt.Axis(tickCount=3, format="~s")
    back = base.mark_bar(height=14, color=GREY, opacity=0.35).encode(x=alt.X("all:Q", title="images", scale=room, axis=axis))
    front = base.mark_bar(height=14, color=BLUE).encode(x="shown:Q", opacity=alt.condition(pick, alt.value(1), alt.value(0.35)))
    texts = base.mark_text(align="left", dx=4, fontSize=11, color=TEXT).encode(x="all:Q", text=alt.Text("shown:Q", format=","))
    return (back + front.add_params(pick) + texts).properties(title=title, height=alt.Step(22))


def age_histogram(frame: pd.DataFrame, select: str) -> alt.Chart:
    """frame: from, to (years), all, shown. A range can be dragged."""
    brush = alt.selection_interval(name=select, encodings=["x"], empty=True)
    base = alt.Chart(frame).encode(
        x=alt.X("from:Q", title="age (years)", scale=alt.Scale(domain=[0, 100])),
        x2="to:Q",
        tooltip=[
            "from",
            "to",
            alt.Tooltip("all:Q", title="all images", format=","),
            alt.Tooltip("shown:Q", title="under the filters", format=","),
        ],
    )
    back = base.mark_rect(color=GREY, opacity=0.35, stroke="white", strokeWidth=0.5).encode(
        y=alt.Y("all:Q", title="images"), y2=alt.datum(0)
    )
    front = base.mark_rect(color=BLUE, stroke="white", strokeWidth=0.5).encode(
        y="shown:Q", y2=alt.datum(0), opacity=alt.condition(brush, alt.value(1), alt.value(0.35))
    )
    return (back + front.add_params(brush)).properties(title="Age", height=260)


def stacked_share(frame: pd.DataFrame, rows: str, parts: str, title: str, order: Sequence[str]) -> alt.Chart:
    """Share of `parts` in each row, in percent; frame: rows, parts, images."""
    totals = frame.groupby(rows)["images"].transform("sum")
    frame = frame.assign(share=frame["images"] / totals)
    return (
        alt.Chart(frame)
        .mark_bar(stroke="white", strokeWidth=0.6)
        .encode(
            y=alt.Y(f"{rows}:N", sort=list(order), title=None),
            x=alt.X("share:Q", axis=alt.Axis(format="%"), title="share of images", scale=alt.Scale(domain=[0, 1])),
            color=alt.Color(
                f"{parts}:N", scale=alt.Scale(range=list(OKABE_ITO)), legend=alt.Legend(orient="bottom", title=None, columns=3)
            ),
            tooltip=[rows, parts, alt.Tooltip("images:Q", format=","), alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(title=title, height=alt.Step(ROW))
    )


def age_boxes(frame: pd.DataFrame, order: Sequence[str]) -> alt.Chart:
    """Quartiles of age a diagnosis; frame of `composition.age_by_class`."""
    base = alt.Chart(frame).encode(y=alt.Y("diagnosis:N", sort=list(order), title=None, axis=alt.Axis(labelOverlap=False)))
    tooltip = ["diagnosis", "n", "lower quartile", "median", "upper quartile", "missing"]
    x = alt.X("lower quartile:Q", title="age (years): quartiles and median", scale=alt.Scale(domain=[0, 90]))
    box = base.mark_bar(height=14, color=BLUE, opacity=0.45).encode(x=x, x2="upper quartile:Q", tooltip=tooltip)
    middle = base.mark_tick(thickness=3, size=18, color=ORANGE).encode(x="median:Q", tooltip=tooltip)
    return (box + middle).properties(title="Age by class", height=alt.Step(ROW))


def confusion_heatmap(matrix: np.ndarray, classes: Sequence[str], percent: bool) -> alt.Chart:
    """Diagnoses in rows, decisions in columns; colour is the share of the row, text counts or percent. Cells can be clicked."""
    shares = row_percent(matrix)
    rows = [
        {
            "diagnosis": d,
            "decision": c,
            "images": int(matrix[i, j]),
            "share": float(np.nan_to_num(shares[i, j])) / 100,
            "text": _cell_text(int(matrix[i, j]), float(shares[i, j]), percent),
        }
        for i, d in enumerate(classes)
        for j, c in enumerate(classes)
    ]
    frame = pd.DataFrame(rows)
    order = alt.Scale(domain=list(classes))  # a class without images keeps its row
    pick = alt.selection_point(name="cell", fields=["diagnosis", "decision"], toggle=False)
    side = 62 if len(classes) <= 9 else 40
    base = alt.Chart(frame).encode(
        x=alt.X(
            "decision:N",
            sort=None,
            scale=order,
            axis=alt.Axis(orient="top", labelAngle=0 if len(classes) <= 3 else -40, labelOverlap=False, title="decision of the classifier"),
        ),
        y=alt.Y("diagnosis:N", sort=None, scale=order, title="diagnosis in the dataset", axis=alt.Axis(labelOverlap=False)),
        tooltip=[
            "diagnosis",
            "decision",
            alt.Tooltip("images:Q", format=","),
            alt.Tooltip("share:Q", title="share of the diagnosis", format=".1%"),
        ],
    )
    cells = base.mark_rect(stroke="white", strokeWidth=1.5, cursor="pointer").encode(
        color=alt.Color("share:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None), strokeOpacity=alt.value(0.7)
    )
    texts = base.mark_text(fontSize=13).encode(
        text="text:N", color=alt.condition("datum.share > 0.55", alt.value("white"), alt.value("#1d2426"))
    )
    return (cells.add_params(pick) + texts).properties(height=alt.Step(side * 0.75))


def _cell_text(n: int, share: float, percent: bool) -> str:
    if not percent:
        return f"{n:,}"
    return "–" if np.isnan(share) else f"{share:.0f} %"


def figures_by_class(frame: pd.DataFrame, name: str, title: str) -> alt.Chart:
    """Points with 95 % intervals a class; frame of `assess.class_table`."""
    low, high = f"{name}_low", f"{name}_high"
    base = alt.Chart(frame.dropna(subset=[name])).encode(y=alt.Y("class:N", sort=None, title=None, axis=alt.Axis(labelOverlap=False)))
    x = alt.X(f"{low}:Q", title=title, scale=alt.Scale(domain=[0, 1]))
    tooltip = ["class", "support", *[alt.Tooltip(f"{c}:Q", format=".3f") for c in (name, low, high)]]
    lines = base.mark_rule(strokeWidth=3, color=GREY).encode(x=x, x2=f"{high}:Q", tooltip=tooltip)
    points = base.mark_point(filled=True, size=80, color=BLUE, opacity=1).encode(x=f"{name}:Q", tooltip=tooltip)
    return (lines + points).properties(height=alt.Step(ROW))


def before_after_bars(names: Sequence[str], scores: np.ndarray) -> alt.Chart:
    """Scores float (2, C) of the classes, before in grey and after in blue, one row a class."""
    frame = pd.DataFrame([{"class": n, "when": w, "score": float(scores[k, i])} for i, n in enumerate(names) for k, w in enumerate(WHEN)])
    return (
        alt.Chart(frame)
        .mark_bar(height=9)
        .encode(
            y=alt.Y("class:N", sort=None, title=None, axis=alt.Axis(labelLimit=220, labelOverlap=False)),
            yOffset=alt.YOffset("when:N", sort=list(WHEN)),
            x=alt.X("score:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=4), title="score"),
            color=alt.Color("when:N", scale=alt.Scale(domain=list(WHEN), range=[GREY, BLUE]), legend=alt.Legend(orient="top", title=None)),
            tooltip=["class", "when", alt.Tooltip("score:Q", format=".3f")],
        )
        .properties(height=alt.Step(14))
    )


def faithfulness_curves(f: Faithfulness) -> tuple[alt.Chart, alt.Chart]:
    """Score while the strongest places are covered, and while they are uncovered: map, random maps, image centre."""
    parts: dict[str, dict[str, Sequence[np.ndarray]]] = {
        "covering": {"this map": [f.deletion], "image centre": [f.centre_deletion], "random maps": list(f.random_deletion)},
        "uncovering": {"this map": [f.insertion], "image centre": [f.centre_insertion], "random maps": list(f.random_insertion)},
    }
    rows = [
        {"way": way, "order": order, "run": f"{order} {k}", "share": i / (len(curve) - 1), "score": float(value)}
        for way, orders in parts.items()
        for order, curves in orders.items()
        for k, curve in enumerate(curves)
        for i, value in enumerate(curve)
    ]
    orders = ["this map", "image centre", "random maps"]
    colour = alt.Color(
        "order:N", scale=alt.Scale(domain=orders, range=[BLUE, ORANGE, GREY]), legend=alt.Legend(orient="bottom", title=None, columns=1)
    )
    base = (
        alt.Chart(pd.DataFrame(rows))
        .mark_line()
        .encode(
            x=alt.X("share:Q", axis=alt.Axis(format="%", tickCount=4), title="share of the picture"),
            y=alt.Y("score:Q", axis=alt.Axis(format="%", tickCount=4), scale=alt.Scale(domain=[0, 1]), title="score"),
            color=colour,
            detail="run:N",
            strokeDash=alt.StrokeDash("order:N", scale=alt.Scale(domain=orders, range=[[1, 0], [6, 3], [2, 2]]), legend=None),
            strokeWidth=alt.condition("datum.order == 'this map'", alt.value(3), alt.value(1.2)),
        )
    )
    covering, uncovering = (base.transform_filter(f"datum.way == '{w}'").properties(title=w, height=330) for w in parts)
    return covering, uncovering


def sanity_curve(sanity: Sanity) -> alt.Chart:
    """Similarity of the maps to the trained network's, by how far down the network is scrambled."""
    stages = [f"{k + 1} · {s.split('/')[-1]}" for k, s in enumerate(sanity.stages)]
    rows = [
        {"stage": stage, "measure": measure, "similarity": float(v)}
        for measure, values in (("Spearman", sanity.spearman), ("SSIM", sanity.ssim))
        for stage, v in zip(stages, values, strict=True)
        if not np.isnan(v)
    ]
    return (
        alt.Chart(pd.DataFrame(rows, columns=["stage", "measure", "similarity"]))
        .mark_line(point=True)
        .encode(
            x=alt.X(
                "stage:N",
                sort=stages,
                title="scrambled from the output down to",
                axis=alt.Axis(labelAngle=-40, labelLimit=130, labelOverlap=False),
            ),
            y=alt.Y("similarity:Q", scale=alt.Scale(domain=[-0.6, 1]), title="similarity to before"),
            color=alt.Color(
                "measure:N", scale=alt.Scale(domain=["Spearman", "SSIM"], range=[BLUE, ORANGE]), legend=alt.Legend(orient="top", title=None)
            ),
            tooltip=["stage", "measure", alt.Tooltip("similarity:Q", format=".2f")],
        )
        .properties(height=360)
    )


def method_forest(rows: Sequence[tuple[str, Figure, Figure]]) -> alt.LayerChart:
    """(method, over the centre, over random maps): points with 95 % intervals, a line at no difference."""
    controls = ("over the image centre", "over random maps")
    frame = pd.DataFrame(
        [
            {"method": name, "control": control, "value": f.value, "low": f.low, "high": f.high}
            for name, *figures in rows
            for control, f in zip(controls, figures, strict=True)
        ]
    )
    order = [name for name, *_ in rows]
    base = alt.Chart(frame).encode(
        y=alt.Y("method:N", sort=order, title=None, axis=alt.Axis(labelOverlap=False, labelLimit=180)),
        yOffset=alt.YOffset("control:N", sort=list(controls)),
        color=alt.Color(
            "control:N", scale=alt.Scale(domain=list(controls), range=[ORANGE, GREY]), legend=alt.Legend(orient="top", title=None)
        ),
        tooltip=["method", "control", *(alt.Tooltip(f"{c}:Q", format="+.3f") for c in ("value", "low", "high"))],
    )
    lines = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="insertion minus deletion area, over the control"), x2="high:Q")
    points = base.mark_point(filled=True, size=60).encode(x="value:Q", shape=alt.Shape("control:N", legend=None))
    nothing = alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(color=TEXT, strokeDash=[4, 3]).encode(x="x:Q")
    return (nothing + lines + points).properties(height=alt.Step(18))
