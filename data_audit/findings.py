"""`Finding`: one thing that is wrong with a dataset, how bad, which images show it, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

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
