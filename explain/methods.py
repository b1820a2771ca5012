"""The table of attribution methods: what each needs, what it costs, who described it.

To add one is a function and a row here. Guided backpropagation is left out on purpose: its maps hardly
change when the network's weights are scrambled (Adebayo 2018, arXiv:1810.03292), so they show the picture,
not the decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

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
NEEDS: dict[Needs, str] = {
    "layer": "a layer that keeps a picture",
    "gradients": "gradients at the picture",
    "forward": "forward calls only",
}


@dataclass(frozen=True)
class Settings:
    """What a method may be told. baseline: what is shown where something is taken away; seed: of random ones;
    colour: of the baseline `mean`, RGB 0–255 of a dataset (see `baselines.mean_colour`), else each picture's own."""

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
    """What a method is asked: prepared float32 (N, H, W, 3); targets int (N,), None: each image's own decision."""

    classifier: Classifier
    prepared: np.ndarray
    targets: np.ndarray | None
    layer: str | None
    settings: Settings
    engine: Engine | None


Explain = Callable[[Call], Run[Attribution]]


@dataclass(frozen=True)
class Method:
    """passes: cost in forward passes an image and class (a backward pass counts as two); 0: one per feature map.

    reads: `evidence`, where positive speaks for the class and negative against it; or `sensitivity`, where the
    sign says brighter or darker, and only the size says how much a place matters.
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
        """Forward passes an image and class at a layer of so many feature maps."""
        return self.passes or channels + 1

    def evidence(self, heatmap: np.ndarray) -> np.ndarray:
        """What a map says for the class, ≥ 0: its positive part, or its size where it is a sensitivity."""
        return np.abs(heatmap) if self.reads == "sensitivity" else np.maximum(heatmap, 0)


def _cam(key: str) -> Explain:
    """Scores and maps in one pass."""

    def run(call: Call) -> Run[Attribution]:
        yield 0, 1
        prediction, maps = cam(call.classifier, call.prepared, call.targets, key, call.layer, call.engine)
        return Attribution(prediction, maps, _targets(call, prediction))

    return run


def _after(method: Callable[[Call, np.ndarray], Run[np.ndarray]]) -> Explain:
    """Scores first, then maps of the targets (N,)."""

    def run(call: Call) -> Run[Attribution]:
        prediction = call.classifier.predict(call.prepared)
        targets = _targets(call, prediction)
        return Attribution(prediction, (yield from method(call, targets)), targets)

    return run


def _gradient(call: Call, targets: np.ndarray) -> Run[np.ndarray]:
    yield 0, 1
    return vanilla_gradient(call.classifier, call.prepared, targets)


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
            _after(lambda call, t: smooth_grad(call.classifier, call.prepared, t, seed=call.settings.seed)),
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
            _after(
                lambda call, t: occlusion(call.classifier, call.prepared, t, baseline=call.settings.baseline, colour=call.settings.colour)
            ),
        ),
        Method(
            "rise",
            "RISE",
            "Petsiuk 2018, arXiv:1806.07421",
            "forward",
            RISE_MASKS,
            _after(
                lambda call, t: rise(
                    call.classifier, call.prepared, t, baseline=call.settings.baseline, colour=call.settings.colour, seed=call.settings.seed
                )
            ),
        ),
        Method(
            "ablation-cam",
            "Ablation-CAM",
            "Desai & Ramaswamy 2020, doi:10.1109/WACV45572.2020.9093360",
            "layer",
            0,
            _after(lambda call, t: ablation_cam(call.classifier, call.prepared, t, call.layer)),
        ),
        Method(
            "score-cam",
            "Score-CAM",
            "Wang 2020, arXiv:1910.01279",
            "layer",
            0,
            _after(lambda call, t: score_cam(call.classifier, call.prepared, t, call.layer)),
            opposing=False,
        ),
        Method(
            "faster-score-cam",
            "Faster-Score-CAM",
            "Wang 2020, arXiv:1910.01279; tabayashi0117/Score-CAM",
            "layer",
            FASTER + 1,
            _after(lambda call, t: score_cam(call.classifier, call.prepared, t, call.layer, FASTER)),
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
    """Scores and maps of one class an image, by any method of the table.

    prepared: float32 (N, H, W, 3); targets: int (N,), None: each image's predicted class. Maps are float32
    (N, h, w), signed and unscaled, at the resolution the method works at. engine: for the CAM family.
    Raises LesionLensError for a method that is not there or that this network cannot support.
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
        raise LesionLensError(f"{key!r} is no method.", todo=f"Choose one of: {', '.join(METHODS)}.")
    return METHODS[key]


def supported(classifier: Classifier, method: str) -> Method:
    """A row of the table that this network supports; raises LesionLensError with the reason and what is possible."""
    entry, reason = find_method(method), unsupported(classifier, method)
    if reason:
        possible = ", ".join(m for m in METHODS if not unsupported(classifier, m))
        raise LesionLensError(f"{entry.name} is not possible here: {reason}", classifier.facts.path.name, f"Choose: {possible}.")
    return entry


def unsupported(classifier: Classifier, method: str) -> str:
    """Why this network does not support a method, in words; empty if it does."""
    return _reason(METHODS[method].needs, bool(classifier.layers), classifier.explainable)


def unsupported_by(layers: tuple[LayerInfo, ...], method: str) -> str:
    """`unsupported` for a network of which only the layers are at hand."""
    return _reason(METHODS[method].needs, bool(layers), any(layer.explainable for layer in layers))


def _reason(needs: Needs, shows_layers: bool, spatial: bool) -> str:
    if needs == "layer" and not spatial:
        return "no layer between input and output keeps a picture." if shows_layers else "this network is a SavedModel and shows no layers."
    if needs == "gradients" and not shows_layers:
        return "this network is a SavedModel, which need not keep its gradients."
    return ""


def default_method(classifier: Classifier) -> tuple[str, str]:
    """(method, reason): HiResCAM where the head flattens the maps, Grad-CAM where it pools them, and occlusion
    where no layer keeps a picture of at least 5 × 5."""
    if not classifier.explainable:
        return "occlusion", "This network shows no layer that keeps a picture, so parts of the photograph are covered in turn."
    layer = classifier.layer()
    if layer.coarse:
        return "occlusion", (
            f"The finest layer that computes something keeps {layer.height} × {layer.width} cells, too coarse to read. "
            "Covering parts of the photograph in turn does not depend on it."
        )
    if classifier.flattens:
        return "hirescam", (
            "This network flattens its last feature maps. Grad-CAM averages over them and can point at the "
            "wrong place or at nothing, HiResCAM does not."
        )
    return "grad-cam", "This network pools its last feature maps, which Grad-CAM is made for."
