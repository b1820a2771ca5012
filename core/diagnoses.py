"""The field's diagnosis codes, the long names people write for them, and which are malignant.

Codes are HAM10000's (Tschandl 2018) and ISIC 2019's; `akiec` counts as malignant because it holds
Bowen's disease, a carcinoma in situ, as the published two-class versions of HAM10000 do.
"""

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
KAGGLE9 = tuple(
    "actinic keratosis, basal cell carcinoma, dermatofibroma, melanoma, nevus, pigmented benign keratosis, seborrheic keratosis, "
    "squamous cell carcinoma, vascular lesion".split(", ")
)
BINARY = ("benign", "malignant")

# code -> other spellings, normalised; its long name counts as well
_ALIASES: dict[str, str] = {
    "akiec": "ak, actinic keratosis, actinic keratoses, actinic keratoses intraepithelial carcinoma, actinic keratoses and intraepithelial "
    "carcinoma, actinic keratoses and intraepithelial carcinoma bowen s disease, actinic keratosis intraepithelial carcinoma, "
    "solar or actinic keratosis, bowen s disease, bowens disease, intraepithelial carcinoma, akiec bowen",
    "bkl": "benign keratosis like lesions, benign keratosis like lesion, benign lesions of the keratosis, pigmented benign keratosis, "
    "seborrheic keratosis, seborrhoeic keratosis, sk, pbk, solar lentigo, lentigo simplex, lentigo nos, lichenoid keratosis, "
    "lichen planus like keratosis",
    "df": "dermatofibromas",
    "mel": "malignant melanoma, melanoma invasive, melanoma in situ, melanoma nos, lentigo maligna",
    "nv": "naevus, nevi, moles, mole, melanocytic nevus, melanocytic nevi, melanocytic naevus, melanocytic naevi, melanocytic nevi moles, "
    "melanomaanocytic nevi moles",
    "vasc": "vascular lesions, vascular skin lesion, hemangioma, haemangioma, angioma, angiokeratoma, pyogenic granuloma",
    "scc": "squamous carcinoma, squamous cell carcinoma invasive, squamous cell carcinoma in situ",
    "unk": "unknown",
    "malignant": "cancer, maligne",
    "benign": "non malignant, nonmalignant, not malignant, non melanoma",
}


def _normal(name: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9]+", " ", name.lower()).split())


_CODES = {_normal(name): code for code, long in LONG_NAMES.items() for name in (code, long, *_ALIASES.get(code, code).split(", "))}


def code_of(name: str) -> str | None:
    """The code of a diagnosis, however it is spelt; None if the vocabulary does not know it."""
    return _CODES.get(_normal(name))


def code_or_name(name: str) -> str:
    """The code where there is one, else the name itself, trimmed."""
    return code_of(name) or name.strip()


def long_name(code: str) -> str:
    """`mel` -> `melanoma`; an unknown name is returned unchanged."""
    return LONG_NAMES.get(code, code)


def full_name(code: str) -> str:
    """`mel` -> `melanoma (mel)`; a name without a long form is returned unchanged."""
    long = long_name(code.lower())
    return code if long == code.lower() else f"{long} ({code})"


def malignancy(code: str) -> str | None:
    """`benign`, `malignant`, or None for a code that is neither."""
    if code in MALIGNANT:
        return "malignant"
    return "benign" if code in BENIGN else None


def is_binary(codes: Iterable[str]) -> bool:
    """Whether the classes are just benign and malignant."""
    return set(codes) == set(BINARY)


def label_map(labels: Iterable[str], classes: Sequence[str]) -> dict[str, str | None]:
    """For each dataset label the classifier's class it belongs to, or None if it has none.

    Both sides are compared by code. A two-class classifier takes diagnoses by their malignancy. A rest class (`not mel`, `other`)
    takes all other diagnoses, as does a class for none of the others (UNK), but only those the vocabulary knows: an unknown word
    may be another spelling of a class.
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
