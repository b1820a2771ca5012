"""What to fix first."""

from __future__ import annotations

from data_audit.evidence import GoesWith
from data_audit.findings import Finding
from shortcuts.crossed import ADVICE, crossed
from shortcuts.verdict import Verdict

FINDINGS = [
    Finding("associated with the diagnosis", "grave", "", ("a", "b"), GoesWith("ink (detected)", 3.0, 2.0, 4.0, 0.0, 0.0, "ink")),
    Finding("associated with the diagnosis", "note", "", ("c",), GoesWith("hair", 3.0, 2.0, 4.0, 0.0, 0.0, "hair")),
    Finding("exact copies", "grave", "", ("d",)),
]


def test_what_is_taught_and_used_comes_first() -> None:
    verdicts: dict[str, Verdict] = {"hair": "not seen to matter", "ruler": "used", "ink": "used", "sticker": "can't tell"}
    found = crossed(verdicts, FINDINGS)
    assert [(c.marker, c.in_data) for c in found] == [("ink", True), ("ruler", False), ("sticker", False), ("hair", False)]
    assert found[0].image_ids == ("a", "b") and found[0].advice.startswith("Fix first") and found[-1].advice == "Nothing to fix."
    assert len(ADVICE) == 8 and ADVICE[True, "not tested"][0] < ADVICE[False, "not tested"][0]
