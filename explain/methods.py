"""The table of attribution methods: what each needs, what it costs, who described it.

To add one takes a function and a row here. Guided backpropagation is left out on purpose: its maps hardly change when
the network's weights are randomised (Adebayo 2018, arXiv:1810.03292), so they show the image, not the decision.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np

from core.errors import LesionLensError
from core.runs import Run, finish
from explain.ablation_cam import ablation_cam
from explain.baselines import Baseline
from explain.cam import cam
from explain.engine import Engine
from explain.gradients import IG_STEPS, SMOOTH_SAMPLES, Completeness, integrated_gradients, smooth_grad, vanilla_gradient
from explain.perturbation import OCCLUSION_GRID, RISE_MASKS, occlusion, rise
from explain.score_cam import FASTER, score_cam
from models.classifier import Classifier, Prediction
from models.layers import LayerInfo

Needs = Literal["layer", "gradients", "forward"]
NEEDS: dict[Needs, str] = {"layer": "a spatial layer", "gradients": "gradients at the input", "forward": "forward passes only"}


@dataclass(frozen=True)
class Settings:
    """baseline: what replaces the parts of an image that are removed; seed: of random methods; colour: RGB 0–255 of the baseline
    `mean`, a dataset's (see `baselines.mean_colour`), else each image's own."""

    baseline: Baseline = "blur"
    seed: int = 0
    colour: tuple[float, float, float] | None = None


DEFAULT = Settings()


@dataclass(frozen=True)
class Attribution:
    """maps: float32 (N, h, w), signed. complete: for Integrated Gradients, whether each map adds up."""

    prediction: Prediction
    maps: np.ndarray
    targets: np.ndarray
    complete: list[Completeness] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    """Arguments of a method. prepared: float32 (N, H, W, 3); targets: int (N,), None for each image's predicted class."""

    classifier: Classifier
    prepared: np.ndarray
    targets: np.ndarray | None
    layer: str | None
    settings: Settings
    engine: Engine | None


Explain = Callable[[Call], Run[Attribution]]


@dataclass(frozen=True)
class Method:
    """passes: cost in forward passes per image and class (a backward pass counts as two); 0: one per feature map.

    reads: `evidence`, where positive is evidence for the class and negative against it; or `sensitivity`, where the
    sign means brighter or darker, and only the magnitude shows how much a pixel matters.
    by_class: False where every class gets the same map. opposing: False where gradients or scores against the class are dropped.
    """

    key: str
    name: str
    paper: str
    needs: Needs
    passes: int
    run: Explain
    reads: Literal["evidence", "sensitivity"] = "evidence"
    by_class: bool = True
    opposing: bool = True

    def cost(self, channels: int = 0) -> int:
        """Forward passes per image and class at a layer of so many feature maps."""
        return self.passes or channels + 1

    def evidence(self, heatmap: np.ndarray) -> np.ndarray:
        """The evidence for the class, ≥ 0: the map's positive part, or its magnitude if it is a sensitivity."""
        return np.abs(heatmap) if self.reads == "sensitivity" else np.maximum(heatmap, 0)


def _cam(key: str) -> Explain:
    """Scores and maps in one pass."""

    def run(call: Call) -> Run[Attribution]:
        yield 0, 1
        prediction, maps = cam(call.classifier, call.prepared, call.targets, key, call.layer, call.engine)
        return Attribution(prediction, maps, _targets(call, prediction))

    return run


def _after(method: Callable[..., Run[np.ndarray]], *options: str) -> Explain:
    """Scores first, then maps of the targets (N,). options: what the method takes besides, `layer` or fields of `Settings`."""

    def run(call: Call) -> Run[Attribution]:
        prediction = call.classifier.predict(call.prepared)
        targets = _targets(call, prediction)
        given = {"layer": call.layer, **vars(call.settings)}
        maps = yield from method(call.classifier, call.prepared, targets, **{name: given[name] for name in options})
        return Attribution(prediction, maps, targets)

    return run


def _gradient(*arguments: Any) -> Run[np.ndarray]:
    yield 0, 1
    return vanilla_gradient(*arguments)


def _integrated(call: Call) -> Run[Attribution]:
    prediction = call.classifier.predict(call.prepared)
    targets = _targets(call, prediction)
    maps, complete = yield from integrated_gradients(call.classifier, call.prepared, targets, call.settings.baseline, call.settings.colour)
    return Attribution(prediction, maps, targets, complete)


def _targets(call: Call, prediction: Prediction) -> np.ndarray:
    return prediction.logits.argmax(1) if call.targets is None else np.asarray(call.targets)


