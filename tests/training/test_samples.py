"""What a classifier is trained, validated and tested on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.errors import DatasetError, TrainingError
from datasets.dataset import COLUMNS, Dataset
from datasets.splits import read_split, with_splits
from models.architectures import PRESETS
from models.architectures.recipe import Recipe, changed
from training.samples import choose_samples, write_split


def table(diagnoses: list[str], lesions: list[Any], patients: list[Any] | None = None) -> Dataset:
    n = len(diagnoses)
    frame = pd.DataFrame({c: pd.Series([np.nan] * n, dtype=object) for c in COLUMNS})
    frame["image_id"] = [f"i{k}" for k in range(n)]
    frame["file"] = frame["image_id"] + ".png"
    frame["diagnosis"], frame["lesion_id"] = diagnoses, lesions
    frame["patient_id"] = patients if patients else [np.nan] * n
    return Dataset("made", Path(), "table", frame)


def recipe(**fields: Any) -> Recipe:
    return changed(PRESETS["huber2020"].recipe, **{"classes": (), "split": {"by": "image", "fractions": (0.5, 0.25, 0.25)}, **fields})


PAIRS = table(["nv", "nv", "mel", "mel"] * 20, [f"l{k // 2}" for k in range(80)])


def test_every_class_has_its_share_in_every_split() -> None:
    samples = choose_samples(PAIRS, recipe())
    assert samples.classes == ("mel", "nv")
    assert samples.counts() == {"train": {"mel": 20, "nv": 20}, "val": {"mel": 10, "nv": 10}, "test": {"mel": 10, "nv": 10}}


def test_by_lesion_no_lesion_is_torn_apart_and_by_image_they_are_counted() -> None:
    whole = choose_samples(PAIRS, recipe(split={"by": "lesion", "fractions": (0.5, 0.25, 0.25)}))
    assert whole.leaking == 0
    torn = choose_samples(PAIRS, recipe())
    lesion = dict(zip(PAIRS.table["image_id"], PAIRS.table["lesion_id"], strict=True))
    taught = {lesion[i] for i in torn.image_ids[torn.rows("train")]}
    assert torn.leaking == sum(lesion[i] in taught for i in torn.image_ids[torn.rows("test")]) > 0


def test_by_patient_lesions_and_patients_stay_together() -> None:
    data = table(["nv", "mel"] * 30, [f"l{k // 2}" for k in range(60)], [f"p{k // 6}" for k in range(60)])
    samples = choose_samples(data, recipe(split={"by": "patient", "fractions": (0.5, 0.25, 0.25)}))
    patient = np.array([f"p{k // 6}" for k in range(60)])
    assert all(len(set(samples.splits[patient == p])) == 1 for p in set(patient))


def test_the_seed_has_an_effect_and_the_same_one_gives_the_same() -> None:
    one, same, other = (choose_samples(PAIRS, recipe(seed=s)).splits for s in (0, 0, 1))
    assert (one == same).all() and (one != other).any()


def test_some_images_are_drawn_in_whole_lesions() -> None:
    samples = choose_samples(PAIRS, recipe(images=40, split={"by": "lesion", "fractions": (0.5, 0.25, 0.25)}))
    assert len(samples.labels) == 40 and samples.left_out == {"not drawn": 40}
    assert all(n == 2 for n in pd.Series(samples.image_ids).map(PAIRS.table.set_index("image_id")["lesion_id"]).value_counts())


def test_one_diagnosis_against_the_rest_and_benign_against_malignant() -> None:
    data = table(["nv", "mel", "bcc", "df"] * 10, [np.nan] * 40)
    rest = choose_samples(data, recipe(classes=("not mel", "mel")))
    assert rest.labels[:4].tolist() == [0, 1, 0, 0]
    two = choose_samples(data, recipe(classes=("benign", "malignant")))
    assert two.labels[:4].tolist() == [0, 1, 1, 0]


def test_who_is_left_out_is_counted() -> None:
    data = table(["nv", "mel", "bkl", ""] * 10, [np.nan] * 40)
    data.table.loc[data.table["diagnosis"] == "", "diagnosis"] = np.nan
    data.table.loc[0, "file"] = np.nan
    samples = choose_samples(data, recipe(classes=("nv", "mel")))
    assert samples.left_out == {"without a picture file": 1, "without a diagnosis": 10, "of a diagnosis that is none of the classes": 10}


@pytest.mark.parametrize(
    ("data", "fields", "message"),
    [
        (PAIRS, {"classes": ("mel", "nv", "scc")}, "has no image of class scc. Its diagnoses: nv, mel"),
        (table(["nv"] * 9, [np.nan] * 9), {}, "all its images are nv. A classifier needs at least two classes"),
        (table([np.nan] * 3, [np.nan] * 3), {}, "has no image of these classes"),  # type: ignore[list-item]
        (PAIRS, {"split": {"by": "patient"}}, "has no patient ids, so it cannot be split by patient"),
        (
            table(["nv"] * 20 + ["mel"] * 2, [f"l{k}" for k in range(20)] + ["m", "m"]),
            {"split": {"by": "lesion"}},
            "split by lesion, val is left without mel (2 images in all). Split by image",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_one_message(data: Dataset, fields: dict, message: str) -> None:
    with pytest.raises(TrainingError) as told:
        choose_samples(data, recipe(**fields))
    assert message in str(told.value)


def test_a_split_is_written_and_read_back_as_splits_of_the_dataset(tmp_path: Path) -> None:
    samples = choose_samples(PAIRS, recipe())
    write_split(samples, tmp_path / "split.csv")
    split = with_splits(PAIRS, read_split(tmp_path / "split.csv"))
    assert (split.table["split"].to_numpy() == samples.splits).all()
    lesions = PAIRS.table["lesion_id"].to_numpy()
    torn = {lesion for lesion in set(lesions) if len(set(samples.splits[lesions == lesion])) > 1}
    touched = int(np.isin(lesions[samples.splits == "test"], list(torn)).sum())
    (problem,) = [p for p in split.problems if p.kind == "lesions in several splits"]
    assert problem.summary == f"{len(torn)} lesions with images in more than one split ({touched} of 20 test images affected)."
    whole = with_splits(split, dict.fromkeys(PAIRS.table["image_id"], "train"))
    assert not whole.problems
    with pytest.raises(DatasetError, match="cannot be read as a table"):
        read_split(tmp_path / "no.csv")


def test_unreadable_images_leave_their_split() -> None:
    samples = choose_samples(PAIRS, recipe())
    fewer = samples.without([str(samples.image_ids[0])])
    assert len(fewer.labels) == 79 and fewer.left_out["cannot be read"] == 1
    with pytest.raises(TrainingError, match="is left without"):
        samples.without([str(i) for i in samples.image_ids[samples.rows("val")]])
