"""The layers of a network, nested ones too, as they run: which of them keep a picture, and which to explain.

Everything is found by running the network once in graph mode with every layer's `call` listened to.
That needs no graph surgery, so it works alike for Sequential, Functional and nested networks of
Keras 3 and tf-keras, for layers used twice, and for inputs of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from core.errors import NoSpatialLayer

MIN_READABLE = 5  # a map coarser than 5 × 5 says hardly more than left or right

# layers that pass their input on, change its frame, or only prepare the picture
PASSIVE = frozenset(
    """Dropout SpatialDropout2D GaussianNoise GaussianDropout AlphaDropout ZeroPadding2D Cropping2D Identity
    InputLayer Rescaling Resizing Normalization CenterCrop RandomFlip RandomRotation RandomZoom RandomContrast
    RandomBrightness RandomTranslation RandomCrop RandomHeight RandomWidth RandomShear RandomErasing
    RandomColorJitter RandomHue RandomSaturation RandomSharpness RandomGaussianBlur RandAugment AugMix
    ActivityRegularization UpSampling2D Permute Reshape Cast""".split()
)


@dataclass(frozen=True)
class LayerInfo:
    """One layer as it runs. height, width, channels of its output, 0 where that is no picture; used: how often it runs."""

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
    """(path, layer) of every innermost layer, the path being the names from outside in."""
    for layer in getattr(model, "layers", None) or []:
        path = f"{prefix}{layer.name}"
        if getattr(layer, "layers", None):
            yield from sublayers(layer, path + "/")
        else:
            yield path, layer


@contextmanager
def listening(layer: Any, listen: Callable[[tuple, Any], Any]) -> Iterator[None]:
    """While open, every call of the layer goes through `listen(arguments, output)`, which gives the output."""
    call = layer.call
    own = layer.__dict__.get("call")

    def heard(*args: Any, **kwargs: Any) -> Any:
        return listen(args, call(*args, **kwargs))

    object.__setattr__(layer, "call", heard)
    try:
        yield
    finally:
        if own is None:
            object.__delattr__(layer, "call")
        else:
            object.__setattr__(layer, "call", own)


def trace_layers(model: Any, size: tuple[int, int], channels: int = 3) -> tuple[tuple[LayerInfo, ...], Any]:
    """All innermost layers in the order they run, with their output sizes at this input size; and the
    symbolic outputs of the network."""
    import tensorflow as tf

    order: dict[str, LayerInfo] = {}

    def note(path: str, layer: Any) -> Callable[[tuple, Any], Any]:
        def listen(_: tuple, output: Any) -> Any:
            before = order.pop(path, None)  # a layer used twice counts where it runs last
            order[path] = _info(path, layer, output, 1 + (before.used if before else 0))
            return output

        return listen

    @tf.function
    def run(images: Any) -> Any:
        with ExitStack() as stack:
            for path, layer in sublayers(model):
                if type(layer).__name__ != "InputLayer":
                    stack.enter_context(listening(layer, note(path, layer)))
            return model(images, training=False)

    traced = run.get_concrete_function(tf.TensorSpec((None, *size, channels), tf.float32))
    return tuple(order.values()), traced.structured_outputs


def default_layer(layers: tuple[LayerInfo, ...]) -> LayerInfo:
    """The last explainable layer of at least 5 × 5; else the finest of the coarser ones.

    Raises NoSpatialLayer if no layer keeps a picture.
    """
    explainable = [layer for layer in layers if layer.explainable]
    if not explainable:
        raise NoSpatialLayer(
            "has no layer that keeps a picture between input and output.",
            todo="Class activation maps need one; this network can only predict here.",
        )
    readable = [layer for layer in explainable if not layer.coarse]
    if readable:
        return readable[-1]
    finest = max(min(layer.height, layer.width) for layer in explainable)
    return [layer for layer in explainable if min(layer.height, layer.width) == finest][-1]


def find_layer(layers: tuple[LayerInfo, ...], name: str) -> LayerInfo:
    """A layer by its path or by its last name, if that is unique; raises NoSpatialLayer otherwise."""
    matches = [x for x in layers if x.path == name] or [x for x in layers if x.path.split("/")[-1] == name]
    if len(matches) != 1:
        known = ", ".join(x.path for x in layers if x.explainable)
        what = f"layer {name!r} {'is not there' if not matches else 'stands for several layers'}."
        raise NoSpatialLayer(what, todo=f"Choose one of: {known}.")
    if not matches[0].spatial:
        raise NoSpatialLayer(f"layer {name!r} keeps no picture.", todo="Choose a convolutional or pooling layer.")
    return matches[0]


def _info(path: str, layer: Any, output: Any, used: int) -> LayerInfo:
    kind = type(layer).__name__
    shape = getattr(output, "shape", None)
    sizes = list(shape) if shape is not None and len(shape) == 4 else [None] * 4
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        sizes = [sizes[0], None, None, None]  # CAM reads maps with channels last only
    height, width, channels = (int(s) if s else 0 for s in sizes[1:])
    linear = kind == "Activation" and getattr(getattr(layer, "activation", None), "__name__", "") == "linear"
    return LayerInfo(path, kind, height, width, channels, kind in PASSIVE or linear, used)
