"""Card check: do labelled images support a card's scaling, colour order and class order, or contradict it?

The network predicts the same images under every card that is tried. *Supported* is a card if every pair of outputs ranks the lesions of its
two diagnoses as the card says, and no other scaling or colour order comes near. *Contradicted* is it if another card, fitted on half of the
lesions, is clearly better on the other half, or a pair of outputs stands the other way round. Not clearly worse is no support: everything
else is *not contradicted*. A network is judged on the diagnoses it has an output for, at the dataset's prevalences; to contradict, a card
must also work when all diagnoses are weighted equally: a network that only separates nevi from the rest can look good on a dataset of nevi.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from core import diagnoses
from core.errors import CardError
from core.runs import Run
from evaluation.intervals import Figure
from evaluation.ranking import rank, ranking_figures
from imaging.decode import read_image
from models.card import SCALINGS, ModelCard, scale_pixels
from models.classifier import Classifier
from models.order import Pair, fitted_order, pairs_of_outputs

SUPPORTED, CONTRADICTED, OPEN = "supported", "contradicted", "not contradicted"
SURE = 0.01  # one-sided p below which a pair of outputs stands as the card says, or (divided by the pairs) the other way round
CLEARLY = 0.02  # mean AUC by which another card must at least be better to contradict
WORKS = 0.60  # lower bound of the mean AUC, below which a network is not said to work under a card
REPEATS = 400
BATCH = 64
NAMED, OUTPUTS = 4, 12  # pairs and cards, and outputs or diagnoses, that a sentence lists


@dataclass(frozen=True)
class Tried:
    """What the network says of N images under one card: float (N, K) each, in output order."""

    card: ModelCard
    logits: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Labelled:
    """N images. label: the network's class; diagnosis: as the dataset says; share: of the diagnosis among the dataset's labelled images;
    lesion: int."""

    label: np.ndarray
    diagnosis: np.ndarray
    share: np.ndarray
    lesion: np.ndarray

    def part(self, rows: np.ndarray) -> "Labelled":
        return Labelled(self.label[rows], self.diagnosis[rows], self.share[rows], self.lesion[rows])

    @property
    def even(self) -> np.ndarray:
        """Weights by which every diagnosis counts the same."""
        return 1 / pd.Series(self.diagnosis).map(pd.Series(self.diagnosis).value_counts()).to_numpy(float)


@dataclass(frozen=True)
class Candidate:
    """One card on the lesions held apart. order: for each output its diagnosis, None where undetermined; auc: mean over the diagnoses
    at the dataset's prevalences; even_auc: the same with diagnoses weighted equally; accuracy: among the diagnoses with an output."""

    scaling: str
    colour_order: str
    order: tuple[str | None, ...]
    auc: Figure
    even_auc: Figure
    accuracy: Figure

    @property
    def read_as(self) -> str:
        return f"{self.scaling} {self.colour_order.upper()}"

    @property
    def in_figures(self) -> str:
        return f"mean AUC {self.auc:.2f}, accuracy {self.accuracy:.2f}"


@dataclass(frozen=True)
class CardCheck:
    """verdict: "supported", "contradicted" or "not contradicted", with its reason.

    own: the card as it stands; fitted: the card to which the images point where it is another; gain: mean AUC of fitted minus own, on the
    lesions held apart; candidates: the best first; left_out: diagnoses without an output; unseen: classes of the card without an image.
    """

    verdict: str
    reason: str
    own: Candidate
    fitted: Candidate | None
    gain: Figure
    candidates: tuple[Candidate, ...]
    n_images: int
    n_lesions: int
    pairs: tuple[Pair, ...] = ()
    left_out: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def costs(self) -> str:
        """What either card would cost, where the images point to another; else empty."""
        if self.fitted is None:
            return ""
        said, fitted = (_listed((o or "?" for o in c.order), OUTPUTS) for c in (self.own, self.fitted))
        return (
            f"As the card says ({self.own.read_as}; {said}): {self.own.in_figures}. "
            f"As fitted ({self.fitted.read_as}; {fitted}): {self.fitted.in_figures}."
        )

    @property
    def limits(self) -> str:
        """What could not be judged; empty if all could."""
        lines = []
        if self.left_out:
            lines.append(f"Left out, for the network has no output for them: {_listed(self.left_out, OUTPUTS)}.")
        if self.unseen:
            lines.append(f"Not judged, for the dataset has no image of them: {_listed(self.unseen, OUTPUTS)}.")
        return " ".join(lines)


