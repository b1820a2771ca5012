"""A dataset explained and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from explain.cam import cam
from explain.run import MapWriter, explain_files, read_maps
from imaging.decode import read_image
from models.classifier import open_classifier


def test_maps_survive_being_kept(tmp_path: Path, rng: np.random.Generator) -> None:
    maps = (rng.standard_normal((3, 5, 6)) * [[[1e-6]], [[1]], [[1e5]]]).astype(np.float32)
    maps[1] = 0
    writer = MapWriter(tmp_path / "e.parquet", {"model_sha256": "ab"})
    writer.write(["a", "b"], "grad-cam", "conv", ["mel", "nv"], maps[:2])
    assert not (tmp_path / "e.parquet").exists()
    writer.write(["c"], "grad-cam", "conv", ["nv"], maps[2:])
    writer.close()
    for (image_id, target, back), wanted, name in zip(read_maps(tmp_path / "e.parquet"), maps, "abc", strict=True):
        assert (image_id, target) == (name, "mel" if name == "a" else "nv")
        np.testing.assert_allclose(back, wanted, atol=1e-3 * np.abs(wanted).max() + 1e-30)
    assert b"model_sha256" in pq.read_schema(tmp_path / "e.parquet").metadata[b"lesionlens"]


def test_files_are_explained_in_order_and_broken_ones_named(tmp_path: Path, honest: Path, small_dataset: Path) -> None:
    classifier = open_classifier(honest)
    paths = sorted((small_dataset / "images").iterdir())[:5]
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    batches = list(explain_files(classifier, [*paths[:2], tmp_path / "broken.jpg", *paths[2:]], "grad-cam", "mel", batch=4))
    rows = [r for b in batches for r in b.rows]
    assert rows == [0, 1, 3, 4, 5] and list(batches[0].errors) == [2]
    expected = cam(classifier, classifier.prepare([read_image(p) for p in paths]), np.full(5, 4))[1]
    np.testing.assert_allclose(np.concatenate([b.maps for b in batches]), expected, atol=1e-5)
    assert {t for b in batches for t in b.targets} == {"mel"}


def test_without_a_target_each_decision_is_explained(honest: Path, small_dataset: Path) -> None:
    classifier = open_classifier(honest)
    paths = sorted((small_dataset / "images").iterdir())[:6]
    batch = next(iter(explain_files(classifier, paths, "grad-cam")))
    assert batch.targets == [classifier.card.classes[k] for k in batch.prediction.logits.argmax(1)]


@pytest.mark.parametrize("keep", [True, False])
def test_a_run_that_ends_early_leaves_no_half_file(tmp_path: Path, keep: bool) -> None:
    writer = MapWriter(tmp_path / "e.parquet", {})
    writer.close(keep)
    assert [p.name for p in tmp_path.iterdir()] == (["e.parquet"] if keep else [])
