"""One pass over all pictures: what is measured, what is taken up again, and what broken files become."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from core.runs import finish
from data_audit.balancing import as_python, balancing, entropy
from data_audit.content import clusters, find_pairs, likeness_findings, quality_findings
from data_audit.evidence import Pairs
from data_audit.images import images_frame, write_images
from data_audit.likeness import Pair
from data_audit.markers.present import known_markers
from data_audit.quality import View, black_border, brightness, contrast, overexposed, sharpness, underexposed, unlike_skin
from data_audit.scan import scan_dataset
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from imaging.decode import decode, decode_at_least, encode_jpeg, encode_png, read_image


@pytest.fixture
def dataset(tmp_path: Path, small_dataset: Path) -> Dataset:
    shutil.copytree(small_dataset, tmp_path / "data")
    return open_dataset(tmp_path / "data")


def test_every_image_is_measured_in_the_order_of_the_table(dataset: Dataset, tmp_path: Path) -> None:
    scan = finish(scan_dataset(dataset, tmp_path / "scan.parquet", tmp_path / "markers"))
    assert list(scan.frame["image_id"]) == list(dataset.table["image_id"]) and scan.readable.all()
    image = dataset.read(dataset.table["image_id"][3])
    row = scan.frame.iloc[3]
    assert (row["height"], row["width"]) == image.shape[:2] and row["brightness"] == pytest.approx(brightness(View(image)), abs=1)
    grey = scan.traces[3].grey
    assert len(scan.traces) == len(dataset) and max(grey.shape) == 128 and abs(grey.mean() - View(image).grey.mean()) < 3


def test_a_second_run_reads_nothing_and_a_changed_file_is_read_again(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "scan.parquet"
    first = finish(scan_dataset(dataset, kept, tmp_path / "markers"))
    read: list[Path] = []
    from data_audit import scan as module

    measure = module._measure
    monkeypatch.setattr(module, "_measure", lambda path, mask: read.append(path) or measure(path, mask))  # type: ignore[func-returns-value]
    again = finish(scan_dataset(dataset, kept, tmp_path / "markers"))
    assert not read and again.frame.equals(first.frame) and [t.packed() for t in again.traces] == [t.packed() for t in first.traces]
    changed = dataset.path(dataset.table["image_id"][5])
    changed.write_bytes(encode_jpeg(np.full((90, 120, 3), 200, np.uint8)))
    assert finish(scan_dataset(dataset, kept, tmp_path / "markers")).frame["width"][5] == 120 and read == [changed]


def test_a_stopped_run_keeps_what_was_measured(dataset: Dataset, tmp_path: Path) -> None:
    run = scan_dataset(dataset, tmp_path / "scan.parquet", tmp_path / "markers")
    next(run)
    assert next(run)[0] == 16
    run.close()
    again = scan_dataset(dataset, tmp_path / "scan.parquet", tmp_path / "markers")
    assert next(again)[0] >= 16


def test_a_torn_file_of_measurements_is_measured_again(dataset: Dataset, tmp_path: Path) -> None:
    kept = tmp_path / "scan.parquet"
    whole = finish(scan_dataset(dataset, kept, tmp_path / "masks")).frame
    kept.write_bytes(kept.read_bytes()[:-40])
    pd.testing.assert_frame_equal(finish(scan_dataset(dataset, kept, tmp_path / "masks")).frame, whole)


def test_measurements_of_another_version_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from data_audit import scan as module

    kept = tmp_path / "scan.parquet"
    module._write(kept, {"a": {"image_id": "a", "trace": b""}})
    assert set(module.read_kept(kept)) == {"a"}
    monkeypatch.setattr(module, "_version", lambda: "2-of-before")
    assert module.read_kept(kept) == {}


def test_broken_files_are_findings_and_the_rest_goes_on(dataset: Dataset, tmp_path: Path) -> None:
    paths = [dataset.path(i) for i in dataset.table["image_id"]]
    paths[0].write_bytes(b"")
    paths[1].write_bytes(paths[1].read_bytes()[:3000])
    paths[2].write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    paths[3].unlink()
    scan = finish(scan_dataset(dataset, tmp_path / "scan.parquet", tmp_path / "markers"))
    assert (~scan.readable).nonzero()[0].tolist() == [0, 1, 2, 3]
    found = {f.kind: f for f in quality_findings(dataset, scan)}
    assert len(found["unreadable images"].image_ids) == 4
    pairs = finish(find_pairs(scan))
    assert not [p for p in pairs if p.one < 4 or p.other < 4]
    write_images(images_frame(dataset, scan), tmp_path / "images.parquet", {"dataset": "x"})
    assert len(pd.read_parquet(tmp_path / "images.parquet")) == len(dataset)


def test_copies_under_other_names_are_found_across_splits_and_diagnoses(dataset: Dataset, tmp_path: Path) -> None:
    from dataclasses import replace

    table = dataset.table.copy()
    ids = list(table["image_id"])
    table["split"] = ["train", "test"] * (len(ids) // 2) + ["train"] * (len(ids) % 2)
    lesions = table.drop_duplicates("lesion_id").index
    a, b = next((i, j) for i in lesions for j in lesions if table["diagnosis"][i] != table["diagnosis"][j] and (i - j) % 2)
    copied = np.ascontiguousarray(np.rot90(read_image(dataset.path(ids[a]))))  # type: ignore[arg-type]
    dataset.path(ids[b]).write_bytes(encode_jpeg(copied, 80))
    changed = replace(dataset, table=table, order=())
    scan = finish(scan_dataset(changed, tmp_path / "scan.parquet", tmp_path / "markers"))
    found = {f.kind: f for f in likeness_findings(changed, finish(find_pairs(scan)))}
    for kind in ("the same photograph in several splits", "the same photograph with two diagnoses", "duplicate photographs"):
        pairs = found[kind].evidence
        assert isinstance(pairs, Pairs)
        best = max(pairs.pairs, key=lambda p: p.correlation)
        assert {best.one, best.other} == {ids[a], ids[b]} and best.correlation > 0.9
    assert (
        found["the same photograph in several splits"].severity == "grave"
        and "1 of" in found["the same photograph in several splits"].summary
    )


def test_different_drawings_are_not_called_the_same(dataset: Dataset, tmp_path: Path) -> None:
    scan = finish(scan_dataset(dataset, tmp_path / "scan.parquet", tmp_path / "markers"))
    assert not likeness_findings(dataset, finish(find_pairs(scan)))


def test_clusters_join_chains() -> None:
    number = clusters([Pair(0, 1, 1.0), Pair(1, 3, 0.9)], 5)
    assert number[0] == number[1] == number[3] and len(set(number)) == 3


def test_known_markers_are_counted_and_broken_masks_told(dataset: Dataset) -> None:
    found, problems = known_markers(dataset)
    for marker, flags in found.items():
        assert flags.sum() == sum(marker in dataset.markers(i) for i in dataset.table["image_id"])
    assert "hair" in found and not problems
    broken = dataset.table["image_id"][2]
    (dataset.root / dataset.marker_masks[broken]).write_bytes(b"nothing")
    _, problems = known_markers(dataset)
    assert problems[0].rows == (broken,)


def test_quality_by_hand() -> None:
    plain = np.full((100, 120, 3), 128, np.uint8)
    grey = View(plain)
    assert contrast(grey) == pytest.approx(0, abs=1e-4) and sharpness(grey) == 0
    assert brightness(grey) == pytest.approx(53.6, abs=0.2) and unlike_skin(grey) == 1
    half = plain.copy()
    half[:50] = 255
    half[50:60] = 0
    assert overexposed(View(half)) == pytest.approx(0.5) and underexposed(View(half)) == pytest.approx(0.1)
    checks = (np.indices((100, 120)).sum(0) % 8 < 4)[..., None].repeat(3, 2) * np.uint8(90) + np.uint8(80)
    assert sharpness(View(checks)) > 2 * sharpness(View(cv2.GaussianBlur(checks, (0, 0), 2)))
    skin = np.full((60, 60, 3), (222, 180, 150), np.uint8)
    skin[:15] = (60, 120, 220)  # a quarter is sky
    assert unlike_skin(View(skin)) == pytest.approx(0.25, abs=0.01)
    framed = cv2.copyMakeBorder(checks, 10, 0, 30, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    border = black_border(View(framed))
    assert (border.top, border.bottom, border.right) == (10 / 110, 0, 0) and border.left == 30 / 150
    assert border.share == pytest.approx(1 - (100 / 110) * (120 / 150))


def test_weights_by_hand() -> None:
    table = balancing(pd.DataFrame({"diagnosis": ["nv", "mel"], "images": [900, 100]}), beta=0.99)
    np.testing.assert_allclose(table["inverse frequency"], [1000 / 1800, 1000 / 200])
    effective = [(1 - 0.99**900) / 0.01, (1 - 0.99**100) / 0.01]
    np.testing.assert_allclose(table["effective images"], effective)
    weights = 1 / np.array(effective)
    np.testing.assert_allclose(table["effective number"], weights / weights.mean())
    assert table["undersample"].tolist() == [100, 100] and table["oversample"].tolist() == [900, 900]
    assert as_python(table, "prior") == "{'nv': 0.9, 'mel': 0.1}"
    assert entropy(np.array([5, 5])) == pytest.approx(1) and entropy(np.array([5])) == 0


def test_reduced_decoding_is_large_enough_upright_and_alike(rng: np.random.Generator) -> None:
    coarse = cv2.resize(rng.integers(0, 255, (12, 16, 3), np.uint8), (1600, 1200), interpolation=cv2.INTER_CUBIC)
    data = encode_jpeg(coarse, 92)
    small = decode_at_least(data, 256)
    assert small.shape == (300, 400, 3) and decode_at_least(data, 1600).shape == (1200, 1600, 3)
    whole = cv2.resize(decode(data), (400, 300), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - whole).mean() < 3
    assert decode_at_least(encode_png(coarse), 256).shape == (1200, 1600, 3)


def test_an_empty_dataset_is_audited(dataset: Dataset, tmp_path: Path) -> None:
    from dataclasses import replace

    from data_audit.audit import audit_dataset
    from reports.audit_report import audit_html

    empty = replace(dataset, table=dataset.table.iloc[:0], order=())
    audit = finish(audit_dataset(empty, tmp_path / "out"))
    assert not audit.findings and len(pd.read_parquet(tmp_path / "out" / "images.parquet")) == 0
    assert "These checks found nothing" in audit_html(empty, audit)