METHODS: dict[str, Method] = {
    m.key: m
    for m in (
        Method("grad-cam", "Grad-CAM", "Selvaraju 2017, arXiv:1610.02391", "layer", 1, _cam("grad-cam")),
        Method("grad-cam++", "Grad-CAM++", "Chattopadhay 2018, arXiv:1710.11063", "layer", 1, _cam("grad-cam++"), opposing=False),
        Method("hirescam", "HiResCAM", "Draelos & Carin 2020, arXiv:2011.08891", "layer", 1, _cam("hirescam")),
        Method("layercam", "LayerCAM", "Jiang 2021, doi:10.1109/TIP.2021.3089943", "layer", 1, _cam("layercam"), opposing=False),
        Method("eigen-cam", "Eigen-CAM", "Muhammad & Yeasin 2020, arXiv:2008.00299", "layer", 1, _cam("eigen-cam"), by_class=False),
        Method("gradient", "Vanilla gradient", "Simonyan 2013, arXiv:1312.6034", "gradients", 3, _after(_gradient), reads="sensitivity"),
        Method(
            "smoothgrad",
            "SmoothGrad",
            "Smilkov 2017, arXiv:1706.03825",
            "gradients",
            3 * SMOOTH_SAMPLES,
            _after(smooth_grad, "seed"),
            reads="sensitivity",
        ),
        Method(
            "integrated-gradients", "Integrated Gradients", "Sundararajan 2017, arXiv:1703.01365", "gradients", 3 * IG_STEPS, _integrated
        ),
        Method(
            "occlusion",
            "Occlusion",
            "Zeiler & Fergus 2014, arXiv:1311.2901",
            "forward",
            (OCCLUSION_GRID + 1) ** 2 + 1,
            _after(occlusion, "baseline", "colour"),
        ),
        Method("rise", "RISE", "Petsiuk 2018, arXiv:1806.07421", "forward", RISE_MASKS, _after(rise, "baseline", "colour", "seed")),
        Method(
            "ablation-cam",
            "Ablation-CAM",
            "Desai & Ramaswamy 2020, doi:10.1109/WACV45572.2020.9093360",
            "layer",
            0,
            _after(ablation_cam, "layer"),
        ),
        Method("score-cam", "Score-CAM", "Wang 2020, arXiv:1910.01279", "layer", 0, _after(score_cam, "layer"), opposing=False),
        Method(
            "faster-score-cam",
            "Faster-Score-CAM",
            "Wang 2020, arXiv:1910.01279; tabayashi0117/Score-CAM",
            "layer",
            FASTER + 1,
            _after(partial(score_cam, most=FASTER), "layer"),
            opposing=False,
        ),
    )
}


def attribution(
    classifier: Classifier,
    prepared: np.ndarray,
    targets: np.ndarray | None = None,
    method: str = "grad-cam",
    layer: str | None = None,
    settings: Settings = Settings(),
    engine: Engine | None = None,
) -> Run[Attribution]:
    """Scores and maps of one class per image, by any method of the table.

    prepared: float32 (N, H, W, 3); targets: int (N,), None: each image's predicted class. Maps are float32
    (N, h, w), signed and unscaled, at the method's own resolution. engine: for the CAM family.
    Raises LesionLensError for an unknown method or one that this network does not support.
    """
    return (yield from supported(classifier, method).run(Call(classifier, prepared, targets, layer, settings, engine)))


def attribute(
    classifier: Classifier,
    prepared: np.ndarray,
    targets: np.ndarray | None = None,
    method: str = "grad-cam",
    layer: str | None = None,
    settings: Settings = Settings(),
    engine: Engine | None = None,
) -> Attribution:
    """`attribution`, run to its end."""
    return finish(attribution(classifier, prepared, targets, method, layer, settings, engine))


def find_method(key: str) -> Method:
    """A row of the table; raises LesionLensError."""
    if key not in METHODS:
        raise LesionLensError(f"unknown method {key!r}.", todo=f"Choose one of: {', '.join(METHODS)}.")
    return METHODS[key]


def supported(classifier: Classifier, method: str) -> Method:
    """A row of the table that this network supports; raises LesionLensError with the reason and the alternatives."""
    entry, reason = find_method(method), unsupported(classifier, method)
    if reason:
        possible = ", ".join(m for m in METHODS if not unsupported(classifier, m))
        raise LesionLensError(f"{entry.name} is not possible here: {reason}", classifier.facts.path.name, f"Choose: {possible}.")
    return entry


def explained_layer(classifier: Classifier, method: str, layer: str | None) -> str:
    """The path of the layer a method explains; `picture` where it works on the input image. Raises LesionLensError."""
    return classifier.layer(layer).path if find_method(method).needs == "layer" else "picture"


def unsupported(classifier: Classifier, method: str) -> str:
    """Why this network does not support a method, in words; empty if it does."""
    return unsupported_by(classifier.layers, method)


def unsupported_by(layers: tuple[LayerInfo, ...], method: str) -> str:
    """`unsupported` for a network of which only the layers are known."""
    needs = METHODS[method].needs
    if needs == "layer" and not layers:
        return "this network is a SavedModel, whose layers are not accessible."
    if needs == "layer" and not any(layer.explainable for layer in layers):
        return "this network has no spatial layer between input and output."
    if needs == "gradients" and not layers:
        return "this network is a SavedModel, which may not contain gradients."
    return ""


def default_method(classifier: Classifier) -> tuple[str, str]:
    """(method, reason): HiResCAM where the head flattens the maps, Grad-CAM where it pools them, and occlusion
    where no spatial layer has at least 5 × 5 cells."""
    if not classifier.explainable:
        return "occlusion", "This network has no accessible spatial layer, so parts of the photograph are covered in turn."
    layer = classifier.layer()
    if layer.coarse:
        return "occlusion", (
            f"The finest spatial layer has {layer.height} × {layer.width} cells, too coarse to read. "
            "Covering parts of the photograph in turn does not depend on it."
        )
    if classifier.flattens:
        return "hirescam", (
            "This network flattens its last feature maps. Grad-CAM averages over them and can highlight the "
            "wrong region or nothing; HiResCAM does not."
        )
    return "grad-cam", "This network pools its last feature maps, the case Grad-CAM is designed for."
