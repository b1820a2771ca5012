"""What several hostile tests start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.nets import write_h5


@pytest.fixture(scope="module")
def base_h5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_h5(tmp_path_factory.mktemp("h5") / "net.h5")
