"""`Preset`: a published system as far as it can be rebuilt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.architectures.recipe import Recipe


@dataclass(frozen=True)
class Base:
    """A network with spatial output, (N, H, W, 3) → (N, h, w, c), and the layers that scale raw 0–255 pixels to its input range."""

    network: Any
    scaling: tuple[Any, ...] = ()

    def __call__(self, pixels: Any, **how: Any) -> Any:
        """Raw pixels through both. how: arguments of the network, such as `training=False`."""
        for layer in self.scaling:
            pixels = layer(pixels)
        return self.network(pixels, **how)


@dataclass(frozen=True)
class Plan:
    """What a network is built from. options: all of the preset's own hyperparameters."""

    n_outputs: int
    size: tuple[int, int]
    options: Mapping[str, float]
    base: Base | None = None

    def whole(self, option: str) -> int:
        return round(self.options[option])


@dataclass(frozen=True)
class Published:
    """What the publication states. parameters, trainable: of the network; figures: in words."""

    figures: str
    parameters: int | None = None
    trainable: int | None = None


@dataclass(frozen=True)
class Preset:
    """build: Plan → Keras network that takes raw pixels 0–255. bases: from Keras Applications, the first one by default; none for
    networks trained from scratch. chosen: what the publication leaves open and was chosen here, or left out."""

    name: str
    title: str
    source: str
    published: Published
    recipe: Recipe
    build: Callable[[Plan], Any]
    chosen: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)  # base → input side, if it is not the recipe's
    sigmoid: bool = False  # one unit for two classes
    space: Mapping[str, Any] = field(default_factory=dict)  # default search space
    inside: Callable[[], tuple[Any, ...]] = tuple  # augmentation layers inside the network
