"""What to fix first: markers that go with the diagnosis in the data × markers that the classifier uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data_audit.evidence import GoesWith
from data_audit.findings import Finding
from shortcuts.verdict import Verdict

# (goes with the diagnosis, verdict) → how pressing, and what to do
ADVICE: dict[tuple[bool, Verdict], tuple[int, str]] = {
    (True, "used"): (0, "Fix first: the data teach it and the classifier uses it. Figures on data like these are too good."),
    (False, "used"): (1, "Used, though these data do not teach it: learned elsewhere, or like something that counts. Judge without it."),
    (True, "can't tell"): (2, "The data teach it, and whether it is used is not settled: try more images."),
    (True, "not seen to matter"): (3, "The data would teach it; this classifier is not seen to use it. The next one may."),
    (False, "can't tell"): (4, "Not settled, and the data do not teach it."),
    (True, "not tested"): (2, "The data teach it, and the lab could not find it: outline it with masks, or tell it in a column."),
    (False, "not tested"): (4, "Not tested: nothing says where it is."),
    (False, "not seen to matter"): (5, "Nothing to fix."),
}


@dataclass(frozen=True)
class Crossed:
    """One marker in the two-by-two. image_ids: those the audit's finding is about."""

    marker: str
    in_data: bool
    verdict: Verdict
    rank: int
    advice: str
    image_ids: tuple[str, ...]


def crossed(verdicts: Mapping[str, Verdict], findings: Sequence[Finding]) -> list[Crossed]:
    """The most pressing first. verdicts: by marker; findings: of an audit of the same data."""
    of = {f.evidence.marker: f.image_ids for f in findings if f.severity != "note" and isinstance(f.evidence, GoesWith)}
    found = []
    for marker, verdict in verdicts.items():
        rank, advice = ADVICE[marker in of, verdict]
        found.append(Crossed(marker, marker in of, verdict, rank, advice, of.get(marker, ())))
    return sorted(found, key=lambda c: c.rank)
