"""`Finding`: one problem of a dataset, its severity, the images that show it, and the remedy."""

from dataclasses import dataclass, field
from typing import Literal

from data_audit.evidence import AnyEvidence, Captioned, Evidence

Severity = Literal["grave", "moderate", "note"]
ORDER: tuple[Severity, ...] = ("grave", "moderate", "note")
NOTHING = Evidence()
LEAKAGE = frozenset(  # kinds that make every figure on the test images worthless
    (
        "lesions in several splits",
        "patients in several splits",
        "the same photograph in several splits",
        "the same photograph in both datasets",
    )
)


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
    """Leakage first, however few images it concerns; then the most severe."""
    return sorted(findings, key=lambda f: (f.kind not in LEAKAGE, ORDER.index(f.severity), -len(f.image_ids)))
