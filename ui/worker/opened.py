"""The networks the worker has open, the last few that were asked for."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ui.worker.records import ModelSpec

MAX_OPEN = 3
_open: OrderedDict[tuple, Any] = OrderedDict()


def opened(spec: ModelSpec) -> Any:
    """The classifier; opened if it is not."""
    from models.classifier import open_classifier

    key = (spec.sha256, spec.card.model_dump_json())
    if key not in _open:
        while len(_open) >= MAX_OPEN:
            _open.popitem(last=False)
        _open[key] = open_classifier(spec.path, spec.card, spec.trusted)
    _open.move_to_end(key)
    return _open[key]


def warm_up() -> None:
    """Import TensorFlow while nobody waits for it."""
    from models.network import import_tensorflow

    import_tensorflow()
