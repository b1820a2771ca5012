"""Skin outside lesion and markers: its colour, its texture, and the individual typology angle.

The lesion is segmented roughly from the image itself, also where there is a lesion mask, so that all images are comparable.
"""

import cv2
import numpy as np
import pandas as pd

from core.wording import count
from data_audit.evidence import Tones
from data_audit.findings import Finding
from data_audit.quality import View
from datasets.dataset import Dataset
from imaging.resize import thumbnail

SIDE = 96  # pixels of the longer side at which skin is looked for
RIM = 0.12  # share of the shorter side that is first taken as surrounding skin
APART = 7.0  # ΔE (CIE 1976) from the surrounding skin that a lesion has at least
ENOUGH = 0.03  # share of the image that must be skin, else all is NaN
BLACK = 15.0  # L* below which a pixel is the dermatoscope's frame
SHINE = 98.0  # L* above which it is a reflection

SCARCE = 0.05  # share of the images below which a group is called scarce

SKIN = ("skin_share", "skin_lightness", "skin_redness", "skin_yellowness", "skin_spread", "skin_texture", "ita")

# individual typology angle in degrees -> group (Chardon 1991, doi:10.1111/j.1467-2494.1991.tb00561.x; Del Bino 2013)
ITA_GROUPS: tuple[tuple[float, str], ...] = (
    (55, "very light"),
    (41, "light"),
    (28, "intermediate"),
    (10, "tan"),
    (-30, "brown"),
    (-np.inf, "dark"),
)
CAUTION = (
    "Skin tone is estimated from the image: lighting, camera, white balance and contact gel affect it as much as skin does, and "
    "agreement with skin types rated by people is poor (Groh 2022; Kalb 2023). It describes the images, not the people."
)


def skin_facts(picture: np.ndarray, marked: np.ndarray) -> dict[str, float]:
    """SKIN of one image, NaN where too little skin is visible.

    picture uint8 RGB (H, W, 3); marked (h, w), of any size: not 0 where markers lie. skin_share 0…1 of the area; lightness L*, redness a*,
    yellowness b*: medians (CIELAB, D65); spread: interquartile range of L*; texture: spread of the Laplacian of L*;
    ita: arctan((L* − 50) / b*) in degrees.
    """
    small = thumbnail(picture, SIDE)
    covered = cv2.resize((marked > 0).astype(np.uint8) * 255, small.shape[1::-1], interpolation=cv2.INTER_AREA) > 32
    lab = View(small).lab
    skin = ~covered & (lab[..., 0] > BLACK) & (lab[..., 0] < SHINE)
    skin &= ~lesion_estimate(lab, skin)
    share = float(skin.mean())
    if share < ENOUGH:
        return {**dict.fromkeys(SKIN, np.nan), "skin_share": share}
    pixels = lab[skin]
    ordered = np.sort(pixels, axis=0)
    (low, _, _), (lightness, redness, yellowness), (high, _, _) = (ordered[len(ordered) * k // 4] for k in (1, 2, 3))
    texture = cv2.Laplacian(lab[..., 0], cv2.CV_32F)[skin].std()
    ita = np.degrees(np.arctan2(lightness - 50, yellowness)) if yellowness > 0 else np.nan
    values = (share, lightness, redness, yellowness, high - low, texture, ita)
    return dict(zip(SKIN, map(float, values), strict=True))


def lesion_estimate(lab: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """bool (H, W): what differs from the surrounding skin, by Otsu's threshold (1979) on ΔE, slightly dilated.

    lab float32 (H, W, 3); usable bool (H, W): pixels that may be skin or lesion. All false if nothing differs.
    """
    height, width = usable.shape
    rim = np.ones_like(usable)
    wide = max(1, round(RIM * min(height, width)))
    rim[wide:-wide, wide:-wide] = False
    around = lab[rim & usable] if (rim & usable).sum() > 20 else lab[usable]
    if len(around) == 0:
        return np.zeros_like(usable)
    away = cv2.GaussianBlur(lab, (0, 0), 1.5) - np.sort(around, axis=0)[len(around) // 2]
    apart = np.sqrt(np.einsum("ijk,ijk->ij", away, away))
    levels = np.clip(apart[usable] * 4, 0, 255).astype(np.uint8)
    limit, _ = cv2.threshold(levels.reshape(-1, 1), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    lesion = (apart > max(limit / 4, APART)) & usable
    grown = max(3, round(0.05 * min(height, width)))
    return cv2.dilate(lesion.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grown, grown))) > 0


def tone_group(ita: float) -> str | None:
    """The group in ITA_GROUPS; None without an angle."""
    return next((name for above, name in ITA_GROUPS if ita > above), None) if not np.isnan(ita) else None


def tone_findings(frame: pd.DataFrame, dataset: Dataset) -> list[Finding]:
    """The distribution of images over ITA_GROUPS; frame: column `skin_tone` in the table's order."""
    names = [name for _, name in ITA_GROUPS]
    known = frame["skin_tone"].notna().to_numpy()
    if not known.any():
        return []
    counts = frame["skin_tone"].value_counts().reindex(names, fill_value=0)
    shares = counts / known.sum()
    scarce = [name for name in names if shares[name] < SCARCE]
    dark = frame["skin_tone"].isin(scarce).to_numpy()
    spread = ", ".join(f"{name} {shares[name]:.1%}" for name in names)
    diagnosis = dataset.table["diagnosis"].to_numpy(object)
    by_class = {d: frame["skin_tone"][known & (diagnosis == d)].value_counts().to_dict() for d in dataset.classes}
    missing = f" Too little skin in {count(int((~known).sum()), 'image')}." if not known.all() else ""
    return [
        Finding(
            "skin tone",
            "note",
            f"By the individual typology angle of {count(int(known.sum()), 'image')}: {spread}.{missing} {CAUTION}",
            tuple(dataset.table["image_id"].to_numpy(object)[dark]),
            Tones({name: int(counts[name]) for name in names}, by_class),
            f"Below {SCARCE:.0%} of the images: {', '.join(scarce)}. Results say little about such images."
            if scarce
            else "Report results by group, with their intervals.",
        )
    ]
