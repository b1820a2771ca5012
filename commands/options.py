"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
InWorkspace = Annotated[Path | None, typer.Option("--workspace", help="Workspace folder; else LESIONLENS_WORKSPACE, else ./workspace.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the results; created if it does not exist.")]
ModelName = Annotated[str, typer.Option("--model", help="Network file or SavedModel folder, or a name in the workspace.")]
DatasetName = Annotated[str, typer.Option("--dataset", help="Dataset folder or table, or a name in the workspace.")]
DatasetPath = Annotated[str, typer.Argument(metavar="PATH", help="Dataset folder or table, or a name in the workspace.")]
Split = Annotated[str | None, typer.Option("--split", help="Only images of this split; all if omitted.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything drawn at random.")]
Classes = Annotated[str | None, typer.Option("--classes", help="Classes of numbered columns, in order: nv,mel,…")]
Rename = Annotated[Path | None, typer.Option("--rename", help="Labels and their codes: YAML, JSON or two columns.")]
RowOrder = Annotated[bool, typer.Option("--row-order", help="The predictions have no ids: their rows follow the dataset's order.")]
Filling = Annotated[str, typer.Option("--filling", help="How to fill in a removed marker: telea, navier-stokes, skin.")]
