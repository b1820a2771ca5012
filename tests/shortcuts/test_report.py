"""The HTML report of the lab and its charts: what stands in them, and what must never."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.exports import plain
from data_audit.evidence import GoesWith
from data_audit.findings import Finding
from imaging.decode import encode_jpeg
from reports.shortcut_charts import dose_chart, effects_chart
from reports.shortcut_report import shortcut_html
from shortcuts.summary import summary
from shortcuts.table import COLUMNS
from shortcuts.verdict import judge
from tests.shortcuts.test_parts import flat
from tests.shortcuts.test_verdict import CLASSES, rows

ABOUT = {
    "model": "m.keras",
    "card": "<b>Mine</b>",
    "dataset": "d<script>",
    "split": "all",
    "lesionlens_version": "0",
    "model_sha256": "a" * 64,
    "dataset_sha256": "b" * 64,
}
FINDING = Finding("goes with the diagnosis", "grave", "", ("x",), GoesWith("ink (detected)", 3.0, 2.0, 4.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    frame = pd.DataFrame(
        rows(60, "ink", "removal", 0.3, 0.0)
        + rows(60, "ink", "insertion", 0.2, 0.0, 1)
        + [r | {"size": 1.6, "image_id": r["image_id"] + "b"} for r in rows(40, "ink", "insertion", 0.4, 0.0, 2)]
        + rows(10, "ruler", "insertion", 0.0, 0.0, 3),
        columns=list(COLUMNS),
    )
    told = summary(frame, judge(frame, CLASSES, ["ink", "ruler"]), CLASSES, ABOUT)
    example = {
        "marker": "ink",
        "direction": "removal",
        "image_id": "i<1>",
        "file": "examples/a.jpg",
        "class": "mel",
        "base": 0.9,
        "changed": 0.2,
        "control": 0.88,
    }
    return json.loads(json.dumps(plain({**told, "examples": [example]})))


def test_the_report_holds_verdicts_tables_and_examples(content: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples/a.jpg").write_bytes(encode_jpeg(flat((20, 60))))
    page = shortcut_html(content, [FINDING], tmp_path)
    assert "Ink: used" in page and content["verdicts"]["ink"]["why"][1:40] in page.replace("&#34;", '"')
    assert "Fix first" in page and "Ruler: can&#39;t tell" in page and "only 10 lesions" in page.lower()
    assert page.count("<svg") == 3, "effects of both markers, and the doses of ink"
    assert 'src="data:image/jpeg;base64,' in page and "P(mel) 0.90, 0.20, 0.88" in page
    assert "no medical device" in page and "cropped to the lesion" in page
    assert not re.findall(r"(?:src|href)=.?(?!data:)\w+:", page), "nothing is fetched from elsewhere"


def test_nothing_of_the_dataset_or_card_becomes_html(content: dict[str, Any], tmp_path: Path) -> None:
    page = shortcut_html(content, None, tmp_path)
    assert "<b>Mine" not in page and "d<script>" not in page and "i<1>" not in page and "&lt;b&gt;Mine" in page
    assert "What to fix first" not in page and "Verdicts" in page, "no audit, no advice"
    assert '<img src=""' not in page, "an example that is gone leaves no hole"


def test_effects_are_drawn_with_their_intervals(content: dict[str, Any]) -> None:
    drawn = effects_chart(content["verdicts"]["ink"])
    assert drawn is not None
    chart, words = drawn
    told = {r["name"]: r["value"] for r in next(iter(chart.to_dict()["datasets"].values())) if "name" in r} or {
        r["name"]: r["value"] for part in chart.to_dict()["datasets"].values() for r in part if "name" in r
    }
    assert told["mel, taken away"] == pytest.approx(0.3, abs=0.03) and told["mel, put in"] == pytest.approx(0.2, abs=0.02)
    assert "mel, put in +0.2" in words
    assert effects_chart({"effects": []}) is None


def test_doses_are_drawn_by_size(content: dict[str, Any]) -> None:
    chart, words = dose_chart(content["doses"])
    drawn = [r for part in chart.to_dict()["datasets"].values() for r in part if "size" in r]
    assert sorted({(r["size"], round(r["value"], 1)) for r in drawn}) == [(1.0, 0.2), (1.6, 0.4)]
    assert "size 1.6 strength 85% +0.4" in words
