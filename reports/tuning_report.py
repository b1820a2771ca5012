"""A search for settings as one self-contained HTML file: its history, what mattered, every trial."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.atomic import write_bytes
from reports.pictures import environment, svg
from reports.training_charts import FINISHED, importance_chart, search_chart

NAME = "report.html"


def write_tuning_report(content: Mapping[str, Any], folder: Path) -> Path:
    """`report.html` beside `tune.json`, whose content it is made of."""
    path = folder / NAME
    write_bytes(path, tuning_html(content).encode())
    return path


def tuning_html(content: Mapping[str, Any]) -> str:
    history = search_chart(content["trials"])
    importance = content["importance"]
    settings = list(content["space"])
    complete = sum(t["state"] == "complete" for t in content["trials"])
    return (
        environment()
        .get_template("tuning.html.j2")
        .render(
            content=content,
            complete=complete,
            settings=settings,
            finished=FINISHED,
            history=svg(history) if history else "",
            importance=svg(importance_chart(importance)) if importance else "",
            shown=_shown,
        )
    )


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