@dataclass(frozen=True)
class _Comparison:
    """What the verdict rests on. gain: of the best card over the own; swapped: pairs that stand the other way round; level: other
    scalings and colour orders that the own does not clearly beat under its own order."""

    own: Candidate
    best: Candidate
    gain: Figure
    swapped: tuple[Pair, ...]
    unsure: tuple[Pair, ...]
    level: tuple[str, ...]


def check_card(
    classifier: Classifier, root: Path, sample: pd.DataFrame, groups: Sequence[str], left_out: Sequence[str] = (), seed: int = 0
) -> Run[CardCheck]:
    """sample: rows from `sample_for_check`, files below root; groups: the lesion of each row; left_out: from `without_output`.

    Raises CardError where the network has outputs for fewer than two diagnoses of the images.
    """
    labels = sample["check_label"].to_numpy(str)
    if len(np.unique(labels)) < 2:
        raise CardError(
            f"cannot be checked (diagnoses with an output and labelled images: {', '.join(np.unique(labels)) or 'none'}).",
            classifier.card.name,
            "Provide labelled images of two of its classes, or correct the names of its classes.",
        )
    images = np.stack([classifier.fit(read_image(root / file)) for file in sample["file"]])
    cards, tried = cards_to_try(classifier.card), []
    for i, card in enumerate(cards):
        parts = []
        for start in range(0, len(images), BATCH):
            parts.append(classifier.predict(scale_pixels(card, images[start : start + BATCH])))
            yield i * len(images) + min(start + BATCH, len(images)), len(cards) * len(images)
        logits, probabilities = (np.nan_to_num(np.concatenate(x)) for x in zip(*((p.logits, p.probabilities) for p in parts), strict=True))
        tried.append(Tried(card, logits, probabilities))
    lesion = np.unique(np.asarray(groups), return_inverse=True)[1]
    labelled = Labelled(labels, sample["diagnosis"].to_numpy(str), sample["check_share"].to_numpy(float), lesion)
    return judge(classifier.card, tried, labelled, left_out, seed)


def cards_to_try(card: ModelCard) -> list[ModelCard]:
    """The card itself first, then the same with every other scaling and colour order."""
    own = (card.scaling, card.colour_order)
    others = [pair for pair in product(SCALINGS, ("rgb", "bgr")) if pair != own]
    return [card.model_copy(update={"scaling": s, "colour_order": c}) for s, c in (own, *others)]


def sample_for_check(table: pd.DataFrame, codes: Sequence[str], total: int = 900, seed: int = 0) -> pd.DataFrame:
    """About `total` labelled rows with files of diagnoses that have an output: half of them balanced, half in proportion to prevalence.

    Two columns are added: `check_label`, the network's class for the diagnosis, and `check_share`, the prevalence
    of the diagnosis among those images.
    """
    usable = table.dropna(subset=["diagnosis", "file"])
    classes = usable["diagnosis"].map(_classes(usable["diagnosis"].unique(), codes))
    usable = usable.assign(check_label=classes).dropna(subset=["check_label"])
    share = usable["diagnosis"].value_counts(normalize=True)
    usable["check_share"] = usable["diagnosis"].map(share).astype(float)
    wanted = (usable["diagnosis"].map((total / 2 * (1 / max(len(share), 1) + share)).round())).astype(float)
    shuffled = usable.assign(_wanted=wanted).sample(frac=1, random_state=seed)
    return shuffled[shuffled.groupby("diagnosis").cumcount() < shuffled["_wanted"]].drop(columns="_wanted")


def without_output(table: pd.DataFrame, codes: Sequence[str]) -> tuple[str, ...]:
    """The dataset's diagnoses that the network has no output for."""
    shown = table.dropna(subset=["diagnosis", "file"])["diagnosis"].unique()
    known = _classes(shown, codes)
    return tuple(sorted(str(d) for d in shown if known[d] is None))


