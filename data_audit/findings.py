"""`Finding`: one problem of a dataset, its severity, the images that show it, and the remedy."""

from dataclasses import dataclass, field
from typing import Literal

from data_audit.evidence import AnyEvidence, Captioned, Evidence

Severity = Literal["grave", "moderate", "note"]
ORDER: tuple[Severity, ...] = ("grave", "moderate", "note")
NOTHING = Evidence()


@dataclass(frozen=True)
class Finding:
    kind: str
    severity: Severity
    summary: str
    image_ids: tuple[str, ...] = ()
    evidence: AnyEvidence = NOTHING
    remedy: str = ""
    n_images: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_images", len(self.image_ids))

    @property
    def captions(self) -> list[Captioned]:
        """Its images with their captions."""
        return self.evidence.captions() or [Captioned(i, i) for i in self.image_ids]


def by_severity(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (ORDER.index(f.severity), -len(f.image_ids)))
