"""Filling, drawing, controls and the lesion: what an experiment is made of."""

from __future__ import annotations

import numpy as np
import pytest

from core.markers import EVERYWHERE
from demo.drawing.photograph import draw_photograph
from shortcuts.controls import colour_difference, elsewhere, scrambled
from shortcuts.donors import Donors
from shortcuts.dose import Dose
from shortcuts.drawing import INKS, INSERTED, draw_marker
from shortcuts.experiment import Impossible, Subject, Trial, insertion, removal, trials
from shortcuts.filling import FILLINGS, fill, widened
from shortcuts.lesion import segment_lesion

SKIN = (205, 160, 140)


def flat(size: tuple[int, int] = (96, 128)) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 3, (*size, 3))
    return np.clip(np.array(SKIN) + noise, 0, 255).astype(np.uint8)


def disc(size: tuple[int, int], x: float, y: float, r: float) -> np.ndarray:
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.hypot(columns - x, rows - y) <= r


LESION = disc((96, 128), 64, 48, 16)


@pytest.mark.parametrize("way", list(FILLINGS))
def test_what_was_covered_is_skin_again_and_nothing_else_changes(way: str) -> None:
    clean = flat()
    mask = disc((96, 128), 30, 30, 7)
    marked = clean.copy()
    marked[mask] = (90, 50, 130)
    rim = widened(mask)
    filled = fill(marked, rim, way, np.random.default_rng(1))
    np.testing.assert_array_equal(filled[~rim], marked[~rim])
    assert colour_difference(filled, clean, mask) < 6 < 40 < colour_difference(marked, clean, mask)
    assert rim.sum() > mask.sum() and fill(marked, np.ones_like(mask), way, np.random.default_rng(1)) is not None
    np.testing.assert_array_equal(fill(marked, np.zeros_like(mask), way, np.random.default_rng(1)), marked)


def test_skin_texture_is_kept_by_the_filling_made_for_it() -> None:
    clean, mask = flat(), disc((96, 128), 30, 60, 9)
    spread = {way: fill(clean, mask, way, np.random.default_rng(2))[mask].astype(float).std(axis=0).mean() for way in FILLINGS}
    assert spread["skin"] > 1.5 * spread["telea"] and spread["skin"] == pytest.approx(clean[mask].astype(float).std(axis=0).mean(), rel=0.3)


def test_elsewhere_is_the_same_shape_at_the_same_distance_on_clean_skin() -> None:
    mask = disc((96, 128), 34, 48, 6)
    taken = LESION | disc((96, 128), 64, 16, 10)
    for seed in range(12):
        place = elsewhere(mask, (64, 48), taken, np.random.default_rng(seed))
        assert place is not None and not (place & (taken | mask)).any()
        assert place.sum() == pytest.approx(mask.sum(), rel=0.08)
        y, x = np.nonzero(place)
        assert np.hypot(x.mean() - 64, y.mean() - 48) == pytest.approx(30, abs=1)
    assert elsewhere(mask, (64, 48), ~mask, np.random.default_rng(0)) is None


def test_a_mark_along_the_border_is_mirrored() -> None:
    border = np.zeros((96, 128), bool)
    border[2:5, 4:124] = True
    place = elsewhere(border, (64, 48), LESION, np.random.default_rng(0))
    assert place is not None and place[91:95].sum() > 0.95 * border.sum(), "at the opposite border"


def test_a_scrambled_change_is_as_strong_and_only_where_it_should_be() -> None:
    image = flat()
    drawn = draw_marker(image, Dose("ink", "cross", "purple", size=1.5, at=(0.2, 0.3)), LESION, np.random.default_rng(3))
    assert drawn is not None
    marked, mask = drawn
    place = elsewhere(mask, (64, 48), LESION, np.random.default_rng(4))
    assert place is not None
    control = scrambled(image, marked, mask, place, np.random.default_rng(5))
    np.testing.assert_array_equal(control[~place], image[~place])
    wanted = colour_difference(image, marked, mask)
    assert colour_difference(image, control, place) == pytest.approx(wanted, rel=0.05)
    assert (control.astype(int) - image)[place].mean() > 0.5 * (marked.astype(int) - image)[mask].mean(), "no mean darkening left"
    assert not np.array_equal(control, scrambled(image, marked, mask, place, np.random.default_rng(6)))


