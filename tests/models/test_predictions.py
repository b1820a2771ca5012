"""Predictions on disk, ours and strangers'."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import PredictionsError
from models.predictions import PredictionTable, merge_classes, read_predictions, read_rename, write_predictions

Write = Callable[[str, str], Path]


def test_ours_come_back_with_what_they_were_made_from(tmp_path: Path) -> None:
    table = PredictionTable(
        ("a", "b"),
        ("odd class", "nv"),
        np.array([[0.25, 0.75], [1, 0]], np.float32),
        np.array([[1.0, 2], [3, 4]], np.float32),
        {"c": "is empty."},
        {"model_sha256": "12"},
    )
    write_predictions(table, tmp_path / "p.parquet")
    back = read_predictions(tmp_path / "p.parquet")
    assert (back.image_ids, set(back.classes), back.errors, back.about) == (table.image_ids, {"odd class", "nv"}, table.errors, table.about)
    np.testing.assert_array_equal(back.probabilities[:, back.classes.index("nv")], [0.75, 0])


def test_numbered_columns_without_ids(write: Write) -> None:
    path = write("p.csv", "prob_0,prob_1,true_label,prediction\n0.9,0.1,0,0\n0.2,0.8,1,1\n")
    table = read_predictions(path, ["Melanocytic Nevi", "mel"], row_order=["x", "y"])
    assert (table.image_ids, table.classes) == (("x", "y"), ("nv", "mel"))
    np.testing.assert_array_equal(table.probabilities, [[0.9, 0.1], [0.2, 0.8]])


@pytest.mark.parametrize(
    "header",
    ["image,mel,nv", "image_name,prob_mel,prob_nv", "Image_ID,p_MEL,p_NV", "isic_id,Melanoma,Nevus", "image_id,mel_score,nv_score"],
)
def test_names_people_give_their_columns(write: Write, header: str) -> None:
    table = read_predictions(write("p.csv", f"{header}\nISIC_1.jpg,0.3,0.7\n"))
    assert (table.image_ids, table.classes) == (("ISIC_1",), ("mel", "nv"))


def test_renaming_comes_before_the_vocabulary(write: Write) -> None:
    rename = read_rename(write("names.yaml", "Malign: mel\nGutartig: nv\n"))
    table = read_predictions(write("p.csv", "image_id,Malign,Gutartig\na,0.4,0.6\n"), rename=rename)
    assert table.classes == ("mel", "nv")
    assert read_rename(write("names.csv", "Malign,mel\n")) == {"Malign": "mel"}


def test_outputs_of_one_diagnosis_are_added() -> None:
    codes, merged = merge_classes(["bkl", "mel", "bkl"], np.array([[0.2, 0.5, 0.3]]))
    assert codes == ("bkl", "mel")
    np.testing.assert_allclose(merged, [[0.5, 0.5]])


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("mel,nv\n0.1,0.9\n", {}, "names no images.*--row-order"),
        ("mel,nv\n0.1,0.9\n", {"row_order": ["a", "b"]}, "1 rows, the dataset 2"),
        ("image_id,x,y\na,0.1,0.9\n", {}, "--classes"),
        ("image_id,x,y\na,0.1,0.9\n", {"classes": ["mel", "nv", "bcc"]}, "3 classes"),
        ("image_id,mel,nv\na,-3.2,4.1\n", {}, "-3.2.*mel.*not logits"),
        ("image_id,mel,nv\na,0.1,0.9\na,0.2,0.8\n", {}, "'a' more than once"),
        ("image_id,mel,nv\na,,\n", {}, "no row with a score"),
    ],
)
def test_files_that_do_not_fit_say_why(write: Write, text: str, options: dict, message: str) -> None:
    with pytest.raises(PredictionsError, match=message):
        read_predictions(write("p.csv", text), **options)


def test_rows_without_a_score_are_left_out_and_named(write: Write) -> None:
    table = read_predictions(write("p.csv", "image_id,mel,nv\na,0.1,0.9\nb,,0.5\n"))
    assert (table.image_ids, table.errors) == (("a",), {"b": "no score in the file"})
