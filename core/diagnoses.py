"""The field's diagnosis codes, the long names people write for them, and which are malignant.

Codes are HAM10000's (Tschandl 2018) and ISIC 2019's; `akiec` counts as malignant because it holds
Bowen's disease, a carcinoma in situ, as the published two-class versions of HAM10000 do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

LONG_NAMES: dict[str, str] = {
    "akiec": "actinic keratosis / Bowen's disease",
    "bcc": "basal cell carcinoma",
    "bkl": "benign keratosis",
    "df": "dermatofibroma",
    "mel": "melanoma",
    "nv": "nevus",
    "vasc": "vascular lesion",
    "scc": "squamous cell carcinoma",
    "unk": "none of the others",
    "benign": "benign",
    "malignant": "malignant",
}
MALIGNANT = frozenset({"akiec", "bcc", "mel", "scc", "malignant"})
BENIGN = frozenset({"bkl", "df", "nv", "vasc", "benign"})

HAM10000 = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
ISIC2019 = ("mel", "nv", "bcc", "ak", "bkl", "df", "vasc", "scc")
KAGGLE9 = (
    "actinic keratosis",
    "basal cell carcinoma",
    "dermatofibroma",
    "melanoma",
    "nevus",
    "pigmented benign keratosis",
    "seborrheic keratosis",
    "squamous cell carcinoma",
    "vascular lesion",
)
BINARY = ("benign", "malignant")

# normalised spelling -> code; the codes and long names above are added below
_ALIASES: dict[str, str] = {
    "ak": "akiec",
    "actinic keratosis": "akiec",
    "actinic keratoses": "akiec",
    "actinic keratoses intraepithelial carcinoma": "akiec",
    "actinic keratoses and intraepithelial carcinoma": "akiec",
    "actinic keratoses and intraepithelial carcinoma bowen s disease": "akiec",
    "actinic keratosis intraepithelial carcinoma": "akiec",
    "solar or actinic keratosis": "akiec",
    "bowen s disease": "akiec",
    "bowens disease": "akiec",
    "intraepithelial carcinoma": "akiec",
    "akiec bowen": "akiec",
    "benign keratosis like lesions": "bkl",
    "benign keratosis like lesion": "bkl",
    "benign lesions of the keratosis": "bkl",
    "pigmented benign keratosis": "bkl",
    "seborrheic keratosis": "bkl",
    "seborrhoeic keratosis": "bkl",
    "sk": "bkl",
    "pbk": "bkl",
    "solar lentigo": "bkl",
    "lentigo simplex": "bkl",
    "lentigo nos": "bkl",
    "lichenoid keratosis": "bkl",
    "lichen planus like keratosis": "bkl",
    "dermatofibromas": "df",
    "malignant melanoma": "mel",
    "melanoma invasive": "mel",
    "melanoma in situ": "mel",
    "melanoma nos": "mel",
    "lentigo maligna": "mel",
    "naevus": "nv",
    "nevi": "nv",
    "moles": "nv",
    "mole": "nv",
    "melanocytic nevus": "nv",
    "melanocytic nevi": "nv",
    "melanocytic naevus": "nv",
    "melanocytic naevi": "nv",
    "melanocytic nevi moles": "nv",
    "melanomaanocytic nevi moles": "nv",
    "vascular lesions": "vasc",
    "vascular skin lesion": "vasc",
    "hemangioma": "vasc",
    "haemangioma": "vasc",
    "angioma": "vasc",
    "angiokeratoma": "vasc",
    "pyogenic granuloma": "vasc",
    "squamous carcinoma": "scc",
    "squamous cell carcinoma invasive": "scc",
    "squamous cell carcinoma in situ": "scc",
    "unknown": "unk",
    "none of the others": "unk",
    "cancer": "malignant",
    "maligne": "malignant",
    "non malignant": "benign",
    "nonmalignant": "benign",
    "not malignant": "benign",
    "non melanoma": "benign",
}


def _normal(name: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9]+", " ", name.lower()).split())


_CODES: dict[str, str] = {**{_normal(long): code for code, long in LONG_NAMES.items()}, **{code: code for code in LONG_NAMES}, **_ALIASES}


def code_of(name: str) -> str | None:
    """The code a diagnosis name stands for, or None where the vocabulary does not know it."""
    return _CODES.get(_normal(name))


def code_or_name(name: str) -> str:
    """The code where there is one, else the name itself, trimmed."""
    return code_of(name) or name.strip()


def long_name(code: str) -> str:
    """`mel` -> `melanoma`; a name the vocabulary does not know comes back as it is."""
    return LONG_NAMES.get(code, code)


def malignancy(code: str) -> str | None:
    """`benign`, `malignant`, or None where that cannot be said of the code."""
    if code in MALIGNANT:
        return "malignant"
    return "benign" if code in BENIGN else None


def is_binary(codes: Iterable[str]) -> bool:
    """Whether the classes are just benign and malignant."""
    return set(codes) == set(BINARY)


def label_map(labels: Iterable[str], classes: Sequence[str]) -> dict[str, str | None]:
    """For each dataset label the classifier's class it belongs to, or None if it has none.

    Both sides are compared by code. A two-class classifier takes diagnoses by their malignancy; one
    that tells one diagnosis from all others (a class called `not mel`, `other`) takes the rest there, as
    does a class that stands for none of the others (UNK), but only with diagnoses the vocabulary knows:
    a word nobody knows may be another spelling of a class.
    """
    codes = [code_or_name(c) for c in classes]
    rest = [c for c in codes if c.lower() in ("other", "others", "rest", "not mel", "unk")]
    known: dict[str, str | None] = {}
    for label in labels:
        code = code_or_name(label)
        if code in codes:
            known[label] = code
        elif is_binary(codes):
            known[label] = malignancy(code)
        elif set(codes) == {"mel", "benign"}:
            known[label] = "benign" if malignancy(code) == "benign" else None
        else:
            fits = len(codes) == 2 or (code in LONG_NAMES and code not in BINARY)
            known[label] = rest[0] if len(rest) == 1 and fits else None
    return known