@pytest.mark.parametrize("marker", list(INSERTED))
def test_a_marker_is_drawn_where_its_mask_says_and_clears_the_lesion(marker: str) -> None:
    image = flat()
    drawn = draw_marker(image, Dose(marker), LESION, np.random.default_rng(7))
    assert drawn is not None
    marked, mask = drawn
    changed = np.abs(marked.astype(int) - image).sum(axis=-1)
    assert mask.any() and changed[mask].mean() > 12 * changed[~mask].mean() - 1e-9
    if marker not in EVERYWHERE:
        assert not (mask & LESION).any()
    np.testing.assert_array_equal(draw_marker(image, Dose(marker), LESION, np.random.default_rng(7))[0], marked)  # type: ignore[index]


@pytest.mark.parametrize("marker", list(INSERTED))
def test_size_and_strength_have_an_effect(marker: str) -> None:
    image = flat()

    def put(**dose: float) -> tuple[np.ndarray, np.ndarray]:
        drawn = draw_marker(image, Dose(marker, at=(0.25, 0.5), **dose), None, np.random.default_rng(8))  # type: ignore[arg-type]
        assert drawn is not None
        return drawn

    assert put(size=1.6)[1].sum() > 1.2 * put(size=0.5)[1].sum()
    strong, weak = (np.abs(put(strength=s)[0].astype(int) - image).sum() for s in (0.9, 0.3))
    assert strong > 1.6 * weak


def test_kinds_and_colours_have_an_effect() -> None:
    pictures = {
        (kind, colour): draw_marker(flat(), Dose("ink", kind, colour, at=(0.3, 0.3)), None, np.random.default_rng(1))[0].tobytes()  # type: ignore[index]
        for kind in INSERTED["ink"].kinds
        for colour in INKS
    }
    assert len(set(pictures.values())) == 16


@pytest.mark.parametrize("kind", INSERTED["sticker"].kinds)
def test_a_dose_looks_alike_at_every_resolution(kind: str) -> None:
    small, large = (
        draw_marker(flat(size), Dose("sticker", kind, at=(0.5, 0.5)), None, np.random.default_rng(2))[1].mean()  # type: ignore[index]
        for size in ((96, 128), (480, 640))
    )
    assert small == pytest.approx(large, rel=0.1)
    areas = {"round": np.pi, "square": 1.5**2, "strip": 2 * 0.8}  # of a sticker of half size 1
    assert large == pytest.approx(areas[kind] * (0.17 * 480) ** 2 / (480 * 640), rel=0.03)


def test_a_ruler_on_plastic_has_its_ticks_on_a_pale_plate() -> None:
    drawn = draw_marker(flat(), Dose("ruler", "on plastic", strength=1.0, at=(0.5, 0.3)), None, np.random.default_rng(3))
    assert drawn is not None
    inside = drawn[0][drawn[1]].mean(axis=-1)
    assert np.median(inside) > 220 and np.percentile(inside, 2) < 80


def test_no_room_is_said() -> None:
    full = np.ones((96, 128), bool)
    assert draw_marker(flat(), Dose("ink"), full, np.random.default_rng(0)) is None
    told = insertion(Subject(flat(), full, {}), Dose("ink"), np.random.default_rng(0))
    assert isinstance(told, Impossible) and told.reason == "no room beside the lesion"
    nowhere = insertion(Subject(flat(), LESION, {}), Dose("black_frame"), np.random.default_rng(0))
    assert isinstance(nowhere, Impossible) and "cannot draw" in nowhere.reason
    most = removal(Subject(flat(), LESION, {"hair": full}), "hair", "telea", np.random.default_rng(0))
    assert isinstance(most, Impossible) and "more than 50%" in most.reason
    hair = removal(Subject(flat(), LESION, {"hair": LESION}), "hair", "telea", np.random.default_rng(0))
    assert isinstance(hair, Impossible) and "no clean skin is left" in hair.reason


