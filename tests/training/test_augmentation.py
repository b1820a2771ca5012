"""Augmentation: each operation does what its name says, within its bounds, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import TrainingError
from imaging.resize import scale_image
from models.architectures import PRESETS
from models.architectures.recipe import changed
from models.network import import_tensorflow
from training.augmentation import OPERATIONS, apply, check_augmentation, draw
from training.preview import contact_sheet, variants

SIZE = (12, 16)
IMAGE = np.random.default_rng(3).integers(0, 255, (1, *SIZE, 3), np.uint8)


def done(asked: dict[str, float], seed: int = 0, images: np.ndarray = IMAGE) -> np.ndarray:
    import_tensorflow()
    drawn = draw(asked, len(images), images.shape[1:3], np.random.default_rng(seed))
    return np.asarray(apply(images, drawn, asked.get("cutout", 0)))


def test_nothing_asked_for_leaves_pictures_as_they_are() -> None:
    assert (done({}) == IMAGE).all()


@pytest.mark.parametrize(("name", "axis"), [("flip-horizontal", 2), ("flip-vertical", 1)])
def test_flips_mirror_every_second_picture(name: str, axis: int) -> None:
    many = np.repeat(IMAGE, 400, 0)
    made = done({name: 1}, images=many)
    mirrored = np.array([np.abs(m - np.flip(IMAGE, axis)[0]).max() < 1e-3 for m in made])
    same = np.array([np.abs(m - IMAGE[0]).max() < 1e-3 for m in made])
    assert (mirrored | same).all() and 160 < mirrored.sum() < 240  # 200 ± 4 standard deviations


def test_quarter_turns_of_a_square() -> None:
    square = np.random.default_rng(0).integers(0, 255, (1, 9, 9, 3), np.uint8)
    made = done({"quarter-turns": 1}, images=np.repeat(square, 100, 0))
    turned = [np.rot90(square[0], k) for k in range(4)]
    which = {k for m in made for k, t in enumerate(turned) if np.abs(m - t).max() < 1e-2}
    assert which == {0, 1, 2, 3}
    assert all(any(np.abs(m - t).max() < 1e-2 for t in turned) for m in made)


def test_a_shift_moves_by_the_share_that_was_drawn() -> None:
    ramp = np.tile(np.arange(0, 160, 10, dtype=np.uint8)[None, None, :, None], (1, 12, 1, 3))  # 10 a pixel
    drawn = draw({"shift": 0.25}, 1, SIZE, np.random.default_rng(1))
    across = float(drawn["transform"][0, 2])
    assert abs(across) <= 0.25 * 16
    made = np.asarray(apply(ramp, drawn))
    assert made[0, 5, 6, 0] - ramp[0, 5, 6, 0] == pytest.approx(10 * across, abs=0.05)


def test_zoom_and_rotation_leave_the_centre_where_it_is() -> None:
    drawn = draw({"zoom": 0.3, "rotation": 40, "shear": 15}, 50, SIZE, np.random.default_rng(0))["transform"].astype(float)
    x, y = 7.5, 5.5
    assert drawn[:, 0] * x + drawn[:, 1] * y + drawn[:, 2] == pytest.approx(np.full(50, x), abs=1e-4)
    assert drawn[:, 3] * x + drawn[:, 4] * y + drawn[:, 5] == pytest.approx(np.full(50, y), abs=1e-4)


def test_amounts_bound_what_is_drawn() -> None:
    rng = np.random.default_rng(0)
    turned = draw({"rotation": 30}, 2000, SIZE, rng)["transform"]
    angles = np.degrees(np.arctan2(turned[:, 3], turned[:, 0]))
    assert np.abs(angles).max() <= 30 and np.abs(angles).max() > 29
    scales = 1 / draw({"zoom": 0.2}, 2000, SIZE, rng)["transform"][:, 0]
    assert scales.min() >= 0.8 - 1e-6 and scales.max() <= 1.2 + 1e-6 and scales.std() > 0.1
    sheared = draw({"shear": 20}, 2000, SIZE, rng)["transform"][:, 1]
    assert np.abs(np.degrees(np.arctan(sheared))).max() <= 20


def test_light_by_hand() -> None:
    drawn = {"gain": np.array([1.5], np.float32), "offset": np.array([10.0], np.float32)}
    grey = np.full((1, 2, 2, 3), 100, np.uint8)
    import_tensorflow()
    assert np.asarray(apply(grey, drawn)) == pytest.approx((100 - 127.5) * 1.5 + 127.5 + 10)
    light = draw({"lighting": 0.2}, 1000, SIZE, np.random.default_rng(0))
    assert np.abs(light["gain"] - 1).max() <= 0.2 and np.abs(light["offset"]).max() <= 0.1 * 255
    assert done({"brightness": 0.5}, images=np.full((40, 2, 2, 3), 250, np.uint8)).max() <= 255


def test_cutout_blanks_a_square_of_its_side() -> None:
    made = done({"cutout": 4}, seed=2, images=np.full((200, *SIZE, 3), 200, np.uint8))
    blank = (made == 127.5).all(-1)
    assert (made[~blank] == 200).all()
    assert blank.sum((1, 2)).max() == 16 and blank.sum((1, 2)).min() >= 4  # at a corner a quarter of it is seen


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_each_operation_has_an_effect_and_follows_the_seed(name: str) -> None:
    amount = min(OPERATIONS[name].most, 8.0)
    many = np.repeat(IMAGE, 8, 0)
    one, same, other = (done({name: amount}, seed, many) for seed in (0, 0, 1))
    assert (one == same).all() and (one != other).any() and (np.abs(one - many).max((1, 2, 3)) > 1).any()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"swirl": 1}, "unknown augmentation 'swirl'. Choose: flip-horizontal"),
        ({"rotation": 200}, "rotation of 200 is out of bounds. Between 0 and 180"),
        ({"shift": 0}, "shift of 0 is out of bounds"),
        ({"cutout": 50}, "cutout of 50 is out of bounds. Between 0 and 11"),
    ],
)
def test_what_is_out_of_bounds_is_refused(asked: dict[str, float], message: str) -> None:
    with pytest.raises(TrainingError) as told:
        check_augmentation(asked, SIZE)
    assert message in str(told.value)


def test_the_preview_shows_what_training_would() -> None:
    recipe = changed(PRESETS["huber2020"].recipe, height=16, width=20, augmentation={"rotation": 90})
    pixels = np.random.default_rng(0).integers(0, 255, (2, 16, 20, 3), np.uint8)
    made = variants(PRESETS["huber2020"], recipe, pixels, 3)
    assert made.shape == (2, 3, 16, 20, 3) and made.dtype == np.uint8 and (made[:, 0] != made[:, 1]).any()
    inside = variants(PRESETS["hitta2023"], changed(recipe, augmentation={}), pixels, 3)
    assert (inside != pixels[:, None]).any()  # the network's own layers
    sheet = contact_sheet([scale_image(pixels[0], (48, 60)), pixels[1]], made)
    assert sheet.shape[0] > 2 * 120 and (sheet[26:146, :150] != 255).any()
