"""Published operating points of physicians, to be drawn beside a curve but never tested against it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reader:
    """A group of physicians: sensitivity and specificity 0…1 for melanoma, the source, and the patients (`on`)."""

    who: str
    sensitivity: float
    specificity: float
    source: str
    on: str


MORTON = "Morton & Mackie 1998, doi:10.1046/j.1365-2133.1998.02075.x"
CLINIC = "biopsies of a pigmented lesion clinic in Glasgow, 1992–94, seen in person"
READERS = (
    Reader("dermatologists, over 10 years", 0.91, 0.99, MORTON, CLINIC),
    Reader("senior registrars, 3–5 years", 0.90, 0.97, MORTON, CLINIC),
    Reader("registrars, 1–2 years", 0.79, 0.98, MORTON, CLINIC),
)
CLASSES = frozenset({"mel", "malignant"})  # whose curves they may be drawn beside
