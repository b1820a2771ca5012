"""An audit as one self-contained HTML file: charts as SVG, pictures embedded, printable."""

from dataclasses import asdict

import altair as alt
import numpy as np
from markupsafe import Markup

from core.diagnoses import full_name
from core.markers import marker_name
from data_audit.audit_file import Audit
from data_audit.findings import ORDER, Finding
from data_audit.misclassification import in_words
from datasets.dataset import Dataset
from reports.audit_charts import class_counts, forest, share_bars
from reports.datasheet import datasheet
from reports.pictures import page, picture_url, svg

PICTURES = 8  # of a finding
ROWS = 20  # of the table of associations


def audit_html(dataset: Dataset, audit: Audit, against: Dataset | None = None) -> str:
    """against: the second dataset, where there was one. Everything from the datasets is escaped."""
    return page(
        "audit.html.j2",
        audit=audit,
        about=audit.about,
        findings=[(f, _pictures(dataset, against, f)) for f in audit.findings],
        charts=_charts(audit),
        corrected=in_words,
        associations=[a for a in audit.associations if not np.isnan(a.strength)][:ROWS],
        datasheet=datasheet(dataset, audit),
        counted={s: sum(f.severity == s for f in audit.findings) for s in ORDER},
    )


def _charts(audit: Audit) -> dict[str, Markup]:
    charts: dict[str, alt.LayerChart] = {}
    if audit.composition:
        charts["classes"] = class_counts([asdict(c) | {"diagnosis": full_name(c.diagnosis)} for c in audit.composition])
    areas = [{"name": p.asked, "value": p.auc, "low": p.low, "high": p.high} for p in audit.shortcut_potential if not np.isnan(p.auc)]
    if areas:
        charts["potential"] = forest(areas, "AUC (95 % interval)", 0.5)
    odds = [
        {"name": a.column.replace("_", " "), "value": a.strength, "low": a.low, "high": a.high}
        for a in audit.associations
        if a.kind == "odds ratio" and not np.isnan(a.strength) and a.low > 0
    ]
    if odds:
        charts["odds"] = forest(odds, "odds ratio for malignancy (95 % interval)", 1, log=True)
    images = max(audit.about.images, 1)
    marked = [
        {"name": f"{marker_name(m.marker)} ({m.source})", "share": m.images / images, "text": f"{m.images:,} ({m.images / images:.1%})"}
        for m in audit.markers
    ]
    if marked:
        charts["markers"] = share_bars(marked, "share of images")
    return {name: svg(chart) for name, chart in charts.items()}


def _pictures(dataset: Dataset, against: Dataset | None, finding: Finding) -> list[dict[str, str]]:
    shown = []
    for one in finding.captions[:PICTURES]:
        of = against if one.second else dataset
        picture = picture_url(of, one.image_id) if of is not None else ""
        if picture:
            shown.append({"src": picture, "caption": one.caption})
    return shown
