"""cli.py dataset: what was recognised in a folder or table."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.console import command, first_of, headed, results, table
from commands.options import AsJson, DatasetPath, InWorkspace
from core.errors import DatasetError
from core.wording import count
from data_audit.composition import imbalance
from datasets.layouts import LAYOUTS, NAMES
from workspace import Workspace

app = typer.Typer(help="Look into datasets.", no_args_is_help=True)


@app.command()
@command
def show(
    path: DatasetPath,
    layout: Annotated[str | None, typer.Option("--layout", help=f"One of: {', '.join(LAYOUTS)}; else recognised.")] = None,
    columns: Annotated[list[str] | None, typer.Option("--columns", help="NAME=COLUMN: diagnosis=benign_malignant; repeatable.")] = None,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """What was recognised: layout, images, labels, columns, problems."""
    data = Workspace(workspace_root).open_dataset(path, layout, parse_columns(columns))
    spread = imbalance(data)
    known = [c for c in data.table.columns if data.table[c].notna().any()]
    missing_ages = int(data.table["age"].isna().sum())
    if as_json:
        return {
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
            "problems": data.problems,
        }
    lesions = count(data.n_lesions, "lesion") if data.n_lesions is not None else "no lesion ids"
    headed(data.name, f": {NAMES[data.layout]}")
    results.print(f"{count(len(data), 'image')}, {lesions}, age missing for {missing_ages:,}, {count(len(data.masks), 'lesion mask')}")
    results.print(f"Columns with values: {', '.join(known)}")
    rows = [[r["diagnosis"], int(r["images"]), f"{r['share']:.1%}"] for r in spread.counts.to_dict("records")]
    results.print(table("Diagnoses", ["diagnosis", "images", "share"], rows))
    for problem in data.problems:
        headed(problem.kind, f": {problem.summary} {first_of(problem.rows)}")
    if not data.problems:
        results.print("No problems found in the table and the file names.")


@app.command()
@command
def add(
    path: Annotated[Path, typer.Argument(help="Dataset folder or table.")],
    name: Annotated[str | None, typer.Option("--name", help="Its name in the workspace; else the folder's.")] = None,
    workspace_root: InWorkspace = None,
) -> None:
    """Add a dataset to the workspace under a name; nothing is copied."""
    name = name or path.resolve().stem
    data = Workspace(workspace_root).add_dataset(name, path)
    results.print(f"{name}: {count(len(data), 'image')}, {NAMES[data.layout]}")


def parse_columns(pairs: Iterable[str] | None) -> dict[str, str]:
    """["diagnosis=dx"] -> {"diagnosis": "dx"}; raises DatasetError for anything else."""
    chosen = {}
    for pair in pairs or ():
        name, equals, column = pair.partition("=")
        if not equals:
            raise DatasetError(f"--columns {pair!r} is not NAME=COLUMN.", todo="Write for example --columns diagnosis=dx.")
        chosen[name.strip()] = column.strip()
    return chosen
