"""What the lab says of the bench's networks, beside the truth: fills the section “Verdicts” of docs/truth.md.

`python -m tests.truth.verdicts` takes the small set of networks on drawn lesions (about ten minutes on two cores), `--whole` all of them,
and, where LESIONLENS_REAL_DATA names the data, the same on real photographs. What is there is not done again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pandas as pd

from docs.tables.published_pages import write_block
from evaluation.intervals import wilson
from tests.truth import recipes
from tests.truth.bench import every
from tests.truth.factory import Material, Recipe

ROOT = Path(__file__).parents[2]
PAGE, KEPT = ROOT / "docs" / "truth.md", ROOT / "build" / "truth"
INNOCENT = 0.05  # of the decisions that turn, below which a marker does not matter
NAMES: dict[Material, str] = {"drawn": "Drawn lesions", "real": "Photographs of HAM10000"}


def chosen(material: Material, whole: bool) -> list[Recipe]:
    """The networks of the bench on one material: all of them, or what ten minutes allow."""
    if whole:
        return [*recipes.cheats(material), *recipes.ways(material), *recipes.clean(material), *recipes.broken(material)]
    return [
        *recipes.cheats(material, styles=1),
        *recipes.ways(material)[:4],
        *recipes.clean(material, twins=2),
        *recipes.broken(material)[:3],
    ]


def share(rows: pd.DataFrame, yes: pd.Series) -> str:
    """So many of so many, with Wilson's interval."""
    if rows.empty:
        return "–"
    low, high = wilson(float(yes.mean()), len(rows))
    return f"{int(yes.sum())} of {len(rows)} ({low:.0%}–{high:.0%})"


def aligned(row: pd.Series) -> bool:
    """Whether the told effect and the truth point the same way: of two classes one is the other's opposite."""
    same = (row["told"] > 0) == (row["truth"] > 0)
    return same if row["told_of"] == row["truth_of"] else not same


def section(found: pd.DataFrame) -> str:
    """Markdown: what was found on one material."""
    used = found["verdict"] == "used"
    planted = found[found["cheat"] & (found["make"] == "trained") & ~found["on_lesion"]]
    innocent = found[~found["cheat"] & (found["make"] != "saturated")]
    clean = innocent[innocent["network"].str.contains("-never-|-even-|-few-|-age-")]
    sized = planted[used & (planted["turned"] >= INNOCENT)]
    factor = (sized["told"] / sized["truth"]).abs()
    sure = found[used & (found["turned"] >= INNOCENT) & (found["classes"] == 2)]
    lines = [
        "| asked | found |",
        "| --- | --- |",
        f"| planted, turns 20 % of decisions or more: *used* | {_used(planted[planted['turned'] >= 0.2])} |",
        f"| planted, turns 10 % or more: *used* | {_used(planted[planted['turned'] >= 0.1])} |",
        f"| clean networks × markers: *used* | {_used(clean)} |",
        f"| of these, markers whose every style turns less than {INNOCENT:.0%}: *used* | {_used(clean[clean['turned'] < INNOCENT])} |",
        f"| all networks × markers not planted that turn less than {INNOCENT:.0%}: *used* | {_used(innocent[innocent['turned'] < INNOCENT])} |",
        f"| not planted, some style turns 10 % or more: *not seen to matter* | "
        f"{share(some := innocent[innocent['turned'] >= 0.1], some['verdict'] == 'not seen to matter')} |",
        f"| *used*, two classes, turns {INNOCENT:.0%} or more: told in the right direction | {share(sure, sure.apply(aligned, axis=1))} |",
        f"| planted and *used*: told size within a factor of 2 of the truth | {share(sized, factor.between(0.5, 2))} |",
        "",
        "| network | planted | of 300 | truth | turns | said | told |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in found[found["cheat"]].to_dict("records"):
        told = f"P({row['told_of']}) {row['told']:+.2f} by {row['told_by']}" if row["told_of"] else ""
        where = " on the lesion" if row["on_lesion"] else ""
        lines.append(
            f"| {row['network']} | {row['marker']}, {row['planted']}{where} | {row['bearing']} | P({row['truth_of']}) {row['truth']:+.2f} | "
            f"{row['turned']:.0%} | {row['verdict']} | {told} |"
        )
    return "\n".join(lines)


def _used(rows: pd.DataFrame) -> str:
    return share(rows, rows["verdict"] == "used")


def main() -> None:
    whole = "--whole" in sys.argv
    parts = []
    for material, name in NAMES.items():
        if material == "real" and "LESIONLENS_REAL_DATA" not in os.environ:
            print("photographs are left out: LESIONLENS_REAL_DATA does not name the data", file=sys.stderr)
            continue
        networks = chosen(material, whole)
        parts.append(f"\n{name}, {len(networks)} networks:\n\n{section(every(networks, KEPT))}\n")
    write_block(PAGE, "verdicts: written by python -m tests.truth.verdicts", "verdicts", "\n".join(parts))


if __name__ == "__main__":
    main()
