"""Each layout, as its makers lay it out, and what strangers do to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import DatasetError
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from imaging.decode import encode_jpeg

PIXELS = encode_jpeg(np.full((6, 8, 3), 90, np.uint8))


def put(root: Path, files: dict[str, str | None]) -> Path:
    """Files below a folder; None: a small JPEG."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PIXELS if text is None else text.encode())
    return root


def kinds(data: Dataset) -> dict[str, tuple[str, ...]]:
    return {p.kind: p.rows for p in data.problems}


HAM = "lesion_id,image_id,dx,dx_type,age,sex,localization\nH1,I_1,mel,histo,60,male,back\nH1,I_2,mel,histo,60,male,back\nH2,I_3,nv,,,,unknown\n"


def test_ham10000_in_two_image_folders_with_masks(tmp_path: Path) -> None:
    files = {"HAM10000_metadata.csv": HAM, "part_1/I_1.jpg": None, "part_2/I_2.jpg": None, "part_2/I_3.jpg": None}
    data = open_dataset(put(tmp_path, {**files, "masks/I_1_segmentation.png": None}))
    assert (data.layout, len(data), data.n_lesions, data.problems) == ("ham10000", 3, 2, ())
    assert data.table["diagnosis"].tolist() == ["mel", "mel", "nv"]
    assert data.table["site"].isna().tolist() == [False, False, True]
    assert data.read("I_2").shape == (6, 8, 3) and data.mask("I_1") is not None and data.mask("I_2") is None
    assert data.groups.tolist() == ["H1", "H1", "H2"]


def test_isic_2019_one_hot_with_metadata(tmp_path: Path) -> None:
    truth = "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\nI_1,1.0,0,0,0,0,0,0,0,0\nI_2,0,0,0,1.0,0,0,0,0,0\n"
    meta = "image,age_approx,anatom_site_general,lesion_id,sex\nI_1,55,head/neck,L1,female\nI_2,30,,L2,male\n"
    files = {"ISIC_2019_Training_GroundTruth.csv": truth, "ISIC_2019_Training_Metadata.csv": meta}
    data = open_dataset(put(tmp_path, {**files, "ISIC_2019_Training_Input/I_1.jpg": None, "ISIC_2019_Training_Input/I_2.jpg": None}))
    assert data.layout == "isic-challenge"
    assert data.table[["diagnosis", "age", "sex", "split"]].values.tolist() == [
        ["mel", 55, "female", "train"],
        ["akiec", 30, "male", "train"],
    ]


def test_isic_2017_writes_a_nevus_as_two_zeros(tmp_path: Path) -> None:
    truth = "image_id,melanoma,seborrheic_keratosis\nI_1,1.0,0.0\nI_2,0.0,1.0\nI_3,0.0,0.0\n"
    data = open_dataset(
        put(tmp_path, {"ISIC-2017_Test_v2_Part3_GroundTruth.csv": truth, "I_1.jpg": None, "I_2.jpg": None, "I_3.jpg": None})
    )
    assert data.table["diagnosis"].tolist() == ["mel", "bkl", "nv"] and set(data.table["split"]) == {"test"}


def test_isic_2016_has_no_header(tmp_path: Path) -> None:
    truth = "ISIC_0000001,benign\nISIC_0000002,malignant\n"
    files = {"ISBI2016_ISIC_Part3_Training_GroundTruth.csv": truth, "ISIC_0000001.jpg": None, "ISIC_0000002.jpg": None}
    data = open_dataset(put(tmp_path, files))
    assert data.table["diagnosis"].tolist() == ["benign", "malignant"] and not data.problems


def test_isic_2020_takes_the_column_that_says_something(tmp_path: Path) -> None:
    head = "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target\n"
    rows = "I_1,P1,male,45,torso,unknown,benign,0\nI_2,P1,male,45,torso,unknown,malignant,1\nI_3,P2,female,,torso,nevus,benign,0\n"
    data = open_dataset(put(tmp_path, {"ISIC_2020_Training_GroundTruth.csv": head + rows, **{f"train/I_{k}.jpg": None for k in (1, 2, 3)}}))
    assert data.table["diagnosis"].tolist() == ["benign", "malignant", "benign"]
    assert data.table["patient_id"].tolist() == ["P1", "P1", "P2"] and data.groups.nunique() == 2


def test_isic_cli_download(tmp_path: Path) -> None:
    meta = "isic_id,attribution,copyright_license,age_approx,benign_malignant,diagnosis,lesion_id,sex\nISIC_1,Anonymous,CC-0,40,benign,nevus,IL_1,female\n"
    data = open_dataset(put(tmp_path, {"metadata.csv": meta, "ISIC_1.jpg": None}))
    assert (data.layout, data.table["diagnosis"][0], data.table["attribution"][0]) == ("isic-cli", "nv", "Anonymous")


def test_isic_archive_json(tmp_path: Path) -> None:
    meta = {"_id": "5", "name": "I_1", "meta": {"clinical": {"age_approx": 55, "sex": "female", "diagnosis": "nevus"}}}
    data = open_dataset(put(tmp_path, {"a/I_1.jpg": None, "a/I_1.json": json.dumps(meta), "a/I_2.jpg": None, "a/I_2.json": "{broken"}))
    assert (data.layout, len(data)) == ("isic-json", 2)
    assert data.row("I_1")["age"] == 55 and kinds(data)["unreadable metadata"] == ("a/I_2.json",)


