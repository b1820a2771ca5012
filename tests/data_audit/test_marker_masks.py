"""Marker masks of 16 bits, and of 8 as they were before; bits that stand for no marker are told."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import ImageError
from core.markers import MARKERS, Marker, marker_name, pack, plane, unknown_bits, unpack
from data_audit.markers.present import known_markers
from datasets.dataset import read_marker_mask
from imaging.decode import encode_png, read_bits
from workspace import Workspace


def test_bits_by_hand() -> None:
    """Ink is bit 0, hair bit 3, a black frame bit 7: 1 + 8 + 128."""
    one = np.array([[True, False]])
    bits = pack({"ink": one, "hair": one, "black_frame": ~one}, (1, 2))
    assert bits.dtype == np.uint16 and bits.tolist() == [[9, 128]]
    assert set(unpack(bits)) == {"ink", "hair", "black_frame"} and plane(bits, "hair").tolist() == [[True, False]]
    assert unknown_bits(np.array([[1 << 15 | 1]], np.uint16)) == (15,)


def test_masks_of_8_and_of_16_bits_are_read_alike(tmp_path: Path) -> None:
    """Written here by OpenCV alone, as another program would."""
    bits = np.zeros((5, 7), np.uint8)
    bits[1:3, 2:4] = 1 << MARKERS["ruler"].bit | 1 << MARKERS["gel_bubble"].bit
    cv2.imwrite(str(tmp_path / "old.png"), bits)
    cv2.imwrite(str(tmp_path / "new.png"), bits.astype(np.uint16))
    cv2.imwrite(str(tmp_path / "rgb.png"), np.dstack([bits] * 3))
    for name in ("old.png", "new.png", "rgb.png"):
        found = read_marker_mask(tmp_path / name)
        assert set(found) == {"ruler", "gel_bubble"}
        assert np.argwhere(found["ruler"]).tolist() == [[1, 2], [1, 3], [2, 2], [2, 3]]


def test_what_is_written_comes_back(tmp_path: Path, rng: np.random.Generator) -> None:
    masks = {key: rng.random((9, 11)) < 0.3 for key in MARKERS}
    (tmp_path / "all.png").write_bytes(encode_png(pack(masks, (9, 11))))
    found = read_marker_mask(tmp_path / "all.png")
    assert list(found) == list(MARKERS) and all((found[key] == masks[key]).all() for key in MARKERS)


def test_what_is_no_mask_is_refused_by_name(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ImageError, match=r"photo\.jpg: is not a PNG mask"):
        read_bits(tmp_path / "photo.jpg")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_black_and_white_mask_is_no_mask_of_every_marker(workspace: Workspace, kind: type) -> None:
    data = workspace.open_dataset("tiny")
    image_id, file = next(iter(data.marker_masks.items()))
    kept = (data.root / file).read_bytes()
    mask: np.ndarray = np.zeros((6, 8), kind)
    mask[2:4, 3:5] = np.iinfo(kind).max
    try:
        cv2.imwrite(str(data.root / file), mask)
        present, problems = known_markers(data)
    finally:
        (data.root / file).write_bytes(kept)
    assert not any(flags[data.table["image_id"] == image_id].any() for flags in present.values())
    (problem,) = problems
    assert problem.kind == "unreadable marker masks" and problem.rows == (image_id,)
    assert "1 marker mask cannot be used" in problem.summary and "is black and white" in problem.summary


def test_bits_that_stand_for_no_marker_are_told(workspace: Workspace) -> None:
    data = workspace.open_dataset("tiny")
    image_id, file = next(iter(data.marker_masks.items()))
    kept = (data.root / file).read_bytes()
    bits = read_bits(data.root / file)
    bits[0, 0] |= 1 << 13
    try:
        (data.root / file).write_bytes(encode_png(bits))
        _, problems = known_markers(data)
    finally:
        (data.root / file).write_bytes(kept)
    assert [(p.kind, p.rows) for p in problems] == [("unknown markers in masks", (image_id,))] and "(13)" in problems[0].summary


def test_a_row_says_what_it_must() -> None:
    with pytest.raises(ValueError, match="bits 0 to 15"):
        Marker("new", 16, "new", "new", "Is it new?")
    assert all(row.question.endswith("?") and row.name == marker_name(row.key) for row in MARKERS.values())
    written = ("ink", "sticker", "ruler", "hair", "dark_corner", "gel_border", "gel_bubble", "black_frame")  # in masks that are out there
    assert [MARKERS[key].bit for key in written] == list(range(8))


def test_every_marker_is_drawn_found_or_said_not_to_be() -> None:
    from data_audit.markers.detector import card
    from shortcuts.drawing import INSERTED

    assert set(card()["markers"]) == {key for key, row in MARKERS.items() if row.detector != "none"}
    assert set(INSERTED) == set(MARKERS) - {"black_frame"}  # which is no thing in the picture, but its end
