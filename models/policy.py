"""An operator's policy: which recommendation to show for which score. Off until switched on for a classifier.

A policy is the operator's own rule with its source. LesionLens shows it as theirs, never as advice.
"""

from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError, model_validator

from core.errors import CardError
from core.records import Checked, Number, in_words, read_yaml
from models.card import ModelCard

EXAMPLE = Path(__file__).parent / "policy_alexanderson2024.yaml"


class Band(Checked):
    """The text for benign probabilities from this one up to the next band's."""

    benign_at_least: Number = Field(ge=0, le=1)
    say: str = Field(min_length=1, max_length=500)


class Policy(Checked):
    """Bands by benign probability, the highest first, and the text for a malignant predicted class."""

    name: str = Field(min_length=1, max_length=200)
    operator: str = Field(min_length=1, max_length=200)
    source: str = Field(min_length=1, max_length=1_000)
    bands: tuple[Band, ...] = Field(min_length=1, max_length=100)
    malignant: str = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _bands_fall(self) -> "Policy":
        limits = [band.benign_at_least for band in self.bands]
        if limits != sorted(set(limits), reverse=True):
            raise ValueError("bands must be in order from the highest limit to the lowest, without repeats")
        if limits[-1] != 0:
            raise ValueError("the last band must begin at 0, so that every score has one")
        return self


def read_policy(path: Path) -> Policy:
    """The policy in a YAML file; raises CardError naming the field."""
    try:
        return Policy(**read_yaml(path, "policy", CardError))
    except ValidationError as error:
        raise CardError(in_words(error, "policy"), path.name) from error


def apply_policy(policy: Policy, card: ModelCard, probabilities: np.ndarray) -> str:
    """The operator's text for one image's (C,) probabilities.

    Raises CardError if the card does not state which classes are malignant, or only guesses it.
    """
    if not card.malignant or "malignant" in card.guessed:
        raise CardError("names no malignant classes.", card.name, "State them in the model card first.")
    decided = card.classes[int(probabilities.argmax())]
    if decided in card.malignant:
        return policy.malignant
    benign = float(sum(p for c, p in zip(card.classes, probabilities, strict=True) if c not in card.malignant))
    return next(band.say for band in policy.bands if benign >= band.benign_at_least - 1e-9)
