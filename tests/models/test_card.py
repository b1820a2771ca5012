"""Model cards: what they may say, and what is guessed without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import CardError
from models.card import ModelCard, guess_card, make_card, read_card, write_card
from models.files import FileFacts

GOOD = {"name": "x", "classes": ["mel", "nv"], "height": 10, "width": 20}


def test_a_card_survives_being_written(tmp_path: Path) -> None:
    card = make_card({**GOOD, "malignant": ["mel"], "limits": "Größe: unbekannt", "guessed": ["scaling"]})
    write_card(card, tmp_path / "x.card.yaml")
    assert read_card(tmp_path / "x.card.yaml") == card


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ["mel", "mel"]}, "more than once: mel"),
        ({"classes": ["mel"]}, "classes"),
        ({"scaling": "0-1"}, "scaling"),
        ({"height": 0}, "height"),
        ({"positive": "bcc"}, "not one of the classes"),
        ({"malignant": ["bcc"]}, "bcc"),
        ({"output": "sigmoid", "classes": ["a", "b", "c"]}, "two classes"),
        ({"colour": "rgb"}, "colour"),
        ({"guessed": ["shape"]}, "shape"),
    ],
)
def test_a_card_that_contradicts_itself_names_the_field(change: dict, message: str) -> None:
    with pytest.raises(CardError, match=message):
        make_card({**GOOD, **change})


@pytest.mark.parametrize("text", ["a: [", "- just\n- a list", "!!python/object/apply:os.system ['true']", ""])
def test_files_that_are_no_card(write: Callable[[str, str], Path], text: str) -> None:
    with pytest.raises(CardError, match=r"x\.card\.yaml"):
        read_card(write("x.card.yaml", text))


def facts(**changes: object) -> FileFacts:
    base = {"path": Path("net.h5"), "format": "hdf5", "sha256": "", "n_bytes": 1, "keras_version": "2.4"}
    return FileFacts(**{**base, **changes})  # type: ignore[arg-type]


def test_guesses_are_marked_as_guesses() -> None:
    card = guess_card(facts(input_shape=(32, 48, 3), n_outputs=7, activation="softmax"))
    assert (card.height, card.width, card.output) == (32, 48, "softmax")
    assert set(card.guessed) == {"classes", "resize", "scaling", "colour_order", "malignant"}


def test_what_the_layers_say_is_used() -> None:
    scaled = guess_card(
        facts(input_shape=(None, None, 3), n_outputs=9, activation="softmax", layers=(("a", "Resizing"), ("b", "Rescaling")))
    )
    assert scaled.scaling == "0..255" and scaled.height == 256 and "height" in scaled.guessed
    one = guess_card(facts(input_shape=(8, 8, 3), n_outputs=1, activation="sigmoid"))
    assert (one.output, one.positive, one.classes) == ("sigmoid", "malignant", ("benign", "malignant"))
    assert guess_card(facts(n_outputs=4, activation="sigmoid")).output == "multi-label"
    assert guess_card(facts(n_outputs=3, activation="linear")).output == "logits"


def test_the_hash_sees_what_a_prediction_depends_on_and_nothing_else() -> None:
    base = make_card(GOOD)
    assert make_card({**GOOD, "licence": "CC0"}).sha256 == base.sha256
    assert make_card({**GOOD, "classes": ["nv", "mel"]}).sha256 != base.sha256


def test_codes_are_the_fields_own() -> None:
    card = ModelCard(name="x", classes=("Melanoma", "Melanocytic nevi", "something else"), height=1, width=1)
    assert card.codes == ("mel", "nv", "something else")
