"""The tables of docs/published-systems.md, written from what was kept of each training."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
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


def write_tables(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Each block of the page that is written here, and the pictures of the mean maps."""
    whole = {n: c for n, c in found.items() if "evaluation" in c}
    text = PAGE.read_text(encoding="utf-8")
    for name, made in BLOCKS.items():
        begin, end = f"<!-- {name}: written by make published -->", f"<!-- end of {name} -->"
        block = f"{begin}\n{made(whole if name != 'transfer' else found)}\n{end}"
        text = re.sub(f"{re.escape(begin)}.*{re.escape(end)}", lambda _, b=block: b, text, flags=re.DOTALL)  # type: ignore[misc]
    PAGE.write_text(text, encoding="utf-8")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def figures_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for name, content in found.items():
        e, t = content["evaluation"], content["training"]
        n = e["n_images"]
        rows.append(
            [
                f"`{name}`",
                PRESETS[t["preset"]].published.figures,
                interval(e["accuracy"]),
                f"{t['curves'][-1]['train_accuracy']:.3f}",
                f"{e['majority_baseline']['value']:.3f}",
                interval(e["balanced_accuracy"]),
                f"{t['leaking']:,} of {n:,} ({t['leaking'] / n:.0%})",
                f"{content['calibration']['error']:.3f}",
            ]
        )
    head = [
        "training",
        "published",
        "accuracy",
        "on training images",
        "majority baseline",
        "balanced accuracy",
        "test images whose lesion is in training",
        "calibration error",
    ]
    return markdown(head, rows)


def known_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for name, content in found.items():
        for side, told in (content["known"] or {}).items():
            words = {"known": "whose lesion is in training", "new": "of new lesions"}[side]
            rows.append(
                [
                    f"`{name}`",
                    f"{told['n_images']:,} {words}",
                    interval(told["accuracy"]),
                    f"{told['majority_baseline']['value']:.3f}",
                    interval(told["balanced_accuracy"]),
                ]
            )
    return markdown(["training", "test images", "accuracy", "majority baseline", "balanced accuracy"], rows)


def sensitivity_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    classes = list(dict.fromkeys(f["name"] for c in found.values() for f in c["evaluation"]["per_class"]))
    rows = []
    for name, content in found.items():
        by = {f["name"]: f for f in content["evaluation"]["per_class"]}
        rows.append([f"`{name}`", *(interval(by[c]["sensitivity"], ".2f") if c in by else "–" for c in classes)])
    return markdown(["training", *classes], rows)


def verdict_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    markers = list(dict.fromkeys(m for c in found.values() for m in c["shortcuts"]))
    rows = [[f"`{n}`", *(SHORT[c["shortcuts"][m]["verdict"]] for m in markers)] for n, c in found.items()]
    used = [f"- `{n}`, {marker_name(m)}: {v['why']}" for n, c in found.items() for m, v in c["shortcuts"].items() if v["verdict"] == "used"]
    return "\n".join([markdown(["training", *(marker_name(m) for m in markers)], rows), "", *used])


def leakage_list(found: Mapping[str, Mapping[str, Any]]) -> str:
    lines = []
    for name, content in found.items():
        told = " ".join(f"{f['kind'].capitalize()}: {f['summary']}" for f in content["leakage"]) or "None found."
        lines.append(f"- `{name}`: {told}")
    return "\n".join(lines)


def worst_list(found: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for name, content in found.items():
        cells = []
        for entry in content["worst"]:
            told = f"{entry['class']} {interval(entry['sensitivity'], '.2f')}, {entry['images']} images"
            if "map" in entry:
                picture = MAPS / f"{name}-{entry['class']}.png"
                write_bytes(picture, encode_png(_picture(entry)))
                told += f"<br>![mean map of {entry['class']}](images/published/{picture.name})<br>{entry['with_mask']} with a mask"
            cells.append(told)
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


def transfer_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for content in found.values():
        if "parameters" not in content:
            continue
        t, published = content["training"], PRESETS[content["training"]["preset"]].published
        printed = (
            f"{published.parameters:,}; {published.trainable:,} learn while the base is frozen" if published.parameters else "not printed"
        )
        recipe = t["recipe"]
        n = sum(sum(c.values()) for c in t["images"].values())
        seconds = " + ".join(f"{sum(e['seconds'] for e in t['curves'] if e['phase'] == p):.0f} s" for p in (1, 2))
        rows.append(
            [
                f"`{t['preset']}`, {recipe['base']}",
                printed,
                f"{content['parameters']:,}",
                f"{recipe['height']} × {recipe['width']}",
                f"{n} images, batches of {recipe['batch']}",
                seconds,
                f"`{content['layer']}`",
            ]
        )
    head = ["system", "parameters printed", "parameters", "pixels", "tried on", "two phases took", "explained at"]
    return markdown(head, rows)


BLOCKS: dict[str, Callable[[Mapping[str, Mapping[str, Any]]], str]] = {
    "figures": figures_table,
    "known lesions": known_table,
    "sensitivities": sensitivity_table,
    "leakage": leakage_list,
    "verdicts": verdict_table,
    "worst": worst_list,
    "transfer": transfer_table,
}
