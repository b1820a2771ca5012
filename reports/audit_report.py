"""The audit as one self-contained HTML file: charts as SVG, pictures inside, readable on paper."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from atomic import write_bytes
from data_audit.dataset import Dataset
from data_audit.findings import captioned
from errors import ImageError
from imaging.decode import decode_at_least, encode_jpeg, read_bytes
from imaging.resize import thumbnail
from reports.audit_charts import class_counts, forest, share_bars
from reports.datasheet import datasheet

NAME = "report.html"
PICTURES, SIDE = 8, 150  # of a finding; pixels of the longer side
ROWS = 20  # of the table of associations


def write_report(dataset: Dataset, content: Mapping[str, Any], folder: Path, against: Dataset | None = None) -> Path:
    """`report.html` beside `audit.json`, whose content it is made of; against: the second dataset, where there was one."""
    path = folder / NAME
    write_bytes(path, audit_html(dataset, content, against).encode())
    return path


def audit_html(dataset: Dataset, content: Mapping[str, Any], against: Dataset | None = None) -> str:
    """The whole page; everything that comes from the datasets is escaped."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
    environment.filters["number"] = lambda value, digits=2: "–" if value is None else f"{value:,.{digits}f}"
    environment.filters["p"] = lambda value: "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"
    findings = [{**f, "pictures": _pictures(dataset, against, f)} for f in content["findings"]]
    return environment.get_template("audit.html.j2").render(
        about=content["about"], findings=findings, charts=_charts(content), content=content,
        associations=[a for a in content["associations"] if a["strength"] is not None][:ROWS],
        datasheet=datasheet(dataset, content),
        counted={s: sum(f["severity"] == s for f in findings) for s in ("grave", "moderate", "note")},
    )  # fmt: skip


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
        {"name": f"{m['marker'].replace('_', ' ')} ({m['source']})", "share": m["images"] / images,
         "text": f"{m['images']:,} ({m['images'] / images:.1%})"}
        for m in content["markers"]
    ]  # fmt: skip
    if marked:
        charts["markers"] = share_bars(marked, "share of the images")
    return {name: Markup(_svg(chart)) for name, chart in charts.items()}  # noqa: S704 (text in an SVG of Vega is escaped)


def _svg(chart: Any) -> str:
    import vl_convert

    return str(
        vl_convert.vegalite_to_svg(
            chart.configure(font="sans-serif", padding={"left": 16, "right": 8, "top": 4, "bottom": 4}).to_dict()
        )
    )


def _pictures(dataset: Dataset, against: Dataset | None, finding: Mapping[str, Any]) -> list[dict[str, str]]:
    shown = []
    for one in captioned(finding)[:PICTURES]:
        of = against if one.second else dataset
        picture = _picture(of, one.image_id) if of is not None else ""
        if picture:
            shown.append({"src": picture, "caption": one.caption})
    return shown


def _picture(dataset: Dataset, image_id: str) -> str:
    """A data URL, or nothing where the picture cannot be read."""
    path = dataset.path(image_id)
    if path is None:
        return ""
    try:
        small = thumbnail(decode_at_least(read_bytes(path), SIDE), SIDE)
    except ImageError:
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(small, 82)).decode()
