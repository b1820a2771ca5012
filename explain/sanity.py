"""Does the map depend on what the network has learned? Randomise its weights from the output down and compare.

Cascading randomisation (Adebayo 2018, arXiv:1810.03292): a map that stays the same while the network forgets
everything shows the image, not the decision.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import NoSpatialLayer
from core.exports import plain
from core.records import read_record, write_record
from core.runs import Run, part
from explain.methods import DEFAULT, Attribution, Settings, attribution, explained_layer
from explain.similarity import spearman, ssim
from models.classifier import BATCH, Classifier
from models.layers import sublayers
from models.network import open_network
from models.stream import stream_batches

IMAGES, SEEDS, STAGES = 100, 5, 8
FAILED = 0.3  # mean Spearman correlation with everything randomised, from which on the check fails


@dataclass(frozen=True)
class Sanity:
    """Similarity of the maps to the trained network's, by how much of it is randomised.

    stages: the lowest layer randomised so far, from the output down; spearman, ssim: means over images × seeds, NaN
    if all are undefined; undefined: how many of images × seeds have no rank correlation (a map is constant).
    """

    method: str
    layer: str
    stages: tuple[str, ...]
    spearman: tuple[float, ...]
    ssim: tuple[float, ...]
    undefined: tuple[int, ...]
    images: int
    seeds: int

    @property
    def passed(self) -> bool | None:
        """Whether little of the map is left at the end; None if that is undefined (most maps are constant)."""
        if 2 * self.undefined[-1] > self.images * self.seeds or math.isnan(self.spearman[-1]):
            return None
        return abs(self.spearman[-1]) < FAILED


def check_sanity(
    classifier: Classifier,
    prepared: np.ndarray,
    method: str,
    layer: str | None = None,
    settings: Settings = DEFAULT,
    seeds: int = SEEDS,
    stages: int = STAGES,
) -> Run[Sanity]:
    """prepared: float32 (N, H, W, 3), at least 100 for a figure worth quoting. Each image's predicted class is explained.

    The weights of a copy are randomised; the classifier itself is not touched. Raises what opening its file raises.
    """
    if not weighted_layers(classifier):
        raise NoSpatialLayer("has no accessible layers whose weights could be randomised.", classifier.facts.path.name)
    batches = [prepared[i : i + BATCH] for i in range(0, len(prepared), BATCH)]
    parts = cuts(classifier, stages)
    total, done = len(prepared) * (1 + seeds * len(parts)), 0  # maps

    def maps(who: Classifier, batch: np.ndarray, targets: np.ndarray | None) -> Run[Attribution]:
        """Reports progress within the batch, which takes minutes with a slow method."""
        nonlocal done
        start, done = done, done + len(batch)
        run = attribution(who, batch, targets, method, layer, settings)
        found = yield from part(run, start / total, done / total, total)
        yield done, total
        return found

    trained = []
    for batch in batches:
        trained.append((yield from maps(classifier, batch, None)))
    rank: list[list[np.ndarray]] = [[] for _ in parts]
    structure: list[list[np.ndarray]] = [[] for _ in parts]
    copy = scrambled_copy(classifier)
    for seed in range(seeds):
        copy.restore()
        for stage, paths in enumerate(parts):
            copy.scramble(paths, seed)
            for batch, before in zip(batches, trained, strict=True):
                now = yield from maps(copy.classifier, batch, before.targets)
                rank[stage].append(spearman(before.maps, now.maps))
                structure[stage].append(ssim(before.maps, now.maps))
    ranks, structures = ([np.concatenate(values) for values in s] for s in (rank, structure))
    return Sanity(
        method,
        explained_layer(classifier, method, layer),
        tuple(paths[-1] for paths in parts),
        tuple(_mean(r) for r in ranks),
        tuple(_mean(s) for s in structures),
        tuple(int(np.isnan(r).sum()) for r in ranks),
        len(prepared),
        seeds,
    )


def sanity_images(classifier: Classifier, files: Sequence[Path], images: int = IMAGES) -> np.ndarray:
    """Prepared images for the check, float32 (N, H, W, 3): a random sample, without unreadable ones."""
    order = np.random.default_rng(0).permutation(len(files))[:images]
    batches = [b.images for b in stream_batches(classifier, [files[k] for k in sorted(order)])]
    return np.concatenate(batches) if batches else np.zeros((0, *classifier.card.size, 3), np.float32)


def write_sanity(sanity: Sanity, path: Path, about: Mapping[str, str]) -> None:
    """Save a check as JSON; NaN becomes null."""
    write_record(path, {**plain(sanity), "about": about})


def read_sanity(path: Path) -> Sanity | None:
    """A saved check, None if there is none. Raises RecordError."""
    return read_record(path, Sanity, "a sanity check", "Delete it and run the check again.") if path.exists() else None


@dataclass
class ScrambledCopy:
    """A second network from the same file, whose weights can be randomised and restored."""

    classifier: Classifier
    trained: dict[str, list[np.ndarray]]

    def restore(self) -> None:
        layers = dict(sublayers(self.classifier.network))
        for path, weights in self.trained.items():
            layers[path].set_weights(weights)

    def scramble(self, paths: list[str], seed: int) -> None:
        """Permute the trained values of every weight tensor of these layers at random, kernels shifted to mean 0: their scale
        stays, so that activations stay finite, but nothing that was learned."""
        layers = dict(sublayers(self.classifier.network))
        for path in paths:
            rng = np.random.default_rng((seed, *path.encode()))
            layers[path].set_weights([_shuffled(rng, w) for w in self.trained[path]])


def scrambled_copy(classifier: Classifier) -> ScrambledCopy:
    """A copy that still has its trained weights."""
    copy = Classifier(open_network(classifier.facts), classifier.card, classifier.facts)
    weights = {path: layer.get_weights() for path, layer in sublayers(copy.network)}
    return ScrambledCopy(copy, {path: w for path, w in weights.items() if w})


def untrained_twin(classifier: Classifier, seed: int = 0) -> Classifier | None:
    """A copy of the network whose weights are all permuted; None if they are not accessible. Raises what opening its file raises."""
    if not classifier.layers or not weighted_layers(classifier):
        return None
    copy = scrambled_copy(classifier)
    copy.scramble(weighted_layers(classifier), seed)
    return copy.classifier


def weighted_layers(classifier: Classifier) -> list[str]:
    """The layers with weights, from the output down."""
    layers = dict(sublayers(classifier.network))
    return [info.path for info in reversed(classifier.layers) if layers[info.path].weights]


def cuts(classifier: Classifier, stages: int = STAGES) -> list[list[str]]:
    """The layers that each stage randomises in addition to those before, from the output down, in at most `stages` stages."""
    paths = weighted_layers(classifier)
    ends = np.unique(np.linspace(1, len(paths), min(stages, len(paths))).round().astype(int))
    return [paths[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _shuffled(rng: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    mixed = rng.permutation(weights.ravel()).reshape(weights.shape)
    return mixed - mixed.mean() if weights.ndim > 1 else mixed


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
