"""The same photograph again, in other light, turned, mirrored, cropped or written on; and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.runs import finish
from data_audit.aligning import agreement
from data_audit.likeness import SAME, same_photographs
from data_audit.neighbours import PARTNERS, candidates
from data_audit.traces import Trace, trace, unpacked
from demo.cohort import Cohort
from tests.truth.altering import CHANGES, PAIRS

N = 12
TRIED = ("gamma 1.6", "exposure − 1 stop", "turned 15°", "turned 90°", "mirrored", "crop 0.75", "crop 0.5", "JPEG 30", "watermark")
TWICE = ("warm cast, turned 15°", "mirrored, crop 0.75")


@pytest.fixture(scope="module")
def pictures(small_dataset: Path, small_cohort: Cohort) -> list[Image.Image]:
    """Of different lesions."""
    shots = [s for s in small_cohort.shots if s.view == 0][:N]
    return [Image.open(small_dataset / "images" / f"{s.image_id}.jpg").convert("RGB") for s in shots]


@pytest.fixture(scope="module")
def traces(pictures: list[Image.Image]) -> list[Trace]:
    return [trace(np.asarray(p)) for p in pictures]


def skin(rng: np.random.Generator, side: int = 128) -> np.ndarray:
    """A texture without any form in it."""
    coarse = Image.fromarray(rng.integers(90, 220, (side // 4, side // 4, 3), np.uint8))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("change", [*TRIED, *TWICE])
def test_the_same_photograph_is_found(pictures: list[Image.Image], traces: list[Trace], change: str, rng: np.random.Generator) -> None:
    altered = {**CHANGES, **PAIRS}[change]
    pairs = finish(same_photographs([*traces, *(trace(np.asarray(altered(p, rng))) for p in pictures)]))
    found = {(p.one, p.other) for p in pairs}
    assert len(found & {(k, k + N) for k in range(N)}) >= N - 1
    assert all(other - one == N for one, other in found)


def test_a_border_leaves_pairs_across_it_alone(traces: list[Trace]) -> None:
    twice = [*traces[:3], *traces[:3], traces[0]]
    across = {(p.one, p.other) for p in finish(same_photographs(twice, 3))}
    assert across == {(0, 3), (1, 4), (2, 5), (0, 6)}
    assert {(p.one, p.other) for p in finish(same_photographs(twice))} == across | {(3, 6)}


def test_a_trace_survives_its_bytes_and_two_mirrors(traces: list[Trace]) -> None:
    for kept in (traces[0], unpacked(b"")):
        again = unpacked(kept.packed()) if len(kept.grey) else kept
        np.testing.assert_array_equal(again.grey, kept.grey)
        np.testing.assert_array_equal(again.descriptors, kept.descriptors)
        np.testing.assert_allclose(again.points, kept.points, rtol=1e-3)
        np.testing.assert_allclose(np.cos(kept.mirrored.mirrored.points[:, 3]), np.cos(kept.points[:, 3]), atol=1e-4)
        np.testing.assert_array_equal(kept.mirrored.mirrored.descriptors, kept.descriptors)
    assert len(traces[0].packed()) == 2 + traces[0].grey.size + len(traces[0].points) * 59 <= 25_000


def test_a_mirrored_trace_is_the_trace_of_the_mirrored_photograph(rng: np.random.Generator) -> None:
    picture = skin(rng)
    here, there = trace(picture).mirrored, trace(picture[:, ::-1])
    gaps = np.abs(here.points[:, None, :3].astype(float) - there.points[None, :, :3]).max(axis=2)
    nearest = gaps.argmin(axis=1)
    met = gaps.min(axis=1) < 0.5
    assert met.mean() > 0.8
    differences = np.abs(here.descriptors[met].astype(int) - there.descriptors[nearest[met]]).mean(axis=1)
    assert np.median(differences) < 1 < np.abs(here.descriptors[met].astype(int) - here.mirrored.descriptors[met]).mean()


def test_detail_decides_not_form(rng: np.random.Generator) -> None:
    one, other = trace(skin(rng)), trace(skin(rng))
    assert agreement(one, one) == pytest.approx(1) and agreement(one, one.mirrored) < SAME and agreement(one, other) < SAME
    flat = trace(np.full((96, 128, 3), 120, np.uint8))
    assert not len(flat.points) and agreement(flat, flat) == -1 and finish(same_photographs([flat, flat])) == []
    assert finish(same_photographs([])) == []


def test_every_photograph_is_compared_with_few_others(rng: np.random.Generator) -> None:
    picture = skin(rng)
    many = [trace(picture)] * 30
    assert len(candidates_of(many)) <= 30 * PARTNERS
    [pair] = finish(same_photographs(many[:2]))
    assert (pair.one, pair.other) == (0, 1) and pair.correlation == pytest.approx(1)


def candidates_of(traces: list[Trace]) -> list[list[int]]:
    return finish(candidates(traces)).tolist()
