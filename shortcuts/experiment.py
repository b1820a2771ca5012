"""One photograph's experiment: with and without a marker, each beside its control, all at the network's input size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from core.markers import MARKERS
from shortcuts.controls import elsewhere, further_out, neutral, scrambled
from shortcuts.dose import Dose
from shortcuts.drawing import INSERTED, draw_marker, settle
from shortcuts.filling import fill, widened

Direction = Literal["removal", "insertion"]
LEAST = 4  # pixels a mask must have to be worth an experiment
MOST = 0.5  # share of the picture that may be filled
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
    or was, and where the control is. on_lesion: share of the marker that lies on the lesion; lent: the photograph, as it is, that the
    control is made of where this one has no skin left; scrambled: an insertion's change in no order; again: a second control, drawn as the
    first was, by which the lab's false alarms are counted."""

    marker: str
    direction: Direction
    changed: np.ndarray
    control: np.ndarray
    mask: np.ndarray
    place: np.ndarray
    on_lesion: float
    dose: Dose | None = None
    lent: np.ndarray | None = None
    scrambled: np.ndarray | None = None
    again: np.ndarray | None = None


@dataclass(frozen=True)
class Impossible:
    """Why an experiment cannot be made."""

    marker: str
    direction: Direction
    reason: str


Lender = Callable[[str], Subject | None]  # marker → a like photograph without it


def nobody(marker: str) -> None:
    """No photograph to borrow from."""


def removal(
    subject: Subject, marker: str, way: str, rng: np.random.Generator, again: bool = False, lender: Lender = nobody
) -> Trial | Impossible:
    """The marker filled with skin; control: as much clean skin at the same distance from the lesion filled the same way, or, where there is
    none, the same places of a photograph that is lent. again: with a second control, of the photograph's own skin."""
    lies = MARKERS[marker].lies
    mask = subject.markers.get(marker)
    if mask is None or mask.sum() < LEAST:
        return Impossible(marker, "removal", "it is not there, or too small for this network to see")
    rim = widened(mask, marker)
    if rim.mean() > MOST:
        return Impossible(marker, "removal", f"it covers more than {MOST:.0%} of the picture")

    def own() -> np.ndarray | None:
        if lies == "everywhere":
            return None
        return (further_out if lies == "around" else elsewhere)(rim, subject.centre, subject.taken, rng)

    place, lent, second = own(), None, None
    if place is None:
        lent = lender(marker)
        if lent is None:
            return Impossible(marker, "removal", "no clean skin is left to compare with")
        place, source = rim, lent.image
    else:
        source, second = subject.image, own() if again else None
    return Trial(
        marker,
        "removal",
        fill(subject.image, rim, way, rng),
        fill(source, place, way, rng),
        mask,
        place,
        _on_lesion(mask, subject.lesion),
        lent=None if lent is None else lent.image,
        again=None if second is None else fill(source, second, way, rng),
    )


def insertion(subject: Subject, dose: Dose, rng: np.random.Generator, again: bool = False) -> Trial | Impossible:
    """The marker drawn in; control: its shape in the skin's own colour, at the same distance from the lesion, or in place where it lies
    everywhere or around the lesion: turned round it, it would fall on itself. Beside it the change scrambled, in the same place. again:
    with a second control."""
    marker = dose.marker
    if marker not in INSERTED:
        return Impossible(marker, "insertion", "LesionLens cannot draw it")
    if marker in subject.markers and dose.at is None:
        return Impossible(marker, "insertion", "it is there already")
    dose = settle(dose, rng)
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
    for _ in range(1 + (again and not in_place)):  # in its own place a second one is the same
        place = mask if in_place else elsewhere(mask, subject.centre, subject.taken, rng)
        if place is None:
            return Impossible(marker, "insertion", "no clean skin of its shape at its distance from the lesion")
        controls.append((neutral(subject.image, place), place))
    second = controls[1][0] if len(controls) > 1 else None
    control, place = controls[0]
    return Trial(
        marker,
        "insertion",
        image,
        control,
        mask,
        place,
        _on_lesion(mask, subject.lesion),
        dose,
        scrambled=scrambled(subject.image, image, mask, place, rng),
        again=second,
    )


def trials(
    subject: Subject,
    wanted: Sequence[str],
    way: str,
    rng: np.random.Generator,
    doses: Mapping[str, Dose] | None = None,
    again: bool = False,
    lender: Lender = nobody,
) -> list[Trial | Impossible]:
    """Every wanted marker removed where it is there, inserted where it is not."""
    found: list[Trial | Impossible] = []
    for marker in wanted:
        if marker in subject.markers:
            found.append(removal(subject, marker, way, rng, again, lender))
        else:
            found.append(insertion(subject, (doses or {}).get(marker, Dose(marker)), rng, again))
    return found


def _on_lesion(mask: np.ndarray, lesion: np.ndarray | None) -> float:
    return float("nan") if lesion is None else float(lesion[mask].mean())