def test_one_folder_a_class_with_splits(tmp_path: Path) -> None:
    files = {"Train/melanoma/a.jpg": None, "Train/nevus/b.jpg": None, "Test/nevus/a.jpg": None}
    data = open_dataset(put(tmp_path, files))  # type: ignore[arg-type]
    assert data.layout == "class-folders"
    assert sorted(data.table[["image_id", "diagnosis", "split"]].values.tolist()) == [
        ["Test/nevus/a.jpg", "nv", "test"],
        ["Train/melanoma/a.jpg", "mel", "train"],
        ["b", "nv", "train"],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffpicture;befund\nx.jpg;mel\r\ny.jpg;nv\r\n",
        "picture\tbefund\nx.jpg\tmel\ny.jpg\tnv\n",
        'picture,befund\n"x.jpg","mel"\ny.jpg,nv\n',
    ],
)
def test_any_table_with_a_mapping(tmp_path: Path, text: str) -> None:
    root = put(tmp_path, {"mine.csv": text, "x.jpg": None, "sub/y.jpg": None})
    data = open_dataset(root / "mine.csv", columns={"image_id": "picture", "diagnosis": "befund"})
    assert data.table[["image_id", "diagnosis", "file"]].values.tolist() == [["x", "mel", "x.jpg"], ["y", "nv", "sub/y.jpg"]]


def test_latin1_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("image_id,dx,site\nx,nv,Fuß\n".encode("latin-1"))
    assert open_dataset(tmp_path / "t.csv").table["site"][0] == "Fuß"


def test_problems_are_listed_with_their_rows_and_the_rest_goes_on(tmp_path: Path) -> None:
    rows = [f"L{k},I_{k:03},nv,50,train" for k in range(30)]
    rows += ["L50,I_050,nv,-1,train", "L51,I_051,nv,850,test", "L52,I_052,wart,50,test", "L53,I_053,,50,test", "L0,I_000,nv,50,train"]
    rows += ["L1,I_054,mel,50,test", "X,other-source-1,nv,50,test", ",,nv,1,train"]
    text = "lesion_id,image_id,dx,age,split\n" + "\n".join(rows)
    names = {f"I_{k:03}.jpg": None for k in [*range(29), 50, 51, 52, 53, 54, 99]}
    root = put(tmp_path, {"m.csv": text, **names, "other-source-1.jpg": None, "I_098.jpg": ""})
    found = kinds(open_dataset(root))
    assert found["impossible ages"] == ("I_050", "I_051")
    assert found["unknown labels"] == ("I_052",) and found["images without a diagnosis"] == ("I_053",)
    assert found["duplicate image ids"] == ("I_000",) and found["missing files"] == ("I_029",)
    assert found["images no row names"] == ("I_098.jpg", "I_099.jpg") and found["unreadable images"] == ("I_098.jpg",)
    assert found["lesions with two diagnoses"] == ("I_001", "I_054") == found["lesions in several splits"]
    assert found["rows from another source"] == ("other-source-1",) and found["rows without an image id"] == ("row 39",)


def test_nothing_outside_the_folder_is_read(tmp_path: Path) -> None:
    put(tmp_path, {"secret.jpg": None})
    text = "image_id,dx\n../secret,nv\n../secret.jpg,mel\n/etc/passwd,nv\nlinked,nv\nfine,nv\n"
    root = put(tmp_path / "data", {"m.csv": text, "fine.jpg": None})
    (root / "linked.jpg").symlink_to(tmp_path / "secret.jpg")
    data = open_dataset(root)
    assert data.table["file"].dropna().tolist() == ["fine.jpg"]
    assert kinds(data)["links out of the dataset"] == ("linked.jpg",)


def test_no_dataset_says_what_is_missing(tmp_path: Path, write: Callable[[str, str], Path]) -> None:
    with pytest.raises(DatasetError, match="neither images nor tables"):
        open_dataset(tmp_path)
    write("a.csv", "x,y\n1,2\n")
    with pytest.raises(DatasetError, match=r"matches no layout.*image_id"):
        open_dataset(tmp_path)
    with pytest.raises(DatasetError, match="does not exist"):
        open_dataset(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="no column 'z'.*x, y"):
        open_dataset(tmp_path / "a.csv", columns={"image_id": "z"})


def test_the_hash_sees_labels_and_files(tmp_path: Path) -> None:
    first = open_dataset(put(tmp_path / "a", {"m.csv": HAM, "I_1.jpg": None})).sha256
    assert open_dataset(put(tmp_path / "b", {"m.csv": HAM, "I_1.jpg": None})).sha256 == first
    assert open_dataset(put(tmp_path / "c", {"m.csv": HAM.replace("mel", "nv"), "I_1.jpg": None})).sha256 != first
    assert open_dataset(put(tmp_path / "d", {"m.csv": HAM, "I_1.jpg": "longer"})).sha256 != first


def test_marker_masks_keep_one_marker_a_bit(small_dataset: Path) -> None:
    data = open_dataset(small_dataset)
    worn = [data.markers(i) for i in data.table["image_id"]]
    assert any(worn) and {m for w in worn for m in w} <= {"ink", "ruler", "hair", "gel_bubble", "sticker", "dark_corner"}
