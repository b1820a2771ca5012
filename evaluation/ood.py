"""Out-of-distribution scores: how unlike the training images is this one? Higher is further away.

A `Reference` is fitted on the network's features of in-distribution ("familiar") images, in three parts that share no lesion: one to
fit, one to set scale and threshold, one held out to evaluate. No score says whether a decision is right.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.intervals import Figure, auc, ratio

FAMILIAR = 0.95  # chance of an image of a new familiar lesion to stay below the threshold
NEIGHBOURS = 10
CONFORMAL = "conformal, by lesion"
LINEAR = 0.01  # of a feature's usual size, below which asinh is linear

# score -> its name and what it measures
SCORES: dict[str, tuple[str, str]] = {
    "mahalanobis": (
        "Mahalanobis distance",
        "distance of the network's features from those of familiar images at several depths (Lee 2018, arXiv:1807.03888)",
    ),
    "nearest": (
        "nearest neighbours",
        f"distance to the {NEIGHBOURS}th nearest familiar image in the last layer's features (Sun 2022, arXiv:2204.06507)",
    ),
    "energy": ("energy", "negative log-sum-exp of the logits (Liu 2020, arXiv:2010.03759)"),
    "none": ("none of these", "the network's own score for its class “none of the others”"),
}

FITTED, SCALED, JUDGED = 0, 1, 2
OF_A_DEPTH = ("size", "centre", "spread", "whitening")  # arrays of a `Depth`


@dataclass(frozen=True)
class Features:
    """A network's features of N images. pooled: float32 (N, K) for each of several depths, from input to output; embedding: float32
    (N, D), the last dense layer's input; either may be missing. logits, probabilities: float32 (N, C)."""

    pooled: tuple[np.ndarray, ...]
    embedding: np.ndarray | None
    logits: np.ndarray
    probabilities: np.ndarray

    def __len__(self) -> int:
        return len(self.logits)

    def of(self, rows: np.ndarray) -> "Features":
        """Some of the images, by index or mask."""
        embedding = None if self.embedding is None else self.embedding[rows]
        return Features(tuple(p[rows] for p in self.pooled), embedding, self.logits[rows], self.probabilities[rows])


@dataclass(frozen=True)
class Depth:
    """The features of one depth among familiar images: usual size, centre and spread float (K,), inverse of the lower Cholesky factor
    of their shrunk correlation (K, K); middle and width: mean and standard deviation of the logarithm of their held-out distances."""

    size: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    whitening: np.ndarray
    middle: float = 0.0
    width: float = 1.0

    def far(self, pooled: np.ndarray) -> np.ndarray:
        """Standardised logarithm of the Mahalanobis distance, float (N,)."""
        x = (_compressed(pooled, self.size) - self.centre) / self.spread
        squared = ((x @ self.whitening.T) ** 2).sum(axis=1)
        return np.asarray((np.log(np.maximum(squared, 1e-12)) / 2 - self.middle) / self.width)


