"""Records that are sent to the worker or come back from it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.card import ModelCard
from models.files import FileFacts
from models.layers import LayerInfo


@dataclass(frozen=True)
class ModelSpec:
    """A network file, the card to read it with, and whether somebody vouched for code inside it. facts: what its trial found, with its
    clean copy; without them the worker checks the file itself."""

    path: Path
    sha256: str
    card: ModelCard
    trusted: bool = False
    facts: FileFacts | None = None


@dataclass(frozen=True)
class Description:
    """What the opened network shows about itself."""

    layers: tuple[LayerInfo, ...]
    default_layer: LayerInfo | None
    default_method: str
    method_reason: str
    activation: str
    flattens: bool
    weighted: tuple[str, ...]  # layers with learned weights, from the output down


@dataclass(frozen=True)
class Scores:
    """The scores of one picture, float (C,) each."""

    probabilities: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class Inspection:
    """One image under one classifier. maps: float32 (T, h, w), signed, of the classes `targets`, all on one scale; layer: None for a
    method that works on the image itself; gap: by how much Integrated Gradients fail to add up."""

    probabilities: np.ndarray
    logits: np.ndarray
    maps: np.ndarray
    targets: tuple[int, ...]
    method: str
    layer: LayerInfo | None
    gap: float | None = None

    def of(self, target: int) -> np.ndarray:
        """The map of one class."""
        return self.maps[self.targets.index(target)]

    @property
    def place(self) -> str:
        """Where the map was read: a layer's path, or the picture."""
        return self.layer.path if self.layer else "picture"


@dataclass(frozen=True)
class Scrambled:
    """One stage of the scrambling: the lowest layer reached, the map and the probability of the target."""

    stage: str
    heatmap: np.ndarray
    probability: float
