"""A dataset explained and kept."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.errors import WriteError
from core.runs import Run, finish
from explain.cam import cam
from explain.map_file import MapWriter, read_maps
from explain.run import Explained, Request, explain_dataset, explain_files
from imaging.decode import read_image
from models.classifier import open_classifier
from models.predictions import read_predictions

Begun = tuple[Callable[..., Run[Explained]], dict[str, Path]]  # begins a run into a folder; its files


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
    files = [*paths[:2], tmp_path / "broken.jpg", *paths[2:]]
    batches = list(explain_files(classifier, files, Request("grad-cam", "mel"), batch=4))
    rows = [r for b in batches for r in b.rows]
    assert rows == [0, 1, 3, 4, 5] and list(batches[0].errors) == [2]
    expected = cam(classifier, classifier.prepare([read_image(p) for p in paths]), np.full(5, 4))[1]
    np.testing.assert_allclose(np.concatenate([b.maps[:, 0] for b in batches]), expected, atol=1e-4)
    assert {int(t) for b in batches for t in b.targets.ravel()} == {4}


def test_without_a_target_each_decision_is_explained_and_all_explains_every_class(honest: Path, small_dataset: Path) -> None:
    classifier = open_classifier(honest)
    paths = sorted((small_dataset / "images").iterdir())[:6]
    batch = next(iter(explain_files(classifier, paths, Request("grad-cam"))))
    decided = batch.prediction.logits.argmax(1)
    np.testing.assert_array_equal(batch.targets[:, 0], decided)
    every = next(iter(explain_files(classifier, paths, Request("grad-cam", "all"))))
    assert every.maps.shape[:2] == (6, 7)
    np.testing.assert_allclose(every.maps[np.arange(6), decided], batch.maps[:, 0], atol=1e-4)
    slow = next(iter(explain_files(classifier, paths[:1], Request("gradient", "all"))))
    assert slow.maps.shape == (1, 7, 96, 96) and np.abs(slow.maps[0, 0] - slow.maps[0, 1]).max() > 0


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, honest: Path, small_dataset: Path) -> Begun:
    """Explain the small dataset in parts of two batches of 8; one file is broken."""
    monkeypatch.setattr("explain.run.SAVE_EVERY", 2)
    monkeypatch.setattr("explain.run.BATCH", 8)
    monkeypatch.setattr("explain.run.explain_files.__defaults__", (8,))
    classifier = open_classifier(honest)
    files = {p.stem: p for p in sorted((small_dataset / "images").iterdir())}
    broken = small_dataset / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff")
    files = {**dict(list(files.items())[:10]), "broken": broken, **dict(list(files.items())[10:])}
    return lambda out, target=None: explain_dataset(classifier, files, {"model_sha256": "ab"}, out, Request("grad-cam", target)), files


def test_a_killed_run_goes_on_where_it_stopped_and_gives_the_same(tmp_path: Path, run: Begun) -> None:
    begin, files = run
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole = finish(begin(tmp_path / "whole"))
    killed = begin(tmp_path / "killed")
    for _ in range(4):
        next(killed)
    killed.close()
    assert not list((tmp_path / "killed").glob("*.parquet"))  # nothing that looks finished
    again = begin(tmp_path / "killed")
    assert next(again)[0] == 16  # one part of two batches was done
    resumed = finish(again)
    assert resumed == whole and whole.images == len(files) - 1 and list(whole.errors) == ["broken"]
    for name in ("explanations", "embeddings", "predictions"):
        one, two = (pq.read_table(tmp_path / d / f"{name}.parquet") for d in ("whole", "killed"))
        assert one.equals(two) and one.num_rows == len(files) - 1
    assert not [p for p in (tmp_path / "killed").iterdir() if p.name.startswith(".")]


def test_the_kept_scores_are_the_classifiers(tmp_path: Path, run: Begun, honest: Path) -> None:
    begin, files = run
    finish(begin(tmp_path))
    table = read_predictions(tmp_path / "predictions.parquet")
    classifier = open_classifier(honest)
    scores = classifier.predict(classifier.prepare([read_image(files[i]) for i in table.image_ids[:3]]))
    np.testing.assert_allclose(table.probabilities[:3], scores.probabilities, atol=1e-6)
    vectors = np.stack(pq.read_table(tmp_path / "embeddings.parquet")["embedding"].to_numpy())
    np.testing.assert_allclose(vectors[:3], scores.embedding, atol=1e-5)  # type: ignore[arg-type]
    assert table.about["model_sha256"] == "ab" and list(table.errors) == ["broken"]


def test_a_run_that_ends_early_leaves_no_half_file(tmp_path: Path) -> None:
    MapWriter(tmp_path / "gone.parquet", {}).discard()
    MapWriter(tmp_path / "kept.parquet", {}).close()
    assert [p.name for p in tmp_path.iterdir()] == ["kept.parquet"]


@pytest.mark.parametrize("writer", ["write_table", "write_batch"])
def test_a_full_disk_ends_in_a_message_and_the_run_goes_on_later(
    tmp_path: Path, run: Begun, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    begin, files = run

    def full(*given: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(pq.ParquetWriter, writer, full)
        with pytest.raises(WriteError, match="No space left on device.*Free some space"):
            finish(begin(tmp_path))
    assert not [p for p in tmp_path.rglob("*.parquet") if "part" in p.name or p.parent == tmp_path]
    assert finish(begin(tmp_path)).images == len(files) - 1
