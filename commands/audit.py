"""cli.py audit: what is wrong with a dataset: composition, associations, quality, the same photograph twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from atomic import write_bytes
from commands.console import AsJson, InWorkspace, Out, command, out_folder, results, say_json, table, with_progress, workspace
from data_audit.associations import association_findings, associations
from data_audit.balancing import balancing
from data_audit.composition import composition_findings, imbalance
from data_audit.content import clusters, find_pairs, likeness_findings, quality_findings
from data_audit.findings import by_gravity
from data_audit.images import known_markers, write_images
from data_audit.scan import scan_dataset
from exports import plain
from version import __version__


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
    scan = with_progress("reading images", scan_dataset(data, folder / ".scan.parquet"))
    pairs = with_progress("comparing images", find_pairs(scan))
    asked = associations(data, known_markers(data))
    findings = by_gravity(
        composition_findings(data) + association_findings(asked) + likeness_findings(data, pairs) + quality_findings(data, scan)
    )
    about = {"lesionlens_version": __version__, "dataset": data.name, "dataset_sha256": data.sha256}
    write_images(data, scan, clusters(pairs, len(data)), folder / "images.parquet", about)
    uneven = imbalance(data)
    content = plain(
        {
            "about": {**about, "layout": data.layout, "images": len(data), "lesions": data.n_lesions,
                      "checks": ["composition", "associations", "likeness", "quality"]},
            "composition": uneven.counts.to_dict("records"),
            "balancing": balancing(uneven.counts).to_dict("records"),
            "associations": [
                {"column": a.column, "target": a.target, "kind": a.kind, "strength": a.strength.value, "low": a.strength.low,
                 "high": a.strength.high, "p": a.p, "q": a.q, "lesions": a.lesions, "images": a.images} for a in asked
            ],
            "findings": [f.as_json() for f in findings],
        }
    )  # fmt: skip
    target: Path = folder / "audit.json"
    write_bytes(target, json.dumps(content, indent=1, ensure_ascii=False).encode())
    if as_json:
        say_json(content)
        return
    rows = [[f.severity, f.kind, f.summary] for f in findings]
    results.print(table(f"{data.name}: {len(findings)} findings", ["gravity", "what", "summary"], rows))
    results.print(str(target))
