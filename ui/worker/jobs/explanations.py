"""Jobs with one network and some images: scores, maps, and measurements of the maps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from core.runs import Run
from datasets.dataset import Dataset
from imaging.picture import Picture
from ui.worker.job import LongJob, QuickJob
from ui.worker.opened import opened
from ui.worker.records import Description, Inspection, ModelSpec, Scores, Scrambled

if TYPE_CHECKING:
    from explain.cam import Steps
    from explain.centred import CentredMean
    from explain.comparison import MethodScore
    from explain.ideal import Ideal
    from explain.sanity import Sanity
    from explain.trust import Evidence


@dataclass(frozen=True, eq=False)
class Describe(QuickJob[Description]):
    """Description of the opened network. Raises ModelFileError or CardError."""

    spec: ModelSpec

    def run(self) -> Description:
        from explain.methods import default_method
        from explain.sanity import weighted_layers

        c = opened(self.spec)
        layer = c.layer() if c.explainable else None
        method, reason = default_method(c)
        weighted = tuple(weighted_layers(c)) if c.layers else ()
        return Description(c.layers, layer, method, reason, c.head.activation, c.flattens, weighted)


@dataclass(frozen=True, eq=False)
class Predict(QuickJob[Scores]):
    """Scores of one picture."""

    spec: ModelSpec
    picture: Picture
    kept: ClassVar[int] = 256

    def run(self) -> Scores:
        classifier = opened(self.spec)
        scores = classifier.predict(classifier.prepare([self.picture.pixels]))
        return Scores(scores.probabilities[0], scores.logits[0])


@dataclass(frozen=True, eq=False)
class InspectPicture(QuickJob[Inspection]):
    """Scores and the maps of all classes, by a method of the CAM family."""

    spec: ModelSpec
    picture: Picture
    method: str
    layer: str | None = None
    kept: ClassVar[int] = 64
    waiting: ClassVar[str] = "Explaining…"

    def run(self) -> Inspection:
        from explain.cam import cam_all_classes

        classifier = opened(self.spec)
        scores, maps = cam_all_classes(classifier, classifier.prepare([self.picture.pixels]), self.method, self.layer)
        targets = tuple(range(maps.shape[1]))
        return Inspection(scores.probabilities[0], scores.logits[0], maps[0], targets, self.method, classifier.layer(self.layer))


@dataclass(frozen=True, eq=False)
class Attribute(LongJob[Inspection]):
    """Scores and the map of one class, by any method."""

    spec: ModelSpec
    picture: Picture
    target: int
    method: str
    layer: str | None = None

    def run(self) -> Run[Inspection]:
        from explain.methods import METHODS, attribution

        c = opened(self.spec)
        prepared = c.prepare([self.picture.pixels])
        found = yield from attribution(c, prepared, np.array([self.target]), self.method, self.layer)
        scores, gap = found.prediction, found.complete[0].gap if found.complete else None
        shown = c.layer(self.layer) if METHODS[self.method].needs == "layer" else None
        return Inspection(scores.probabilities[0], scores.logits[0], found.maps, (self.target,), self.method, shown, gap)


@dataclass(frozen=True, eq=False)
class Examine(LongJob["Evidence"]):
    """`Evidence` about one map, without the sanity check. data, image_id: the source of the picture's masks, if it is of a dataset."""

    spec: ModelSpec
    picture: Picture
    target: int
    method: str
    layer: str | None
    data: Dataset | None
    image_id: str | None

    def run(self) -> "Run[Evidence]":
        from explain.sanity import untrained_twin
        from explain.trust import examine
        from studies.subjects import masks_over

        yield 0, 0
        classifier = opened(self.spec)
        twin = untrained_twin(classifier)
        image = self.picture.pixels
        masks = masks_over(self.data, self.image_id, image.shape[:2]) if self.data and self.image_id else {}
        return (yield from examine(classifier, image, self.target, self.method, self.layer, masks=masks, twin=twin))[0]


@dataclass(frozen=True, eq=False)
class CheckSanity(LongJob["Sanity"]):
    """Cascading randomisation on images of a dataset, kept at path."""

    spec: ModelSpec
    data: Dataset
    method: str
    layer: str | None
    path: Path
    about: Mapping[str, str]
    writes: ClassVar[str] = "path"

    def run(self) -> "Run[Sanity]":
        from explain.sanity import check_sanity, sanity_images, write_sanity

        classifier = opened(self.spec)
        yield 0, 0
        files = [p for i in self.data.table["image_id"] if (p := self.data.path(i)) is not None]
        found = yield from check_sanity(classifier, sanity_images(classifier, files), self.method, self.layer)
        write_sanity(found, self.path, self.about)
        return found


