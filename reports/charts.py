"""Altair charts. Colours are Okabe and Ito's, which are safe for colour blindness; nothing is shown by colour alone."""

from collections.abc import Sequence
from typing import Any

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
ROW = 26  # pixels per bar
WHEN = ("before", "after")
QUARTERS = (0, 0.25, 0.5, 0.75, 1)
FILTERED = (alt.Tooltip("all:Q", title="all images", format=","), alt.Tooltip("shown:Q", title="under the filters", format=","))


def named_rows(column: str, order: Sequence[str] | str | None = None, limit: int = 220) -> alt.Y:
    """A row for each name, in the frame's order unless another is given, and no label left out; limit: pixels of a label."""
    return alt.Y(f"{column}:N", sort=order, title=None, axis=alt.Axis(labelLimit=limit, labelOverlap=False))


def coloured(column: str, names: Sequence[str], colours: Sequence[str], **legend: Any) -> alt.Color:
    """A colour for each name, with the legend on top unless it is placed elsewhere."""
    scale = alt.Scale(domain=list(names), range=list(colours))
    return alt.Color(f"{column}:N", title=None, scale=scale, legend=alt.Legend(**{"orient": "top", "title": None, **legend}))


def with_numbers(bars: alt.Chart, base: alt.Chart) -> alt.LayerChart:
    """Bars with the column `text` behind them, a row each."""
    return (bars + base.mark_text(align="left", dx=5, color=TEXT).encode(text="text:N")).properties(height=alt.Step(ROW))


