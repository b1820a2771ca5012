"""The layers of a network, nested ones included, in the order they run: which are spatial, and which to explain.

Everything is found by tracing the network once with every layer's `call` wrapped. That needs no graph surgery,
so it works alike for Sequential, Functional and nested networks of Keras 3 and tf-keras, for layers used twice,
and for inputs of any size.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from core.errors import NoSpatialLayer

MIN_READABLE = 5  # a map coarser than 5 × 5 says hardly more than left or right

# layers that pass their input through, pad or crop it, or only preprocess the image
PASSIVE = frozenset(
    """Dropout SpatialDropout2D GaussianNoise GaussianDropout AlphaDropout ZeroPadding2D Cropping2D Identity
    InputLayer Rescaling Resizing Normalization CenterCrop RandomFlip RandomRotation RandomZoom RandomContrast
    RandomBrightness RandomTranslation RandomCrop RandomHeight RandomWidth RandomShear RandomErasing
    RandomColorJitter RandomHue RandomSaturation RandomSharpness RandomGaussianBlur RandAugment AugMix
    ActivityRegularization UpSampling2D Permute Reshape Cast""".split()
)


@dataclass(frozen=True)
class LayerInfo:
    """One layer as it runs. height, width, channels: of its output, 0 where that is not 4-D; used: how often it runs."""

    path: str
    kind: str
    height: int
    width: int
    channels: int
    passive: bool = False
    used: int = 1

    @property
    def spatial(self) -> bool:
        return self.height > 1 and self.width > 1

    @property
    def explainable(self) -> bool:
        return self.spatial and not self.passive

    @property
    def coarse(self) -> bool:
        return min(self.height, self.width) < MIN_READABLE


def sublayers(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(path, layer) of every innermost layer; the path joins the names from the outside in."""
    for layer in getattr(model, "layers", None) or []:
        path = f"{prefix}{layer.name}"
        if getattr(layer, "layers", None):
            yield from sublayers(layer, path + "/")
        else:
            yield path, layer


@contextmanager
def listening(layer: Any, listen: Callable[[tuple, Any], Any]) -> Iterator[None]:
    """While open, every call of the layer goes through `listen(arguments, output)`: what it returns replaces the output, None keeps it."""
    call = layer.call
    own = layer.__dict__.get("call")

    def heard(*args: Any, **kwargs: Any) -> Any:
        output = call(*args, **kwargs)
        changed = listen(args, output)
        return output if changed is None else changed

    object.__setattr__(layer, "call", heard)
    try:
        yield
    finally:
        if own is None:
            object.__delattr__(layer, "call")
        else:
            object.__setattr__(layer, "call", own)


def trace_layers(model: Any, size: tuple[int, int], channels: int = 3) -> tuple[tuple[LayerInfo, ...], Any]:
    """All innermost layers in the order they run, with their output sizes at this input size; and the network's symbolic outputs."""
    import tensorflow as tf

    order: dict[str, LayerInfo] = {}

    def note(path: str, layer: Any, _: tuple, output: Any) -> None:
        before = order.pop(path, None)  # a layer used twice counts where it runs last
        order[path] = _info(path, layer, output, 1 + (before.used if before else 0))

    @tf.function
    def run(images: Any) -> Any:
        with ExitStack() as stack:
            for path, layer in sublayers(model):
                if type(layer).__name__ != "InputLayer":
                    stack.enter_context(listening(layer, partial(note, path, layer)))
            return model(images, training=False)

    traced = run.get_concrete_function(tf.TensorSpec((None, *size, channels), tf.float32))
    return tuple(order.values()), traced.structured_outputs


def default_layer(layers: tuple[LayerInfo, ...]) -> LayerInfo:
    """The last explainable layer of at least 5 × 5; else the last of the finest. Raises NoSpatialLayer if none is spatial."""
    explainable = [layer for layer in layers if layer.explainable]
    if not explainable:
        raise NoSpatialLayer(
            "has no spatial layer between input and output.", todo="Class activation maps need one; this network can only predict here."
        )
    readable = [layer for layer in explainable if not layer.coarse]
    return readable[-1] if readable else max(reversed(explainable), key=lambda layer: min(layer.height, layer.width))


def find_layer(layers: tuple[LayerInfo, ...], name: str) -> LayerInfo:
    """A layer by its path, or by the last part of it if that is unique; raises NoSpatialLayer otherwise."""
    matches = [x for x in layers if x.path == name] or [x for x in layers if x.path.split("/")[-1] == name]
    if len(matches) != 1:
        known = ", ".join(x.path for x in layers if x.explainable)
        what = f"layer {name!r} {'is the name of several layers' if matches else 'does not exist'}."
        raise NoSpatialLayer(what, todo=f"Choose one of: {known}.")
    if not matches[0].spatial:
        raise NoSpatialLayer(f"layer {name!r} is not spatial.", todo="Choose a convolutional or pooling layer.")
    return matches[0]


def _info(path: str, layer: Any, output: Any, used: int) -> LayerInfo:
    kind = type(layer).__name__
    shape = getattr(output, "shape", None)
    sizes = list(shape) if shape is not None and len(shape) == 4 else [None] * 4
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        sizes = [None] * 4  # CAM reads maps with channels last only
    height, width, channels = (int(s) if s else 0 for s in sizes[1:])
    linear = kind == "Activation" and getattr(getattr(layer, "activation", None), "__name__", "") == "linear"
    return LayerInfo(path, kind, height, width, channels, kind in PASSIVE or linear, used)
