"""Charts of an evaluation: curves with bands, and people as icons."""

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd

from evaluation.calibration import Bin
from evaluation.curves import Curve
from evaluation.readers import Reader
from reports.charts import BLUE, GREEN, GREY, ORANGE, TEXT, matrix_cells

COLUMNS = 50  # of the 1,000 people
VERMILION = "#D55E00"
OUTCOMES = (
    ("have it, found", BLUE, "circle"),
    ("have it, missed", VERMILION, "cross"),
    ("do not have it, alarmed", ORANGE, "triangle-up"),
    ("do not have it, left alone", GREY, "square"),
)


def curve_chart(
    curve: Curve, x: str, y: str, point: tuple[float, float] | None, readers: Sequence[Reader] = (), diagonal: bool = False
) -> alt.LayerChart | alt.FacetChart:
    """The curve with its 95 % band; point: where the threshold lies; readers: physicians' operating points on a ROC curve."""
    axis = alt.Axis(format="%", tickCount=5)
    scale = alt.Scale(domain=[0, 1], nice=False)
    xs, ys = alt.X("x:Q", title=x, axis=axis, scale=scale), alt.Y("y:Q", title=y, axis=axis, scale=scale)
    keep = _drawn(len(curve.x))
    band = pd.DataFrame({"x": curve.grid, "low": curve.low, "high": curve.high}).dropna()
    layers: list[alt.Chart] = []
    if diagonal:
        ends = pd.DataFrame({"x": [0, 1], "y": [0, 1]})
        layers.append(alt.Chart(ends).mark_line(strokeDash=[4, 4], color=GREY, strokeWidth=1).encode(x=xs, y=ys))
    layers.append(alt.Chart(band).mark_area(color=BLUE, opacity=0.2).encode(x=xs, y=alt.Y("low:Q", title=y, scale=scale), y2="high:Q"))
    line = pd.DataFrame({"x": curve.x[keep], "y": curve.y[keep], "order": np.arange(len(keep))})
    layers.append(alt.Chart(line).mark_line(color=BLUE, strokeWidth=2).encode(x=xs, y=ys, order="order:Q"))
    if readers:
        frame = pd.DataFrame([{"x": 1 - r.specificity, "y": r.sensitivity, "who": r.who, "source": r.source} for r in readers])
        layers.append(
            alt.Chart(frame)
            .mark_point(shape="diamond", size=90, filled=True, color=GREEN, opacity=1)
            .encode(x=xs, y=ys, tooltip=["who", alt.Tooltip("y:Q", format=".0%", title="sensitivity"), "source"])
        )
    if point is not None and not np.isnan(point).any():
        here = pd.DataFrame({"x": [point[0]], "y": [point[1]]})
        layers.append(
            alt.Chart(here)
            .mark_point(size=160, filled=True, color=ORANGE, stroke=TEXT, opacity=1)
            .encode(x=xs, y=ys, tooltip=[alt.Tooltip("x:Q", format=".1%", title=x), alt.Tooltip("y:Q", format=".1%", title=y)])
        )
    return alt.layer(*layers).properties(height=300)


