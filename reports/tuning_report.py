"""A search for settings as one self-contained HTML file: its history, the importance of each setting, every trial."""

from collections.abc import Mapping
from typing import Any

from reports.pictures import page, svg
from reports.training_charts import FINISHED, importance_chart, search_chart


def tuning_html(content: Mapping[str, Any]) -> str:
    history = search_chart(content["trials"])
    importance = content["importance"]
    return page(
        "tuning.html.j2",
        content=content,
        complete=sum(t["state"] == "complete" for t in content["trials"]),
        settings=list(content["space"]),
        finished=FINISHED,
        history=svg(history) if history else "",
        importance=svg(importance_chart(importance)) if importance else "",
        shown=short,
    )


def short(value: Any) -> str:
    """A setting or figure to four digits, – for None."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