def judge(card: ModelCard, tried: Sequence[Tried], images: Labelled, left_out: Sequence[str] = (), seed: int = 0) -> CardCheck:
    """The verdict from what the network said. tried: the card itself first."""
    codes, names = card.codes, np.unique(images.label)
    fit = _half(images, seed)
    seen, held = images.part(fit), images.part(~fit)
    resampled = _resampled(held.lesion, seed)
    evenly, as_it_comes = resampled * held.even, resampled * held.even * held.share

    def on_held(t: Tried, order: tuple[str | None, ...]) -> tuple[Candidate, np.ndarray]:
        scores = t.probabilities[~fit]
        draws, even = np.split(mean_auc(scores, held.label, order, names, np.concatenate([as_it_comes, evenly])), 2)
        hits = _decided(scores, order, names) == held.label
        right = as_it_comes @ hits / np.maximum(as_it_comes.sum(axis=1), 1e-12) if len(held.label) else np.full(len(draws), np.nan)
        return Candidate(t.card.scaling, t.card.colour_order, order, *map(_figure, (draws, even, right))), draws

    orders = [fitted_order(comparable(t)[fit], seen.label, codes) for t in tried]
    candidates = [on_held(t, order) for t, order in zip(tried, orders, strict=True)]
    shares = (seen.even * seen.share)[None]
    worth = [mean_auc(t.probabilities[fit], seen.label, o, names, shares)[0] for t, o in zip(tried, orders, strict=True)]
    best, best_draws = candidates[int(np.argmax(np.nan_to_num(worth)))]
    own, own_draws = on_held(tried[0], codes)
    pairs = pairs_of_outputs(comparable(tried[0]), images.label, _lesions(images), codes)
    swapped = tuple(p for p in pairs if not p.alone and p.p_swapped < SURE / len(pairs))
    gain = _figure(best_draws - own_draws)
    if swapped and orders[0] != codes and not gain.low > CLEARLY:
        best, gain = candidates[0][0], _figure(candidates[0][1] - own_draws)
    everyone = _resampled(images.lesion, seed) * images.even * images.share
    all_draws = [mean_auc(t.probabilities, images.label, codes, names, everyone) for t in tried]
    level = tuple(
        f"{t.card.scaling} {t.card.colour_order.upper()}"
        for t, draws in zip(tried[1:], all_draws[1:], strict=True)
        if not _figure(all_draws[0] - draws).low > 0
    )
    unsure = tuple(p for p in pairs if p.p_right >= SURE)
    compared = _Comparison(own, best, gain, swapped, unsure, level)
    verdict, reason = _verdict(compared, codes, orders[0])
    fitted = best if verdict == CONTRADICTED else candidates[0][0]
    same = (fitted.read_as, fitted.order) == (own.read_as, own.order)
    shown = tuple(c for c, _ in sorted(candidates, key=lambda c: -np.nan_to_num(c[0].auc.value)))
    return CardCheck(
        verdict,
        reason,
        own,
        None if same else fitted,
        gain,
        shown,
        len(images.label),
        len(np.unique(held.lesion)),
        pairs,
        tuple(left_out),
        tuple(dict.fromkeys(c for c in codes if c not in names)),
    )


def _verdict(found: _Comparison, codes: Sequence[str], fitted: Sequence[str | None]) -> tuple[str, str]:
    own, best, gain = found.own, found.best, found.gain
    confirmed = found.swapped and best.order != own.order and gain.value > 0
    if (gain.low > CLEARLY and best.even_auc.low >= WORKS) or confirmed:
        turned = f"The other way round: {_listed('/'.join(p.names) for p in found.swapped)}. " if found.swapped else ""
        return CONTRADICTED, f"{turned}On lesions held apart, the fitted card is better by {gain:.2f} mean AUC."
    if not own.auc.defined:
        return OPEN, "The card names none of the dataset's diagnoses, or too few images show them."
    doubts = []
    if found.unsure:
        doubts.append(f"these images do not tell which output is which of {_listed('/'.join(p.names) for p in found.unsure)}")
        if not best.even_auc.low >= WORKS:
            doubts.append(f"the best card reaches a mean AUC of only {best.even_auc:.2f} with all diagnoses weighted equally")
    elif tuple(fitted) != tuple(codes):
        doubts.append("half of the lesions fit another order of the outputs")
    if found.level:
        doubts.append(f"{_listed(found.level)} may do as well as {own.read_as}")
    if doubts:
        return OPEN, f"The images speak neither for nor against the card: {'; '.join(doubts)}."
    return SUPPORTED, f"Every output ranks its diagnosis first, and no other scaling or colour order does as well: {own.in_figures}."


def _listed(names: Iterable[str], most: int = NAMED) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")