@dataclass(frozen=True, eq=False)
class CompareMethods(LongJob["list[MethodScore]"]):
    """Methods compared on a sample of a dataset. sanity: the kept checks, by method."""

    spec: ModelSpec
    data: Dataset
    sample: int
    methods: tuple[str, ...]
    layer: str | None
    sanity: "Mapping[str, Sanity]"

    def run(self) -> "Run[list[MethodScore]]":
        from explain.comparison import compare_methods
        from studies.subjects import drawn

        subjects = drawn(self.data, self.sample)
        return (yield from compare_methods(opened(self.spec), subjects, self.methods, self.layer, sanity=self.sanity))


@dataclass(frozen=True, eq=False)
class ExplainImages(QuickJob["np.ndarray | None"]):
    """Maps float32 (N, h, w) of one class for readable images of a dataset; None for a network without layers. views: combined
    from several views of each image."""

    spec: ModelSpec
    data: Dataset
    image_ids: tuple[str, ...]
    target: int
    views: bool = False
    kept: ClassVar[int] = 200
    waiting: ClassVar[str] = "Explaining these images…"

    def run(self) -> np.ndarray | None:
        from explain.cam import WEIGHTS, cam
        from explain.methods import default_method
        from explain.views import cam_of_views

        classifier = opened(self.spec)
        if not classifier.explainable:
            return None
        method = default_method(classifier)[0]
        prepared = classifier.prepare([self.data.read(i) for i in self.image_ids])
        targets, chosen = np.full(len(self.image_ids), self.target), method if method in WEIGHTS else "hirescam"
        if self.views:
            return cam_of_views(classifier, prepared, targets, chosen)
        return cam(classifier, prepared, targets, chosen)[1]


@dataclass(frozen=True, eq=False)
class MeanMap(LongJob["CentredMean"]):
    """Mean map of one class over images of a dataset that have a lesion mask, in lesion-centred coordinates."""

    spec: ModelSpec
    data: Dataset
    image_ids: tuple[str, ...]
    target: int

    def run(self) -> "Run[CentredMean]":
        from explain.centred import mean_centred_map

        d = self.data
        items = [(path, d.root / d.masks[i]) for i in self.image_ids if (path := d.path(i)) is not None]
        return (yield from mean_centred_map(opened(self.spec), items, self.target))


@dataclass(frozen=True, eq=False)
class MapGrid(LongJob[list[np.ndarray]]):
    """Maps of one class by (method, layer), for the quick methods."""

    spec: ModelSpec
    picture: Picture
    target: int
    cells: tuple[tuple[str, str | None], ...]

    def run(self) -> Run[list[np.ndarray]]:
        from explain.methods import attribute

        classifier = opened(self.spec)
        prepared, maps = classifier.prepare([self.picture.pixels]), []
        for number, (method, layer) in enumerate(self.cells):
            yield number, len(self.cells)
            maps.append(attribute(classifier, prepared, np.array([self.target]), method, layer).maps[0])
        return maps


@dataclass(frozen=True, eq=False)
class CamSteps(QuickJob["Steps"]):
    """All intermediate results of a CAM."""

    spec: ModelSpec
    picture: Picture
    target: int
    method: str = "grad-cam"
    layer: str | None = None
    kept: ClassVar[int] = 16
    waiting: ClassVar[str] = "Explaining…"

    def run(self) -> "Steps":
        from explain.cam import cam_steps

        classifier = opened(self.spec)
        return cam_steps(classifier, classifier.prepare([self.picture.pixels]), self.target, self.method, self.layer)


@dataclass(frozen=True, eq=False)
class Scramble(LongJob[list[Scrambled]]):
    """The map and score of one class as more and more of a copy of the network is scrambled; the first is of the intact network."""

    spec: ModelSpec
    picture: Picture
    target: int
    method: str
    layer: str | None = None

    def run(self) -> Run[list[Scrambled]]:
        from explain.methods import attribute
        from explain.sanity import cuts, scrambled_copy

        yield 0, 1
        copy, stages = scrambled_copy(opened(self.spec)), cuts(opened(self.spec))
        prepared, found = copy.classifier.prepare([self.picture.pixels]), []
        for number, paths in enumerate([[], *stages]):
            copy.scramble(paths, seed=0)
            one = attribute(copy.classifier, prepared, np.array([self.target]), self.method, self.layer)
            score = float(one.prediction.probabilities[0, self.target])
            found.append(Scrambled(paths[-1] if paths else "", one.maps[0], score))
            yield number + 1, len(stages) + 1
        return found


@dataclass(frozen=True, eq=False)
class DrawIdeal(LongJob["Ideal"]):
    """The image that maximises a class's logit."""

    spec: ModelSpec
    target: int

    def run(self) -> "Run[Ideal]":
        from explain.ideal import activation_maximisation

        return (yield from activation_maximisation(opened(self.spec), self.target))
