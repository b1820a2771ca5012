"""cli.py audit: what is wrong with a dataset (composition; later rooms add markers, leakage, quality)."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from atomic import write_bytes
from commands.console import AsJson, InWorkspace, Out, command, out_folder, results, say_json, table, workspace
from data_audit.composition import composition_findings, imbalance
from exports import plain
from version import __version__


@command
def audit(
    path: Annotated[str, typer.Argument(help="Dataset folder or table, or a name of the workspace.")],
    out: Out,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Audit a dataset's composition: audit.json with findings, the gravest first."""
    data = workspace(workspace_root).open_dataset(path)
    findings = composition_findings(data)
    uneven = imbalance(data)
    content = plain(
        {
            "about": {"lesionlens_version": __version__, "dataset": data.name, "dataset_sha256": data.sha256,
                      "layout": data.layout, "images": len(data), "lesions": data.n_lesions, "checks": ["composition"]},
            "composition": uneven.counts.to_dict("records"),
            "findings": [f.as_json() for f in findings],
        }
    )  # fmt: skip
    target = out_folder(out) / "audit.json"
    write_bytes(target, json.dumps(content, indent=1, ensure_ascii=False).encode())
    if as_json:
        say_json(content)
        return
    rows = [[f.severity, f.kind, f.summary] for f in findings]
    results.print(table(f"{data.name}: {len(findings)} findings", ["gravity", "what", "summary"], rows))
    results.print(str(target))
