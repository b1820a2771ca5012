"""The tables of docs/published-systems.md, written from what was kept of each training."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.atomic import write_bytes
from core.exports import interval
from core.markers import marker_name
from imaging.decode import encode_png
from imaging.overlay import colour_picture
from models.architectures import PRESETS

DOCS = Path(__file__).resolve().parents[1]
PAGE, MAPS = DOCS / "published-systems.md", DOCS / "images" / "published"
SHORT = {"used": "**used**", "not seen to matter": "no", "can't tell": "?"}
PLACES = ("worst", "second", "third")
Found = Mapping[str, Mapping[str, Any]]  # what was kept of each training, by name
Columns = Mapping[str, Callable[[str, Any], str]]  # heading → cell of a row


def write_tables(found: Found) -> None:
    """Each block of the page that is written here, and the pictures of the mean maps."""
    whole = {n: c for n, c in found.items() if "evaluation" in c}
    for name, made in BLOCKS.items():
        write_block(PAGE, f"{name}: written by make published", name, made(whole if name != "transfer" else found))


def write_block(page: Path, begin: str, name: str, content: str) -> None:
    """Replace what stands between the comments `begin` and `end of NAME` of a page."""
    begin, end = f"<!-- {begin} -->", f"<!-- end of {name} -->"
    text = page.read_text(encoding="utf-8")
    block = f"{begin}\n{content}\n{end}"
    page.write_text(re.sub(f"{re.escape(begin)}.*{re.escape(end)}", lambda _: block, text, flags=re.DOTALL), encoding="utf-8")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def by_column(columns: Columns, rows: Iterable[tuple[str, Any]]) -> str:
    """A table whose rows are a training's name and content."""
    return markdown(list(columns), [[cell(*row) for cell in columns.values()] for row in rows])


def known_table(found: Found) -> str:
    sides = {"known": "whose lesion is in training", "new": "of new lesions"}
    rows = [(name, (figures, sides[side])) for name, content in found.items() for side, figures in (content["known"] or {}).items()]
    return by_column(KNOWN_COLUMNS, rows)


def sensitivity_table(found: Found) -> str:
    classes = list(dict.fromkeys(f["name"] for c in found.values() for f in c["evaluation"]["per_class"]))
    rows = []
    for name, content in found.items():
        by = {f["name"]: f for f in content["evaluation"]["per_class"]}
        rows.append([f"`{name}`", *(interval(by[c]["sensitivity"], ".2f") if c in by else "–" for c in classes)])
    return markdown(["training", *classes], rows)


def verdict_table(found: Found) -> str:
    markers = list(dict.fromkeys(m for c in found.values() for m in c["shortcuts"]))
    rows = [[f"`{n}`", *(SHORT[c["shortcuts"][m]["verdict"]] for m in markers)] for n, c in found.items()]
    used = [f"- `{n}`, {marker_name(m)}: {v['why']}" for n, c in found.items() for m, v in c["shortcuts"].items() if v["verdict"] == "used"]
    return "\n".join([markdown(["training", *(marker_name(m) for m in markers)], rows), "", *used])


def leakage_list(found: Found) -> str:
    lines = []
    for name, content in found.items():
        findings = " ".join(f"{f['kind'].capitalize()}: {f['summary']}" for f in content["leakage"]) or "None found."
        lines.append(f"- `{name}`: {findings}")
    return "\n".join(lines)


def worst_list(found: Found) -> str:
    rows = []
    for name, content in found.items():
        cells = []
        for entry in content["worst"]:
            cell = f"{entry['class']} {interval(entry['sensitivity'], '.2f')}, {entry['images']} images"
            if "map" in entry:
                picture = MAPS / f"{name}-{entry['class']}.png"
                write_bytes(picture, encode_png(_picture(entry)))
                cell += f"<br>![mean map of {entry['class']}](images/published/{picture.name})<br>{entry['with_mask']} with a mask"
            cells.append(cell)
        rows.append([f"`{name}`", *cells, *[""] * (len(PLACES) - len(cells))])
    return markdown(["training", *PLACES], rows)


def _picture(entry: Mapping[str, Any], side: int = 6) -> np.ndarray:
    """The mean map, blue against orange over its own largest value, with the outline of half of the lesions."""
    heat = np.array(entry["map"], float)
    picture = colour_picture(np.nan_to_num(heat), float(np.nanmax(np.abs(heat))) or 1.0).repeat(side, 0).repeat(side, 1)
    inside = (np.array(entry["lesion"], float) > 0.5).repeat(side, 0).repeat(side, 1)
    edge = inside & ~(np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1))
    picture[edge] = 0
    return picture


def _printed_parameters(preset: str) -> str:
    published = PRESETS[preset].published
    if not published.parameters:
        return "not printed"
    return f"{published.parameters:,}; {published.trainable:,} learn while the base is frozen"


def _leaking(content: Mapping[str, Any]) -> str:
    leaking, n = content["training"]["leaking"], content["evaluation"]["n_images"]
    return f"{leaking:,} of {n:,} ({leaking / n:.0%})"


def _seconds(training: Mapping[str, Any]) -> str:
    return " + ".join(f"{sum(e['seconds'] for e in training['curves'] if e['phase'] == p):.0f} s" for p in (1, 2))


FIGURE_COLUMNS: Columns = {
    "training": lambda name, c: f"`{name}`",
    "published": lambda name, c: PRESETS[c["training"]["preset"]].published.figures,
    "accuracy": lambda name, c: interval(c["evaluation"]["accuracy"]),
    "on training images": lambda name, c: f"{c['training']['curves'][-1]['train_accuracy']:.3f}",
    "majority baseline": lambda name, c: f"{c['evaluation']['majority_baseline']['value']:.3f}",
    "balanced accuracy": lambda name, c: interval(c["evaluation"]["balanced_accuracy"]),
    "test images whose lesion is in training": lambda name, c: _leaking(c),
    "calibration error": lambda name, c: f"{c['calibration']['error']:.3f}",
}
KNOWN_COLUMNS: Columns = {
    "training": lambda name, side: f"`{name}`",
    "test images": lambda name, side: f"{side[0]['n_images']:,} {side[1]}",
    "accuracy": lambda name, side: interval(side[0]["accuracy"]),
    "majority baseline": lambda name, side: f"{side[0]['majority_baseline']['value']:.3f}",
    "balanced accuracy": lambda name, side: interval(side[0]["balanced_accuracy"]),
}
TRANSFER_COLUMNS: Columns = {
    "system": lambda name, c: f"`{c['training']['preset']}`, {c['training']['recipe']['base']}",
    "parameters printed": lambda name, c: _printed_parameters(c["training"]["preset"]),
    "parameters": lambda name, c: f"{c['parameters']:,}",
    "pixels": lambda name, c: "{height} × {width}".format(**c["training"]["recipe"]),
    "tried on": lambda name, c: (
        f"{sum(sum(n.values()) for n in c['training']['images'].values())} images, batches of {c['training']['recipe']['batch']}"
    ),
    "two phases took": lambda name, c: _seconds(c["training"]),
    "explained at": lambda name, c: f"`{c['layer']}`",
}
BLOCKS: dict[str, Callable[[Found], str]] = {
    "figures": lambda found: by_column(FIGURE_COLUMNS, found.items()),
    "known lesions": known_table,
    "sensitivities": sensitivity_table,
    "leakage": leakage_list,
    "verdicts": verdict_table,
    "worst": worst_list,
    "transfer": lambda found: by_column(TRANSFER_COLUMNS, [(n, c) for n, c in found.items() if "parameters" in c]),
}
