"""One photograph: what is asked, what is answered, and in which words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_audit.opening import open_dataset
from models.classifier import Classifier, open_classifier
from shortcuts.drawing import Dose
from shortcuts.experiment import Impossible, Subject
from shortcuts.one import Answer, ask, in_words
from shortcuts.subjects import read_subject


@pytest.fixture(scope="module")
def classifier(honest: Path) -> Classifier:
    return open_classifier(honest.with_name("demo-shortcut.keras"))


@pytest.fixture(scope="module")
def inked(classifier: Classifier, small_dataset: Path) -> Subject:
    data = open_dataset(small_dataset)
    return read_subject(classifier.card, data, next(i for i in data.table["image_id"] if "ink" in data.markers(i)))


def test_a_marker_that_is_there_is_taken_away_and_the_numbers_are_the_classifiers(classifier: Classifier, inked: Subject) -> None:
    answer = ask(classifier, inked, "ink", target=4)
    assert isinstance(answer, Answer) and answer.trial.direction == "removal" and answer.target == 4
    own = classifier.predict(classifier.scale(answer.pictures)).probabilities
    np.testing.assert_allclose(answer.probabilities, own, atol=1e-5)
    assert answer.moved == pytest.approx((own[1, 4] - own[0, 4], own[2, 4] - own[0, 4]), abs=1e-5)
    assert answer.maps is not None and len(answer.maps) == 3 and 0 <= answer.evidence <= 1
    assert answer.area == pytest.approx(inked.markers["ink"].mean())
    decision = ask(classifier, inked, "ink")
    assert isinstance(decision, Answer) and decision.target == int(own[0].argmax())


def test_dose_filling_and_draw_have_an_effect(classifier: Classifier, inked: Subject) -> None:
    def pictures(**options: object) -> np.ndarray:
        answer = ask(classifier, inked, "ink", **options)  # type: ignore[arg-type]
        assert isinstance(answer, Answer)
        return answer.pictures

    assert not np.array_equal(pictures(way="telea")[1], pictures(way="skin")[1])
    assert not np.array_equal(pictures(seed=0)[2], pictures(seed=1)[2])
    put = ask(classifier, inked, "sticker", dose=Dose("sticker", colour="blue", at=(0.1, 0.1)))
    assert isinstance(put, Answer) and put.trial.direction == "insertion" and put.trial.mask[: 96 // 3, : 96 // 3].any()


def test_what_cannot_be_tried_says_why(classifier: Classifier, inked: Subject) -> None:
    told = ask(classifier, replace(inked, lesion=np.ones(classifier.card.size, bool)), "ruler")
    assert isinstance(told, Impossible) and told.reason == "no room beside the lesion"


def test_the_words_hold_the_numbers(classifier: Classifier, inked: Subject) -> None:
    answer = ask(classifier, inked, "ink", target=4)
    assert isinstance(answer, Answer)
    p = np.array([[0.1, 0.81, 0.09], [0.7, 0.22, 0.08], [0.12, 0.79, 0.09]])
    told = in_words(replace(answer, probabilities=p, target=1), "melanoma")
    assert told == (
        "Removing the ink lowers P(melanoma) from 0.81 to 0.22; changing as much skin elsewhere moves it by -0.02. "
        "The decision turns; with the control it stays."
    )
    both = np.array([[0.1, 0.9], [0.9, 0.1], [0.8, 0.2]])
    assert in_words(replace(answer, probabilities=both, target=1), "x").endswith(
        "The decision turns, and with the control as well."
    )
