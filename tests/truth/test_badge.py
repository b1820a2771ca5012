"""Networks that have learned nothing, before the badge."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.classifier import open_classifier
from tests.truth.badge import examined
from tests.truth.factory import Recipe, build


@pytest.mark.slow
@pytest.mark.parametrize("seed", [900, 901])
def test_no_map_of_an_untrained_network_is_supported(tmp_path: Path, seed: int) -> None:
    recipe = Recipe("untrained", make="untrained", seed=seed)
    found = examined("untrained", 1, recipe, open_classifier(build(recipe, tmp_path).path), "grad-cam", 6)
    assert len(found) == 6 and not [m for m in found if m.verdict == "supported"]
