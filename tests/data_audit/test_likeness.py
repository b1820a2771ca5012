"""The same photograph again, however it was resized, re-encoded, turned, mirrored or cropped; and no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from data_audit.likeness import NEAR, SAME, agreement, fingerprint, near_pairs, same_photographs, small_picture
from imaging.decode import decode, encode_jpeg, read_image

CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "smaller": lambda x: cv2.resize(x, (x.shape[1] // 2, x.shape[0] // 2), interpolation=cv2.INTER_AREA),
    "jpeg": lambda x: decode(encode_jpeg(x, 60)),
    "mirror": lambda x: x[:, ::-1],
    "quarter turn": np.rot90,
    "half turn": lambda x: np.rot90(x, 2),
    "crop": lambda x: x[x.shape[0] // 20 : -(x.shape[0] // 20), x.shape[1] // 20 : -(x.shape[1] // 20)],
    "crop of one side": lambda x: x[:, x.shape[1] // 20 :],
    "mirrored crop": lambda x: x[x.shape[0] // 20 : -(x.shape[0] // 20), x.shape[1] // 20 : -(x.shape[1] // 20)][:, ::-1],
}


@pytest.fixture(scope="module")
def pictures(small_dataset: Path) -> list[np.ndarray]:
    return [read_image(p) for p in sorted((small_dataset / "images").iterdir())[:30]]


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_photograph_is_found(pictures: list[np.ndarray], change: str) -> None:
    copies = [CHANGES[change](x) for x in pictures]
    smalls = np.stack([small_picture(np.ascontiguousarray(x)) for x in [*pictures, *copies]])
    *_, (done, total, pairs) = same_photographs(smalls)
    found = {(p.one, p.other) for p in pairs}
    n = len(pictures)
    assert done == total and len(found & {(k, k + n) for k in range(n)}) >= 0.95 * n


def test_turns_leave_the_fingerprint_alone(pictures: list[np.ndarray]) -> None:
    small = small_picture(pictures[0])
    for turned in (small[:, ::-1], np.rot90(small), np.rot90(small, 2)):
        np.testing.assert_allclose(fingerprint(np.ascontiguousarray(turned)), fingerprint(small), atol=0.05)


def test_flat_pictures_agree_with_nothing() -> None:
    flat = np.full((64, 64, 3), 120, np.uint8)
    assert agreement(flat, flat) < SAME


def test_near_pairs_are_all_pairs_that_are_near(rng: np.random.Generator) -> None:
    prints = rng.normal(0, 6, (400, 36)).astype(np.float32)
    prints[200:260] = prints[:60] + rng.normal(0, 1.2, (60, 36))
    distance = np.linalg.norm(prints[:, None].astype(float) - prints[None], axis=2)
    expected = {(i, j) for i, j in np.argwhere(distance <= NEAR).tolist() if i < j}
    assert {tuple(sorted(p)) for p in near_pairs(prints, NEAR).tolist()} == expected and len(expected) > 30
    assert near_pairs(prints[:1], NEAR).shape == (0, 2)
