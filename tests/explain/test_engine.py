"""Both engines give the same; what an engine cannot do, TensorFlow does, with a note."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from core.errors import LesionLensError
from explain.cam import WEIGHTS, cam, cam_all_classes
from explain.engine import open_engine
from imaging.decode import read_image
from models.classifier import Classifier, open_classifier
from tests.explain.test_cam import classifier_of
from tests.models import networks

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="needs OpenVINO: pip install -r requirements-fast.lock"
)


@pytest.fixture(scope="module")
def classifier(honest: Path) -> Classifier:
    return open_classifier(honest)


def prepared(classifier: Classifier, small_dataset: Path, n: int = 6) -> np.ndarray:
    return classifier.prepare([read_image(p) for p in sorted((small_dataset / "images").iterdir())[:n]])


def test_nothing_is_reported_to_its_makers(classifier: Classifier) -> None:
    assert open_engine("openvino", classifier, classifier.layer()).name == "openvino"
    assert sys.modules["openvino_telemetry"] is None and not [m for m in sys.modules if m.startswith("openvino_telemetry.")]


@pytest.mark.parametrize("method", WEIGHTS)
def test_same_scores_maps_and_embeddings(classifier: Classifier, small_dataset: Path, method: str) -> None:
    images = prepared(classifier, small_dataset)
    engine = open_engine("openvino", classifier, classifier.layer())
    assert engine.name == "openvino" and not engine.note
    (plain, maps), (fast, fast_maps) = (cam(classifier, images, None, method, engine=e) for e in (None, engine))
    np.testing.assert_allclose(fast.probabilities, plain.probabilities, atol=1e-4)
    np.testing.assert_allclose(fast.embedding, plain.embedding, atol=1e-4)  # type: ignore[arg-type]
    np.testing.assert_allclose(fast_maps, maps, atol=1e-4 * np.abs(maps).max())
    every = [cam_all_classes(classifier, images[:2], method, engine=e)[1] for e in (None, engine)]
    np.testing.assert_allclose(every[1], every[0], atol=1e-4 * np.abs(every[0]).max())


def test_auto_takes_it_and_another_layer_is_another_engine(classifier: Classifier, small_dataset: Path) -> None:
    assert open_engine("auto", classifier, classifier.layer()).name == "openvino"
    assert open_engine("tensorflow", classifier, classifier.layer()).name == "tensorflow"
    finer = next(x for x in classifier.layers if x.explainable and x.height == 24)
    engine = open_engine("openvino", classifier, finer)
    images = prepared(classifier, small_dataset, 3)
    one, two = (cam(classifier, images, None, "grad-cam", finer.path, e)[1] for e in (None, engine))
    np.testing.assert_allclose(two, one, atol=1e-4 * np.abs(one).max())


@pytest.mark.parametrize(("name", "why"), [("branched", "bypasses"), ("used_twice", "used 2 times")])
def test_what_cannot_be_cut_is_run_by_tensorflow_with_a_note(name: str, why: str) -> None:
    import keras

    keras.utils.set_random_seed(0)
    classifier = classifier_of(getattr(networks, name)(keras))
    layer = classifier.layer("last_conv" if name == "branched" else None)
    engine = open_engine("openvino", classifier, layer)
    assert engine.name == "tensorflow" and why in engine.note


@pytest.mark.parametrize("name", [n for n in networks.NETWORKS if n != "used_twice"])
def test_every_kind_of_network(name: str) -> None:
    import keras

    keras.utils.set_random_seed(0)
    changes = {"one_sigmoid": {"classes": ("benign", "malignant"), "output": "sigmoid"}, "bare_logits": {"output": "logits"}}
    classifier = classifier_of(getattr(networks, name)(keras), **changes.get(name, {}))  # type: ignore[arg-type]
    engine = open_engine("openvino", classifier, classifier.layer())
    assert engine.name == "openvino" or ("float16" in name and "TensorFlow" in engine.note)
    images = np.random.default_rng(0).random((3, *networks.SIZE, 3), np.float32)
    one, two = (cam(classifier, images, engine=e)[0].probabilities for e in (None, engine))
    np.testing.assert_allclose(two, one, atol=1e-3 if "float16" in name else 1e-4)


def test_an_engine_that_is_off_is_not_used(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explain.engine.TOLERANCE", -1.0)
    fresh = Classifier(classifier.network, classifier.card, classifier.facts)
    engine = open_engine("openvino", fresh, fresh.layer())
    assert engine.name == "tensorflow" and "scores differ" in engine.note


def test_without_openvino_auto_is_tensorflow_and_asking_for_it_says_so(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explain.engine.importlib.util.find_spec", lambda name: None)
    fresh = Classifier(classifier.network, classifier.card, classifier.facts)
    assert open_engine("auto", fresh, fresh.layer()).note == ""
    assert "requirements-fast.txt" in open_engine("openvino", fresh, fresh.layer()).note


def test_unknown_engines_are_told(classifier: Classifier) -> None:
    with pytest.raises(LesionLensError, match="auto, tensorflow, openvino"):
        open_engine("cuda", classifier, classifier.layer())
