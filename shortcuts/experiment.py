"""One photograph's experiment: with and without a marker, each beside its control, all at the network's input size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from core.markers import MARKERS
from shortcuts.controls import elsewhere, further_out, scrambled
from shortcuts.dose import Dose
from shortcuts.drawing import INSERTED, draw_marker
from shortcuts.filling import fill, widened

Direction = Literal["removal", "insertion"]
LEAST = 4  # pixels a mask must have to be worth an experiment
PAINTED = "painted mark"


@dataclass(frozen=True)
class Subject:
    """A photograph as the network gets it. image: uint8 RGB (H, W, 3); lesion: bool (H, W), None where it is not known; markers: name →
    bool (H, W), those that are there; cropped: its part round the lesion, uint8 of the same shape, None where there is no lesion."""

    image: np.ndarray
    lesion: np.ndarray | None
    markers: Mapping[str, np.ndarray]
    cropped: np.ndarray | None = None

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) of the lesion in pixels; the middle where it is not known."""
        if self.lesion is None or not self.lesion.any():
            return self.image.shape[1] / 2, self.image.shape[0] / 2
        y, x = np.nonzero(self.lesion)
        return float(x.mean()), float(y.mean())

    @property
    def taken(self) -> np.ndarray:
        """bool (H, W): lesion and markers, where no control may go. Hairs do not count: they leave no clean skin."""
        out = np.zeros(self.image.shape[:2], bool) if self.lesion is None else self.lesion.copy()
        for name, mask in self.markers.items():
            if MARKERS[name].in_the_way:
                out |= mask
        return out


@dataclass(frozen=True)
class Trial:
    """A marker removed or inserted, and its control. changed, control: uint8 RGB (H, W, 3); mask, place: bool (H, W), where the marker is
    or was, and where the control is. on_lesion: share of the marker that lies on the lesion; again: a second control, drawn as the first
    was, by which the lab's false alarms are counted."""

    marker: str
    direction: Direction
    changed: np.ndarray
    control: np.ndarray
    mask: np.ndarray
    place: np.ndarray
    on_lesion: float
    dose: Dose | None = None
    again: np.ndarray | None = None


@dataclass(frozen=True)
class Impossible:
    """Why an experiment cannot be made."""

    marker: str
    direction: Direction
    reason: str


def removal(subject: Subject, marker: str, way: str, rng: np.random.Generator, again: bool = False) -> Trial | Impossible:
    """The marker filled with skin; control: as much clean skin at the same distance from the lesion filled the same way. again: with a
    second control."""
    lies = MARKERS[marker].lies
    if lies == "everywhere":
        return Impossible(marker, "removal", "it lies everywhere: no clean skin is left to compare with")
    mask = subject.markers.get(marker)
    if mask is None or mask.sum() < LEAST:
        return Impossible(marker, "removal", "it is not there, or too small for this network to see")
    rim = widened(mask, marker)
    clean_skin = further_out if lies == "around" else elsewhere
    place = clean_skin(rim, subject.centre, subject.taken, rng)
    if place is None:
        return Impossible(marker, "removal", "no clean skin of its shape at its distance from the lesion")
    second = clean_skin(rim, subject.centre, subject.taken, rng) if again else None
    return Trial(
        marker,
        "removal",
        fill(subject.image, rim, way, rng),
        fill(subject.image, place, way, rng),
        mask,
        place,
        _on_lesion(mask, subject.lesion),
        again=None if second is None else fill(subject.image, second, way, rng),
    )


def insertion(subject: Subject, dose: Dose, rng: np.random.Generator, again: bool = False) -> Trial | Impossible:
    """The marker drawn in; control: its change scrambled, at the same distance from the lesion, or in place where it lies everywhere or
    around the lesion: turned round it, it would fall on itself. again: with a second control."""
    marker = dose.marker
    if marker not in INSERTED:
        return Impossible(marker, "insertion", "LesionLens cannot draw it")
    if marker in subject.markers and dose.at is None:
        return Impossible(marker, "insertion", "it is there already")
    drawn = draw_marker(subject.image, dose, subject.lesion, rng, subject.taken)
    if drawn is None:
        return Impossible(marker, "insertion", "no room beside the lesion")
    return _inserted(subject, marker, drawn, dose, rng, again)


def painted(
    subject: Subject, mask: np.ndarray, colour: tuple[int, int, int], strength: float, rng: np.random.Generator
) -> Trial | Impossible:
    """What somebody painted, inserted; the control is an insertion's. mask: bool (H, W); colour: RGB; strength: 0…1."""
    cover = strength * cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.6)[..., None]
    image = np.clip(subject.image * (1 - cover) + np.array(colour, np.float32) * cover, 0, 255).round().astype(np.uint8)
    return _inserted(subject, PAINTED, (image, mask), None, rng, False)


def _inserted(
    subject: Subject, marker: str, drawn: tuple[np.ndarray, np.ndarray], dose: Dose | None, rng: np.random.Generator, again: bool
) -> Trial | Impossible:
    image, mask = drawn
    if mask.sum() < LEAST:
        return Impossible(marker, "insertion", "too small for this network to see")
    controls, in_place = [], marker in MARKERS and MARKERS[marker].lies in ("around", "everywhere")
    for _ in range(1 + again):
        place = mask if in_place else elsewhere(mask, subject.centre, subject.taken, rng)
        if place is None:
            return Impossible(marker, "insertion", "no clean skin of its shape at its distance from the lesion")
        controls.append((scrambled(subject.image, image, mask, place, rng), place))
    second = controls[1][0] if again else None
    return Trial(marker, "insertion", image, controls[0][0], mask, controls[0][1], _on_lesion(mask, subject.lesion), dose, second)


def trials(
    subject: Subject,
    wanted: Sequence[str],
    way: str,
    rng: np.random.Generator,
    doses: Mapping[str, Dose] | None = None,
    again: bool = False,
) -> list[Trial | Impossible]:
    """Every wanted marker removed where it is there, inserted where it is not."""
    found: list[Trial | Impossible] = []
    for marker in wanted:
        if marker in subject.markers:
            found.append(removal(subject, marker, way, rng, again))
        else:
            found.append(insertion(subject, (doses or {}).get(marker, Dose(marker)), rng, again))
    return found


def _on_lesion(mask: np.ndarray, lesion: np.ndarray | None) -> float:
    return float("nan") if lesion is None else float(lesion[mask].mean())
