"""`Finding`: one thing that is wrong with a dataset, how bad, which images show it, and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.errors import DatasetError
from datasets.dataset import Dataset

Severity = Literal["grave", "moderate", "note"]
ORDER: tuple[Severity, ...] = ("grave", "moderate", "note")


@dataclass(frozen=True)
class Finding:
    kind: str
    severity: Severity
    summary: str
    image_ids: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "n_images": len(self.image_ids), "image_ids": list(self.image_ids)}


@dataclass(frozen=True)
class Captioned:
    """An image of a finding and what to write under it; second: it is of the second dataset of the audit."""

    image_id: str
    caption: str
    second: bool = False


def captioned(finding: Mapping[str, Any]) -> list[Captioned]:
    """Images of a finding as `audit.json` holds it: pairs side by side, doubts spelt out."""
    evidence = finding["evidence"]
    across = "shared" in evidence
    pairs = evidence.get("shared" if across else "pairs")
    if pairs:
        return [
            Captioned(p[side], f"{p[side]} · {p['correlation']:.2f}", across and side == "other")
            for p in pairs
            for side in ("one", "other")
        ]
    doubts = {row["image_id"]: f": {row['diagnosis']}, or {row['suggested']}?" for row in evidence.get("labels", ())}
    return [Captioned(i, i + doubts.get(i, "")) for i in finding["image_ids"]]


def by_gravity(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (ORDER.index(f.severity), -len(f.image_ids)))


def read_findings(folder: Path, dataset: Dataset) -> list[dict[str, Any]]:
    """Of the audit in this folder. Raises DatasetError for an audit of other data, or none."""
    path = folder / "audit.json"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["about"]["dataset_sha256"] != dataset.sha256:
            raise DatasetError("is the audit of other data.", str(path), "Audit this dataset again.")
        return list(told["findings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError("cannot be read as an audit.", str(path), "Name the folder that `audit` wrote to.") from error
