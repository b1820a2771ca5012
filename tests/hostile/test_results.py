"""Result files from strangers: predictions, explanations, audits and verdicts that are broken, too large or of other types."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import DatasetError, LesionLensError, PredictionsError, RecordError
from core.records import MAX_JSON_BYTES, read_record
from data_audit.audit_file import Audit, read_audit
from data_audit.images import read_images
from data_audit.review import Verdicts
from data_audit.scan import read_kept as read_scan
from datasets.opening import open_dataset
from explain.map_file import MAPS, read_maps
from imaging.decode import encode_jpeg
from models.predictions import PredictionTable, read_predictions, read_rename, write_predictions
from shortcuts.table import read_trials
from tests.hostile.drawn import photo

GOOD = "image_id,mel,nv\na,0.1,0.9\nb,0.5,0.5\n"


def as_parquet(path: Path, columns: dict[str, Any], about: bytes | None = None) -> Path:
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata({b"lesionlens": about}) if about is not None else table, path)
    return path


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is empty"),
        (b"\0" * 50, "NUL"),
        (b"image_id,mel,nv\na,0.1\n", "no row with a score"),
        (b"image_id,mel,nv\na,0.1,0.9,7\nb,0.5,0.5\n", "more cells than the header in line 2"),
        (b"image_id,mel,nv,nv \na,0.1,0.9,7\n", "several columns named 'nv'"),
        (b'image_id,mel,nv\na,"0.1,0.9\n', "never closed"),
        (b"image_id,mel,nv\na,x,0.9\n", "score columns of two known classes"),
        (b"image_id,mel,nv\na,inf,0.9\n", "no row with a score"),
        (b"image_id,mel,nv\na,1e400,0.9\n", "no row with a score"),
        (b"image_id,mel,nv\na,nan,0.9\n", "no row with a score"),
        (b"image_id,mel,nv\na,0x10,0.9\n", "score columns|0…1"),
        (b"image_id,mel,nv\na,-0.2,0.9\n", "scores must lie in 0…1"),
        (b"image_id,mel,nv\na,0.1,0.9\na,0.1,0.9\n", "more than once"),
        (b"mel,nv\n0.1,0.9\n", "names no images"),
        (b"image_id,mel,nv\n", "score columns|no row"),
        (b"\x89PNG\r\n\x1a\n", "cannot be read|score columns"),
        ("image_id,mel,nv\na,0.1,0.9\n".encode("utf-16-le"), "NUL"),
    ],
)
def test_predictions_in_csv(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(raw)
    with pytest.raises(PredictionsError, match=message) as caught:
        read_predictions(path)
    assert str(caught.value).startswith("p.csv: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_predictions_in_any_encoding(tmp_path: Path, encoding: str, separator: str) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(GOOD.replace(",", separator).replace("a", "ä", 1).replace("imäge", "image").encode(encoding))
    found = read_predictions(path)
    assert found.classes == ("mel", "nv") and found.probabilities.tolist() == [[0.1, 0.9], [0.5, 0.5]]


def test_ids_that_look_like_numbers_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("image_id,mel,nv\n007,0.1,0.9\n1e3,0.5,0.5\n")
    assert read_predictions(tmp_path / "p.csv").image_ids == ("007", "1e3")


SCORES: dict[str, Any] = {"image_id": ["a", "b"], "mel": [0.1, 0.5], "nv": [0.9, 0.5]}


@pytest.mark.parametrize(
    ("columns", "about", "message"),
    [
        (SCORES, b"{", "cannot be read as predictions"),
        (SCORES, b"\xff", "cannot be read as predictions"),
        (SCORES, b"[" * 200_000, "nested too deeply"),
        (SCORES, b"[1]", "no JSON object"),
        (SCORES, b'{"classes": "mel"}', "classes"),
        (SCORES, b'{"classes": [1, 2]}', "classes"),
        (SCORES, b'{"classes": {"a": 1}}', "classes"),
        (SCORES, b'{"classes": ["mel", "bcc"]}', "no column for its class 'bcc'"),
        (SCORES, b'{"classes": ["mel", "mel"]}', "several columns of one name"),
        (SCORES, b'{"errors": ["x"]}', "errors"),
        (SCORES, b'{"errors": {"x": {"y": 1}}}', "errors"),
        (SCORES, b'{"about": 5}', "about"),
        ({**SCORES, "mel": ["x", "y"]}, b'{"classes": ["mel", "nv"]}', "not numbers"),
        ({**SCORES, "mel": [None, None]}, b'{"classes": ["mel", "nv"]}', "no row with a score"),
        ({**SCORES, "mel": [[0.1], [0.2]]}, b'{"classes": ["mel", "nv"]}', "no column for its class 'mel'"),
        ({**SCORES, "mel_logit": ["x", "y"], "nv_logit": ["x", "y"]}, b'{"classes": ["mel", "nv"]}', "not numbers"),
        ({"mel": [0.1], "nv": [0.2]}, None, "names no images"),
        ({"image_id": ["a"], "x": [0.1]}, None, "score columns"),
    ],
)
def test_predictions_in_parquet(tmp_path: Path, columns: dict[str, Any], about: bytes | None, message: str) -> None:
    with pytest.raises(PredictionsError, match=message) as caught:
        read_predictions(as_parquet(tmp_path / "p.parquet", columns, about))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_torn_predictions(tmp_path: Path, share: float) -> None:
    table = PredictionTable(("a",), ("mel", "nv"), np.array([[0.1, 0.9]]))
    write_predictions(table, tmp_path / "p.parquet")
    raw = (tmp_path / "p.parquet").read_bytes()
    (tmp_path / "p.parquet").write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(PredictionsError, match="cannot be read as a table"):
        read_predictions(tmp_path / "p.parquet")


def test_no_flipped_byte_of_predictions_is_a_traceback(tmp_path: Path) -> None:
    write_predictions(PredictionTable(("a", "b"), ("mel", "nv"), np.array([[0.1, 0.9]] * 2)), tmp_path / "p.parquet")
    raw, rng = (tmp_path / "p.parquet").read_bytes(), np.random.default_rng(3)
    for _ in range(150):
        at = int(rng.integers(len(raw)))
        (tmp_path / "p.parquet").write_bytes(raw[:at] + rng.bytes(1) + raw[at + 1 :])
        try:
            read_predictions(tmp_path / "p.parquet")
        except PredictionsError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("place", ["pipe", "folder", "nowhere", "device"])
def test_predictions_that_are_no_file(tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    path = Path("/dev/zero") if place == "device" else tmp_path / place
    with pytest.raises(PredictionsError, match="no file"):
        read_predictions(path)


@pytest.mark.parametrize("name", ["r.yaml", "r.json", "r.csv"])
@pytest.mark.parametrize("raw", [b"", b"\0", b"- a\n- b\n", b"just text", b"a,b,c\n1,2,3\n", b"[" * 1_500, b"a: [\n", b'a,"b\n'])
def test_renamings_that_are_none(tmp_path: Path, name: str, raw: bytes) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(PredictionsError, match=rf"^{name}: "):
        read_rename(tmp_path / name)


def maps(path: Path, **changed: Any) -> Path:
    row = {
        "image_id": "a",
        "method": "m",
        "layer": "l",
        "target": "mel",
        "height": 2,
        "width": 3,
        "scale": 1.0,
        "map": bytes(12),
        **changed,
    }
    pq.write_table(pa.Table.from_pylist([row], schema=MAPS), path)
    return path


@pytest.mark.parametrize(
    "changed",
    [
        {"map": b""},
        {"map": bytes(13)},
        {"height": 2**31 - 1},
        {"height": -2, "width": -3},
        {"height": 0, "width": 0, "map": b""},
        {"width": None},
        {"map": None},
        {"scale": None},
    ],
)
def test_broken_maps(tmp_path: Path, changed: dict[str, Any]) -> None:
    assert [m.shape for _, _, m in read_maps(maps(tmp_path / "good.parquet"))] == [(2, 3)]
    with pytest.raises(RecordError, match="broken map|does not hold explanations"):
        list(read_maps(maps(tmp_path / "e.parquet", **changed)))


def test_explanations_that_are_others(tmp_path: Path) -> None:
    for columns in ({"a": [1]}, {"image_id": ["x"], "map": [[1.0]]}, {"image_id": ["x"], "map": [["x"]]}):
        with pytest.raises(RecordError, match="does not hold explanations|cannot be read"):
            list(read_maps(as_parquet(tmp_path / "e.parquet", columns)))
    (tmp_path / "e.parquet").write_bytes(b"PAR1")
    with pytest.raises(RecordError, match="cannot be read"):
        list(read_maps(tmp_path / "e.parquet"))


def not_json(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")


def too_large(path: Path) -> None:
    path.touch()
    os.truncate(path, MAX_JSON_BYTES + 1)


BROKEN: dict[str, Callable[[Path], object]] = {
    "nothing": lambda p: None,
    "empty": lambda p: p.touch(),
    "no text": not_json,
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a device": lambda p: p.symlink_to("/dev/zero"),
    "deep": lambda p: p.write_text("[" * 300_000),
    "deep objects": lambda p: p.write_text('{"a":' * 300_000),
    "long number": lambda p: p.write_text('{"about": ' + "9" * 5_000 + "}"),
    "a list": lambda p: p.write_text("[]"),
    "null": lambda p: p.write_text("null"),
    "NaN": lambda p: p.write_text("NaN"),
    "other fields": lambda p: p.write_text('{"x": 1}'),
    "other types": lambda p: p.write_text(json.dumps(dict.fromkeys(Audit.__dataclass_fields__, 1))),
    "strings": lambda p: p.write_text(json.dumps(dict.fromkeys(Audit.__dataclass_fields__, "x"))),
    "nulls": lambda p: p.write_text(json.dumps(dict.fromkeys(Audit.__dataclass_fields__))),
    "too large": too_large,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_audits_are_one_message(tmp_path: Path, kind: str) -> None:
    BROKEN[kind](tmp_path / "audit.json")
    with pytest.raises(RecordError, match="cannot be read as an audit") as caught:
        read_record(tmp_path / "audit.json", Audit, "an audit", "Audit it again.")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    root.mkdir()
    for k in range(2):
        (root / f"I_{k}.jpg").write_bytes(encode_jpeg(photo((12, 16))))
    (root / "m.csv").write_text("image_id,dx\nI_0,nv\nI_1,mel\n")
    return root


@pytest.mark.parametrize(
    "columns", [{"a": [1, 2]}, {"image_id": ["I_0", "I_1"]}, {"image_id": [[1], [2]]}, {"image_id": ["x"] * 2, "skin_tone": [1, 2]}]
)
def test_an_audit_s_table_that_is_another(tmp_path: Path, folder: Path, columns: dict[str, Any]) -> None:
    as_parquet(tmp_path / "images.parquet", columns)
    data = open_dataset(folder)
    with pytest.raises(DatasetError, match="has no column"):
        read_images(tmp_path, data)
    with pytest.raises(LesionLensError):
        read_audit(tmp_path, data)
    assert read_scan(tmp_path / "images.parquet") == {} and read_trials(tmp_path / "images.parquet", {"x": "y"}) is None


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE other (x)",
        "CREATE TABLE verdicts (number, content, marker)",
        "CREATE TABLE verdicts (number, content, marker, present); INSERT INTO verdicts VALUES (1, x'00', 'ink', 'abc'), (2, 'y', 'ink', 7)",
        "CREATE VIEW verdicts AS SELECT 1 AS number, 'c' AS content, 'ink' AS marker, 'x' AS present",
    ],
)
def test_verdicts_of_another_shape(tmp_path: Path, statement: str) -> None:
    connection = sqlite3.connect(tmp_path / "v.sqlite")
    connection.executescript(statement)
    connection.close()
    try:
        assert Verdicts(tmp_path / "v.sqlite").of("ink").empty
    except RecordError as error:
        assert "cannot be read as verdicts" in str(error)


@pytest.mark.parametrize("raw", [b"", b"SQLite format 3\0" + bytes(200), b"x" * 5_000, b"SQLite format 3\0" + b"\xff" * 4_080])
def test_verdicts_that_are_no_database(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "v.sqlite").write_bytes(raw)
    try:
        found = Verdicts(tmp_path / "v.sqlite").of("ink")
        assert isinstance(found, pd.DataFrame) and found.empty
    except RecordError as error:
        assert "cannot be read as verdicts" in str(error)


def test_scores_of_one_class_are_no_classifier_s(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("image_id,mel,nv\na,0.5,0.5\n")
    with pytest.raises(PredictionsError, match="named twice"):
        read_predictions(tmp_path / "p.csv", ["mel", "mel"])
    with pytest.raises(PredictionsError, match="scores of one class only"):
        read_predictions(tmp_path / "p.csv", rename={"mel": "nv", "nv": "nv"})


@pytest.mark.parametrize("text", ["mel: [1, 2]\nnv: {a: b}\n", "mel: 1\nnv: nv\n", "mel: nv\nnv:\n"])
def test_codes_of_a_renaming_are_texts(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(PredictionsError, match="a code that is not a text"):
        read_rename(tmp_path / "r.yaml")
