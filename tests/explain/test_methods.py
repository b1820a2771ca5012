"""The table of methods: each finds evidence whose place is known, and says where it is not possible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import LesionLensError
from core.runs import finish
from explain.cam import WEIGHTS
from explain.localisation import localise
from explain.methods import METHODS, Settings, attribute, default_method, unsupported
from explain.sanity import check_sanity
from imaging.resize import enlarge
from models.classifier import Classifier, open_classifier
from tests.explain.planted import SIZE, planted_classifier, planted_pictures
from tests.explain.test_cam import classifier_of
from tests.models import networks


@pytest.fixture(scope="module")
def planted() -> Classifier:
    return planted_classifier()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_planted_evidence(planted: Classifier, method: str) -> None:
    """Pointing game ≥ .95, and most of the evidence inside the square, which is 6 % of the picture."""
    images, masks = planted_pictures(20)
    found = attribute(planted, planted.prepare(list(images)), np.zeros(20, int), method)
    assert (found.prediction.logits.argmax(1) == 0).all()
    entry = METHODS[method]
    places = [localise(entry.evidence(enlarge(m, (SIZE, SIZE))), k) for m, k in zip(found.maps, masks, strict=True)]
    assert np.mean([p.hit for p in places]) >= 0.95
    assert np.mean([p.share for p in places]) > 3 * np.mean([p.area for p in places])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", [m for m in METHODS if METHODS[m].by_class and "score-cam" not in m])
def test_what_supports_one_class_opposes_the_other(planted: Classifier, method: str) -> None:
    """The logits are (z, −z, 0), so the signed map of the second class is the first's, negated (LayerCAM and
    Grad-CAM++ keep positive gradients alone: nothing)."""
    images, _ = planted_pictures(2)
    prepared = planted.prepare(list(images))
    first, second = (attribute(planted, prepared, np.full(2, k), method).maps for k in (0, 1))
    if method in ("layercam", "grad-cam++"):
        assert np.abs(second).max() == 0 and first.max() > 0
    else:
        np.testing.assert_allclose(second, -first, atol=1e-4 * np.abs(first).max())


def test_a_saved_model_leaves_perturbation_only(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    networks.flat(keras).export(str(tmp_path / "net"), verbose=False)
    classifier = open_classifier(tmp_path / "net")
    reasons = {m: unsupported(classifier, m) for m in METHODS}
    assert {m for m, r in reasons.items() if not r} == {"occlusion", "rise"} and default_method(classifier)[0] == "occlusion"
    assert "SavedModel" in reasons["grad-cam"] and "gradients" in reasons["smoothgrad"]
    prepared = classifier.prepare(list(np.random.default_rng(0).integers(0, 255, (1, 24, 24, 3), np.uint8)))
    assert attribute(classifier, prepared, None, "occlusion").maps.shape == (1, 14, 14)
    with pytest.raises(LesionLensError, match="Grad-CAM is not possible here.*Choose: occlusion, rise"):
        attribute(classifier, prepared, None, "grad-cam")
    with pytest.raises(LesionLensError, match="no accessible layers whose weights"):
        finish(check_sanity(classifier, prepared, "occlusion"))


def test_a_network_without_a_picture_inside_keeps_gradients() -> None:
    import keras

    inputs = keras.Input((24, 24, 3))
    classifier = classifier_of(keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(inputs))))
    assert "no spatial layer" in unsupported(classifier, "grad-cam") and not unsupported(classifier, "gradient")
    assert attribute(classifier, np.ones((1, 24, 24, 3), np.float32), None, "gradient").maps.shape == (1, 24, 24)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "method"),
    [
        (name, method)
        for name in [*networks.NETWORKS, "multi_label", "two_outputs"]
        for method in METHODS
        if method != "rise" or name in ("flat", "one_sigmoid")  # a thousand calls that do not depend on the inside
    ],
)
def test_every_method_runs_on_every_kind_of_network(name: str, method: str) -> None:
    import keras

    keras.utils.set_random_seed(1)
    network = getattr(networks, name)(keras)
    card = {
        "one_sigmoid": {"classes": ("benign", "malignant"), "output": "sigmoid"},
        "bare_logits": {"output": "logits"},
        "multi_label": {"output": "multi-label"},
        "two_outputs": {"output_name": "lesion"},
    }.get(name, {})
    classifier = classifier_of(network, **card)  # type: ignore[arg-type]
    images = np.random.default_rng(0).random((2, *networks.SIZE, 3), np.float32)
    found = attribute(classifier, images, np.array([0, 1]), method)
    assert len(found.maps) == 2 and found.maps.dtype == np.float32 and np.isfinite(found.maps).all()
    assert found.prediction.probabilities.shape == (2, len(classifier.card.classes))
    if METHODS[method].needs == "layer":
        assert found.maps.shape[1:] == (classifier.layer().height, classifier.layer().width)


def test_settings_have_an_effect(planted: Classifier) -> None:
    prepared = planted.prepare(list(planted_pictures(1)[0]))
    targets = np.array([0])
    for method, other in (
        ("occlusion", Settings("black")),
        ("integrated-gradients", Settings("mean")),
        ("rise", Settings("black")),
        ("rise", Settings(seed=1)),
    ):
        one, two = (attribute(planted, prepared, targets, method, settings=s).maps for s in (Settings(), other))
        assert np.abs(one - two).max() > 1e-3 * np.abs(one).max()


def test_unknown_names_are_told() -> None:
    with pytest.raises(LesionLensError, match="unknown method 'cam'.*grad-cam"):
        attribute(planted_classifier(), np.zeros((1, 32, 32, 3), np.float32), None, "cam")


def test_the_table_says_what_each_method_is() -> None:
    assert set(WEIGHTS) == {m for m in METHODS if METHODS[m].needs == "layer" and METHODS[m].passes == 1}
    for key, method in METHODS.items():
        assert method.key == key and ("arXiv:" in method.paper or "doi:" in method.paper)
    assert METHODS["score-cam"].cost(96) == 97 and METHODS["grad-cam"].cost(96) == 1
    assert "guided" not in " ".join(METHODS)


def test_the_documentation_lists_every_method_with_its_cost_and_every_rule() -> None:
    from explain.trust import RULES
    from tests.conftest import PROJECT

    text = (PROJECT / "docs" / "explanations.md").read_text(encoding="utf-8")
    rows = {cells[0].strip("` "): cells for line in text.splitlines() if (cells := line.strip("|").split("|")) and "`" in cells[0]}
    for key, method in METHODS.items():
        assert method.name == rows[key][1].strip()
        assert (f"{method.passes:,}" if method.passes else "one per feature map") in rows[key][3]
        assert ("sensitivity" in rows[key][4]) == (method.reads == "sensitivity")
    badge = text.split("## The badge")[1].split("## Files")[0]
    assert (
        sum(badge.count(f"| {v} |") for v in ("weak", "don't read", "not tested yet")) == len(RULES) - 3
    )  # a pair and a triple share lines
