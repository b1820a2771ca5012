""".keras archives made to harm: refused in one message."""

from __future__ import annotations

import json
import shutil
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from core.errors import ModelFileError
from models.files import clean_copy
from tests.hostile.nets import KINDS, network, obj, refused, write_keras


def _append(path: Path, name: str, content: bytes = b"x", packing: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "a", packing) as archive:
        archive.writestr(name, content)


def _decoys(path: Path) -> None:
    for i in range(300):
        _append(path, f"d{i}/model.weights.h5")


def _encrypted(path: Path) -> None:
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    path.write_bytes(content)


def _lying_size(path: Path) -> None:
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 2**31)
    path.write_bytes(content)


def _renamed(old: bytes, new: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(path.read_bytes().replace(old, new))  # type: ignore[return-value]


ZIP: dict[str, Callable[[Path], Any]] = {
    "300 decoys": _decoys,
    "two configurations": lambda path: _append(path, "config.json", json.dumps(KINDS["Lambda"]).encode()),
    "two weights": lambda path: _append(path, "model.weights.h5"),
    "two sets of metadata": lambda path: _append(path, "metadata.json", b"{}"),
    "weights elsewhere": lambda path: _append(path, "x/model.weights.h5"),
    "weights of another case": lambda path: _append(path, "Model.weights.h5"),
    "another file": lambda path: _append(path, "assets/vocabulary.txt"),
    "a Python file": lambda path: _append(path, "__init__.py"),
    "a folder": lambda path: _append(path, "model.weights.h5/"),
    "a way out": lambda path: _append(path, "../out"),
    "a way out of Windows": lambda path: _append(path, "..\\out"),
    "an absolute path": lambda path: _append(path, "/etc/cron.d/x"),
    "a drive": lambda path: _append(path, "C:/x"),
    "a name with a null": lambda path: _append(path, "config.json\0.txt"),
    "a bomb": lambda path: _append(path, "zeros", bytes(60_000_000), zipfile.ZIP_DEFLATED),
    "another packing": lambda path: _append(path, "x", b"x" * 100, zipfile.ZIP_BZIP2),
    "encrypted": _encrypted,
    "a size that lies": _lying_size,
    "no configuration": _renamed(b"config.json", b"konfig.json"),
    "no weights": _renamed(b"model.weights.h5", b"model.weights.h4"),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-30]),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "nothing but a start": lambda path: path.write_bytes(b"PK\x03\x04"),
}


@pytest.mark.parametrize("kind", ZIP)
def test_archives(kind: str, base_h5: Path, tmp_path: Path) -> None:
    path = write_keras(tmp_path / "net.keras", base_h5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile does not like names twice either
        ZIP[kind](path)
    refused(path, tmp_path / "copy")


@pytest.mark.parametrize("within", ["the archive", "the weights"])
def test_a_large_network_that_packs_to_almost_nothing(within: str, base_h5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros in the archive or in HDF5, 60 times their packed size: a small file may hold them, a large one may not."""
    shutil.copyfile(base_h5, tmp_path / "w.h5")
    noise = np.random.default_rng(0).random(50_000).astype("f4")
    with h5py.File(tmp_path / "w.h5", "r+") as h5:
        h5.create_dataset("model_weights/out/more", data=noise)
        h5.create_dataset(
            "model_weights/out/zeros", data=np.zeros(3_000_000, "f4"), compression="gzip" if within == "the weights" else None
        )
    path = write_keras(tmp_path / "net.keras", tmp_path / "w.h5")
    assert clean_copy(path, tmp_path).clean
    monkeypatch.setattr("models.hdf5.LARGE_BYTES", 10**6)
    assert "would unpack to" in str(refused(path, tmp_path / "copy"))


def test_trained_weights_of_any_size_open(base_h5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.hdf5.LARGE_BYTES", 1)
    assert clean_copy(write_keras(tmp_path / "net.keras", base_h5), tmp_path).clean


CONFIGS: dict[str, bytes] = {
    "nothing": b"",
    "no object": b"[]",
    "null": b"null",
    "no UTF-8": b"\xff\xfe\x00",
    "no class": b"{}",
    "half": json.dumps(network()).encode()[:-9],
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"class_name":' * 20_000 + b"1" + b"}" * 20_000,
    "a huge number": b'{"class_name": "Functional", "config": {"name": 1' + b"0" * 5_000 + b"}}",
    "two values of one key": b'{"class_name": "Functional", "config": {}, "config": {"name": "Lambda"}}',
    "a class that is a number": b'{"class_name": 3, "config": {}}',
    "another network": json.dumps(obj("MyNetwork", "mine")).encode(),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_configurations(kind: str, base_h5: Path, tmp_path: Path) -> None:
    refused(write_keras(tmp_path / "net.keras", base_h5, CONFIGS[kind]), tmp_path / "copy")


def test_a_configuration_that_is_too_long(base_h5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.files.MAX_CONFIG_BYTES", 1_000)
    refused(write_keras(tmp_path / "net.keras", base_h5), tmp_path / "copy")


@pytest.mark.parametrize("behind", [b"", b" ", b"PK" * 30_000])
@pytest.mark.parametrize("long", [False, True])
def test_an_archive_of_very_many_files_is_refused_before_they_are_listed(
    long: bool, behind: bytes, base_h5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_keras(tmp_path / "net.keras", base_h5)
    content = path.read_bytes()
    at = content.rindex(b"PK\5\6")
    end = content[:at]
    if long:  # the short form lies
        end += struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 3, 3, 2**27, 0) + struct.pack("<4sIQI", b"PK\6\7", 0, at, 1)
    path.write_bytes(
        end + content[at : at + 12] + (content[at + 12 : at + 16] if long else struct.pack("<I", 2**27)) + content[at + 16 :] + behind
    )
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert "too many files" in str(refused(path, tmp_path / "copy"))


@pytest.mark.parametrize("behind", [b" ", b"PK" * 30_000])
def test_an_archive_with_something_behind_it_opens(behind: bytes, base_h5: Path, tmp_path: Path) -> None:
    path = write_keras(tmp_path / "net.keras", base_h5)
    path.write_bytes(path.read_bytes() + behind)
    assert clean_copy(path, tmp_path).clean


def test_a_long_archive_opens(base_h5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as one:
        one.setattr(zipfile, "ZIP64_LIMIT", 100)
        path = write_keras(tmp_path / "net.keras", base_h5)
    assert b"PK\6\7" in path.read_bytes() and clean_copy(path, tmp_path).clean


@pytest.mark.parametrize("weights", [b"", b"x" * 100, b"\x80\x04.", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_weights_that_are_none(weights: bytes, base_h5: Path, tmp_path: Path) -> None:
    refused(write_keras(tmp_path / "net.keras", base_h5, weights=weights), tmp_path / "copy")


@pytest.mark.parametrize("seed", range(15))
def test_damaged_archives_are_refused_or_copied(seed: int, base_h5: Path, tmp_path: Path) -> None:
    path = write_keras(tmp_path / "net.keras", base_h5)
    rng, content = np.random.default_rng(seed), bytearray(path.read_bytes())
    for at in rng.integers(4, len(content), 8):
        content[at] = rng.integers(256)
    path.write_bytes(content)
    try:
        clean_copy(path, tmp_path)
    except ModelFileError as error:
        assert "net.keras" in str(error)
