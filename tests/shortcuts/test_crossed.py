"""What to fix first."""

from __future__ import annotations

from shortcuts.crossed import ADVICE, crossed

FINDINGS = [
    {"kind": "goes with the diagnosis", "severity": "grave", "image_ids": ["a", "b"], "evidence": {"column": "ink (detected)"}},
    {"kind": "goes with the diagnosis", "severity": "note", "image_ids": ["c"], "evidence": {"column": "hair"}},
    {"kind": "exact copies", "severity": "grave", "image_ids": ["d"], "evidence": {}},
]


def test_what_is_taught_and_used_comes_first() -> None:
    verdicts = {
        "hair": {"verdict": "not seen to matter"},
        "ruler": {"verdict": "used"},
        "ink": {"verdict": "used"},
        "sticker": {"verdict": "can't tell"},
    }
    found = crossed(verdicts, FINDINGS)
    assert [(c.marker, c.in_data) for c in found] == [("ink", True), ("ruler", False), ("sticker", False), ("hair", False)]
    assert found[0].image_ids == ("a", "b") and found[0].advice.startswith("Fix first") and found[-1].advice == "Nothing to fix."
    assert len(ADVICE) == 6 and len({rank for rank, _ in ADVICE.values()}) == 6
