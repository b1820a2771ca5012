"""The HTML report of the lab and its charts: what stands in them, and what must never."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from core.errors import RecordError
from core.exports import plain
from core.records import write_record
from data_audit.evidence import GoesWith
from data_audit.findings import Finding
from imaging.decode import encode_jpeg
from reports.shortcut_charts import dose_chart, effects_chart
from reports.shortcut_report import shortcut_html
from shortcuts.alarms import Alarms
from shortcuts.study import Example, Study, read_study
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
FINDING = Finding("associated with the diagnosis", "grave", "", ("x",), GoesWith("ink (detected)", 3.0, 2.0, 4.0, 0.0, 0.0, "ink"))


@pytest.fixture(scope="module")
def study() -> Study:
    frame = pd.DataFrame(
        rows(60, "ink", "removal", 0.3, 0.0)
        + rows(60, "ink", "insertion", 0.2, 0.0, 1)
        + [r | {"size": 1.6, "image_id": r["image_id"] + "b"} for r in rows(40, "ink", "insertion", 0.4, 0.0, 2)]
        + rows(10, "ruler", "insertion", 0.0, 0.0, 3),
        columns=list(COLUMNS),
    )
    example = Example("ink", "removal", "i<1>", "examples/a.jpg", "mel", 0.9, 0.2, 0.88)
    alarms = Alarms(10, 2, 0.05, 0.04, 0.06, 0.0, 0.0, 0.02)
    return summary(frame, judge(frame, CLASSES, ["ink", "ruler"]), CLASSES, ABOUT, alarms, [example])


def test_the_report_holds_verdicts_tables_and_examples(study: Study, tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples/a.jpg").write_bytes(encode_jpeg(flat((20, 60))))
    page = shortcut_html(study, [FINDING], tmp_path)
    assert "Ink: used" in page and study.verdicts["ink"].why[1:40] in page.replace("&#34;", '"')
    assert "Fix first" in page and "Ruler: can&#39;t tell" in page and "only 10 lesions" in page.lower()
    assert page.count("<svg") == 3, "effects of both markers, and the doses of ink"
    assert 'src="data:image/jpeg;base64,' in page and "P(mel) 0.90, 0.20, 0.88" in page
    assert "not a medical device" in page and "cropped to the lesion" in page
    assert not re.findall(r"(?:src|href)=.?(?!data:)\w+:", page), "nothing is fetched from elsewhere"


def test_nothing_of_the_dataset_or_card_becomes_html(study: Study, tmp_path: Path) -> None:
    page = shortcut_html(study, None, tmp_path)
    assert "<b>Mine" not in page and "d<script>" not in page and "i<1>" not in page and "&lt;b&gt;Mine" in page
    assert "What to fix first" not in page and "Verdicts" in page, "no audit, no advice"
    assert '<img src=""' not in page, "an example that is gone leaves no hole"


def test_effects_are_drawn_with_their_intervals(study: Study) -> None:
    drawn = effects_chart(study.verdicts["ink"].effects)
    assert drawn is not None
    chart, words = drawn
    told = {r["name"]: r["value"] for r in next(iter(chart.to_dict()["datasets"].values())) if "name" in r} or {
        r["name"]: r["value"] for part in chart.to_dict()["datasets"].values() for r in part if "name" in r
    }
    assert told["mel, removed"] == pytest.approx(0.3, abs=0.03) and told["mel, inserted"] == pytest.approx(0.2, abs=0.02)
    assert "mel, inserted +0.2" in words
    assert effects_chart([]) is None


def test_doses_are_drawn_by_size(study: Study) -> None:
    chart, words = dose_chart(study.doses)
    drawn = [r for part in chart.to_dict()["datasets"].values() for r in part if "size" in r]
    assert sorted({(r["size"], round(r["value"], 1)) for r in drawn}) == [(1.0, 0.2), (1.6, 0.4)]
    assert "size 1.6 strength 85% +0.4" in words


def test_a_study_is_read_as_it_was_written(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "shortcuts.json"
    write_record(path, study)
    read = read_study(path)
    assert plain(read) == plain(study)
    assert read.verdicts["ink"].effects[0].large and read.examples == study.examples and read.false_alarms == study.false_alarms
    written = json.loads(path.read_text())
    assert {"class", "change"} < set(written["doses"][0]) and "agreement" not in written["verdicts"]["ruler"]
    assert written["verdicts"]["ruler"]["effects"][0]["adjusted"] is None, "too few lesions to be tested"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdicts": {"ink": {"verdict": "used"}}}, "verdicts: ink: why is missing"),
        ({"images": "60"}, "images: '60' is no int"),
        ({"examples": None}, "examples: None"),
    ],
)
def test_what_is_no_study_ends_in_one_message(study: Study, tmp_path: Path, change: dict[str, object], said: str) -> None:
    path = tmp_path / "shortcuts.json"
    path.write_text(json.dumps(plain(study) | change))
    with pytest.raises(RecordError) as error:
        read_study(path)
    assert said in str(error.value) and "test the markers again" in str(error.value)