@dataclass(frozen=True)
class Reference:
    """Familiar images as one network sees them.

    depths: for the Mahalanobis distance; bank: float32 (M, D), embeddings of length 1 of the images learned from, whose number in the
    dataset is `of`; none: index of a class for none of the others; thresholds: score → value that an image of a new lesion stays
    below with a chance of 95 %; lesions: how many they rest on; judged: score → float (J,) of the images held out for evaluation;
    groups: int (J,), their lesions.
    """

    depths: tuple[Depth, ...]
    bank: np.ndarray | None
    of: tuple[str, ...]
    none: int | None
    thresholds: Mapping[str, float]
    lesions: int
    judged: Mapping[str, np.ndarray]
    groups: np.ndarray

    @property
    def best(self) -> str:
        """The score to use: the most discriminating of those the network allows."""
        return next(name for name in SCORES if name in self.thresholds)

    def scores(self, features: Features) -> dict[str, np.ndarray]:
        """Every score the network allows, float (N,)."""
        from scipy.special import logsumexp

        found: dict[str, np.ndarray] = {}
        if self.depths:
            far = [d.far(p) for d, p in zip(self.depths, features.pooled, strict=True)]
            found["mahalanobis"] = np.mean(far, axis=0)
        if self.bank is not None and features.embedding is not None:
            alike = _unit(features.embedding) @ self.bank.T
            k = min(NEIGHBOURS, len(self.bank))
            found["nearest"] = 1 - np.partition(alike, -k, axis=1)[:, -k]
        found["energy"] = -logsumexp(features.logits.astype(np.float64), axis=1)
        if self.none is not None:
            found["none"] = features.probabilities[:, self.none].astype(float)
        return found

    def nearest(self, embedding: np.ndarray, n: int) -> list[tuple[str, float]]:
        """The n familiar images most like one embedding float (D,), with the cosine of the angle between them, the nearest first."""
        if self.bank is None:
            return []
        alike = self.bank @ _unit(embedding[None])[0]
        return [(self.of[k], float(alike[k])) for k in np.argsort(-alike)[:n]]

    def further_than(self, name: str, score: float) -> float:
        """Share of the held-out familiar images with a lower score."""
        return float((self.judged[name] < score).mean())

    @property
    def stays_below(self) -> Figure:
        """Share of images of new lesions of the same kind below a threshold: what is expected, and the 95 % range of what this threshold
        can have, given that it rests on so many lesions (Vovk 2012, arXiv:1209.2673: a beta distribution)."""
        from scipy.stats import beta

        place = min(math.ceil(FAMILIAR * (self.lesions + 1)), self.lesions)
        of = beta(place, self.lesions + 1 - place)
        return Figure(float(of.mean()), float(of.ppf(0.025)), float(of.ppf(0.975)), method=CONFORMAL)

    def false_alarms(self, name: str) -> Figure:
        """Share of the held-out familiar images beyond the threshold; 5 % are expected."""
        beyond = (self.judged[name] > self.thresholds[name]).astype(float)
        return ratio(beyond, np.ones(len(beyond)), self.groups, "no images")


@dataclass(frozen=True)
class Separation:
    """How well one score separates other images from familiar ones. auroc: of the two; fpr95: share of the others that pass where
    95 % of the familiar pass; flagged: share of the others beyond the threshold."""

    auroc: Figure
    fpr95: Figure
    flagged: Figure


def fit_reference(
    features: Features, parts: np.ndarray, groups: np.ndarray, image_ids: Sequence[str], none: int | None = None
) -> Reference:
    """parts: int (N,), FITTED, SCALED or JUDGED; groups (N,): lesion of each image, in one part alone; none: index of a class
    for none of the others."""
    learned, scale = features.of(parts == FITTED), features.of(parts == SCALED)
    depths = tuple(_scaled(_fit_depth(p), q) for p, q in zip(learned.pooled, scale.pooled, strict=True))
    bank = None if learned.embedding is None or learned.embedding.shape[1] == 0 else _unit(learned.embedding)
    of = tuple(i for i, part in zip(image_ids, parts, strict=True) if part == FITTED)
    bare = Reference(depths, bank, of, none, {}, 0, {}, np.unique(groups[parts == JUDGED], return_inverse=True)[1])
    of_scale = groups[parts == SCALED]
    thresholds = {name: conformal(s, of_scale) for name, s in bare.scores(scale).items()}
    return replace(bare, thresholds=thresholds, lesions=len(np.unique(of_scale)), judged=bare.scores(features.of(parts == JUDGED)))


def conformal(scores: np.ndarray, groups: np.ndarray) -> float:
    """The value that an image of one more lesion stays at or below with a chance of at least 95 %, if it is exchangeable with these.

    scores float (N,), groups (N,): lesion of each. Each lesion counts once, its images share that (Dunn, Wasserman & Ramdas 2018,
    arXiv:1809.07441). Of fewer than 19 lesions it is the largest, which promises less.
    """
    _, group, images = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(scores)
    below = np.cumsum(1 / images[group[order]])
    needed = min(FAMILIAR * (len(images) + 1), len(images))
    return float(scores[order[np.searchsorted(below, needed - 1e-9)]])


