"""`Preset`: a published system as far as it can be rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.architectures.recipe import Recipe


@dataclass(frozen=True)
class Base:
    """A network that keeps pictures, (N, H, W, 3) → (N, h, w, c), and the layers that bring raw 0–255 pixels to what it takes."""

    network: Any
    scaling: tuple[Any, ...] = ()

    def __call__(self, pixels: Any, **how: Any) -> Any:
        """Raw pixels through both. how: as the network is called, `training=False` for instance."""
        for layer in self.scaling:
            pixels = layer(pixels)
        return self.network(pixels, **how)


@dataclass(frozen=True)
class Plan:
    """What a network is built for. options: the preset's own numbers, all of them."""

    n_outputs: int
    size: tuple[int, int]
    options: Mapping[str, float]
    base: Base | None = None

    def whole(self, option: str) -> int:
        return round(self.options[option])


@dataclass(frozen=True)
class Published:
    """What the report prints. parameters, trainable: of the network; figures: in words."""

    figures: str
    parameters: int | None = None
    trainable: int | None = None


@dataclass(frozen=True)
class Preset:
    """build: Plan → Keras network that takes raw pixels 0–255. bases: of Keras Applications, the first unless another is asked for;
    none for networks that stand alone. chosen: what the report leaves open and was chosen here, or left out."""

    name: str
    title: str
    source: str
    published: Published
    recipe: Recipe
    build: Callable[[Plan], Any]
    chosen: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)  # base → side, where it is not the recipe's
    sigmoid: bool = False  # one unit for two classes
    space: Mapping[str, Any] = field(default_factory=dict)  # what a search tries, where nothing else is asked for
    inside: Callable[[], tuple[Any, ...]] = tuple  # augmentation that the network does itself
