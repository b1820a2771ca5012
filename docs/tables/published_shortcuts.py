"""Runs the shortcut study of published networks on real data, and writes the table in docs/shortcuts.md.

Needs LESIONLENS_REAL_DATA, a folder with `models/*.h5` and datasets. Finished runs are not repeated.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from core.markers import marker_name
from docs.tables.published_pages import SHORT, markdown, write_block
from shortcuts.study import NAME, Study, read_study

PROJECT = Path(__file__).resolve().parents[2]
PAGE, RUNS = PROJECT / "docs" / "shortcuts.md", PROJECT / "build" / "shortcuts"
DATASETS = ("ham10000", "isic2017_markers")
OPTIONS = ("--images", "400", "--false-alarms")


def run(network: Path, dataset: Path) -> Study:
    """The shortcut study of one network on one dataset."""
    folder = RUNS / f"{network.stem}-{dataset.name}"
    if not (folder / NAME).exists():
        command = [sys.executable, "cli.py", "shortcuts", *OPTIONS]
        command += ["--model", str(network), "--dataset", str(dataset), "--out", str(folder)]
        subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    return read_study(folder / NAME)


def table(found: Mapping[tuple[str, str], Study]) -> str:
    """Markdown. found: by network and dataset."""
    markers = list(next(iter(found.values())).verdicts)
    rows, used = [], []
    for (network, dataset), study in found.items():
        verdicts = study.verdicts
        alarms = study.false_alarms.intervals if study.false_alarms else float("nan")
        cells = [SHORT[verdicts[m].verdict] for m in markers]
        rows.append([f"`{network}`", f"{dataset} ({study.images:,})", *cells, f"{alarms:.1%}"])
        used += [f"- `{network}` on {dataset}, {marker_name(m)}: {verdicts[m].why}" for m in markers if verdicts[m].verdict == "used"]
    head = ["network", "images of", *(marker_name(m) for m in markers), "false alarms"]
    return "\n".join([markdown(head, rows), "", "Every *used*, with its numbers:", "", *used])


def main() -> None:
    real = Path(os.environ["LESIONLENS_REAL_DATA"])
    networks = sorted((real / "models").glob("*.h5"))
    found = {(n.stem, d): run(n, real / d) for d in DATASETS for n in networks}
    write_block(PAGE, "verdicts: written by make published-shortcuts", "verdicts", table(found))


if __name__ == "__main__":
    main()
