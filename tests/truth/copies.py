"""Are altered copies of real photographs found, and no others? Fills the section of docs/truth.md; LESIONLENS_REAL_DATA names the data.

Every original has one copy, and all lie together among the 10,015 photographs of HAM10000, as they would in a dataset.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from core.runs import finish
from data_audit.likeness import SAME, same_photographs
from data_audit.traces import Trace, trace
from docs.tables.published_pages import write_block
from tests.truth.altering import CHANGES, KEPT_BACK, PAIRS, Change

PAGE = Path(__file__).parents[2] / "docs" / "truth.md"
EACH, EACH_TWO = 60, 8  # originals that a change, and a pair of changes, is tried on
KINDS = {  # what a table calls them: the changes, originals each
    "one change, those the search was built with": (CHANGES, EACH),
    "two changes, those the search was built with": (PAIRS, EACH_TWO),
    "one change, kept back": ({k: v for k, v in KEPT_BACK.items() if ", " not in k}, EACH),
    "two changes, kept back": ({k: v for k, v in KEPT_BACK.items() if ", " in k}, EACH_TWO),
}


def main() -> None:
    root = os.environ.get("LESIONLENS_REAL_DATA")
    if not root:
        raise SystemExit("LESIONLENS_REAL_DATA is not set: point it at a folder with ham10000/.")
    folder = Path(root) / "ham10000"
    table = pd.read_csv(folder / "HAM10000_metadata.csv")
    files = [folder / "images" / f"{i}.jpg" for i in table["image_id"]]
    rng = np.random.default_rng(17)
    traces = [_trace(f, rng) for f in files]
    originals = iter(rng.permutation(table.drop_duplicates("lesion_id").index))
    copies = list(_copies(files, originals, rng))
    found = finish(same_photographs([*traces, *(c for *_, c in copies)]))
    pairs = {(p.one, p.other) for p in found}
    hits = pd.DataFrame(
        [(group, name, (original, len(files) + k) in pairs) for k, (group, name, original, _) in enumerate(copies)],
        columns=["group", "name", "found"],
    )
    write_block(PAGE, "copies: written by python -m tests.truth.copies", "copies", _section(hits, pairs, table))


def _trace(file: Path, rng: np.random.Generator, change: Change = lambda p, rng: p) -> Trace:
    with Image.open(file) as picture:
        return trace(np.asarray(change(picture.convert("RGB"), rng)))


def _copies(files: list[Path], originals: Iterator[int], rng: np.random.Generator) -> Iterator[tuple[str, str, int, Trace]]:
    for group, (changes, each) in KINDS.items():
        for name, change in changes.items():
            for _ in range(each):
                original = int(next(originals))
                yield group, name, original, _trace(files[original], rng, change)


def _section(hits: pd.DataFrame, pairs: set[tuple[int, int]], table: pd.DataFrame) -> str:
    lesions, n = table["lesion_id"].to_numpy(), len(table)
    among = [(a, b) for a, b in pairs if b < n]
    strangers = sum(lesions[a] != lesions[b] for a, b in among)
    sizes = table["lesion_id"].value_counts()
    twice = int((sizes * (sizes - 1) // 2).sum())
    lines = ["| copies | found | of | change found least | |", "|---|---|---|---|---|"]
    for group, rows in hits.groupby("group", sort=False):
        by = rows.groupby("name")["found"].mean()
        lines.append(f"| {group} | {rows['found'].mean():.1%} | {len(rows):,} | {by.idxmin()} | {by.min():.0%} |")
    lines += ["", "| change | found | of |", "|---|---|---|"]
    single = hits[~hits["name"].str.contains(", ")]
    lines += [f"| {name} | {rows.mean():.0%} | {len(rows)} |" for name, rows in single.groupby("name", sort=False)["found"]]
    lines += [
        "",
        f"Among the {n:,} photographs themselves, {strangers} {'pair' if strangers == 1 else 'pairs'} of different lesions are called the "
        f"same photograph (correlation of {SAME} or more). Of the {twice:,} pairs of photographs that show one lesion, "
        f"{len(among) - strangers:,} are.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
