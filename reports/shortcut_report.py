"""The results of the shortcut lab as one self-contained HTML file: verdicts, effects, examples, and what to fix first."""

from collections.abc import Sequence
from pathlib import Path

from core.markers import marker_name
from data_audit.findings import Finding
from reports.pictures import data_url, page, svg
from reports.shortcut_charts import DIRECTIONS, PHOTOGRAPHS, dose_chart, effects_chart
from shortcuts.alarms import alarms_in_words
from shortcuts.crossed import crossed
from shortcuts.study import Example, Study


def shortcut_html(study: Study, findings: Sequence[Finding] | None, folder: Path) -> str:
    """findings: of an audit of the same data; folder: of the study and its examples. Everything from dataset and card is escaped."""
    markers = []
    for c in crossed({m: of.verdict for m, of in study.verdicts.items()}, findings or []):
        of = study.verdicts[c.marker]
        drawn = effects_chart(of.effects)
        doses = [d for d in study.doses if d.marker == c.marker]
        markers.append(
            {
                "name": marker_name(c.marker),
                "of": of,
                "crossed": c,
                "effects": svg(drawn[0]) if drawn else "",
                "doses": svg(dose_chart(doses)[0]) if doses else "",
                "examples": [_example(e, folder) for e in study.examples if e.marker == c.marker],
            }
        )
    return page(
        "shortcuts.html.j2",
        study=study,
        about=study.about,
        rule=study.rule,
        markers=markers,
        audited=findings is not None,
        directions=DIRECTIONS,
        photographs=PHOTOGRAPHS,
        alarms=alarms_in_words(study.false_alarms) if study.false_alarms else "",
    )


def _example(example: Example, folder: Path) -> dict[str, str]:
    path = folder / example.file
    return {"src": data_url(path.read_bytes()) if path.is_file() else "", "caption": caption(example)}


def caption(example: Example) -> str:
    """What an example shows, with its probabilities."""
    p = f"P({example.target}) {example.base:.2f}, {example.changed:.2f}, {example.control:.2f}"
    return f"{example.image_id}: unchanged, {DIRECTIONS[example.direction]}, control. {p}"
