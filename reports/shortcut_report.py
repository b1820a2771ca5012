"""What the shortcut lab found as one self-contained HTML file: verdicts, effects, examples, and what to fix first."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.atomic import write_bytes
from core.exports import interval
from data_audit.findings import Finding
from reports.pictures import environment, svg
from reports.shortcut_charts import DIRECTIONS, PHOTOGRAPHS, dose_chart, effects_chart
from shortcuts.alarms import alarms_in_words
from shortcuts.crossed import crossed

NAME = "report.html"


def write_shortcut_report(content: Mapping[str, Any], findings: Sequence[Finding] | None, folder: Path) -> Path:
    """`report.html` beside `shortcuts.json`, whose content it is made of; its examples lie in the same folder."""
    path = folder / NAME
    write_bytes(path, shortcut_html(content, findings, folder).encode())
    return path


def shortcut_html(content: Mapping[str, Any], findings: Sequence[Finding] | None, folder: Path) -> str:
    """findings: of an audit of the same data. Everything from dataset and card is escaped."""
    markers = []
    for c in crossed(content["verdicts"], findings or []):
        told = content["verdicts"][c.marker]
        drawn = effects_chart(told)
        doses = [d for d in content["doses"] if d["marker"] == c.marker]
        markers.append(
            {
                "name": c.marker.replace("_", " "),
                "told": told,
                "crossed": c,
                "effects": svg(drawn[0]) if drawn else "",
                "doses": svg(dose_chart(doses)[0]) if doses else "",
                "examples": [_example(e, folder) for e in content.get("examples", []) if e["marker"] == c.marker],
            }
        )
    return (
        environment()
        .get_template("shortcuts.html.j2")
        .render(
            content=content,
            about=content["about"],
            rule=content["rule"],
            markers=markers,
            audited=findings is not None,
            interval=interval,
            directions=DIRECTIONS,
            photographs=PHOTOGRAPHS,
            alarms=alarms_in_words(content["false_alarms"]) if content.get("false_alarms") else "",
        )
    )


def _example(told: Mapping[str, Any], folder: Path) -> dict[str, str]:
    path = folder / told["file"]
    source = "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode() if path.is_file() else ""
    return {"src": source, "caption": caption(told)}


def caption(told: Mapping[str, Any]) -> str:
    """What an example shows, with its numbers."""
    p = (f"{told[k]:.2f}" for k in ("base", "changed", "control"))
    before, after, control = p
    return f"{told['image_id']}: as it is, {DIRECTIONS[told['direction']]}, control. P({told['class']}) {before}, {after}, {control}"
