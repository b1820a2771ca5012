"""The networks the worker has open: those used last."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ui.worker.job import QuickJob
from ui.worker.records import ModelSpec

if TYPE_CHECKING:
    from models.classifier import Classifier

MAX_OPEN = 3
_open: "OrderedDict[tuple[str, str], Classifier]" = OrderedDict()


def opened(spec: ModelSpec) -> "Classifier":
    """The classifier, opened if it is not open yet."""
    from models.classifier import open_classifier

    key = (spec.sha256, spec.card.model_dump_json())
    if key not in _open:
        while len(_open) >= MAX_OPEN:
            _open.popitem(last=False)
        _open[key] = open_classifier(spec.path, spec.card, spec.trusted, spec.facts)
    _open.move_to_end(key)
    return _open[key]


@dataclass(frozen=True, eq=False)
class WarmUp(QuickJob[None]):
    """Imports TensorFlow before anybody waits for it."""

    def run(self) -> None:
        from models.network import import_tensorflow

        import_tensorflow()
