"""Better predictions from the same networks: several views of an image, several classifiers, prior correction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from core.text import literal
from core.wording import count
from datasets.dataset import Dataset
from models.combine import WAYS, aligned, correct_prior, fit_weights, put_together
from models.predictions import PredictionTable, by_code
from studies.assess import QUICK, assess, shares
from ui.parts.choice import ALL
from ui.parts.long_runs import follow
from ui.services import predictions, services
from ui.services.predictions import PredictionSet

NINE = (
    "Test-time augmentation after Steppan & Hanke 2020: the image itself (weight 0.4) and eight views, cropped at the corners of the image "
    "enlarged by 5 %, and mirrored. Takes nine times as long."
)
WAY_NAMES = {"mean": "mean", "weighted": "fitted weights", "majority": "majority"}


@dataclass(frozen=True)
class Recipe:
    """How predictions are combined. also: other classifiers; fitted_on, prior: splits, or ALL; None where nothing is fitted."""

    also: tuple[str, ...] = ()
    way: str = "mean"
    fitted_on: str | None = None
    views: bool = False
    prior: str | None = None


def choose_recipe(name: str, splits: Sequence[str]) -> Recipe:
    """The controls; at first, the classifier alone on the images as they are."""
    others = [n for n in services.workspace().model_names() if n != name]
    title = "Better predictions from the same networks: views, several classifiers, prior"
    with st.expander(title, key="fold-recipe", icon=":material/join:"):
        one, two = st.columns(2)
        also = one.multiselect("Together with", others, key="ensemble", placeholder="other classifiers", bind="query-params")
        with two:
            way, fitted_on = _way(bool(also), splits)
        views = one.toggle("Nine views of each image", key="views", bind="query-params", help=NINE)
        prior, note = None, "Steppan & Hanke 2020: raises rare classes. The scores then no longer reflect how common a diagnosis is."
        if two.toggle("Divide by prevalence in training", key="prior", help=note):
            places = [*splits, ALL]
            prior = two.selectbox("Trained on", places, places.index("train") if "train" in places else 0, key="prior-split")
    return Recipe(tuple(also), way, fitted_on, views, prior)


def combined(opened: services.OpenModel, data: Dataset, recipe: Recipe) -> PredictionSet | None:
    """The predictions of a recipe; None, with a button on screen, where a member has to be run first. Raises LesionLensError."""
    members = [opened, *(services.model(n) for n in recipe.also)]
    tables = [predictions.kept(m, data, recipe.views) for m in members]
    for member, table in zip(members, tables, strict=True):
        if table is None:
            run_missing(member, data, recipe.views)
            return None
    known = [by_code(t) for t in tables if t is not None]
    weights = np.full(len(members), 1 / len(members))
    joined = known[0]
    if len(known) > 1:
        if recipe.way == "weighted":
            weights = _weights(known, data, recipe.fitted_on)
        joined = put_together(known, recipe.way, weights if recipe.way == "weighted" else None)
    if recipe.prior is not None:
        joined = correct_prior(joined, shares(joined, data, None if recipe.prior == ALL else recipe.prior))
    name = " + ".join(m.name for m in members) + (" views" if recipe.views else "") + (" prior" if recipe.prior else "")
    return PredictionSet(name, joined, tuple(members), tuple(weights.tolist()), recipe.views)


def recipe_line(predicted: PredictionSet, recipe: Recipe) -> None:
    """What is evaluated, where it is not the classifier alone."""
    if recipe == Recipe():
        return
    words, weighted = [], recipe.way == "weighted"
    if len(predicted.members) > 1:
        pairs = zip(predicted.members, predicted.weights, strict=True)
        words.append(f"{WAY_NAMES[recipe.way]} of {', '.join(literal(m.name) + (f' ({w:.2f})' if weighted else '') for m, w in pairs)}")
        if weighted:
            words.append(f"weights fitted on {literal(recipe.fitted_on)}: evaluate on other images")
    if recipe.views:
        words.append("nine views of each image")
    if recipe.prior is not None:
        words.append(f"scores divided by each class's prevalence in {literal(recipe.prior)}")
    st.info(f"Evaluated: {'; '.join(words)}.", icon=":material/join:")


def _way(several: bool, splits: Sequence[str]) -> tuple[str, str | None]:
    note = "Fitted weights: a mean whose weights are fitted on held-out images. Majority: the share of classifiers that decide for a class."
    say = WAY_NAMES.__getitem__
    way = st.segmented_control(
        "combined by", list(WAYS), default="mean", format_func=say, key="ensemble-way", disabled=not several, help=note
    )
    if not several:
        return "mean", None
    if way != "weighted":
        return way or "mean", None
    places, note = [*splits, ALL], "Choose images that no member was trained on and that you do not evaluate on."
    usual = places.index("val") if "val" in places else 0
    return "weighted", st.selectbox("Weights fitted on", places, usual, key="weights-split", help=note)


def _weights(tables: Sequence[PredictionTable], data: Dataset, fitted_on: str | None) -> np.ndarray:
    split = None if fitted_on == ALL else fitted_on
    rows = assess(put_together(tables, "mean"), data, split=split, how=QUICK).rows
    classes = tables[0].classes
    members = [aligned(t, rows["image_id"].tolist(), classes) for t in tables]
    return fit_weights(members, np.array([classes.index(d) for d in rows["diagnosis"]]))


def run_missing(member: services.OpenModel, data: Dataset, views: bool = False) -> None:
    """Where a classifier has no predictions of this kind yet: a button that runs it, or the progress."""
    job = predictions.run(member, data, views)
    task = services.task(job)
    if task is not None and task.error is None:
        follow(job, f"Predicting with {literal(member.name)}", lambda: predictions.kept(member, data, views) is not None)
        return
    with_views = " with nine views of each image" if views else ""
    st.write(
        f"**{literal(member.card.name)}** has not yet been run over **{literal(data.name)}** ({count(len(data), 'image')}){with_views}."
    )
    if task is not None:
        st.warning(literal(task.error))
    if st.button("Run it over the dataset", type="primary", icon=":material/play_arrow:", key=f"run {job.key}"):
        predictions.start(member, data, views)
        st.rerun()
    st.caption("A run that was stopped continues where it stopped. Its result is kept for this file, card and dataset.")
