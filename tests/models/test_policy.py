"""The operator's policy: bands of scores, off unless the card allows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import CardError
from models.card import ModelCard
from models.policy import EXAMPLE, apply_policy, read_policy

CARD = ModelCard(name="x", classes=("benign", "malignant"), height=1, width=1, malignant=("malignant",))


@pytest.mark.parametrize(
    ("benign", "said"),
    [(0.95, "90 % or more"), (0.9, "90 % or more"), (0.85, "80–90"), (0.6, "60–80"), (0.55, "below 60"), (0.4, "malignant class")],
)
def test_the_five_bands(benign: float, said: str) -> None:
    assert said in apply_policy(read_policy(EXAMPLE), CARD, np.array([benign, 1 - benign]))


def test_benign_scores_of_several_classes_are_added() -> None:
    card = ModelCard(name="x", classes=("nv", "bkl", "mel"), height=1, width=1, malignant=("mel",))
    assert "80–90" in apply_policy(read_policy(EXAMPLE), card, np.array([0.45, 0.4, 0.15]))


@pytest.mark.parametrize("changes", [{"malignant": ()}, {"guessed": ("malignant",)}])
def test_it_needs_a_card_that_states_its_malignant_classes(changes: dict) -> None:
    with pytest.raises(CardError, match="malignant classes"):
        apply_policy(read_policy(EXAMPLE), CARD.model_copy(update=changes), np.array([0.9, 0.1]))


def test_bands_must_fall_to_zero(write: Callable[[str, str], Path]) -> None:
    text = "name: x\noperator: y\nsource: z\nmalignant: m\nbands:\n  - {benign_at_least: 0.5, say: a}\n"
    with pytest.raises(CardError, match="begin at 0"):
        read_policy(write("p.yaml", text))
