"""One photograph's experiment: with and without a marker, each beside its control, all at the network's input size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from shortcuts.controls import elsewhere, scrambled
from shortcuts.drawing import EVERYWHERE, INSERTED, Dose, draw_marker
from shortcuts.filling import fill, widened

Direction = Literal["removal", "insertion"]
LEAST = 4  # pixels a mask must have to be worth an experiment


@dataclass(frozen=True)
class Subject:
    """A photograph as the network gets it. image: uint8 RGB (H, W, 3); lesion: bool (H, W), None where it is not known; markers: name →
    bool (H, W), those that are there."""

    image: np.ndarray
    lesion: np.ndarray | None
    markers: Mapping[str, np.ndarray]

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) of the lesion in pixels; the middle where it is not known."""
        if self.lesion is None or not self.lesion.any():
            return self.image.shape[1] / 2, self.image.shape[0] / 2
        y, x = np.nonzero(self.lesion)
        return float(x.mean()), float(y.mean())

    @property
    def taken(self) -> np.ndarray:
        """bool (H, W): lesion and markers, where no control may go. Markers that lie everywhere do not count."""
        out = np.zeros(self.image.shape[:2], bool) if self.lesion is None else self.lesion.copy()
        for name, mask in self.markers.items():
            if name not in EVERYWHERE:
                out |= mask
        return out


@dataclass(frozen=True)
class Trial:
    """A marker taken away or put in, and its control. changed, control: uint8 RGB (H, W, 3); mask, place: bool (H, W), where the marker is
    or was, and where the control is. on_lesion: share of the marker that lies on the lesion."""

    marker: str
    direction: Direction
    changed: np.ndarray
    control: np.ndarray
    mask: np.ndarray
    place: np.ndarray
    on_lesion: float
    dose: Dose | None = None


@dataclass(frozen=True)
class Impossible:
    """Why an experiment cannot be made."""

    marker: str
    direction: Direction
    reason: str


def removal(subject: Subject, marker: str, way: str, rng: np.random.Generator) -> Trial | Impossible:
    """The marker filled with skin; control: as much clean skin at the same distance from the lesion filled the same way."""
    if marker in EVERYWHERE:
        return Impossible(marker, "removal", "it lies everywhere: no clean skin is left to compare with")
    mask = subject.markers.get(marker)
    if mask is None or mask.sum() < LEAST:
        return Impossible(marker, "removal", "it is not there, or too small for this network to see")
    rim = widened(mask)
    place = elsewhere(rim, subject.centre, subject.taken, rng)
    if place is None:
        return Impossible(marker, "removal", "no clean skin of its shape at its distance from the lesion")
    return Trial(
        marker, "removal", fill(subject.image, rim, way, rng), fill(subject.image, place, way, rng), mask, place,
        _on_lesion(mask, subject.lesion),
    )  # fmt: skip


def insertion(subject: Subject, dose: Dose, rng: np.random.Generator) -> Trial | Impossible:
    """The marker drawn in; control: its change scrambled, at the same distance from the lesion, or in place where it lies everywhere."""
    marker = dose.marker
    if marker not in INSERTED:
        return Impossible(marker, "insertion", "LesionLens cannot draw it")
    if marker in subject.markers and dose.at is None:
        return Impossible(marker, "insertion", "it is there already")
    drawn = draw_marker(subject.image, dose, subject.lesion, rng, subject.taken)
    if drawn is None:
        return Impossible(marker, "insertion", "no room beside the lesion")
    image, mask = drawn
    if mask.sum() < LEAST:
        return Impossible(marker, "insertion", "too small for this network to see")
    place = mask if marker in EVERYWHERE else elsewhere(mask, subject.centre, subject.taken, rng)
    if place is None:
        return Impossible(marker, "insertion", "no clean skin of its shape at its distance from the lesion")
    control = scrambled(subject.image, image, mask, place, rng)
    return Trial(marker, "insertion", image, control, mask, place, _on_lesion(mask, subject.lesion), dose)


def trials(
    subject: Subject, wanted: Sequence[str], way: str, rng: np.random.Generator, doses: Mapping[str, Dose] | None = None
) -> list[Trial | Impossible]:
    """Every wanted marker taken away where it is there, put in where it is not."""
    found: list[Trial | Impossible] = []
    for marker in wanted:
        if marker in subject.markers:
            found.append(removal(subject, marker, way, rng))
        else:
            found.append(insertion(subject, (doses or {}).get(marker, Dose(marker)), rng))
    return found


def _on_lesion(mask: np.ndarray, lesion: np.ndarray | None) -> float:
    return float("nan") if lesion is None else float(lesion[mask].mean())
