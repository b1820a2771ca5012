"""The vocabulary between a dataset's labels and a classifier's classes."""

from __future__ import annotations

import pytest

from core.diagnoses import code_of, label_map


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
