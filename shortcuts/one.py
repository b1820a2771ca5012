"""One photograph's answer: what the network says with the marker, without it, and with its control, and where it looks."""

from dataclasses import dataclass

import numpy as np

from core.markers import MARKERS, marker_name
from explain.cam import cam
from models.classifier import Classifier, Prediction
from shortcuts.attention import map_method, share_on
from shortcuts.dose import Dose
from shortcuts.experiment import PAINTED, Impossible, Subject, Trial, insertion, removal


@dataclass(frozen=True)
class Answer:
    """pictures, probabilities (3, C), logits (3, C), maps (3, h, w) or None: as it is, changed, control; target: the class of the maps and
    of what is said; evidence: share of the evidence for it on the marker where it is there, NaN for an empty map; area: the marker's."""

    trial: Trial
    pictures: np.ndarray
    probabilities: np.ndarray
    logits: np.ndarray
    maps: np.ndarray | None
    target: int
    evidence: float
    area: float

    @property
    def moved(self) -> tuple[float, float]:
        """Change of the target's probability by the marker's change, and by its control."""
        p = self.probabilities[:, self.target]
        return float(p[1] - p[0]), float(p[2] - p[0])


def ask(
    classifier: Classifier,
    subject: Subject,
    marker: str,
    target: int | None = None,
    way: str = "telea",
    dose: Dose | None = None,
    seed: int = 0,
) -> Answer | Impossible:
    """Remove the marker where it is there, insert it where it is not (or where a dose says so); all in one batch.

    target: index of the class, None for the decision.
    """
    rng = np.random.default_rng(seed)
    take_away = dose is None and marker in subject.markers
    trial = removal(subject, marker, way, rng) if take_away else insertion(subject, dose or Dose(marker), rng)
    return trial if isinstance(trial, Impossible) else answer(classifier, subject, trial, target)


def answer(classifier: Classifier, subject: Subject, trial: Trial, target: int | None = None) -> Answer:
    """What the classifier says of a trial. target: index of the class, None for the decision."""
    pictures = np.stack([subject.image, trial.changed, trial.control])
    prediction, maps, chosen = look(classifier, pictures, target)
    evidence = float("nan") if maps is None else share_on(maps[0 if trial.direction == "removal" else 1], trial.mask)
    return Answer(trial, pictures, prediction.probabilities, prediction.logits, maps, chosen, evidence, float(trial.mask.mean()))


def look(classifier: Classifier, pictures: np.ndarray, target: int | None) -> tuple[Prediction, np.ndarray | None, int]:
    """Scores, maps of one class (None where the network shows none) and that class: the decision on the first picture, if none is given."""
    prepared, method = classifier.scale(pictures), map_method(classifier)
    if method is None:
        prediction = classifier.predict(prepared)
        return prediction, None, int(prediction.probabilities[0].argmax()) if target is None else target
    prediction, maps = cam(classifier, prepared, None if target is None else np.full(len(pictures), target, np.int32), method)
    decided = prediction.probabilities.argmax(axis=1)
    if target is None and (decided != decided[0]).any():  # the maps are of several classes
        maps = cam(classifier, prepared, np.full(len(pictures), decided[0], np.int32), method)[1]
    return prediction, maps, int(decided[0]) if target is None else target


def evidence_on(classifier: Classifier, subject: Subject, target: int | None = None) -> dict[str, float]:
    """Marker → share of the supporting evidence for a class (None: the decision) that lies on it, in the photograph as it is. NaN for an
    empty map, and where the network shows none."""
    maps = look(classifier, subject.image[None], target)[1]
    return {name: float("nan") if maps is None else share_on(maps[0], mask) for name, mask in subject.markers.items()}


def in_words(answer: Answer, name: str) -> str:
    """The verdict on one photograph, with its numbers. name: of the class."""
    p, (by_marker, by_control) = answer.probabilities[:, answer.target], answer.moved
    key = answer.trial.marker
    borne = "a painted mark" if key == PAINTED else MARKERS[key].borne
    did, changed = {
        "removal": (f"Removing the {marker_name(key)}", "changing as much skin elsewhere"),
        "insertion": (f"Inserting {borne}", "its shape in the skin's own colour"),
    }[answer.trial.direction]
    before, after = f"{p[0]:.2f}", f"{p[1]:.2f}"
    moved = f"{'lowers' if by_marker < 0 else 'raises'} P({name}) from {before} to {after}"
    if before == after:
        moved = f"leaves P({name}) at {before}"
    first = f"{did} {moved}; {changed} moves it by {by_control:+.2f}."
    decided = answer.probabilities.argmax(axis=1)
    turned = " The decision turns" + (", and with the control as well." if decided[2] != decided[0] else "; with the control it stays.")
    return first + (turned if decided[1] != decided[0] else " The decision stays.")