def test_a_like_photograph_lends_its_skin_where_none_is_left() -> None:
    """Hair lies everywhere: the same places of another photograph are filled the same way, and it is compared with itself."""
    hair, other = disc((96, 128), 20, 20, 6), np.full((96, 128, 3), 180, np.uint8)
    asked: list[str] = []

    def lender(marker: str) -> Subject:
        asked.append(marker)
        return Subject(other, None, {})

    trial = removal(Subject(flat(), LESION, {"hair": hair}), "hair", "telea", np.random.default_rng(0), lender=lender)
    assert isinstance(trial, Trial) and asked == ["hair"] and trial.lent is other
    assert (trial.place & hair).sum() == hair.sum() and np.abs(trial.control.astype(int) - 180).max() <= 3
    donors = Donors({"nv": [Subject(flat(), None, {"hair": hair})], "mel": [Subject(other, None, {})]})
    lent = donors.lend("hair", "nv", np.random.default_rng(0))
    assert lent is not None and lent.image is other, "one of another diagnosis, where all of the same bear the marker"
    assert donors.lend("ink", "nv", np.random.default_rng(0)) is donors.subjects["nv"][0]
    assert Donors({"nv": [Subject(flat(), None, {"hair": hair})]}).lend("hair", "nv", np.random.default_rng(0)) is None


def test_where_no_turn_fits_as_many_pixels_of_another_shape_do() -> None:
    """A bar across the picture has no second place of its shape beside a lesion and a frame of other marks."""
    bar, taken = np.zeros((96, 128), bool), LESION.copy()
    bar[4:10, :] = True
    taken[:, 100:] = taken[88:] = True
    place = elsewhere(bar, (64, 48), taken, np.random.default_rng(0))
    assert place is not None and place.sum() == bar.sum() and not (place & (bar | taken)).any()
    out = np.hypot(*(np.array(np.nonzero(place)).mean(axis=1) - (48, 64)))
    assert out > 20, "beside the lesion, not next to its middle"
    assert elsewhere(bar, (64, 48), np.ones((96, 128), bool), np.random.default_rng(0)) is None


def test_what_is_there_is_taken_away_and_what_is_not_is_put_in() -> None:
    ink = disc((96, 128), 30, 48, 5)
    image = flat()
    image[ink] = (90, 50, 130)
    found = trials(Subject(image, LESION, {"ink": ink}), ["ink", "sticker"], "telea", np.random.default_rng(0))
    assert [(t.marker, t.direction) for t in found] == [("ink", "removal"), ("sticker", "insertion")]
    away = found[0]
    assert isinstance(away, Trial) and away.on_lesion == 0
    assert colour_difference(away.changed, flat(), ink) < 6
    np.testing.assert_array_equal(away.control[ink], image[ink])


@pytest.mark.parametrize(("diagnosis", "tone"), [("nv", "II"), ("mel", "I"), ("bkl", "III"), ("bcc", "II"), ("nv", "V"), ("mel", "VI")])
def test_a_lesion_is_found_by_its_colour(diagnosis: str, tone: str) -> None:
    shares = []
    for seed in range(8):
        photograph = draw_photograph(diagnosis, tone, 50 + seed, wanted=("ink",))
        found = segment_lesion(photograph.image, photograph.markers["ink"])
        shares.append(0.0 if found is None else (found & photograph.lesion).sum() / (found | photograph.lesion).sum())
    assert np.median(shares) > 0.6, shares


def test_plain_skin_has_no_lesion() -> None:
    assert segment_lesion(np.full((90, 120, 3), SKIN, np.uint8)) is None
    assert segment_lesion(np.zeros((90, 120, 3), np.uint8)) is None