def _classes(shown: Sequence[str] | np.ndarray, codes: Sequence[str]) -> dict[str, str | None]:
    """Diagnosis → class. Where a class of the card is no known word, it may be any diagnosis, which then keeps its name."""
    known = diagnoses.label_map(shown, codes)
    unnamed = any(code not in diagnoses.LONG_NAMES and code not in known.values() for code in codes)
    return {d: code or (str(d) if unnamed else None) for d, code in known.items()}


def _half(images: Labelled, seed: int) -> np.ndarray:
    """bool (N,): half of the lesions of every class; where the number is odd, chance says where the last one goes."""
    rng = np.random.default_rng(seed)
    lesions = pd.DataFrame({"lesion": images.lesion, "label": images.label}).drop_duplicates("lesion")
    lesions = lesions.iloc[rng.permutation(len(lesions))]
    start = {label: int(rng.integers(2)) for label in np.unique(images.label)}
    first = (lesions.groupby("label").cumcount() + lesions["label"].map(start)) % 2 == 0
    return np.isin(images.lesion, lesions["lesion"][first])


def _lesions(images: Labelled) -> np.ndarray:
    """int (N,): lesions, apart where one bears two labels."""
    return np.unique([f"{number}/{label}" for number, label in zip(images.lesion, images.label, strict=True)], return_inverse=True)[1]


def comparable(tried: Tried) -> np.ndarray:
    """Logits that can be compared between images: softmax gives the same with any number added to all outputs of one."""
    logits = tried.logits.astype(float)
    return logits if tried.card.output == "multi-label" else logits - logsumexp(logits, axis=1, keepdims=True)


def _decided(scores: np.ndarray, order: Sequence[str | None], names: np.ndarray) -> np.ndarray:
    """str (N,): the judged diagnosis with the highest score; "" if the order has none."""
    judged = [n for n in names if n in order]
    if not judged:
        return np.full(len(scores), "")
    summed = np.stack([scores[:, [k for k, o in enumerate(order) if o == n]].sum(axis=1) for n in judged], axis=1)
    return np.array(judged)[summed.argmax(axis=1)]


def _resampled(groups: np.ndarray, seed: int) -> np.ndarray:
    """int (REPEATS + 1, N): how often each row is drawn when lesions are resampled; the first draw is the data."""
    own = np.unique(groups, return_inverse=True)[1]
    n = int(own.max(initial=-1)) + 1
    rng = np.random.default_rng([seed, 1])
    draws = rng.multinomial(n, np.full(n, 1 / n), REPEATS)[:, own] if n else np.zeros((REPEATS, 0), int)
    return np.concatenate([np.ones((1, len(groups)), int), draws])


def mean_auc(
    scores: np.ndarray, labels: np.ndarray, order: Sequence[str | None], names: Sequence[str] | np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Mean AUC over the diagnoses that have an output and images, ties counted half, under each row of weights (B, N); NaN without any."""
    values = []
    rows = np.arange(len(labels))
    for name in names:
        outputs = [k for k, o in enumerate(order) if o == name]
        if outputs and 0 < (labels == name).sum() < len(labels):
            ranked = rank(scores[:, outputs].sum(1), labels == name, rows, len(rows))
            values.append(ranking_figures(ranked, weights.T)["auc"])
    found = np.array(values).reshape(len(values), len(weights))
    known = (~np.isnan(found)).sum(axis=0)
    return np.where(known > 0, np.nansum(found, axis=0) / np.maximum(known, 1), np.nan)


def _figure(draws: np.ndarray) -> Figure:
    """The first draw is the data; the interval is between the others' percentiles."""
    if np.isnan(draws[0]):
        return Figure(float("nan"), float("nan"), float("nan"), "no diagnosis with an output has images on both sides")
    low, high = np.nanpercentile(draws[1:], [2.5, 97.5])
    return Figure(float(draws[0]), float(low), float(high))


def _ends(figure: Figure) -> tuple[float, float, float]:
    return figure.value, figure.low, figure.high


def as_table(check: CardCheck) -> pd.DataFrame:
    """One row per candidate, for screens and exports."""
    return pd.DataFrame(
        [
            (
                c.scaling,
                c.colour_order.upper(),
                *_ends(c.auc),
                c.even_auc.value,
                c.accuracy.value,
                _listed((o or "?" for o in c.order), OUTPUTS),
            )
            for c in check.candidates
        ],
        columns=["scaling", "colours", "mean AUC", "low", "high", "mean AUC, diagnoses equal", "accuracy", "order of outputs"],
    )
