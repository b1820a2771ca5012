"""What may lie in a photograph besides skin and lesion: one row a marker, which everything else loops over or looks up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

Lies = Literal["beside", "border", "around", "everywhere"]

BITS = 16  # of a mask
RIM = 0.012  # of the picture's shorter side, by which a mask is widened before it is filled: a soft edge would give the marker away


@dataclass(frozen=True)
class Marker:
    """key: in files, columns and command lines; bit: of a mask, 0…15, never given to another; name: on screen; borne: what an image
    bears; question: to the reviewer; spellings: columns of other people's tables that mean it, in lower case with underscores;
    detector: the taught network, a rule, or none (known by masks, columns or hand only); lies: beside the lesion, cut off by the
    picture's border, around the lesion, or everywhere, so that no clean skin is left to compare its removal with; rim: share of the
    shorter side by which its mask is widened; in_the_way: whether nothing else may be put where it lies."""

    key: str
    bit: int
    name: str
    borne: str
    question: str
    spellings: tuple[str, ...] = ()
    detector: Literal["network", "rule", "none"] = "network"
    lies: Lies = "beside"
    rim: float = RIM
    in_the_way: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.bit < BITS:
            raise ValueError(f"{self.key}: a mask has bits 0 to {BITS - 1}, not {self.bit}")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of a column of yes and no that says whether an image bears it."""
        return (self.key, *self.spellings)


_ROWS = (
    Marker("ink", 0, "ink", "ink", "Is there surgical ink on the skin?", ("pen", "surgical_marking", "skin_marking")),
    Marker("sticker", 1, "sticker", "a sticker", "Is there a sticker or patch?", ("patch", "patches"), lies="border"),
    Marker("ruler", 2, "ruler", "a ruler", "Is there a ruler or scale?", ("scale_bar",)),
    Marker("hair", 3, "hair", "hair", "Is there hair?", ("hairs",), lies="everywhere", in_the_way=False),
    Marker(
        "dark_corner", 4, "dark corner", "dark corners", "Are the corners dark?", ("dark_corners", "vignette"), lies="everywhere", rim=0.05
    ),
    Marker("gel_border", 5, "gel border", "a gel border", "Does the border of the gel show?", lies="everywhere"),
    Marker("gel_bubble", 6, "gel bubble", "gel bubbles", "Are there bubbles in the gel?", ("gel_bubbles", "bubbles")),
    Marker("black_frame", 7, "black frame", "a black frame", "Is there a black frame?", ("frame",), "rule", lies="everywhere"),
    Marker(
        "pen_circle",
        8,
        "pen circle",
        "a circle drawn with a pen",
        "Is there a circle drawn round the lesion?",
        ("pen_circles", "pen_ring", "drawn_circle", "circled"),
        "none",
        "around",
    ),
    Marker(
        "text",
        9,
        "text or label",
        "letters or figures",
        "Are there letters or figures, such as a date?",
        ("text_label", "label_text", "date_stamp", "watermark", "burnt_in_text", "burned_in_text"),
        "none",
    ),
)
MARKERS: Mapping[str, Marker] = {row.key: row for row in _ROWS}
DETECTED = tuple(key for key, row in MARKERS.items() if row.detector != "none")
UNDETECTED = tuple(key for key in MARKERS if key not in DETECTED)
NO_DETECTOR = "no detector: by masks, columns or hand only"
EVERYWHERE = frozenset(key for key, row in MARKERS.items() if row.lies == "everywhere")
if len({row.bit for row in _ROWS}) < len(_ROWS):
    raise ValueError("two markers share a bit")


def marker_name(key: str) -> str:
    """What a screen calls it; whatever is no marker (a painted mark) goes by its own key."""
    return MARKERS[key].name if key in MARKERS else key.replace("_", " ")


def pack(masks: Mapping[str, np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """bool (H, W) masks by marker → uint16 (H, W), each marker's own bit set where it lies."""
    bits = np.zeros(size, np.uint16)
    for key, mask in masks.items():
        bits[mask] |= np.uint16(1 << MARKERS[key].bit)
    return bits


def plane(bits: np.ndarray, key: str) -> np.ndarray:
    """bool (H, W): where one marker lies."""
    return (bits >> MARKERS[key].bit & 1).astype(bool)


def unpack(bits: np.ndarray) -> dict[str, np.ndarray]:
    """Marker → bool (H, W), those that lie anywhere in the bits (H, W)."""
    there = _together(bits)
    return {key: plane(bits, key) for key, row in MARKERS.items() if there >> row.bit & 1}


def unknown_bits(bits: np.ndarray) -> tuple[int, ...]:
    """Numbers of the bits of a mask that stand for no marker."""
    there, known = _together(bits), {row.bit for row in MARKERS.values()}
    return tuple(k for k in range(BITS) if there >> k & 1 and k not in known)


def _together(bits: np.ndarray) -> int:
    return int(np.bitwise_or.reduce(bits, axis=None))
