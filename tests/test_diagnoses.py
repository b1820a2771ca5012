"""The vocabulary between a dataset's labels and a classifier's classes."""

from __future__ import annotations

import pytest

from core.diagnoses import code_of, full_name, label_map
from core.wording import count


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("MEL", "mel"),
        ("Melanocytic Nevi (moles)", "nv"),
        ("Actinic Keratoses & Intraepithelial Carcinoma", "akiec"),
        ("AK", "akiec"),
        ("pigmented benign keratosis", "bkl"),
        ("seborrheic_keratosis", "bkl"),
        ("Squamous cell carcinoma", "scc"),
        ("UNK", "unk"),
        ("wart", None),
    ],
)
def test_names_people_write(name: str, code: str | None) -> None:
    assert code_of(name) == code


def test_labels_come_to_the_classifiers_classes() -> None:
    assert label_map(["mel", "nv", "akiec", "wart"], ["benign", "malignant"]) == {
        "mel": "malignant",
        "nv": "benign",
        "akiec": "malignant",
        "wart": None,
    }
    assert label_map(["mel", "scc"], ["Melanoma", "nevus", "BCC"]) == {"mel": "mel", "scc": None}
    assert label_map(["SCC", "vasc", "mel", "wart", "malignant"], ["MEL", "NV", "UNK"]) == {
        "SCC": "unk",
        "vasc": "unk",
        "mel": "mel",
        "wart": None,
        "malignant": None,
    }
    assert label_map(["mel", "bcc"], ["mel", "other"]) == {"mel": "mel", "bcc": "other"}


def test_names_in_sentences() -> None:
    assert (full_name("mel"), full_name("benign"), full_name("wart")) == ("melanoma (mel)", "benign", "wart")
    assert (count(0, "image"), count(1, "image"), count(1204, "image")) == ("0 images", "1 image", "1,204 images")
