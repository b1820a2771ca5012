"""cli.py audit: what is wrong with a dataset: composition, associations, quality, the same photograph twice."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.console import AsJson, InWorkspace, Out, command, out_folder, results, say_json, table, with_progress, workspace
from data_audit.audit import audit_dataset


@command
def audit(
    path: Annotated[str, typer.Argument(help="Dataset folder or table, or a name of the workspace.")],
    out: Out,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Audit a dataset: audit.json with findings, the gravest first, and images.parquet with a row an image."""
    data = workspace(workspace_root).open_dataset(path)
    folder = out_folder(out)
    found = with_progress("auditing", audit_dataset(data, folder))
    if as_json:
        say_json(found.content)
        return
    rows = [[f.severity, f.kind, f.summary] for f in found.findings]
    results.print(table(f"{data.name}: {len(rows)} findings", ["gravity", "what", "summary"], rows))
    results.print(str(folder / "audit.json"))