def separation(reference: Reference, scores: Mapping[str, np.ndarray], groups: np.ndarray) -> dict[str, Separation]:
    """Of other images, with their scores float (N,) and groups (N,), from the held-out familiar images.

    Intervals are by group; that of fpr95 treats the threshold as fixed.
    """
    other = np.unique(groups, return_inverse=True)[1] + int(reference.groups.max()) + 1
    found = {}
    for name, outside in scores.items():
        inside = reference.judged[name]
        one = np.ones(len(outside))
        positive = np.repeat([False, True], [len(inside), len(outside)])
        area = auc(np.concatenate([inside, outside]), positive, np.concatenate([reference.groups, other]))
        passing = outside <= np.quantile(inside, FAMILIAR)
        beyond = outside > reference.thresholds[name]
        shares = [ratio(x.astype(float), one, other, "no images") for x in (passing, beyond)]
        found[name] = Separation(area, *shares)
    return found


def split_parts(groups: np.ndarray, seed: int = 0, ends: Sequence[float] = (0.6, 0.8)) -> np.ndarray:
    """int (N,): the part of each image, whole lesions. By default 60 % of the lesions FITTED, 20 % SCALED, 20 % JUDGED."""
    _, group = np.unique(groups, return_inverse=True)
    place = np.random.default_rng(seed).permutation(int(group.max()) + 1)[group] / (int(group.max()) + 1)
    return np.digitize(place, ends)


def arrays(reference: Reference) -> Iterator[tuple[str, np.ndarray]]:
    """A reference as named arrays without objects."""
    for k, d in enumerate(reference.depths):
        for name in OF_A_DEPTH:
            yield f"depth {k} {name}", getattr(d, name).astype(np.float32)
        yield f"depth {k} scale", np.array([d.middle, d.width])
    if reference.bank is not None:
        yield "bank", reference.bank.astype(np.float32)
    yield "of", np.array(reference.of, dtype=np.str_)
    yield "none", np.array([] if reference.none is None else [reference.none], int)
    yield "groups", reference.groups
    yield "lesions", np.array(reference.lesions)
    for name, value in reference.thresholds.items():
        yield f"threshold {name}", np.array(value)
        yield f"judged {name}", reference.judged[name]


def from_arrays(kept: Mapping[str, np.ndarray]) -> Reference:
    """The opposite of `arrays`. Raises KeyError where something is missing."""
    depths = []
    for k in range(sum(name.endswith(" scale") for name in kept)):
        size, centre, spread, whitening = (kept[f"depth {k} {name}"] for name in OF_A_DEPTH)
        middle, width = map(float, kept[f"depth {k} scale"])
        depths.append(Depth(size, centre, spread, whitening, middle, width))
    names = [name for name in SCORES if f"threshold {name}" in kept]
    thresholds, judged = {n: float(kept[f"threshold {n}"]) for n in names}, {n: kept[f"judged {n}"] for n in names}
    none = int(kept["none"][0]) if len(kept["none"]) else None
    of, lesions = tuple(map(str, kept["of"])), int(kept["lesions"])
    return Reference(tuple(depths), kept.get("bank"), of, none, thresholds, lesions, judged, kept["groups"])


def _fit_depth(pooled: np.ndarray) -> Depth:
    from scipy.linalg import solve_triangular
    from sklearn.covariance import ledoit_wolf

    size = np.abs(pooled).mean(axis=0, dtype=np.float64)
    size = np.where(size > 0, size, 1.0)
    x = _compressed(pooled, size)
    centre, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    shrunk, _ = ledoit_wolf((x - centre) / spread, assume_centered=True)
    identity = np.eye(len(shrunk))
    usual = max(float(np.trace(shrunk)) / len(shrunk), 1e-6)  # a constant network has no spread at all
    factor = np.linalg.cholesky(shrunk + 1e-6 * usual * identity)
    return Depth(size, centre, spread, solve_triangular(factor, identity, lower=True))


def _scaled(depth: Depth, pooled: np.ndarray) -> Depth:
    far = depth.far(pooled)
    return replace(depth, middle=float(far.mean()), width=float(far.std()) or 1.0)


def _compressed(pooled: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Signed and logarithmic far from 0, so that a feature ten times too weak is as unusual as one ten times too strong."""
    return np.asarray(np.arcsinh(pooled / (LINEAR * size)))


def _unit(embedding: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(embedding, axis=1, keepdims=True)
    return np.asarray(embedding / np.where(length > 0, length, 1))
