"""The audit as one self-contained HTML file: charts as SVG, pictures inside, readable on paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt
from markupsafe import Markup

from core.atomic import write_bytes
from core.markers import marker_name
from data_audit.findings import captioned
from datasets.dataset import Dataset
from reports.audit_charts import class_counts, forest, share_bars
from reports.datasheet import datasheet
from reports.pictures import environment, picture_url, svg

NAME = "report.html"
PICTURES = 8  # of a finding
ROWS = 20  # of the table of associations


def write_report(dataset: Dataset, content: Mapping[str, Any], folder: Path, against: Dataset | None = None) -> Path:
    """`report.html` beside `audit.json`, whose content it is made of; against: the second dataset, where there was one."""
    path = folder / NAME
    write_bytes(path, audit_html(dataset, content, against).encode())
    return path


def audit_html(dataset: Dataset, content: Mapping[str, Any], against: Dataset | None = None) -> str:
    """The whole page; everything that comes from the datasets is escaped."""
    findings = [{**f, "pictures": _pictures(dataset, against, f)} for f in content["findings"]]
    return (
        environment()
        .get_template("audit.html.j2")
        .render(
            about=content["about"],
            findings=findings,
            charts=_charts(content),
            content=content,
            associations=[a for a in content["associations"] if a["strength"] is not None][:ROWS],
            datasheet=datasheet(dataset, content),
            counted={s: sum(f["severity"] == s for f in findings) for s in ("grave", "moderate", "note")},
        )
    )


def _charts(content: Mapping[str, Any]) -> dict[str, Markup]:
    charts: dict[str, alt.Chart | alt.LayerChart] = {}
    if content["composition"]:
        charts["classes"] = class_counts(content["composition"])
    told = [{"name": p["asked"], "value": p["auc"], "low": p["low"], "high": p["high"]} for p in content["shortcut_potential"]]
    if any(row["value"] is not None for row in told):
        charts["potential"] = forest(told, "AUC (95 % interval)", 0.5)
    odds = [
        {"name": a["column"].replace("_", " "), "value": a["strength"], "low": a["low"], "high": a["high"]}
        for a in content["associations"]
        if a["kind"] == "odds ratio" and a["strength"] is not None and a["low"]
    ]
    if odds:
        charts["odds"] = forest(odds, "odds ratio for malignancy (95 % interval)", 1, log=True)
    images = max(content["about"]["images"], 1)
    marked = [
        {
            "name": f"{marker_name(m['marker'])} ({m['source']})",
            "share": m["images"] / images,
            "text": f"{m['images']:,} ({m['images'] / images:.1%})",
        }
        for m in content["markers"]
    ]
    if marked:
        charts["markers"] = share_bars(marked, "share of the images")
    return {name: svg(chart) for name, chart in charts.items()}


def _pictures(dataset: Dataset, against: Dataset | None, finding: Mapping[str, Any]) -> list[dict[str, str]]:
    shown = []
    for one in captioned(finding)[:PICTURES]:
        of = against if one.second else dataset
        picture = picture_url(of, one.image_id) if of is not None else ""
        if picture:
            shown.append({"src": picture, "caption": one.caption})
    return shown
