"""Tries the shortcut lab on published networks over real data, and writes the table in docs/shortcuts.md.

Needs LESIONLENS_REAL_DATA, a folder with `models/*.h5` and datasets. A run that is there already is not done again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from core.markers import marker_name
from shortcuts.study import NAME, Study, read_study

PROJECT = Path(__file__).resolve().parents[2]
PAGE, RUNS = PROJECT / "docs" / "shortcuts.md", PROJECT / "build" / "shortcuts"
DATASETS = ("ham10000", "isic2017_markers")
OPTIONS = ("--images", "400", "--false-alarms")
SHORT = {"used": "**used**", "not seen to matter": "no", "can't tell": "?"}
BEGIN, END = "<!-- verdicts: written by make published-shortcuts -->", "<!-- end of verdicts -->"


def run(network: Path, dataset: Path) -> Study:
    """What the lab says of one network over one dataset."""
    folder = RUNS / f"{network.stem}-{dataset.name}"
    if not (folder / NAME).exists():
        command = [
            sys.executable,
            "cli.py",
            "shortcuts",
            "--model",
            str(network),
            "--dataset",
            str(dataset),
            *OPTIONS,
            "--out",
            str(folder),
        ]
        subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    return read_study(folder / NAME)


def table(found: Mapping[tuple[str, str], Study]) -> str:
    """Markdown. found: by network and dataset."""
    markers = list(next(iter(found.values())).verdicts)
    head = ["network", "images of", *(marker_name(m) for m in markers), "false alarms"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    used = []
    for (network, dataset), study in found.items():
        verdicts = study.verdicts
        cells = [SHORT[verdicts[m].verdict] for m in markers]
        alarms = study.false_alarms.intervals if study.false_alarms else float("nan")
        lines.append("| " + " | ".join([f"`{network}`", f"{dataset} ({study.images:,})", *cells, f"{alarms:.1%}"]) + " |")
        used += [f"- `{network}` on {dataset}, {marker_name(m)}: {verdicts[m].why}" for m in markers if verdicts[m].verdict == "used"]
    return "\n".join([*lines, "", "Every *used*, with its numbers:", "", *used])


def main() -> None:
    real = Path(os.environ["LESIONLENS_REAL_DATA"])
    networks = sorted((real / "models").glob("*.h5"))
    found = {(n.stem, d): run(n, real / d) for d in DATASETS for n in networks}
    text = PAGE.read_text(encoding="utf-8")
    block = f"{BEGIN}\n{table(found)}\n{END}"
    PAGE.write_text(re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: block, text, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
