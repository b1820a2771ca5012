"""An operator's policy: what they want said for which score. Off until switched on for a classifier.

A policy is the operator's own rule with its source. LesionLens shows it as theirs, never as advice.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import CardError
from models.card import ModelCard

EXAMPLE = Path(__file__).parent / "policy_alexanderson2024.yaml"


class Band(BaseModel):
    """From this share of benign probability on, say this."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    benign_at_least: float = Field(ge=0, le=1)
    say: str = Field(min_length=1, max_length=500)


class Policy(BaseModel):
    """Bands by benign probability, the highest first, and what is said of any malignant decision."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    operator: str = Field(min_length=1)
    source: str = Field(min_length=1)
    bands: tuple[Band, ...] = Field(min_length=1)
    malignant: str = Field(min_length=1)

    @model_validator(mode="after")
    def _bands_fall(self) -> Policy:
        limits = [band.benign_at_least for band in self.bands]
        if limits != sorted(set(limits), reverse=True):
            raise ValueError("bands must fall from the highest limit to the lowest, each different")
        if limits[-1] != 0:
            raise ValueError("the last band must begin at 0, so that every score has one")
        return self


def read_policy(path: Path) -> Policy:
    """The policy in a YAML file; raises CardError naming the field."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Policy(**content)
    except (OSError, yaml.YAMLError, TypeError) as error:
        raise CardError(f"is no policy ({error}).", path.name) from error
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(p) for p in problem["loc"]) or "policy"
        raise CardError(f"{field}: {problem['msg'].removeprefix('Value error, ')}.", path.name) from error


def apply_policy(policy: Policy, card: ModelCard, probabilities: np.ndarray) -> str:
    """What the operator wants said of one image's (C,) probabilities.

    Raises CardError if the card does not say which classes are malignant, or only guesses it.
    """
    if not card.malignant or "malignant" in card.guessed:
        raise CardError("names no malignant classes.", card.name, "State them in the model card first.")
    decided = card.classes[int(probabilities.argmax())]
    if decided in card.malignant:
        return policy.malignant
    benign = float(sum(p for c, p in zip(card.classes, probabilities, strict=True) if c not in card.malignant))
    return next(band.say for band in policy.bands if benign >= band.benign_at_least - 1e-9)
