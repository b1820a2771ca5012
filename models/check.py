"""Card check: which scaling, colour order and class order do labelled images support?

For every candidate card the network predicts the same images. The class order is fitted on half of the lesions
(assignment on the confusion matrix) and everything is evaluated on the other half, by the mean area under the ROC
curve of the classes. A winner is named only if it clearly beats the runner-up at the dataset's prevalences, and works
when all diagnoses are weighted equally: a network that only separates nevi from the rest can look good on a dataset of
nevi. Otherwise the answer is “can't tell”.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from core import diagnoses
from core.errors import CardError
from core.runs import Run
from evaluation.ranking import rank, ranking_figures
from imaging.decode import read_image
from models.card import SCALINGS, ModelCard, scale_pixels
from models.classifier import Classifier

MIN_IMAGES = 60
MIN_A_CLASS = 8  # images of a diagnosis in either half, below which it is left out
MIN_DECIDED = 0.005  # a class predicted less often than this is undetermined
CLEARLY = 0.02  # mean AUC by which a fitted class order must beat the card's to contradict it
WORKS = 0.60  # lower bound of the mean AUC, diagnoses weighted equally, below which no card makes the network work
REPEATS = 400
BATCH = 64


@dataclass(frozen=True)
class Candidate:
    """One candidate card, evaluated on the held-out half. auc: mean over diagnoses at the dataset's prevalences, with its 95 %
    interval; even_auc: the same with diagnoses weighted equally, and its lower bound; order: for each output the diagnosis it
    was assigned on the other half, None where undetermined."""

    scaling: str
    colour_order: str
    auc: float
    low: float
    high: float
    even_auc: float
    even_low: float
    order: tuple[str | None, ...]


@dataclass(frozen=True)
class CardCheck:
    """candidates: the best first. verdict: "found" or "can't tell", with its reason."""

    verdict: str
    reason: str
    candidates: tuple[Candidate, ...]
    n_images: int
    n_lesions: int
    margin: float
    margin_low: float
    agrees: bool | None  # whether the winner matches the card; None if there is no winner


def check_card(classifier: Classifier, root: Path, sample: pd.DataFrame, groups: Sequence[str], seed: int = 0) -> Run[CardCheck]:
    """sample: rows from `sample_for_check`, files below root; groups: the lesion of each row.

    Raises CardError with too few images or classes.
    """
    images = np.stack([classifier.fit(read_image(root / file)) for file in sample["file"]])
    labels, lesion = sample["check_label"].to_numpy(str), np.unique(np.asarray(groups), return_inverse=True)[1]
    fit = (np.random.default_rng(seed).random(int(lesion.max()) + 1) < 0.5)[lesion]  # half of the lesions
    names = tuple(n for n in np.unique(labels) if min((labels[fit] == n).sum(), (labels[~fit] == n).sum()) >= MIN_A_CLASS)
    if len(images) < MIN_IMAGES or len(names) < 2:
        raise CardError(
            f"cannot be checked (labelled images: {len(images)}; diagnoses with {2 * MIN_A_CLASS} images or more: {len(names)}).",
            classifier.card.name,
            f"Provide at least {MIN_IMAGES} images of two diagnoses.",
        )
    cards = [classifier.card.model_copy(update={"scaling": s, "colour_order": c}) for s, c in product(SCALINGS, ("rgb", "bgr"))]
    scored, total = [], len(cards) * len(images)
    for i, card in enumerate(cards):
        parts = []
        for start in range(0, len(images), BATCH):
            parts.append(classifier.predict(scale_pixels(card, images[start : start + BATCH])).probabilities)
            yield i * len(images) + min(start + BATCH, len(images)), total
        scores = np.nan_to_num(np.concatenate(parts), nan=0.0)
        scored.append((card, scores, _assign(scores[fit], labels[fit], names)))
    held = ~fit
    n_held = len(np.unique(lesion[held]))
    counts = sample["diagnosis"].to_numpy(str)[held]
    even = 1 / pd.Series(counts).map(pd.Series(counts).value_counts()).to_numpy(float)
    resampled = _resampled(lesion[held], seed)
    weights = resampled * even * sample["check_share"].to_numpy(float)[held]
    draws = [mean_auc(scores[held], labels[held], order, names, weights) for _, scores, order in scored]
    evenly = [mean_auc(scores[held], labels[held], order, names, resampled * even) for _, scores, order in scored]
    ranking = sorted(range(len(cards)), key=lambda k: -draws[k][0])
    candidates = tuple(_candidate(scored[k][0], scored[k][2], draws[k], evenly[k]) for k in ranking)
    best, second = draws[ranking[0]], draws[ranking[1]]
    margin = best[1:] - second[1:]
    low = float(np.percentile(margin, 2.5))
    verdict, reason = _verdict(candidates, float(best[0] - second[0]), low)
    card, scores, _ = scored[ranking[0]]
    own = mean_auc(scores[held], labels[held], classifier.card.codes, names, weights)
    order_fits = float(np.percentile((best - own)[1:], 2.5)) <= CLEARLY
    same = (card.scaling, card.colour_order) == (classifier.card.scaling, classifier.card.colour_order)
    agrees = (same and order_fits) if verdict == "found" else None
    return CardCheck(verdict, reason, candidates, len(images), n_held, float(best[0] - second[0]), low, agrees)


def sample_for_check(table: pd.DataFrame, codes: Sequence[str], total: int = 900, seed: int = 0) -> pd.DataFrame:
    """About `total` labelled rows with files: half of them balanced over diagnoses, half in proportion to prevalence.

    Two columns are added: `check_label`, the network's class for the diagnosis, and `check_share`, the prevalence
    of the diagnosis among the labelled images.
    """
    usable = table.dropna(subset=["diagnosis", "file"])
    classes = usable["diagnosis"]
    if diagnoses.is_binary(codes):
        classes = classes.map(diagnoses.label_map(classes.unique(), codes))
    usable = usable.assign(check_label=classes).dropna(subset=["check_label"])
    share = usable["diagnosis"].value_counts(normalize=True)
    usable["check_share"] = usable["diagnosis"].map(share).astype(float)
    wanted = (usable["diagnosis"].map((total / 2 * (1 / max(len(share), 1) + share)).round())).astype(float)
    shuffled = usable.assign(_wanted=wanted).sample(frac=1, random_state=seed)
    return shuffled[shuffled.groupby("diagnosis").cumcount() < shuffled["_wanted"]].drop(columns="_wanted")


def _verdict(candidates: tuple[Candidate, ...], margin: float, low: float) -> tuple[str, str]:
    best, second = candidates[:2]
    winner = f"{best.scaling} {best.colour_order.upper()} (mean AUC {best.auc:.2f} [{best.low:.2f}, {best.high:.2f}])"
    other = f"{second.scaling} {second.colour_order.upper()} ({second.auc:.2f})"
    if best.even_low < WORKS:
        return "can't tell", (
            f"The best is {winner}, followed by {other}; but with all diagnoses weighted equally it reaches only "
            f"{best.even_auc:.2f} (at least {best.even_low:.2f}), so no card makes this network work on these images."
        )
    if low <= 0:
        return "can't tell", f"{winner} is ahead of {other} by {margin:.3f}, which may be due to chance (lower bound {low:.3f})."
    return "found", f"{winner} beats the runner-up {other} by {margin:.3f} (at least {low:.3f} with 97.5 % confidence)."


def _assign(scores: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> tuple[str | None, ...]:
    """For each output the diagnosis it fits best, one to one while there are diagnoses left; surplus outputs
    (of a network with finer classes) take the diagnosis that makes up most of their decisions, if one does."""
    decided = scores.argmax(1)
    counts = np.array([[((labels == n) & (decided == k)).sum() for k in range(scores.shape[1])] for n in names], float)
    rates = counts / np.maximum(np.array([[(labels == n).sum()] for n in names]), 1)
    shares = (decided[:, None] == np.arange(scores.shape[1])).mean(0)
    rows, columns = linear_sum_assignment(-rates)
    order: list[str | None] = [None] * scores.shape[1]
    for row, column in zip(rows, columns, strict=True):
        if shares[column] >= MIN_DECIDED:
            order[column] = str(names[row])
    for column in range(scores.shape[1]):
        clear = rates[:, column].max() > 0.5 * rates[:, column].sum()
        if order[column] is None and shares[column] >= MIN_DECIDED and column not in columns and clear:
            order[column] = str(names[int(rates[:, column].argmax())])
    return tuple(order)


def _resampled(groups: np.ndarray, seed: int) -> np.ndarray:
    """int (REPEATS + 1, N): how often each row is drawn when lesions are resampled; the first draw is the data."""
    own = np.unique(groups, return_inverse=True)[1]
    n = int(own.max()) + 1
    rng = np.random.default_rng([seed, 1])
    draws = rng.multinomial(n, np.full(n, 1 / n), REPEATS)[:, own]
    return np.concatenate([np.ones((1, len(groups)), int), draws])


def mean_auc(scores: np.ndarray, labels: np.ndarray, order: Sequence[str | None], names: Sequence[str], weights: np.ndarray) -> np.ndarray:
    """Mean AUC over the diagnoses, ties counted half, under each row of weights (B, N); a diagnosis without an output counts .5."""
    values = []
    rows = np.arange(len(labels))
    for name in names:
        outputs = [k for k, o in enumerate(order) if o == name]
        if outputs:
            ranked = rank(scores[:, outputs].sum(1), labels == name, rows, len(rows))
            values.append(ranking_figures(ranked, weights.T)["auc"])
        else:
            values.append(np.full(len(weights), 0.5))
    return np.nanmean(np.stack(values), axis=0)


def _candidate(card: ModelCard, order: tuple[str | None, ...], draws: np.ndarray, evenly: np.ndarray) -> Candidate:
    low, high = np.nanpercentile(draws[1:], [2.5, 97.5])
    even_low = float(np.nanpercentile(evenly[1:], 2.5))
    return Candidate(card.scaling, card.colour_order, float(draws[0]), float(low), float(high), float(evenly[0]), even_low, order)


def as_table(check: CardCheck) -> pd.DataFrame:
    """One row per candidate, for screens and exports."""
    return pd.DataFrame(
        [
            (c.scaling, c.colour_order.upper(), c.auc, c.low, c.high, c.even_auc, ", ".join(o or "?" for o in c.order))
            for c in check.candidates
        ],
        columns=["scaling", "colours", "mean AUC", "low", "high", "mean AUC, diagnoses equal", "order of outputs"],
    )
