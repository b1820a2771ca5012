"""One photograph: what is asked, what is answered, and in which words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets.opening import open_dataset
from demo.drawing.photograph import draw_photograph
from models.classifier import Classifier, open_classifier
from shortcuts.dose import Dose
from shortcuts.experiment import Impossible, Subject, Trial, painted
from shortcuts.lesion import MARGIN, crop_share, crop_to_lesion
from shortcuts.one import Answer, answer, ask, evidence_on, in_words
from shortcuts.subjects import Outlined, fit, outline_image
from shortcuts.whatif import possible, what_if


@pytest.fixture(scope="module")
def classifier(honest: Path) -> Classifier:
    return open_classifier(honest.with_name("demo-shortcut.keras"))


@pytest.fixture(scope="module")
def inked(classifier: Classifier, small_dataset: Path) -> Subject:
    data = open_dataset(small_dataset)
    return fit(classifier.card, outline_image(data, next(i for i in data.table["image_id"] if "ink" in data.markers(i))))


def test_a_marker_that_is_there_is_taken_away_and_the_numbers_are_the_classifiers(classifier: Classifier, inked: Subject) -> None:
    found = ask(classifier, inked, "ink", target=4)
    assert isinstance(found, Answer) and found.trial.direction == "removal" and found.target == 4
    own = classifier.predict(classifier.scale(found.pictures)).probabilities
    np.testing.assert_allclose(found.probabilities, own, atol=1e-5)
    assert found.moved == pytest.approx((own[1, 4] - own[0, 4], own[2, 4] - own[0, 4]), abs=1e-5)
    assert found.maps is not None and len(found.maps) == 3 and 0 <= found.evidence <= 1
    assert found.area == pytest.approx(inked.markers["ink"].mean())
    decision = ask(classifier, inked, "ink")
    assert isinstance(decision, Answer) and decision.target == int(own[0].argmax())


def test_the_share_of_evidence_on_each_marker_is_that_of_the_map(classifier: Classifier, inked: Subject) -> None:
    found = ask(classifier, inked, "ink", target=4)
    assert isinstance(found, Answer)
    shares = evidence_on(classifier, inked, 4)
    assert set(shares) == set(inked.markers) and shares["ink"] == pytest.approx(found.evidence, abs=1e-6)
    assert evidence_on(classifier, inked, 4) != evidence_on(classifier, inked, 2)


def test_dose_filling_and_draw_have_an_effect(classifier: Classifier, inked: Subject) -> None:
    def pictures(**options: object) -> np.ndarray:
        found = ask(classifier, inked, "ink", **options)  # type: ignore[arg-type]
        assert isinstance(found, Answer)
        return found.pictures

    assert not np.array_equal(pictures(way="telea")[1], pictures(way="skin")[1])
    assert not np.array_equal(pictures(seed=0)[2], pictures(seed=1)[2])
    put = ask(classifier, inked, "sticker", dose=Dose("sticker", colour="blue", at=(0.1, 0.1)))
    assert isinstance(put, Answer) and put.trial.direction == "insertion" and put.trial.mask[: 96 // 3, : 96 // 3].any()


def test_what_cannot_be_tried_says_why(classifier: Classifier, inked: Subject) -> None:
    found = ask(classifier, replace(inked, lesion=np.ones(classifier.card.size, bool)), "ruler")
    assert isinstance(found, Impossible) and found.reason == "no room beside the lesion"


def test_the_words_hold_the_numbers(classifier: Classifier, inked: Subject) -> None:
    found = ask(classifier, inked, "ink", target=4)
    assert isinstance(found, Answer)
    p = np.array([[0.1, 0.81, 0.09], [0.7, 0.22, 0.08], [0.12, 0.79, 0.09]])
    told = in_words(replace(found, probabilities=p, target=1), "melanoma")
    assert told == (
        "Removing the ink lowers P(melanoma) from 0.81 to 0.22; changing as much skin elsewhere moves it by -0.02. "
        "The decision turns; with the control it stays."
    )
    still = np.array([[0.1, 0.9], [0.101, 0.899], [0.1, 0.9]])
    assert in_words(replace(found, probabilities=still, target=1), "x").startswith("Removing the ink leaves P(x) at 0.90; ")
    both = np.array([[0.1, 0.9], [0.9, 0.1], [0.8, 0.2]])
    assert in_words(replace(found, probabilities=both, target=1), "x").endswith("The decision turns, and with the control as well.")


def test_a_painted_mark_is_put_in_where_it_was_painted(classifier: Classifier, inked: Subject) -> None:
    mask = np.zeros(classifier.card.size, bool)
    mask[5:15, 5:15] = True
    trial = painted(inked, mask, (250, 0, 0), 1.0, np.random.default_rng(0))
    assert isinstance(trial, Trial) and trial.direction == "insertion"
    assert trial.changed[10, 10].tolist() == [250, 0, 0] and not (trial.place & mask).any()
    np.testing.assert_array_equal(trial.changed[40:, 40:], inked.image[40:, 40:])
    found = answer(classifier, inked, trial)
    assert found.maps is not None and found.area == pytest.approx(100 / mask.size)
    faint = painted(inked, mask, (250, 0, 0), 0.3, np.random.default_rng(0))
    assert (
        isinstance(faint, Trial) and abs(faint.changed.astype(int) - inked.image).sum() < abs(trial.changed.astype(int) - inked.image).sum()
    )


def test_what_if_each_change_alone_and_all_together(classifier: Classifier) -> None:
    shot = draw_photograph("mel", "II", 11, wanted=("hair", "dark_corner"))
    outlined = Outlined(shot.image, shot.lesion, shot.markers)
    assert not any(possible(outlined).values())
    found = what_if(classifier, outlined, list(possible(outlined)))
    assert found.names == ("as it is", "without hair", "without dark corners", "cropped to the lesion", "all together")
    own = classifier.predict(classifier.scale(found.pictures)).probabilities
    np.testing.assert_allclose(found.probabilities, own, atol=1e-5)
    as_it_is, hair, corners, crop, together = found.pictures.astype(float)
    bare = draw_photograph("mel", "II", 11).image
    clean = fit(classifier.card, Outlined(bare, shot.lesion, {})).image.astype(float)
    assert abs(hair - clean).mean() < abs(as_it_is - clean).mean() > abs(corners - clean).mean()
    assert as_it_is[:3, :3].mean() < 40 < corners[:3, :3].mean(), "the corner is skin again"
    assert abs(crop - as_it_is).mean() > 3 and abs(together - crop).mean() > 1
    assert what_if(classifier, outlined, ["without hair"]).names == ("as it is", "without hair")
    full = np.ones(bare.shape[:2], bool)
    assert possible(Outlined(bare, full, {}))["cropped to the lesion"] == "the lesion fills the picture"
    nothing = possible(Outlined(bare, None, {}))
    assert nothing == {
        "without hair": "no hair was found",
        "without dark corners": "no dark corner was found",
        "cropped to the lesion": "no lesion was found",
    }


def test_a_crop_holds_the_lesion_and_keeps_proportions() -> None:
    lesion = np.zeros((60, 90), bool)
    lesion[20:40, 10:30] = True
    picture = np.arange(120 * 180 * 3, dtype=np.uint32).reshape(120, 180, 3).astype(np.uint8)
    cut = crop_to_lesion(picture, lesion)
    share = (20 / 60) * (1 + 2 * MARGIN)
    assert cut.shape[0] == pytest.approx(120 * share, abs=1) and cut.shape[1] == pytest.approx(180 * share, abs=1)
    np.testing.assert_array_equal(
        cut[0, 0], picture[round((30 / 60 - share / 2) * 120), round((20 / 90 - share / 2) * 180) if share / 2 < 20 / 90 else 0]
    )
    assert crop_share(lesion) == pytest.approx(share)
    assert crop_to_lesion(picture, np.zeros_like(lesion)) is picture
    assert crop_to_lesion(picture, np.ones_like(lesion)).shape == picture.shape
