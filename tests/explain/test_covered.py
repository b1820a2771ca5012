"""Networks whose score depends on nothing, or has nowhere left to go, and what examining a map costs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from core.runs import finish
from explain.covered import covered
from explain.faithfulness import log_odds
from explain.sanity import untrained_twin
from explain.trust import badge, examine, passes
from models.classifier import Classifier, Prediction
from tests.explain.planted import planted_classifier, planted_pictures


def sharpened(path: Path, factor: float) -> Classifier:
    """The planted network with every logit times a factor."""
    classifier = planted_classifier(path)
    scores = classifier.network.layers[-1]
    scores.set_weights([factor * w for w in scores.get_weights()])
    return classifier


@pytest.mark.parametrize(
    ("output", "wanted"), [("softmax", 2 - np.log(np.e + 1)), ("logits", 2 - np.log(np.e + 1)), ("sigmoid", 2), ("multi-label", 2)]
)
def test_log_odds_by_hand(output: str, wanted: float) -> None:
    """Logits 2, 1, 0: 2 is above the two others together by 2 − log(e + 1)."""
    asked = cast(Any, SimpleNamespace(card=SimpleNamespace(output=output)))
    logits = np.array([[2, 1, 0]], np.float32)
    assert log_odds(asked, Prediction(logits, logits), 0) == pytest.approx([wanted])


def test_a_network_that_gives_every_picture_the_same_score_is_constant(tmp_path: Path) -> None:
    classifier = sharpened(tmp_path / "planted.keras", 0)
    found = covered(classifier, classifier.prepare([planted_pictures(1)[0][0]])[0], 0)
    assert (
        found.constant and found.probability == pytest.approx(np.full(4, 1 / 3)) and found.log_odds == pytest.approx(np.full(4, -np.log(2)))
    )
    evidence, _ = finish(examine(classifier, planted_pictures(1)[0][0], 0, "hirescam"))
    told = badge(evidence)
    assert told.verdict == "don't read" and "constant" in told.rules and "depends on nothing in the photograph" in " ".join(told.reasons)


@pytest.mark.parametrize(("factor", "saturated"), [(1, False), (40, True)])
def test_a_network_whose_logits_are_far_out_is_saturated(tmp_path: Path, factor: float, saturated: bool) -> None:
    classifier, picture = sharpened(tmp_path / "planted.keras", factor), planted_pictures(1)[0][0]
    found = covered(classifier, classifier.prepare([picture])[0], 0)
    assert found.saturated is saturated and not found.constant
    evidence, _ = finish(examine(classifier, picture, 0, "hirescam"))
    assert evidence.faithfulness is not None and evidence.faithfulness.judged.unit == ("log odds" if saturated else "probability")
    assert ("saturated" in badge(evidence).rules) is saturated


def test_an_untrained_copy_is_measured_at_a_price_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """7 orders × 2 ways × 19 steps + 2, the copy's 3 × 2 × 9 + 2, 4 covered; the copy's map and six of the photograph."""
    asked: list[int] = []
    predict = Classifier.predict

    def counted(classifier: Classifier, prepared: np.ndarray) -> Prediction:
        asked.append(len(prepared))
        return predict(classifier, prepared)

    monkeypatch.setattr(Classifier, "predict", counted)
    classifier, picture = planted_classifier(tmp_path / "planted.keras"), planted_pictures(1)[0][0]
    twin = untrained_twin(classifier)
    assert twin is not None and np.array_equal(np.sort(twin.network.get_weights()[1]), np.sort(classifier.network.get_weights()[1]))
    evidence, _ = finish(examine(classifier, picture, 0, "hirescam", twin=twin))
    assert sum(asked) == 328 and passes(1) == 335
    assert evidence.twin is not None and evidence.faithfulness is not None and evidence.twin.random.shape == (1,)
    assert evidence.twin.over_random < evidence.faithfulness.over_random
