"""Model cards and policies made to harm."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.errors import CardError
from core.records import read_yaml
from models.card import make_card, read_card
from models.policy import read_policy

YAML: dict[str, str | bytes] = {
    "aliases": "name: &a x\nclasses: [*a, *a]\n",
    "a laugh": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "an anchor": "name: &a x\n",
    "a tag": "name: !!python/object/apply:os.system [true]\n",
    "a plain tag": "name: !!str x\n",
    "merged": "a: &a {x: 1}\nb:\n  <<: *a\n",
    "deep lists": "name: " + "[" * 5_000,
    "deep maps": "{a: " * 5_000,
    "too many values": "name: [" + "1," * 110_000 + "]\n",
    "too long": "name: " + "x" * 2**20,
    "no UTF-8": b"name: \xff\xfe",
    "a null": b"name: \x00",
    "no date": "name: 2020-13-45\n",
    "a huge number": "height: 1" + "0" * 5_000 + "\n",
    "a huge hexadecimal number": "height: 0x" + "f" * 5_000 + "\n",
    "a huge number of base 60": "height: 1" + ":1" * 400_000 + "\n",
    "a huge fraction of base 60": "height: 1" + ":1" * 400_000 + ".5\n",
    "a huge binary number": "height: 0b" + "1" * 20_000 + "\n",
    "a huge octal number": "height: 0" + "7" * 10_000 + "\n",
    "a number with underscores": "height: 1" + "_0" * 10_000 + "\n",
    "a fraction without end": "height: 0." + "3" * 900_000 + "\n",
    "two documents": "name: x\n---\nname: y\n",
    "a list": "- x\n",
}


@pytest.mark.parametrize("read", [read_card, read_policy])
@pytest.mark.parametrize("kind", YAML)
def test_cards_and_policies(kind: str, read: Callable[[Path], object], tmp_path: Path) -> None:
    path, content = tmp_path / "x.yaml", YAML[kind]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CardError, match=r"x\.yaml") as caught:
        read(path)
    assert len(str(caught.value)) < 1_500


def test_numbers_are_decimal_and_short(tmp_path: Path) -> None:
    """What YAML 1.1 takes for numbers of base 60, 8, 2, 16 and for dates is text, and so nothing is computed."""
    texts = ["1:30", "1:30.5", "010", "0x10", "0b1", "1_000", "2020-01-02", "9" * 30, "<<"]
    numbers: dict[str, object] = {"12": 12, "-0.5": -0.5, "1e-3": 0.001, "-.inf": -math.inf, "yes": True, "~": None}
    values = numbers | {text: text for text in texts}
    for written, meant in values.items():
        (tmp_path / "x.yaml").write_text(f"a: {written}\n")
        read = read_yaml(tmp_path / "x.yaml", "card", CardError)["a"]
        assert read == meant and type(read) is type(meant)


def test_a_card_that_is_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.yaml")
    with pytest.raises(CardError, match="not a file"):
        read_card(tmp_path / "x.yaml")


CARD: dict[str, Any] = {"name": "x", "classes": ["mel", "nv"], "height": 10, "width": 20}
TRAINING: dict[str, Any] = {
    "preset": "p",
    "source": "s",
    "recipe": {"split": {"by": "lesion"}},
    "dataset": "d",
    "dataset_sha256": "0",
    "images": {"train": {"mel": 3}},
    "left_out": {},
    "leaking": None,
    "versions": {},
    "epochs": 1,
    "chosen_epoch": 1,
    "curves": [{"loss": 0.5, "rate": None, "epoch": 1}],
    "test": {"accuracy": {"value": 0.5}},
    "overfitting": "",
}
LONG = "a" * 100_000
FIELDS: dict[str, dict[str, Any]] = {
    "a height that is true": {"height": True},
    "a height that is a text": {"height": "10"},
    "a height with a fraction": {"height": 10.0},
    "a class of 900 kB": {"classes": ["mel", LONG * 9]},
    "a class that is a number": {"classes": ["mel", 7]},
    "a class that is a list": {"classes": ["mel", ["nv"]]},
    "classes in one text": {"classes": "ab"},
    "too many classes": {"classes": [str(k) for k in range(1_001)]},
    "many classes twice": {"classes": ["a" * 199 + c for c in "bcdefghijklmno"] * 2},
    "a malignant class many times": {"malignant": ["mel"] * 1_001},
    "many malignant classes of none": {"malignant": [f"{'a' * 150}{k}" for k in range(500)]},
    "a guess many times": {"guessed": ["name"] * 101},
    "a long guess": {"guessed": ["a" * 19_000]},
    "a long licence": {"licence": LONG},
    "a long positive class": {"positive": "a" * 19_000},
    "a long unknown field": {LONG: 1},
    "a resizing that is a number": {"resize": 1},
    "a geometry that is long": {"resize": {"geometry": LONG}},
    "a scaling that is a number": {"scaling": 1},
    "a training with a long unknown field": {"training": TRAINING | {LONG: 1}},
    "a training without a split": {"training": TRAINING | {"recipe": {"split": 5}}},
    "a training split by a number": {"training": TRAINING | {"recipe": {"split": {"by": 5}}}},
    "epochs that are true": {"training": TRAINING | {"epochs": True}},
    "images that are texts": {"training": TRAINING | {"images": {"train": {"mel": "3"}}}},
    "a loss that is true": {"training": TRAINING | {"curves": [{"loss": True}]}},
    "a loss without end": {"training": TRAINING | {"curves": [{"loss": math.inf}]}},
    "a figure that is a text": {"training": TRAINING | {"test": {"accuracy": {"value": "0.5"}}}},
    "a figure with a long name": {"training": TRAINING | {"test": {LONG: {"value": 0.5}}}},
}


@pytest.mark.parametrize("kind", FIELDS)
def test_every_field_of_a_card_has_its_type_and_length(kind: str, tmp_path: Path) -> None:
    assert make_card(CARD | {"training": TRAINING}).training is not None
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(CARD | FIELDS[kind]))
    with pytest.raises(CardError, match=r"x\.yaml") as caught:
        read_card(tmp_path / "x.yaml")
    assert len(str(caught.value)) < 1_500


POLICY: dict[str, Any] = {"name": "x", "operator": "y", "source": "z", "malignant": "m", "bands": [{"benign_at_least": 0, "say": "a"}]}
BANDS: dict[str, dict[str, Any]] = {
    "a limit that is true": {"bands": [{"benign_at_least": True, "say": "a"}, {"benign_at_least": 0, "say": "b"}]},
    "a limit that is a text": {"bands": [{"benign_at_least": "0", "say": "a"}]},
    "a limit that is no number": {"bands": [{"benign_at_least": math.nan, "say": "a"}]},
    "too many bands": {"bands": [{"benign_at_least": (200 - k) / 200, "say": "a"} for k in range(201)]},
    "a long recommendation": {"malignant": LONG},
    "a long name": {"name": LONG},
    "a long source": {"source": LONG},
    "an operator that is a number": {"operator": 1},
    "a long unknown field": {LONG: 1},
}


@pytest.mark.parametrize("kind", BANDS)
def test_every_field_of_a_policy_has_its_type_and_length(kind: str, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(yaml.safe_dump(POLICY))
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(POLICY | BANDS[kind]))
    assert read_policy(tmp_path / "good.yaml").bands
    with pytest.raises(CardError, match=r"x\.yaml") as caught:
        read_policy(tmp_path / "x.yaml")
    assert len(str(caught.value)) < 1_500
