"""How often the intervals hold the truth: simulated studies by design, counted in docs/tables/intervals.json, shown in docs/truth.md.

`python -m tests.evaluation.coverage 1000` simulates until every design has so many studies (what is there is not done again).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from itertools import product
from multiprocessing import get_context

import numpy as np
from scipy.stats import binom

from core.atomic import write_bytes
from docs.tables.published_pages import DOCS, markdown, write_block
from evaluation.comparison import compare
from evaluation.evaluate import ALL, How, evaluate
from evaluation.figures import BY_KEY, COMPARABLE, MACRO, OF_ALL
from evaluation.intervals import Figure
from tests.evaluation.simulated import CLASSES, Design, study, truth

PAGE, KEPT = DOCS / "truth.md", DOCS / "tables" / "intervals.json"
LESIONS, CLASS_COUNTS, PREVALENCES, ALIKE = (30, 60, 150), (2, 7), (0.05, 0.5), (0.0, 0.5, 0.9)
DESIGNS = [Design(*d) for d in product(LESIONS, CLASS_COUNTS, PREVALENCES, ALIKE)]
BATCH = 50
GOAL = (0.935, 0.97)
ROWS = [("mel", m.key) for m in COMPARABLE] + [(MACRO, m.key) for m in COMPARABLE] + [(ALL, m.key) for m in OF_ALL]
BALANCED = ("the first classifier alone", "balanced_accuracy")
Counts = Mapping[str, list[int]]  # figure → studies whose interval lies below the truth, holds it, lies above it; studies without one


def counted(design: Design, number: int, studies: int = BATCH) -> Counts:
    """One batch of studies of a design."""
    rng = np.random.default_rng([design.lesions, design.classes, round(100 * design.prevalence), round(10 * design.alike), number])
    known = truth(design.classes, tuple(map(int, design.counts)))
    classes = CLASSES[: design.classes]
    found = {_name(row): [0, 0, 0, 0] for row in [*ROWS, BALANCED] if row == BALANCED or row in known}
    for _ in range(studies):
        drawn = study(design, rng)
        told = compare(drawn.true, *drawn.scores, classes, drawn.lesion)
        of = {(ALL, k): f for k, f in told.differences.items()}
        of |= {(MACRO, k.removeprefix(f"{MACRO} ")): f for k, f in told.differences.items() if k.startswith(MACRO)}
        of |= {("mel", k): f for k, f in told.per_class["mel"].items()}
        for row in ROWS:
            if row in known:
                found[_name(row)][_where(of[row], known[row][1] - known[row][0])] += 1
        alone = evaluate(drawn.true, drawn.scores[0], classes, drawn.lesion, How(resamples=0))["balanced_accuracy"]
        found[_name(BALANCED)][_where(alone, known[ALL, "balanced_accuracy"][0])] += 1
    return found


def share(counts: list[int]) -> float:
    """Of the studies with an interval, those whose interval holds the truth."""
    return counts[1] / sum(counts[:3]) if sum(counts[:3]) else float("nan")


def outside(counts: list[int]) -> int:
    """−1 or 1 where the share is below or above the goal by more than chance (binomial, 2.5 % on either side), else 0."""
    n = sum(counts[:3])
    if binom.cdf(counts[1], n, GOAL[0]) < 0.025:
        return -1
    return int(binom.sf(counts[1] - 1, n, GOAL[1]) < 0.025)


def _where(figure: Figure, true: float) -> int:
    return 3 if np.isnan(figure.low) else 0 if figure.high < true else 2 if figure.low > true else 1


def _name(row: tuple[str, str]) -> str:
    return f"{row[0]}: {row[1]}"


def _key(design: Design) -> str:
    return f"{design.lesions} lesions, {design.classes} classes, prevalence {design.prevalence:g}, alike {design.alike:g}"


def _batch(job: tuple[int, int]) -> tuple[int, Counts]:
    return job[0], counted(DESIGNS[job[0]], job[1])


def _table(kept: Mapping[str, Counts], classes: int) -> str:
    columns = list(product(LESIONS, PREVALENCES))
    head = ["difference of", *(f"{n} lesions, {p:.0%}" for n, p in columns)]
    rows = []
    for row in [*ROWS, BALANCED]:
        cells = [" · ".join(_cell(kept.get(_key(Design(n, classes, p, a)), {}).get(_name(row))) for a in ALIKE) for n, p in columns]
        title = BY_KEY[row[1]].name + {"mel": ", first class", MACRO: ", macro mean", ALL: ""}.get(row[0], f", of {row[0]}")
        if any(c.strip(" ·") for c in cells):
            rows.append([title, *cells])
    return markdown(head, rows)


def _cell(counts: list[int] | None) -> str:
    if counts is None:
        return ""
    held = share(counts)
    text = "–" if np.isnan(held) else f"{100 * held:.1f}"
    text = f"**{text}**" if outside(counts) else text
    return text + ("†" if counts[3] > 0.05 * sum(counts) else "")


def write_page(kept: Mapping[str, Counts]) -> None:
    studies = sorted({sum(next(iter(c.values()))) for c in kept.values()})
    many = f"{studies[0]:,}" if len(studies) == 1 else f"{studies[0]:,} to {studies[-1]:,}"
    error = 196 * np.sqrt(0.95 * 0.05 / studies[0])
    cells = [c for of in kept.values() for c in of.values() if sum(c[:3])]
    low, high = (np.mean([outside(c) == side for c in cells]) for side in (-1, 1))
    held = sum(c[1] for c in cells) / sum(sum(c[:3]) for c in cells)
    lines = [
        f"{many} studies a design; by chance alone a true 95 % varies by ± {error:.1f} points. Over all {len(cells):,} entries {held:.1%} of "
        f"the intervals hold the truth; {low:.0%} of the entries are below {100 * GOAL[0]:g} % and {high:.0%} above {100 * GOAL[1]:g} % by "
        "more than chance (bold). † In more than one study of twenty there was no interval, and the reason stood in its place."
    ]
    for c in CLASS_COUNTS:
        lines += ["", f"{c} classes:", "", _table(kept, c)]
    write_block(PAGE, "intervals: written by python -m tests.evaluation.coverage", "intervals", "\n".join(lines))


def _added(one: Counts, other: Counts) -> dict[str, list[int]]:
    return {name: [a + b for a, b in zip(counts, other.get(name, [0] * 4), strict=True)] for name, counts in one.items()}


def main(least: int) -> None:
    kept: dict[str, Counts] = json.loads(KEPT.read_text()) if KEPT.exists() else {}

    def jobs() -> Iterable[tuple[int, int]]:
        for number in range(-(-least // BATCH)):
            for k, design in enumerate(DESIGNS):
                if sum(next(iter(kept.get(_key(design), {"": [0]}).values()))) <= number * BATCH:
                    yield k, number

    with get_context("spawn").Pool(2) as pool:
        for k, found in pool.imap_unordered(_batch, list(jobs())):
            kept[_key(DESIGNS[k])] = _added(found, kept.get(_key(DESIGNS[k]), {}))
            write_bytes(KEPT, json.dumps(kept, indent=0, sort_keys=True).encode())
            print(_key(DESIGNS[k]), flush=True)
    write_page(kept)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
