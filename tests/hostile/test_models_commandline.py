"""Hostile network files through the whole command line."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import h5py
import pytest
from typer.testing import CliRunner

from cli import app
from core.errors import LesionLensError, UnsafeModel
from models.files import file_sha256, inspect_file
from tests.hostile.nets import KINDS, PLACES, layer, network, obj, write_keras
from tests.hostile.test_hdf5 import cycle


def refused_by_the_command_line(path: Path, folder: Path) -> str:
    before = sorted(p for p in folder.rglob("*") if p != path)
    done = CliRunner().invoke(app, ["model", "show", str(path), "--workspace", str(folder / "none")])
    assert done.exit_code == 2 and isinstance(done.exception, SystemExit)
    assert done.output.count("Error:") == 1 and "Traceback" not in done.output and path.name in done.output
    assert sorted(p for p in folder.rglob("*") if p != path) == before
    return done.output


@pytest.mark.parametrize("kind", ["registered function", "Lambda", "vocabulary file"])
def test_a_foreign_object_on_the_command_line(kind: str, base_h5: Path, tmp_path: Path) -> None:
    net = network()
    PLACES["a layer"](net, KINDS[kind])
    assert "refused" in refused_by_the_command_line(write_keras(tmp_path / "net.keras", base_h5, json.dumps(net).encode()), tmp_path)


def test_a_cycle_on_the_command_line(base_h5: Path, tmp_path: Path) -> None:
    shutil.copyfile(base_h5, tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "r+") as h5:
        cycle(h5)
    assert "links to other data" in refused_by_the_command_line(tmp_path / "net.h5", tmp_path)


def test_a_pipe_on_the_command_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.h5")
    done = CliRunner().invoke(app, ["model", "show", str(tmp_path / "net.h5")])
    assert done.exit_code == 2 and "Traceback" not in done.output


@pytest.mark.slow
def test_a_network_far_larger_than_its_weights_on_the_command_line(base_h5: Path, tmp_path: Path) -> None:
    """Each layer is as wide as the weights allow, together they are not; and pictures grow inside the network."""
    for layers in (
        [layer("a", "Dense", "in", units=60_000), layer("b", "Dense", "a", units=60_000)],
        [layer("a", "UpSampling2D", "in", size=[3_000, 3_000])],
    ):
        net = network()
        net["config"]["layers"][1:] = [*layers, layer("out", "GlobalAveragePooling2D", layers[-1]["name"])]
        path = write_keras(tmp_path / "net.keras", base_h5, json.dumps(net).encode())
        assert "more memory" in refused_by_the_command_line(path, tmp_path)


def test_a_refused_file_names_no_more_than_three_reasons(base_h5: Path, tmp_path: Path) -> None:
    net = network()
    for i in range(20):
        PLACES["a layer"](net, obj(f"Mine{i}", "mine"))
    with pytest.raises(UnsafeModel, match="Mine") as caught:
        inspect_file(write_keras(tmp_path / "net.keras", base_h5, json.dumps(net).encode()))
    assert str(caught.value).count("custom object") == 3
    assert isinstance(caught.value, LesionLensError) and len(file_sha256(tmp_path / "net.keras")) == 64
