"""cli.py dataset: what was recognised in a folder or table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from commands.console import AsJson, InWorkspace, command, results, say_json, table, workspace
from core.errors import DatasetError
from data_audit.composition import imbalance
from datasets.layouts import LAYOUTS, NAMES

app = typer.Typer(help="Look into datasets.", no_args_is_help=True)
Path_ = Annotated[str, typer.Argument(metavar="PATH", help="Dataset folder or table, or a name of the workspace.")]
Columns = Annotated[list[str] | None, typer.Option("--columns", help="NAME=COLUMN, e.g. diagnosis=benign_malignant; may be repeated.")]


@app.command()
@command
def show(
    path: Path_,
    layout: Annotated[str | None, typer.Option("--layout", help=f"One of: {', '.join(LAYOUTS)}; else recognised.")] = None,
    columns: Columns = None,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """What was recognised: layout, images, labels, columns, problems."""
    data = workspace(workspace_root).open_dataset(path, layout, parse_columns(columns))
    spread = imbalance(data)
    known = [c for c in data.table.columns if data.table[c].notna().any()]
    missing_ages = int(data.table["age"].isna().sum())
    if as_json:
        say_json(
            {
                "name": data.name,
                "layout": data.layout,
                "images": len(data),
                "lesions": data.n_lesions,
                "patients": int(data.table["patient_id"].nunique()) or None,
                "ages_missing": missing_ages,
                "files": int(data.table["file"].notna().sum()),
                "masks": len(data.masks),
                "columns": known,
                "classes": dict(zip(spread.counts["diagnosis"], spread.counts["images"], strict=True)),
                "sha256": data.sha256,
                "problems": [{"kind": p.kind, "summary": p.summary, "rows": list(p.rows)} for p in data.problems],
            }
        )
        return
    lesions = f"{data.n_lesions:,} lesions" if data.n_lesions is not None else "lesions not named"
    results.print(f"[bold]{data.name}[/bold]: {NAMES[data.layout]}")
    results.print(f"{len(data):,} images, {lesions}, {missing_ages:,} ages missing, {len(data.masks):,} lesion masks")
    results.print(f"Columns with values: {', '.join(known)}")
    rows = [[r["diagnosis"], int(r["images"]), f"{r['share']:.1%}"] for r in spread.counts.to_dict("records")]
    results.print(table("Diagnoses", ["diagnosis", "images", "share"], rows))
    for problem in data.problems:
        first = ", ".join(problem.rows[:5]) + (f" and {len(problem.rows) - 5:,} more" if len(problem.rows) > 5 else "")
        results.print(f"[bold]{problem.kind}[/bold]: {problem.summary} {first}", markup=True)
    if not data.problems:
        results.print("No problems found in the table and the file names.")


@app.command()
@command
def add(
    path: Annotated[Path, typer.Argument(help="Dataset folder or table.")],
    name: Annotated[str | None, typer.Option("--name", help="Its name in the workspace; else the folder's.")] = None,
    workspace_root: InWorkspace = None,
) -> None:
    """Name a dataset in the workspace; nothing is copied."""
    name = name or path.resolve().stem
    data = workspace(workspace_root).add_dataset(name, path)
    results.print(f"{name}: {len(data):,} images, {NAMES[data.layout]}")


def parse_columns(pairs: Iterable[str] | None) -> dict[str, str]:
    """["diagnosis=dx"] -> {"diagnosis": "dx"}; raises DatasetError for anything else."""
    chosen = {}
    for pair in pairs or ():
        name, equals, column = pair.partition("=")
        if not equals:
            raise DatasetError(f"--columns {pair!r} is not NAME=COLUMN.", todo="Write for example --columns diagnosis=dx.")
        chosen[name.strip()] = column.strip()
    return chosen
