"""cli.py bench: what LesionLens costs, as ratios measured in one run."""

from typing import Annotated, Any

import typer

from commands.console import check_choice, command, results, stderr, table
from commands.options import AsJson


@command
def bench(
    names: Annotated[list[str] | None, typer.Argument(help="explain, audit, evaluate, shortcuts or train; all if omitted.")] = None,
    as_json: AsJson = False,
) -> Any:
    """The benchmarks: ratios to the bare forward pass or to a comparable library, with their spread."""
    from benchmarks.audit import bench_audit
    from benchmarks.evaluation import bench_evaluate
    from benchmarks.explain import bench_explain
    from benchmarks.shortcuts import bench_shortcuts
    from benchmarks.training import bench_train

    known = {"explain": bench_explain, "audit": bench_audit, "evaluate": bench_evaluate, "shortcuts": bench_shortcuts, "train": bench_train}
    for name in names or []:
        check_choice(name, known, "benchmark")
    rows = [row for name in names or known for row in known[name](stderr.print)]
    if as_json:
        return {"rows": [vars(row) for row in rows]}
    holds = {True: "yes", False: "no", None: ""}
    shown = [[r.what, f"{r.ratio:.2f}", f"{r.low:.2f}–{r.high:.2f}", r.target or "", holds[r.holds]] for r in rows]
    results.print(table("Ratios (median of pairs, quartiles)", ["what", "ratio", "spread", "target", "holds"], shown))
