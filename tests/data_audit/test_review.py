"""Verdicts are kept whole, drawn at random, and what they say about a detector is right."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import RecordError
from data_audit.review import CLEAN, Verdicts, drawn_order, next_row, reviewed, strata
from datasets.opening import open_dataset
from evaluation.intervals import wilson

ROOT = Path(__file__).resolve().parents[2]
ALIKE = np.full(200, "benign", object)  # all of one stratum


@pytest.fixture
def verdicts(tmp_path: Path) -> Verdicts:
    return Verdicts(tmp_path / "deep" / "review.sqlite")


@pytest.fixture
def images() -> pd.DataFrame:
    flags: list[object] = [True] * 40 + [False] * 158 + [None] * 2
    return pd.DataFrame({"image_id": [f"i{k}" for k in range(200)], "content": [f"c{k}" for k in range(200)], "ink_flag": flags})


def test_a_verdict_is_kept_replaced_and_taken_back(verdicts: Verdicts) -> None:
    assert verdicts.of("ink").empty
    verdicts.give("a", "ink", True)
    verdicts.give("b", "ink", None)
    verdicts.give("a", "ink", False)
    verdicts.give("a", "hair", True)
    kept = Verdicts(verdicts.path).of("ink")
    assert kept["content"].tolist() == ["b", "a"] and np.isnan(kept["present"][0]) and kept["present"][1] == 0
    verdicts.take_back("ink")
    assert verdicts.of("ink")["content"].tolist() == ["b"] and len(verdicts.of("hair")) == 1


def test_the_order_is_random_the_same_for_all_and_only_of_that_side(images: pd.DataFrame) -> None:
    order = drawn_order(images, "ink", "flagged")
    assert sorted(order) == list(range(40)) and list(order) != list(range(40))
    assert list(order) == list(drawn_order(images.iloc[::1], "ink", "flagged"))
    assert sorted(drawn_order(images, "ink", "not flagged")) == list(range(40, 198))
    judged = pd.DataFrame({"content": [images["content"][order[0]]], "present": [1.0]})
    assert next_row(images, "ink", "flagged", judged, ALIKE) == order[1]


def test_precision_missed_and_share_by_hand(images: pd.DataFrame) -> None:
    told = pd.DataFrame(
        {"content": [f"c{k}" for k in range(20)] + ["c50", "c51", "c52", "c53"], "present": [1.0] * 15 + [0.0] * 5 + [0, 0, 0, 1]}
    )
    r = reviewed(images, "ink", told, ALIKE)
    assert (r.precision.value, r.missed.value) == (0.75, 0.25) and r.seen == {"flagged": 20, "not flagged": 4}
    assert (r.precision.low, r.precision.high) == wilson(0.75, 20)
    assert r.share.value == pytest.approx((40 * 0.75 + 158 * 0.25) / 198)
    assert r.share.low < r.share.value < r.share.high and r.in_a_row == {"flagged": 0, "not flagged": 0}
    nothing = reviewed(images, "ink", told.head(0), ALIKE)
    assert not nothing.precision.defined and "none was looked at" in nothing.precision.reason and not nothing.share.defined


def test_as_many_malignant_as_benign_images_are_drawn(images: pd.DataFrame) -> None:
    """Of the flagged, i0 to i7 are malignant and 32 benign: eight and eight in turn, then benign ones alone."""
    sides = np.where(np.arange(200) < 8, "malignant", "benign").astype(object)
    drawn: list[int] = []
    for _ in range(40):
        judged = pd.DataFrame({"content": images["content"].iloc[drawn], "present": 1.0})
        row = next_row(images, "ink", "flagged", judged, sides)
        assert row is not None
        drawn.append(row)
    assert sum(k < 8 for k in drawn[:16]) == 8 and all(sum(k < 8 for k in drawn[:n]) in (n // 2, (n + 1) // 2) for n in range(16))
    order = drawn_order(images, "ink", "flagged").tolist()
    assert [k for k in drawn if k < 8] == [k for k in order if k < 8] and sorted(drawn) == sorted(order)


def test_each_stratum_counts_as_often_as_it_has_images(images: pd.DataFrame) -> None:
    """Flagged: 8 malignant, of four looked at one bears ink; 32 benign, of four all do: (8 · ¼ + 32 · 1) / 40 = .85, not 5 / 8."""
    sides = np.where(np.arange(200) < 8, "malignant", "benign").astype(object)
    told = pd.DataFrame({"content": [f"c{k}" for k in (0, 8, 1, 9, 2, 10, 3, 11)], "present": [0.0, 1, 0, 1, 0, 1, 1, 1]})
    r = reviewed(images, "ink", told, sides)
    assert r.precision.value == pytest.approx(0.85) and r.by_stratum["flagged"] == {"benign": 4, "malignant": 4}
    assert r.in_a_row["flagged"] == 3 and r.clean["flagged"] == 1  # the last malignant one; four benign ones
    wide, narrow = wilson(0.25, 4), wilson(1.0, 4)
    assert r.precision.low == pytest.approx(0.85 - np.hypot(0.2 * (0.25 - wide[0]), 0.8 * (1 - narrow[0])))
    half = reviewed(images, "ink", told[told["content"].isin(["c8", "c9"])], sides)
    assert not half.precision.defined and "malignant and benign" in half.precision.reason


def test_strata_are_malignant_benign_and_not_known(small_dataset: Path) -> None:
    data = open_dataset(small_dataset)
    table = data.table.head(4).assign(diagnosis=np.array(["mel", "nv", None, "no such"], object))
    assert strata(replace(data, table=table, order=())).tolist() == ["malignant", "benign", "not known", "not known"]


def test_reviewing_ends_by_its_rule() -> None:
    n = 400
    images = pd.DataFrame({"image_id": range(n), "content": [f"c{k}" for k in range(n)], "ink_flag": [True] * n})

    def after(present: list[float]) -> str:
        told = pd.DataFrame({"content": [f"c{k}" for k in range(len(present))], "present": present})
        return reviewed(images, "ink", told, np.full(n, "benign", object)).enough("flagged")

    assert not after([1.0] * (CLEAN - 1)) and f"{CLEAN} in a row" in after([1.0] * CLEAN)
    assert not after([1.0] * (CLEAN - 1) + [0.0]) and not after([1.0, 0.0] * 60)
    assert "± 3%" in after([1.0] * 380 + [0.0] * 10) and "all of them" in after([1.0] * n)
    assert pytest.approx(0.051, abs=0.001) == 0.95**CLEAN


def test_many_writers_lose_nothing(verdicts: Verdicts) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: verdicts.give(f"c{k}", "ink", True), range(120)))
    assert len(verdicts.of("ink")) == 120


def test_a_killed_writer_leaves_whole_verdicts(verdicts: Verdicts) -> None:
    code = (
        "import sys; from pathlib import Path; from data_audit.review import Verdicts\n"
        "v = Verdicts(Path(sys.argv[1])); k = 0\n"
        "while True:\n v.give(f'c{k}', 'ink', True); k += 1; print(k, flush=True)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(verdicts.path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    told = 0
    while told < 20:
        told = int(writer.stdout.readline())
    writer.kill()
    writer.communicate()
    kept = verdicts.of("ink")
    assert len(kept) >= told and (kept["present"] == 1).all()
    verdicts.give("after", "ink", False)
    assert len(verdicts.of("ink")) == len(kept) + 1


def test_a_file_that_is_no_database_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "review.sqlite").write_bytes(b"no database, whatever its name says" * 40)
    with pytest.raises(RecordError, match="cannot be read as verdicts"):
        Verdicts(tmp_path / "review.sqlite").of("ink")
