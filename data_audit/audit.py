"""The whole audit of a dataset: one pass over its table and pictures, and the findings in order of gravity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atomic import write_bytes
from data_audit.associations import Association, association_findings, associations
from data_audit.balancing import balancing
from data_audit.composition import composition_findings, imbalance
from data_audit.content import clusters, find_pairs, likeness_findings, quality_findings
from data_audit.dataset import Dataset
from data_audit.findings import Finding, by_gravity
from data_audit.images import known_markers, write_images
from data_audit.scan import scan_dataset
from exports import plain
from runs import Run, part
from version import __version__

CHECKS = ("composition", "associations", "likeness", "quality")
READING = 0.8  # share of the work that is reading pictures


@dataclass(frozen=True)
class Audit:
    """findings: the gravest first; content: everything, as it stands in `audit.json`."""

    findings: tuple[Finding, ...]
    content: Mapping[str, Any]


def audit_dataset(dataset: Dataset, folder: Path) -> Run[Audit]:
    """All checks. The folder gets `audit.json`, `images.parquet`, and what was measured, which a second run takes up."""
    scan = yield from part(scan_dataset(dataset, folder / ".scan.parquet"), 0, READING)
    pairs = yield from part(find_pairs(scan), READING, 1)
    asked = associations(dataset, known_markers(dataset))
    findings = by_gravity(
        composition_findings(dataset)
        + association_findings(asked, list(dataset.table["image_id"]))
        + likeness_findings(dataset, pairs)
        + quality_findings(dataset, scan)
    )
    about = {"lesionlens_version": __version__, "dataset": dataset.name, "dataset_sha256": dataset.sha256}
    counts = imbalance(dataset).counts
    content = plain(
        {
            "about": {**about, "layout": dataset.layout, "images": len(dataset), "lesions": dataset.n_lesions, "checks": CHECKS},
            "composition": counts.to_dict("records"),
            "balancing": balancing(counts).to_dict("records"),
            "associations": [_as_json(a) for a in asked],
            "findings": [f.as_json() for f in findings],
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_images(dataset, scan, clusters(pairs, len(dataset)), folder / "images.parquet", about)
    write_bytes(folder / "audit.json", json.dumps(content, indent=1, ensure_ascii=False).encode())
    return Audit(tuple(findings), content)


def _as_json(a: Association) -> dict[str, Any]:
    return {
        "column": a.column, "target": a.target, "kind": a.kind, "strength": a.strength.value, "low": a.strength.low,
        "high": a.strength.high, "p": a.p, "q": a.q, "lesions": a.lesions, "images": a.images,
    }  # fmt: skip
