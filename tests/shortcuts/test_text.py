"""Burnt-in letters and figures, inserted by the lab's drawing, and removed where another hand wrote them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from demo.drawing.photograph import draw_photograph
from shortcuts.controls import colour_difference
from shortcuts.dose import Dose
from shortcuts.drawing import INSERTED, draw_marker
from shortcuts.experiment import Subject, Trial, removal, trials

SIZE = (192, 256)
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]
LESION = np.hypot(COLUMNS - 120, ROWS - 100) <= 32


def flat(size: tuple[int, int] = SIZE) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 3, (*size, 3))
    return np.clip(np.array((205, 160, 140)) + noise, 0, 255).astype(np.uint8)


def stamped() -> tuple[np.ndarray, np.ndarray]:
    """The same skin with a date in Pillow's own letters, and where they lie."""
    picture, mask = Image.fromarray(flat()), Image.new("L", SIZE[::-1])
    font = ImageFont.load_default(16)
    ImageDraw.Draw(picture).text((150, 160), "2019-04-07", fill=(255, 120, 20), font=font)
    ImageDraw.Draw(mask).text((150, 160), "2019-04-07", fill=255, font=font)
    return np.asarray(picture), np.asarray(mask) > 60


@pytest.mark.parametrize("kind", [k for k in INSERTED["text"].kinds if k != "label"])
def test_it_is_as_wide_as_asked_around_its_place(kind: str) -> None:
    drawn = draw_marker(flat(), Dose("text", kind, "black", at=(0.5, 0.25)), None, np.random.default_rng(4))
    assert drawn is not None
    y, x = np.nonzero(drawn[1])
    half = 0.16 * 192  # the usual half width of the line, a share of the shorter side
    assert x.max() - x.min() == pytest.approx(2 * half, rel=0.08)
    assert (x.max() + x.min()) / 2 == pytest.approx(128, abs=2.5) and (y.max() + y.min()) / 2 == pytest.approx(48, abs=5)
    assert y.max() - y.min() < 0.75 * half, "one line"
    core = cv2.erode(drawn[1].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if core.any():
        assert drawn[0][core].mean() < 70, "black letters"


def test_every_kind_colour_and_draw_reads_differently() -> None:
    entry = INSERTED["text"]
    pictures = {
        drawn[0].tobytes()
        for kind in entry.kinds
        for colour in entry.colours
        for seed in (1, 2)
        if (drawn := draw_marker(flat(), Dose("text", kind, colour, at=(0.5, 0.5)), None, np.random.default_rng(seed))) is not None
    }
    assert len(pictures) == (3 * len(entry.colours) + 1) * 2 == 20, "a label is dark on white whatever the colour"


def test_a_label_is_dark_writing_on_white_paper_clear_of_the_lesion() -> None:
    drawn = draw_marker(flat(), Dose("text", "label", strength=1.0), LESION, np.random.default_rng(4))
    assert drawn is not None and not (drawn[1] & LESION).any()
    inside = drawn[0][drawn[1]].mean(axis=-1)
    assert np.median(inside) > 235 and np.percentile(inside, 5) < 80
    y, x = np.nonzero(drawn[1])
    assert drawn[1].sum() == pytest.approx((np.ptp(x) + 1) * (np.ptp(y) + 1), rel=0.03), "a rectangle"


def test_it_is_put_beside_the_lesion_with_its_shape_and_a_change_as_strong() -> None:
    subject = Subject(flat(), LESION, {})
    (trial,) = trials(subject, ["text"], "telea", np.random.default_rng(2), {"text": Dose("text", "number")})
    assert isinstance(trial, Trial) and trial.direction == "insertion" and not (trial.mask & LESION).any()
    assert not (trial.place & (LESION | trial.mask)).any()
    wanted = colour_difference(subject.image, trial.changed, trial.mask)
    assert trial.scrambled is not None
    assert colour_difference(subject.image, trial.scrambled, trial.place) == pytest.approx(wanted, rel=0.05)
    assert 1 < colour_difference(subject.image, trial.control, trial.place) < wanted / 2, "its shape in the skin's own colour"


def test_what_another_hand_wrote_is_taken_away_beside_as_much_clean_skin() -> None:
    image, mask = stamped()
    (trial,) = trials(Subject(image, LESION, {"text": mask}), ["text"], "telea", np.random.default_rng(3))
    assert isinstance(trial, Trial) and trial.direction == "removal" and trial.on_lesion == 0
    assert colour_difference(trial.changed, flat(), mask) < 6 < 40 < colour_difference(image, flat(), mask)
    assert not (trial.place & (LESION | mask)).any() and trial.place.sum() > mask.sum()
    again = removal(Subject(trial.changed, LESION, {}), "text", "telea", np.random.default_rng(3))
    assert not isinstance(again, Trial), "nothing is left to remove"


def test_the_demo_writes_it_when_asked_and_changes_nothing_else() -> None:
    bare, worn = draw_photograph("nv", "III", 12, 0, ["hair"]), draw_photograph("nv", "III", 12, 0, ["text", "hair"])
    assert set(worn.markers) == {"hair", "text"}
    np.testing.assert_array_equal(worn.markers["hair"], bare.markers["hair"])
    far = cv2.dilate(worn.markers["text"].astype(np.uint8), np.ones((15, 15), np.uint8)) == 0
    changed = np.abs(worn.image.astype(int) - bare.image).max(axis=2)
    assert changed[far].max() <= 1 < 15 < changed[worn.markers["text"]].mean()
