"""What if: the photograph cropped to its lesion, without its hair, without its dark corners, singly and together.

These have no control: they tell what the classifier would say, not why.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imaging.resize import scale_image, thumbnail
from models.classifier import Classifier
from shortcuts.filling import fill, widened
from shortcuts.lesion import crop_share, crop_to_lesion
from shortcuts.one import look
from shortcuts.subjects import Outlined, fit

FILLS = 0.95  # share of width and height from which a crop is the picture itself
SIDE = 768  # pixels of the longer side at which it is done: finer than any network looks


def without(outlined: Outlined, marker: str, way: str, rng: np.random.Generator) -> Outlined:
    """The picture with one marker filled. way: a key of FILLINGS."""
    rim = widened(outlined.markers[marker], marker)
    rest = {name: mask for name, mask in outlined.markers.items() if name != marker}
    return Outlined(fill(outlined.image, rim, way, rng), outlined.lesion, rest)


def cropped(outlined: Outlined) -> Outlined:
    """Only the lesion and a margin round it."""
    assert outlined.lesion is not None
    lesion = outlined.lesion
    markers = {name: crop_to_lesion(mask, lesion) for name, mask in outlined.markers.items()}
    there = {name: mask for name, mask in markers.items() if mask.any()}
    return Outlined(crop_to_lesion(outlined.image, lesion), crop_to_lesion(lesion, lesion), there)


# name → what is done, in the order in which several are done
CHANGES: dict[str, Callable[[Outlined, str, np.random.Generator], Outlined]] = {
    "without hair": lambda o, way, rng: without(o, "hair", way, rng),
    "without dark corners": lambda o, way, rng: without(o, "dark_corner", way, rng),
    "cropped to the lesion": lambda o, way, rng: cropped(o),
}


def possible(outlined: Outlined) -> dict[str, str]:
    """Each change, and why it cannot be made here; nothing where it can."""
    return {
        "without hair": "" if "hair" in outlined.markers else "no hair was found",
        "without dark corners": "" if "dark_corner" in outlined.markers else "no dark corner was found",
        "cropped to the lesion": _uncroppable(outlined.lesion),
    }


def _uncroppable(lesion: np.ndarray | None) -> str:
    if lesion is None or not lesion.any():
        return "no lesion was found"
    return "" if crop_share(lesion) < FILLS else "the lesion fills the picture"


@dataclass(frozen=True)
class WhatIf:
    """names: of the variants, the photograph as it is first; pictures: uint8 (V, H, W, 3) as the network gets them; probabilities, logits
    (V, C); maps (V, h, w) of the class `target`, or None."""

    names: tuple[str, ...]
    pictures: np.ndarray
    probabilities: np.ndarray
    logits: np.ndarray
    maps: np.ndarray | None
    target: int


def what_if(
    classifier: Classifier, outlined: Outlined, changes: Sequence[str], target: int | None = None, way: str = "telea", seed: int = 0
) -> WhatIf:
    """Each of the changes singly, and all of them together; all in one batch.

    changes: keys of CHANGES that `possible` allows; target: index of the class, None for the decision.
    """
    whole = _sized(outlined)
    wanted = [name for name in CHANGES if name in changes]
    variants: Mapping[str, Sequence[str]] = {"as it is": [], **{name: [name] for name in wanted}}
    if len(wanted) > 1:
        variants = {**variants, "all together": wanted}
    pictures = []
    for steps in variants.values():
        changed, rng = whole, np.random.default_rng(seed)
        for step in steps:
            changed = CHANGES[step](changed, way, rng)
        pictures.append(fit(classifier.card, changed).image)
    stack = np.stack(pictures)
    prediction, maps, chosen = look(classifier, stack, target)
    return WhatIf(tuple(variants), stack, prediction.probabilities, prediction.logits, maps, chosen)


def _sized(outlined: Outlined) -> Outlined:
    """Not larger than is worth the while, with masks of the picture's own size."""
    image = thumbnail(outlined.image, SIDE) if max(outlined.image.shape) > SIDE else outlined.image
    height, width = image.shape[:2]

    def scaled(mask: np.ndarray) -> np.ndarray:
        return scale_image(mask.astype(np.uint8), (height, width), "nearest") > 0

    lesion = None if outlined.lesion is None else scaled(outlined.lesion)
    return Outlined(image, lesion, {name: scaled(mask) for name, mask in outlined.markers.items()})
