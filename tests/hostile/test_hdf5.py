"""HDF5 files made to harm: refused in one message, or copied without what does not belong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from core.errors import ModelFileError
from models.files import clean_copy
from tests.hostile.nets import KINDS, network, of, refused, write_h5


def _virtual(h5: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), np.float32)
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    h5.create_virtual_dataset("bad", layout)


def _unallocated(h5: h5py.File) -> None:
    h5.create_dataset("bad", (3_000_000,), "f4")


def cycle(h5: h5py.File) -> None:
    h5["model_weights/conv/loop"] = h5["model_weights"]


def _deep_groups(h5: h5py.File) -> None:
    group = h5
    for _ in range(80):
        group = group.create_group("g")


def _big_chunk(h5: h5py.File) -> None:
    h5.create_dataset("bad", data=np.ones(8, "f4"), chunks=(2**23,), maxshape=(None,), compression="gzip")


def _many_attributes(h5: h5py.File) -> None:
    for i in range(501):
        h5["model_weights/conv"].attrs[f"a{i}"] = 1


H5: dict[str, Callable[[h5py.File], Any]] = {
    "soft link": lambda h5: h5.__setitem__("bad", h5py.SoftLink("/model_weights")),
    "soft link to itself": lambda h5: h5.__setitem__("bad", h5py.SoftLink("/bad")),
    "soft link into nothing": lambda h5: h5.__setitem__("bad", h5py.SoftLink("/nowhere")),
    "external link": lambda h5: h5.__setitem__("bad", h5py.ExternalLink("/etc/passwd", "/")),
    "external link deep down": lambda h5: h5["model_weights/conv"].__setitem__("bad", h5py.ExternalLink("/dev/zero", "/")),
    "cycle": cycle,
    "cycle at the root": lambda h5: h5.__setitem__("bad", h5["/"]),
    "a group in two places": lambda h5: h5.__setitem__("bad", h5["model_weights/conv"]),
    "a tensor in two places": lambda h5: h5.__setitem__("bad", h5["model_weights/conv/kernel"]),
    "virtual": _virtual,
    "external storage": lambda h5: h5.create_dataset("bad", (4,), "f4", external=[("/etc/passwd", 0, 16)]),
    "texts": lambda h5: h5.create_dataset("bad", data=["a", "b"], dtype=h5py.string_dtype()),
    "fixed texts": lambda h5: h5.create_dataset("bad", data=np.array([b"a"])),
    "lists of any length": lambda h5: h5.create_dataset("bad", (2,), dtype=h5py.vlen_dtype("i4")),
    "records": lambda h5: h5.create_dataset("bad", (2,), dtype=[("a", "f4"), ("b", "i4")]),
    "references": lambda h5: h5.create_dataset("bad", data=[h5["model_weights"].ref], dtype=h5py.ref_dtype),
    "opaque bytes": lambda h5: h5.create_dataset("bad", data=np.void(b"\x80\x04.")),
    "arrays in an array": lambda h5: h5.create_dataset("bad", (2,), dtype=np.dtype(("f4", (3,)))),
    "a named type": lambda h5: h5.__setitem__("bad", np.dtype("f4")),
    "no content": lambda h5: h5.create_dataset("bad", data=h5py.Empty("f4")),
    "absent numbers": _unallocated,
    "a bomb": lambda h5: h5.create_dataset("bad", data=np.zeros(30_000_000, "u1"), compression="gzip", compression_opts=9),
    "a bomb without content": lambda h5: h5.create_dataset("bad", (2**40,), "f4", chunks=(2**20,), compression="gzip"),
    "many dimensions of nothing": lambda h5: h5.create_dataset("bad", (2**15,) * 4, "f8", chunks=(1, 1, 1, 1)),
    "a huge chunk": _big_chunk,
    "an unknown filter": lambda h5: h5.create_dataset("bad", data=np.ones(64, "i4"), scaleoffset=4),
    "deep groups": _deep_groups,
    "many attributes": _many_attributes,
    "a configuration that is a number": lambda h5: h5.attrs.__setitem__("model_config", 3),
    "a configuration that is a list": lambda h5: h5.attrs.__setitem__("model_config", np.array([b"{}", b"{}"])),
    "a configuration without end": lambda h5: h5.attrs.__setitem__("model_config", "[" * 50_000),
    "a configuration of one key twice": lambda h5: h5.attrs.__setitem__("model_config", '{"class_name": "Dense", "class_name": "Lambda"}'),
    "a configuration that is no UTF-8": lambda h5: h5.attrs.__setitem__("model_config", b"\xff\xfe{"),
    "no configuration": lambda h5: h5.attrs.__delitem__("model_config"),
    "names that are numbers": lambda h5: h5["model_weights"].attrs.__setitem__("layer_names", np.arange(3)),
    "names in a square": lambda h5: h5["model_weights"].attrs.__setitem__("layer_names", np.array([[b"a"], [b"b"]])),
    "names that are one": lambda h5: h5["model_weights/conv"].attrs.__setitem__("weight_names", 3.5),
}


@pytest.mark.parametrize("kind", H5)
def test_hdf5_files(kind: str, base_h5: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    shutil.copyfile(base_h5, path)
    with h5py.File(path, "r+") as h5:
        H5[kind](h5)
    refused(path, tmp_path / "copy")


def test_too_many_objects(base_h5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.hdf5.MAX_OBJECTS", 4)
    assert "objects" in str(refused(base_h5, tmp_path / "copy"))


@pytest.mark.parametrize("units", [10**6, 10**9, 2**62])
def test_layers_far_larger_than_the_weights(units: int, tmp_path: Path) -> None:
    net = network()
    of(net, "out")["config"]["units"] = units
    assert "units" in str(refused(write_h5(tmp_path / "net.h5", net), tmp_path / "copy"))


@pytest.mark.parametrize("seed", range(20))
def test_damaged_hdf5_files_are_refused_or_copied(seed: int, base_h5: Path, tmp_path: Path) -> None:
    rng, content = np.random.default_rng(seed), bytearray(base_h5.read_bytes())
    for at in rng.integers(8, len(content), 12):
        content[at] = rng.integers(256)
    path = tmp_path / "net.h5"
    path.write_bytes(content[: len(content) if seed % 2 else int(rng.integers(100, len(content)))])
    try:
        clean_copy(path, tmp_path)
    except ModelFileError as error:
        assert "net.h5" in str(error)


def test_the_copy_holds_what_keras_needs_and_nothing_else(base_h5: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    shutil.copyfile(base_h5, path)
    with h5py.File(path, "r+") as h5:
        h5.attrs["training_config"] = json.dumps(KINDS["os.system"])
        h5.create_dataset("optimizer_weights/x", data=np.ones(3))
        h5["model_weights"].attrs["note"] = "x"
        h5.create_dataset("model_weights/out/half", data=np.ones(3, "f2"))
    facts = clean_copy(path, tmp_path)
    with h5py.File(facts.clean) as new, h5py.File(path) as old:
        assert set(new.attrs) == {"model_config", "keras_version"} and set(new) == {"model_weights"}
        assert set(new["model_weights"].attrs) == {"layer_names"} and new["model_weights"].attrs["layer_names"].tolist() == [
            b"conv",
            b"out",
        ]
        np.testing.assert_array_equal(new["model_weights/out/kernel"], old["model_weights/out/kernel"])
        assert new["model_weights/out/half"].dtype == "f2"
