"""A pen's circle round the lesion, inserted by the lab's drawing, and removed where another hand drew it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from demo.drawing.photograph import draw_photograph
from shortcuts.controls import colour_difference
from shortcuts.dose import Dose
from shortcuts.drawing import INSERTED, draw_marker
from shortcuts.experiment import Impossible, Subject, Trial, insertion, removal

SIZE = (96, 128)
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]
LESION = np.hypot(COLUMNS - 60, ROWS - 50) <= 16


def flat() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 3, (*SIZE, 3))
    return np.clip(np.array((205, 160, 140)) + noise, 0, 255).astype(np.uint8)


def ringed() -> tuple[np.ndarray, np.ndarray]:
    """The same skin with an ellipse that Pillow drew, and where it lies."""
    picture, mask = Image.fromarray(flat()), Image.new("L", SIZE[::-1])
    box = (60 - 27, 50 - 24, 60 + 27, 50 + 24)
    ImageDraw.Draw(picture).ellipse(box, outline=(80, 45, 120), width=3)
    ImageDraw.Draw(mask).ellipse(box, outline=255, width=3)
    return np.asarray(picture), np.asarray(mask) > 0


@pytest.mark.parametrize("size", [0.5, 1.0, 1.6])
def test_it_goes_round_the_lesion_and_clears_it(size: float) -> None:
    drawn = draw_marker(flat(), Dose("pen_circle", "closed", size=size), LESION, np.random.default_rng(1))
    assert drawn is not None and not (drawn[1] & LESION).any()
    outside = drawn[1].astype(np.uint8)
    cv2.floodFill(outside, None, (0, 0), 2)  # from a corner one gets no further than the ring
    assert (outside[LESION] == 0).all()
    away = np.hypot(COLUMNS - 60, ROWS - 50)[drawn[1]]
    least = 16 + 0.06 * size * 96  # the lesion's radius and the usual distance
    assert away.min() >= least - 1.5 and away.max() <= 1.07 * (least + 1) + 2.5


def test_every_kind_and_colour_looks_different() -> None:
    entry = INSERTED["pen_circle"]
    pictures = {
        drawn[0].tobytes()
        for kind in entry.kinds
        for colour in entry.colours
        if (drawn := draw_marker(flat(), Dose("pen_circle", kind, colour), LESION, np.random.default_rng(1))) is not None
    }
    assert len(pictures) == len(entry.kinds) * len(entry.colours) == 9


def test_the_control_of_putting_it_in_is_as_strong_and_in_its_place() -> None:
    subject = Subject(flat(), LESION, {})
    trial = insertion(subject, Dose("pen_circle"), np.random.default_rng(2), again=True)
    assert isinstance(trial, Trial) and trial.on_lesion == 0
    np.testing.assert_array_equal(trial.place, trial.mask)
    assert trial.scrambled is not None and trial.again is None, "in its own place a second control would be the first"
    np.testing.assert_array_equal(trial.scrambled[~trial.mask], subject.image[~trial.mask])
    wanted = colour_difference(subject.image, trial.changed, trial.mask)
    assert colour_difference(subject.image, trial.scrambled, trial.mask) == pytest.approx(wanted, rel=0.05)
    assert 1 < colour_difference(subject.image, trial.control, trial.mask) < wanted / 2


def test_one_that_another_hand_drew_is_taken_away_beside_as_much_clean_skin() -> None:
    image, mask = ringed()
    trial = removal(Subject(image, LESION, {"pen_circle": mask}), "pen_circle", "telea", np.random.default_rng(3))
    assert isinstance(trial, Trial)
    assert colour_difference(trial.changed, flat(), mask) < 6 < 40 < colour_difference(image, flat(), mask)
    assert not (trial.place & (LESION | mask)).any()
    np.testing.assert_array_equal(trial.control[mask], image[mask])
    away = np.hypot(COLUMNS - 60, ROWS - 50)
    assert away[trial.place].mean() > away[mask].mean(), "a ring a little further out"


def test_no_room_is_told() -> None:
    for lesion in (None, np.ones(SIZE, bool)):
        found = insertion(Subject(flat(), lesion, {}), Dose("pen_circle"), np.random.default_rng(0))
        assert isinstance(found, Impossible) and found.reason == "no room beside the lesion"


def test_the_demo_draws_it_when_asked_and_changes_nothing_else() -> None:
    bare, worn = draw_photograph("mel", "II", 11, 0, ["ruler"]), draw_photograph("mel", "II", 11, 0, ["ruler", "pen_circle"])
    assert set(worn.markers) == {"ruler", "pen_circle"}
    np.testing.assert_array_equal(worn.markers["ruler"], bare.markers["ruler"])
    np.testing.assert_array_equal(worn.lesion, bare.lesion)
    far = cv2.dilate(worn.markers["pen_circle"].astype(np.uint8), np.ones((15, 15), np.uint8)) == 0
    changed = np.abs(worn.image.astype(int) - bare.image).max(axis=2)
    assert changed[far].max() <= 1 < 30 < changed[worn.markers["pen_circle"]].mean()
