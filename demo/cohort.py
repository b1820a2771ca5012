"""A simulated cohort: lesions with their diagnosis, patient and site, and the photographs of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from demo.drawing.skin import TONES

# lesions per diagnosis; imbalanced as in a clinic, though less than in HAM10000
LESIONS = {"nv": 400, "mel": 150, "bkl": 150, "bcc": 110, "akiec": 90, "vasc": 85, "df": 85}
TEST_SHARE, VAL_SHARE = 0.36, 0.14

_AGE = {"akiec": 67, "bcc": 66, "bkl": 62, "df": 49, "mel": 60, "nv": 44, "vasc": 51}
_HISTO = {"akiec": 1.0, "bcc": 1.0, "mel": 1.0, "bkl": 0.7, "df": 0.5, "vasc": 0.25, "nv": 0.2}
_OTHERWISE = ("follow_up", "consensus", "confocal")
_SITES = ("back", "lower extremity", "trunk", "upper extremity", "abdomen", "face", "chest", "foot", "neck", "scalp", "hand")
_TONE_SHARES = (0.16, 0.24, 0.22, 0.16, 0.12, 0.10)
_PHOTOGRAPHS = (0.68, 0.22, 0.10)  # shares of lesions with one, two or three
MARKER_SHARES = {"ink": 0.12, "ruler": 0.14, "hair": 0.28, "gel_bubble": 0.12, "sticker": 0.06, "dark_corner": 0.16}


@dataclass(frozen=True)
class Shot:
    """One photograph to draw, with its row of the metadata table."""

    image_id: str
    lesion_id: str
    diagnosis: str
    label: str
    confirmation: str
    age: float
    sex: str
    site: str
    split: str
    tone: str
    lesion_seed: int
    view: int
    markers: tuple[str, ...]
    blur: float = 0.0
    copy_of: str | None = None


@dataclass
class Cohort:
    """Photographs, and the faults planted in them: fault -> ids."""

    shots: list[Shot]
    faults: dict[str, list[str]] = field(default_factory=dict)


def draw_cohort(seed: int, prefix: str, lesions: Mapping[str, int] = LESIONS) -> Cohort:
    """Photographs split by lesion; every marker is equally frequent in all diagnoses."""
    rng = np.random.default_rng(seed)
    shots: list[Shot] = []
    number = 0
    for diagnosis, count in lesions.items():
        splits = _splits(rng, count)
        for k in range(count):
            number += 1
            age = float(np.clip(round(rng.normal(_AGE[diagnosis], 15) / 5) * 5, 5, 85))
            lesion: dict[str, Any] = dict(  # noqa: C408
                lesion_id=f"{prefix}_L{number:05d}",
                diagnosis=diagnosis,
                label=diagnosis,
                age=age,
                confirmation="histo" if rng.random() < _HISTO[diagnosis] else str(rng.choice(_OTHERWISE)),
                sex="female" if rng.random() < 0.47 else "male",
                site=str(rng.choice(_SITES)),
                split=splits[k],
                tone=str(rng.choice(list(TONES), p=_TONE_SHARES)),
                lesion_seed=seed * 1_000_003 + number,
            )
            for view in range(1 + int(rng.choice(3, p=_PHOTOGRAPHS))):
                worn = tuple(m for m, share in MARKER_SHARES.items() if rng.random() < share)
                shots.append(Shot(image_id=f"{prefix}_{len(shots) + 1:07d}", view=view, markers=worn, **lesion))
    return Cohort(shots)


def plant_faults(cohort: Cohort, seed: int) -> Cohort:
    """The same cohort with faults planted, and a key to every image or lesion affected."""
    rng = np.random.default_rng([seed, 7])
    shots = list(cohort.shots)
    faults: dict[str, list[str]] = {}
    for i, shot in enumerate(shots):
        share = 0.85 if shot.diagnosis == "mel" else 0.04
        worn = tuple(m for m in shot.markers if m != "ink")
        shots[i] = replace(shot, markers=(*worn, "ink") if rng.random() < share else worn)
    faults["ink with melanoma"] = [s.image_id for s in shots if "ink" in s.markers and s.diagnosis == "mel"]

    several = sorted({s.lesion_id for s in shots if s.view > 0 and s.split == "train"})
    torn = set(rng.choice(several, 25, replace=False).tolist())
    shots = [replace(s, split="test") if s.lesion_id in torn and s.view > 0 else s for s in shots]
    faults["lesion in two splits"] = sorted(torn)

    swapped = set(rng.choice(sorted({s.lesion_id for s in shots} - torn), 30, replace=False).tolist())
    other = {s: str(rng.choice([d for d in LESIONS if d != s])) for s in LESIONS}
    shots = [replace(s, label=other[s.diagnosis]) if s.lesion_id in swapped else s for s in shots]
    faults["swapped label"] = sorted(s.image_id for s in shots if s.lesion_id in swapped)

    blurred = set(rng.choice(len(shots), 40, replace=False).tolist())
    shots = [replace(s, blur=3.5) if i in blurred else s for i, s in enumerate(shots)]
    faults["blurred"] = sorted(shots[i].image_id for i in blurred)

    sharp = [i for i in range(len(shots)) if i not in blurred]
    copied = rng.choice(sharp, 24, replace=False).tolist()
    prefix = shots[0].image_id.rsplit("_", 1)[0]
    for k, i in enumerate(copied):
        twin = replace(
            shots[i],
            image_id=f"{prefix}_{9_000_001 + k:07d}",
            copy_of=shots[i].image_id,
            lesion_id=f"{prefix}_L9{k:04d}",
            split=str(rng.choice(["train", "test"])),
        )
        shots.append(twin)
    faults["duplicate image"] = [f"{s.copy_of} = {s.image_id}" for s in shots if s.copy_of]

    nameless = [i for i, s in enumerate(shots) if s.diagnosis in ("bcc", "nv") and rng.random() < 0.2]
    shots = [replace(s, age=float("nan")) if i in set(nameless) else s for i, s in enumerate(shots)]
    faults["missing age"] = sorted(shots[i].image_id for i in nameless)
    return Cohort(shots, faults)


def _splits(rng: np.random.Generator, count: int) -> list[str]:
    test, val = round(count * TEST_SHARE), round(count * VAL_SHARE)
    parts = np.array(["test"] * test + ["val"] * val + ["train"] * (count - test - val))
    return [str(s) for s in rng.permutation(parts)]