def matrix_cells(matrix: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """A row for each cell of int (C, C): diagnosis, decision, images."""
    n = len(classes)
    return pd.DataFrame({"diagnosis": np.repeat(classes, n), "decision": np.tile(classes, n), "images": matrix.ravel()})


def probability_bars(names: Sequence[str], probabilities: np.ndarray, decided: int, target: int) -> alt.LayerChart:
    """One bar per class in output order; the decision in blue, the explained class outlined."""
    frame = pd.DataFrame(
        {
            "class": list(names),
            "score": [float(p) for p in probabilities],
            "text": [f"{p:.1%}" if p >= 0.001 else "< 0.1%" for p in probabilities],
            "role": ["decision" if k == decided else "other" for k in range(len(names))],
            "explained": [k == target for k in range(len(names))],
        }
    )
    axis = alt.Axis(format="%", values=QUARTERS)
    base = alt.Chart(frame).encode(
        y=named_rows("class"),
        x=alt.X("score:Q", title="score", scale=alt.Scale(domain=[0, 1.12]), axis=axis),
        tooltip=["class", alt.Tooltip("score:Q", format=".4f")],
    )
    bars = base.mark_bar(height=16).encode(
        color=alt.Color("role:N", scale=alt.Scale(domain=["decision", "other"], range=[BLUE, GREY]), legend=None),
        stroke=alt.condition("datum.explained", alt.value(ORANGE), alt.value(None)),
        strokeWidth=alt.condition("datum.explained", alt.value(2.5), alt.value(0)),
    )
    return with_numbers(bars, base)


def filtered_bars(frame: pd.DataFrame, column: str, title: str, select: str, order: Sequence[str] | None = None) -> alt.Chart:
    """frame: columns `column`, all, shown (images in total and under the other filters). Bars can be selected."""
    pick = alt.selection_point(name=select, fields=[column], toggle=True, empty=True)
    base = alt.Chart(frame).encode(y=named_rows(column, list(order) if order is not None else "-x", 170), tooltip=[column, *FILTERED])
    room = alt.Scale(domain=[0, 1.25 * max(float(frame["all"].max()), 1)], nice=False)
    axis = alt.Axis(tickCount=3, format="~s")
    back = base.mark_bar(height=14, color=GREY, opacity=0.35).encode(x=alt.X("all:Q", title="images", scale=room, axis=axis))
    front = base.mark_bar(height=14, color=BLUE).encode(x="shown:Q", opacity=alt.condition(pick, alt.value(1), alt.value(0.35)))
    texts = base.mark_text(align="left", dx=4, fontSize=11, color=TEXT).encode(x="all:Q", text=alt.Text("shown:Q", format=","))
    return (back + front.add_params(pick) + texts).properties(title=title, height=alt.Step(22))


def age_histogram(frame: pd.DataFrame, select: str) -> alt.Chart:
    """frame: from, to (years), all, shown. A range can be dragged."""
    brush = alt.selection_interval(name=select, encodings=["x"], empty=True)
    x = alt.X("from:Q", title="age (years)", scale=alt.Scale(domain=[0, 100]))
    base = alt.Chart(frame).encode(x=x, x2="to:Q", y2=alt.datum(0), tooltip=["from", "to", *FILTERED])
    back = base.mark_rect(color=GREY, opacity=0.35, stroke="white", strokeWidth=0.5).encode(y=alt.Y("all:Q", title="images"))
    bright = alt.condition(brush, alt.value(1), alt.value(0.35))
    front = base.mark_rect(color=BLUE, stroke="white", strokeWidth=0.5).encode(y="shown:Q", opacity=bright)
    return (back + front.add_params(brush)).properties(title="Age", height=260)


def stacked_share(frame: pd.DataFrame, rows: str, parts: str, title: str, order: Sequence[str]) -> alt.Chart:
    """Share of `parts` in each row, in percent; frame: rows, parts, images."""
    totals = frame.groupby(rows)["images"].transform("sum")
    frame = frame.assign(share=frame["images"] / totals)
    colour = alt.Color(f"{parts}:N", scale=alt.Scale(range=OKABE_ITO), legend=alt.Legend(orient="bottom", title=None, columns=3))
    marks = alt.Chart(frame, title=title, height=alt.Step(ROW)).mark_bar(stroke="white", strokeWidth=0.6)
    return marks.encode(
        y=alt.Y(f"{rows}:N", sort=list(order), title=None),
        x=alt.X("share:Q", axis=alt.Axis(format="%"), title="share of images", scale=alt.Scale(domain=[0, 1])),
        color=colour,
        tooltip=[rows, parts, alt.Tooltip("images:Q", format=","), alt.Tooltip("share:Q", format=".1%")],
    )


def age_boxes(frame: pd.DataFrame, order: Sequence[str]) -> alt.Chart:
    """Quartiles of age per diagnosis; frame of `composition.age_by_class`."""
    tooltip = ["diagnosis", "n", "lower quartile", "median", "upper quartile", "missing"]
    base = alt.Chart(frame).encode(y=named_rows("diagnosis", list(order)), tooltip=tooltip)
    x = alt.X("lower quartile:Q", title="age (years): quartiles and median", scale=alt.Scale(domain=[0, 90]))
    box = base.mark_bar(height=14, color=BLUE, opacity=0.45).encode(x=x, x2="upper quartile:Q")
    middle = base.mark_tick(thickness=3, size=18, color=ORANGE).encode(x="median:Q")
    return (box + middle).properties(title="Age by class", height=alt.Step(ROW))


def confusion_heatmap(matrix: np.ndarray, classes: Sequence[str], percent: bool) -> alt.Chart:
    """Diagnoses in rows, decisions in columns; colour is the share of the row, text counts or percent. Cells can be clicked."""
    frame, shares = matrix_cells(matrix, classes), row_percent(matrix).ravel()
    frame["share"] = np.nan_to_num(shares) / 100
    frame["text"] = [f"{n:,}" for n in frame["images"]]
    if percent:
        frame["text"] = ["–" if np.isnan(s) else f"{s:.0f} %" for s in shares]
    order = alt.Scale(domain=list(classes))  # a class without images keeps its row
    pick = alt.selection_point(name="cell", fields=["diagnosis", "decision"], toggle=False)
    side = 62 if len(classes) <= 9 else 40
    axis = alt.Axis(orient="top", labelAngle=0 if len(classes) <= 3 else -40, labelOverlap=False, title="decision of the classifier")
    share = alt.Tooltip("share:Q", title="share of the diagnosis", format=".1%")
    base = alt.Chart(frame).encode(
        x=alt.X("decision:N", sort=None, scale=order, axis=axis),
        y=alt.Y("diagnosis:N", sort=None, scale=order, title="diagnosis in the dataset", axis=alt.Axis(labelOverlap=False)),
        tooltip=["diagnosis", "decision", alt.Tooltip("images:Q", format=","), share],
    )
    cells = base.mark_rect(stroke="white", strokeWidth=1.5, cursor="pointer").encode(
        color=alt.Color("share:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None), strokeOpacity=alt.value(0.7)
    )
    colour = alt.condition("datum.share > 0.55", alt.value("white"), alt.value("#1d2426"))
    texts = base.mark_text(fontSize=13).encode(text="text:N", color=colour)
    return (cells.add_params(pick) + texts).properties(height=alt.Step(side * 0.75))


def figures_by_class(frame: pd.DataFrame, name: str, title: str) -> alt.Chart:
    """Points with 95 % intervals per class; frame of `assess.class_table`."""
    low, high = f"{name}_low", f"{name}_high"
    tooltip: list[Any] = ["class", "support", *[alt.Tooltip(f"{c}:Q", format=".3f") for c in (name, low, high)]]
    base = alt.Chart(frame.dropna(subset=[name])).encode(y=named_rows("class"), tooltip=tooltip)
    x = alt.X(f"{low}:Q", title=title, scale=alt.Scale(domain=[0, 1]))
    lines = base.mark_rule(strokeWidth=3, color=GREY).encode(x=x, x2=f"{high}:Q")
    points = base.mark_point(filled=True, size=80, color=BLUE, opacity=1).encode(x=f"{name}:Q")
    return (lines + points).properties(height=alt.Step(ROW))


def before_after_bars(names: Sequence[str], scores: np.ndarray) -> alt.Chart:
    """Scores float (2, C) of the classes, before in grey and after in blue, one row per class."""
    frame = pd.DataFrame([{"class": n, "when": w, "score": float(scores[k, i])} for i, n in enumerate(names) for k, w in enumerate(WHEN)])
    marks = alt.Chart(frame, height=alt.Step(14)).mark_bar(height=9)
    return marks.encode(
        y=named_rows("class"),
        yOffset=alt.YOffset("when:N", sort=list(WHEN)),
        x=alt.X("score:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=4), title="score"),
        color=coloured("when", WHEN, [GREY, BLUE]),
        tooltip=["class", "when", alt.Tooltip("score:Q", format=".3f")],
    )


def faithfulness_curves(f: Faithfulness) -> tuple[alt.Chart, alt.Chart]:
    """Score while the strongest pixels are covered, and while they are uncovered: this map, random maps, image centre."""
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
    dashes = alt.Scale(domain=orders, range=[[1, 0], [6, 3], [2, 2]])
    marks = alt.Chart(pd.DataFrame(rows), height=330).mark_line()
    base = marks.encode(
        x=alt.X("share:Q", axis=alt.Axis(format="%", tickCount=4), title="share of the image"),
        y=alt.Y("score:Q", axis=alt.Axis(format="%", tickCount=4), scale=alt.Scale(domain=[0, 1]), title="score"),
        color=coloured("order", orders, [BLUE, ORANGE, GREY], orient="bottom", columns=1),
        detail="run:N",
        strokeDash=alt.StrokeDash("order:N", scale=dashes, legend=None),
        strokeWidth=alt.condition("datum.order == 'this map'", alt.value(3), alt.value(1.2)),
    )
    covering, uncovering = (base.transform_filter(f"datum.way == '{w}'").properties(title=w) for w in parts)
    return covering, uncovering


def sanity_curve(sanity: Sanity) -> alt.Chart:
    """Similarity of the maps to the trained network's, by how far down its weights are randomised."""
    stages = [f"{k + 1} · {s.split('/')[-1]}" for k, s in enumerate(sanity.stages)]
    rows = [
        {"stage": stage, "measure": measure, "similarity": float(v)}
        for measure, values in (("Spearman", sanity.spearman), ("SSIM", sanity.ssim))
        for stage, v in zip(stages, values, strict=True)
        if not np.isnan(v)
    ]
    axis = alt.Axis(labelAngle=-40, labelLimit=130, labelOverlap=False)
    frame = pd.DataFrame(rows, columns=["stage", "measure", "similarity"])
    marks = alt.Chart(frame, height=360).mark_line(point=True)
    return marks.encode(
        x=alt.X("stage:N", sort=stages, title="randomised from the output down to", axis=axis),
        y=alt.Y("similarity:Q", scale=alt.Scale(domain=[-0.6, 1]), title="similarity to the original map"),
        color=coloured("measure", ["Spearman", "SSIM"], [BLUE, ORANGE]),
        tooltip=["stage", "measure", alt.Tooltip("similarity:Q", format=".2f")],
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
        y=named_rows("method", order, 180),
        yOffset=alt.YOffset("control:N", sort=list(controls)),
        color=coloured("control", controls, [ORANGE, GREY]),
        tooltip=["method", "control", *(alt.Tooltip(f"{c}:Q", format="+.3f") for c in ("value", "low", "high"))],
    )
    x = alt.X("low:Q", title="insertion minus deletion area, relative to the control")
    lines = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q")
    points = base.mark_point(filled=True, size=60).encode(x="value:Q", shape=alt.Shape("control:N", legend=None))
    nothing = alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(color=TEXT, strokeDash=[4, 3]).encode(x="x:Q")
    return (nothing + lines + points).properties(height=alt.Step(18))
