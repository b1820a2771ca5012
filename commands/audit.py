"""cli.py audit: what is wrong with a dataset: composition, markers, associations, leakage, labels, quality."""

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.console import comma_separated, command, results, results_folder, table, with_progress
from commands.options import AsJson, Classes, DatasetPath, InWorkspace, Out, Rename, RowOrder, Seed
from core.wording import count
from data_audit.audit import Asked, audit_dataset
from models.predictions import read_predictions, read_rename
from studies.assess import QUICK, assess
from workspace import Workspace


@command
def audit(
    path: DatasetPath,
    out: Out,
    against: Annotated[str | None, typer.Option("--against", help="A second dataset: how it differs, and what both hold.")] = None,
    predictions: Annotated[Path | None, typer.Option("--predictions", help="Of a classifier not trained on these: label errors.")] = None,
    classes: Classes = None,
    rename: Rename = None,
    row_order: RowOrder = False,
    resplit: Annotated[str, typer.Option("--resplit", help="Write split.csv, no lesion or patient in two: 70/15/15 or 80/20.")] = "",
    seed: Seed = 0,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """Audit a dataset: audit.json and report.html with findings, the gravest first, and images.parquet with one row per image."""
    space = Workspace(workspace_root)
    data = space.open_dataset(path)
    scores = None
    if predictions is not None:
        labels = read_rename(rename) if rename else None
        given = read_predictions(predictions, comma_separated(classes) or None, labels, data.order if row_order else None)
        scores = assess(given, data, labels, how=QUICK).rows
    second = space.open_dataset(against) if against else None
    folder = results_folder(out)
    found = with_progress("auditing", audit_dataset(data, folder, Asked(scores, second, resplit, seed, space.verdicts)))
    from reports.audit_report import audit_html
    from reports.pictures import write_page

    report = write_page(folder, audit_html(data, found, second))
    if as_json:
        return found
    rows = [[f.severity, f.kind, f.summary] for f in found.findings]
    results.print(table(f"{data.name}: {count(len(rows), 'finding')}", ["severity", "what", "summary"], rows))
    results.print(str(report))
    results.print(str(folder / "audit.json"))
