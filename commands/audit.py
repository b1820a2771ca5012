"""cli.py audit: what is wrong with a dataset: composition, markers, associations, leakage, labels, quality."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.console import AsJson, InWorkspace, Out, command, results, say_json, table, with_progress, workspace
from core.atomic import make_folder
from data_audit.audit import Asked, audit_dataset
from models.predictions import read_predictions, read_rename
from studies.assess import QUICK, assess


@command
def audit(
    path: Annotated[str, typer.Argument(help="Dataset folder or table, or a name of the workspace.")],
    out: Out,
    against: Annotated[str | None, typer.Option("--against", help="A second dataset: what differs, and what is in both.")] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="By a classifier that did not learn from these images: doubtful labels.")
    ] = None,
    classes: Annotated[str | None, typer.Option("--classes", help="Classes of numbered columns in order: nv,mel,…")] = None,
    rename: Annotated[Path | None, typer.Option("--rename", help="Labels and their codes: YAML, JSON or two columns.")] = None,
    row_order: Annotated[
        bool, typer.Option("--row-order", help="The predictions have no ids: their rows stand in the dataset's order.")
    ] = False,
    resplit: Annotated[
        str, typer.Option("--resplit", help="Write split.csv, whole lesions, patients and photographs: 70/15/15 or 80/20.")
    ] = "",
    seed: Annotated[int, typer.Option("--seed", help="Of the new split.")] = 0,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Audit a dataset: audit.json and report.html with findings, the gravest first, and images.parquet with a row an image."""
    space = workspace(workspace_root)
    data = space.open_dataset(path)
    scores = None
    if predictions is not None:
        names = [c.strip() for c in classes.split(",")] if classes else None
        labels = read_rename(rename) if rename else None
        given = read_predictions(predictions, names, labels, data.order if row_order else None)
        scores = assess(given, data, labels, how=QUICK).rows
    second = space.open_dataset(against) if against else None
    asked = Asked(scores, second, resplit, seed, space.verdicts)
    folder = make_folder(out)
    found = with_progress("auditing", audit_dataset(data, folder, asked))
    from reports.audit_report import write_report

    write_report(data, found, folder, second)
    if as_json:
        say_json(found)
        return
    rows = [[f.severity, f.kind, f.summary] for f in found.findings]
    results.print(table(f"{data.name}: {len(rows)} findings", ["gravity", "what", "summary"], rows))
    results.print(str(folder / "report.html"))
    results.print(str(folder / "audit.json"))
