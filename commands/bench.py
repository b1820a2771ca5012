"""cli.py bench: what LesionLens costs, as ratios measured in one run."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.console import AsJson, command, people, results, say_json, table
from core.errors import LesionLensError


@command
def bench(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which benchmarks: explain, audit, evaluate, shortcuts, train; none: all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The benchmarks: ratios against the bare forward pass or a peer, with their spread."""
    from benchmarks.audit import bench_audit
    from benchmarks.evaluation import bench_evaluate
    from benchmarks.explain import bench_explain
    from benchmarks.shortcuts import bench_shortcuts
    from benchmarks.training import bench_train

    known = {"explain": bench_explain, "audit": bench_audit, "evaluate": bench_evaluate, "shortcuts": bench_shortcuts, "train": bench_train}
    unknown = [n for n in names or [] if n not in known]
    if unknown:
        raise LesionLensError(f"{unknown[0]!r} is no benchmark.", todo=f"Choose: {', '.join(known)}.")
    rows = [vars(row) for name in names or list(known) for row in known[name](people.print)]
    if as_json:
        say_json({"rows": rows})
        return
    shown = [
        [
            r["what"],
            f"{r['ratio']:.2f}",
            f"{r['low']:.2f}–{r['high']:.2f}",
            r["target"] or "",
            {True: "yes", False: "no", None: ""}[r["holds"]],
        ]
        for r in rows
    ]
    results.print(table("Ratios (median of pairs, quartiles)", ["what", "ratio", "spread", "target", "holds"], shown))