def people_chart(people: Mapping[str, int]) -> alt.Chart:
    """1,000 people as marks, those with the disease first; people: outcome → number, in the order of OUTCOMES."""
    names = [name for name, _, _ in OUTCOMES]
    outcome = np.repeat(names, [people[name] for name in names])
    place = np.arange(len(outcome))
    frame = pd.DataFrame({"row": place // COLUMNS, "column": place % COLUMNS, "outcome": outcome})
    labels = " : ".join(f"datum.value == '{name}' ? '{name}: {people[name]:,}'" for name in names) + " : ''"
    legend = alt.Legend(title=None, orient="top", columns=1, labelExpr=labels, labelLimit=400, symbolSize=90)
    marks = alt.Chart(frame, height=270).mark_point(filled=True, size=24, opacity=1)
    return marks.encode(
        x=alt.X("column:O", axis=None),
        y=alt.Y("row:O", axis=None),
        color=alt.Color("outcome:N", scale=alt.Scale(domain=names, range=[c for _, c, _ in OUTCOMES]), legend=legend),
        shape=alt.Shape("outcome:N", scale=alt.Scale(domain=names, range=[s for _, _, s in OUTCOMES]), legend=legend),
        tooltip=["outcome"],
    )


def reliability_chart(bins: Sequence[Bin], corrected: Sequence[Bin] | None) -> alt.LayerChart | alt.FacetChart:
    """Observed share of the class against the mean score of each bin, with its interval; the diagonal is perfect calibration."""
    axis, scale = alt.Axis(format="%", tickCount=5), alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("score:Q", title="mean score", axis=axis, scale=scale)
    y = alt.Y("share:Q", title="observed share", axis=axis, scale=scale)
    ends = alt.Chart(pd.DataFrame({"score": [0, 1], "share": [0, 1]}))
    layers = [ends.mark_line(strokeDash=[4, 4], color=GREY, strokeWidth=1).encode(x=x, y=y)]
    for scores, found, colour, shape in (("uncorrected", bins, BLUE, "circle"), ("corrected", corrected, ORANGE, "diamond")):
        if found is None:
            continue
        rows = [{"score": b.score, "share": b.share.value, "low": b.share.low, "high": b.share.high, "images": b.n} for b in found]
        base = alt.Chart(pd.DataFrame(rows).assign(scores=scores))
        tooltip = ["scores", "images", *[alt.Tooltip(f"{c}:Q", format=".1%") for c in ("score", "share", "low", "high")]]
        layers.append(base.mark_rule(color=colour, opacity=0.6).encode(x=x, y=alt.Y("low:Q", title="observed share"), y2="high:Q"))
        layers.append(base.mark_line(color=colour, strokeWidth=1).encode(x=x, y=y))
        layers.append(base.mark_point(filled=True, size=70, opacity=1, color=colour, shape=shape).encode(x=x, y=y, tooltip=tooltip))
    return alt.layer(*layers).properties(height=300)


def decision_chart(thresholds: np.ndarray, benefits: Mapping[str, np.ndarray]) -> alt.Chart:
    """Net benefit float (T,) of each strategy, against the threshold; strongly negative values are cut off."""
    names = list(benefits)
    frame = pd.concat([pd.DataFrame({"threshold": thresholds, "benefit": v, "decide": n}) for n, v in benefits.items()])
    top = max(float(v.max()) for v in benefits.values())
    colours = alt.Scale(domain=names, range=[BLUE, GREY, TEXT, ORANGE][: len(names)])
    dashes = alt.Scale(domain=names, range=[[1, 0], [6, 3], [2, 2], [1, 0]][: len(names)])
    legend = alt.Legend(orient="top", title=None, columns=1)
    marks = alt.Chart(frame, height=300).mark_line(clip=True, strokeWidth=2)
    return marks.encode(
        x=alt.X("threshold:Q", title="threshold", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("benefit:Q", title="net benefit", scale=alt.Scale(domain=[-0.3 * top - 0.01, 1.05 * top + 0.01])),
        color=alt.Color("decide:N", sort=names, scale=colours, legend=legend),
        strokeDash=alt.StrokeDash("decide:N", sort=names, scale=dashes, legend=legend),
        tooltip=["decide", alt.Tooltip("threshold:Q", format=".0%"), alt.Tooltip("benefit:Q", format=".3f")],
    )


def difference_heatmap(matrix: np.ndarray, classes: Sequence[str]) -> alt.LayerChart | alt.FacetChart:
    """int (C, C): images more or fewer in each cell; on the diagonal more is better, elsewhere worse, and colour shows which."""
    frame = matrix_cells(matrix, classes)
    frame["text"] = [f"{n:+,}" if n else "0" for n in frame["images"]]
    frame["gain"] = frame["images"] * np.where(frame["diagnosis"] == frame["decision"], 1, -1)
    most = max(1, int(np.abs(matrix).max(initial=1)))
    axis = alt.Axis(orient="top", labelAngle=0 if len(classes) <= 3 else -40, labelOverlap=False, title="decision")
    base = alt.Chart(frame).encode(
        x=alt.X("decision:N", sort=list(classes), axis=axis),
        y=alt.Y("diagnosis:N", sort=list(classes), title="diagnosis", axis=alt.Axis(labelOverlap=False)),
        tooltip=["diagnosis", "decision", "images"],
    )
    scale = alt.Scale(domain=[-most, 0, most], range=[VERMILION, "#f4f4f0", BLUE], interpolate="rgb")
    cells = base.mark_rect(stroke="white").encode(color=alt.Color("gain:Q", scale=scale, legend=None))
    strong = f"abs(datum.gain) > {0.6 * most}"
    texts = base.mark_text(fontSize=13).encode(text="text:N", color=alt.condition(strong, alt.value("white"), alt.value("#1d2426")))
    return (cells + texts).properties(height=alt.Step(40))


def of_a_thousand(sensitivity: float, specificity: float, prevalence: float) -> dict[str, int]:
    """People in 1,000 by outcome, in the order of OUTCOMES, rounded by the largest remainders."""
    shares = np.array([sensitivity, 1 - sensitivity, 1 - specificity, specificity])
    exact = 1000 * shares * np.repeat([prevalence, 1 - prevalence], 2)
    whole = np.floor(exact).astype(int)
    for k in np.argsort(whole - exact)[: 1000 - int(whole.sum())]:
        whole[k] += 1
    return {name: int(n) for (name, _, _), n in zip(OUTCOMES, whole, strict=True)}


def _drawn(n: int, most: int = 1500) -> np.ndarray:
    """Indices of at most so many of n points, enough to draw a curve."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))
