"""The trainings of the workspace: one with its progress and curves, all compared."""

from dataclasses import asdict

import pandas as pd
import streamlit as st

from core.errors import LesionLensError
from core.exports import safe_csv
from core.text import literal
from core.version import __version__
from datasets.splits import read_split
from models.architectures import PRESETS
from reports.training_charts import CURVES, curve_chart
from training.folder import split_name
from training.launch import launch
from training.samples import leak_in_words
from training.schedule import chosen_epoch, overfitting
from training.space import FIELDS
from ui.parts import choice, navigation
from ui.parts.components import download, figure_metric
from ui.parts.long_runs import duration
from ui.services import services, trainings
from ui.services.trainings import CHOSEN, TrainingRun

SECONDS = 2.0  # between updates of a training under way
FEW = 300  # images for validation
FIGURES = {
    "Accuracy": "The share of decisions that are right.",
    "Majority baseline": "The accuracy of always deciding for the commonest class.",
    "Balanced accuracy": "The mean of the sensitivities: rare classes count as much as common ones.",
}


def runs() -> None:
    """One training with its curves, then all of them side by side."""
    names = trainings.names()
    if not names:
        st.info(
            "Nothing has been trained in this workspace yet. Start under “New training”, or with "
            "`python cli.py train PRESET --dataset NAME --out NAME`."
        )
        return
    wanted = st.query_params.get("training") or st.session_state.get(CHOSEN)
    st.session_state[CHOSEN] = wanted if wanted in names else names[0]
    name = str(st.selectbox("Training", names, key=CHOSEN, on_change=_to_address))
    try:
        _one(name)
    except LesionLensError as error:
        st.error(literal(error), icon=":material/error:")
    _compare(names)


def _one(name: str) -> None:
    one = trainings.look(name)
    if one.under_way:
        _watch(name)
    else:
        _ended(one)
        _curves(one)


def _to_address() -> None:
    st.query_params["training"] = st.session_state[CHOSEN]


@st.fragment(run_every=SECONDS)
def _watch(name: str) -> None:
    """A training under way: progress, curves, and a way to stop it."""
    one = trainings.look(name)
    if not one.under_way or one.state is None:
        st.rerun()
        return
    state = one.state
    share = state.done / state.total if state.total else 0.0
    st.progress(min(share, 1.0), text=f"{literal(state.doing[:1].upper() + state.doing[1:])}{_left(one)}")
    if one.folder.stopping:
        st.caption("It stops after the current batch.")
    elif st.button("Stop", icon=":material/stop:", key=f"stop-training-{name}"):
        one.folder.ask_to_stop()
        st.rerun()
    st.caption("It runs in a separate process: you may close this page and come back.")
    _curves(one)


def _left(one: TrainingRun) -> str:
    """The time left, by the pace of the last epochs."""
    if not one.history or one.recipe is None or one.state is None:
        return ""
    recent = [e.seconds for e in one.history[-3:] if e.phase == one.history[-1].phase]
    phase = one.history[-1].phase  # those before it are over, however early they stopped
    to_go = sum(p.epochs for p in one.recipe.phases[phase - 1 :]) - sum(e.phase == phase for e in one.history)
    seconds = sum(recent) / len(recent) * to_go
    return f", about {duration(seconds)} left" + (", unless it stops early" if one.recipe.early_stopping else "")


def _ended(one: TrainingRun) -> None:
    if one.result is not None:
        _finished(one)
        return
    if one.status == "failed":
        st.error(literal(one.message), icon=":material/error:")
    else:
        st.warning(literal(one.message or "It was stopped."), icon=":material/pause:")
    if one.asked is None or one.recipe is None:
        return
    if one.asked.dataset not in services.workspace().dataset_names():
        st.caption(f"Its dataset {literal(one.asked.dataset)} is not in this workspace; it can continue only where it was started.")
    elif st.button("Go on", type="primary", icon=":material/play_arrow:"):
        try:
            launch(one.asked.preset, one.recipe, one.asked.dataset, trainings.network(one.name), services.workspace().root)
        except LesionLensError as error:
            st.error(literal(error), icon=":material/error:")
            return
        st.rerun()


def _finished(one: TrainingRun) -> None:
    assert one.result is not None
    trained = one.result.training
    n = sum(trained.images["test"].values())
    row = st.container(horizontal=True)
    for name, about in FIGURES.items():
        figure_metric(row, name, trained.test[name.lower()].figure, f"{about} Of {n:,} test images.")
    if trained.leaking:
        st.warning(literal(leak_in_words(trained.leaking, n)), icon=":material/content_copy:")
    where = split_name(trained.dataset, one.name)
    there = where if where in services.workspace().dataset_names() else trained.dataset
    left, right = st.columns(2)
    link = {choice.MODEL: one.name, choice.DATASET: there}
    left.page_link(navigation.page("evaluate"), label="Evaluate it on its test images", icon=":material/grid_on:", query_params=link)
    right.page_link(navigation.page("shortcuts"), label="Does it use markers?", icon=":material/science:", query_params=link)


def _curves(one: TrainingRun) -> None:
    """Loss, accuracy and balanced accuracy by epoch, and what they show."""
    if not one.history or one.recipe is None:
        return
    chosen = chosen_epoch(one.recipe, one.history) if one.result is not None else None
    st.markdown(literal(overfitting(one.history)))
    rows = [asdict(e) for e in one.history]
    for curve in CURVES:
        chart, caption = curve_chart(rows, curve, chosen.epoch if chosen else None)
        st.altair_chart(chart, width="stretch", key=f"curve-{one.name}-{curve}", alt=f"{caption[:1].upper()}{caption[1:]}.")
        st.caption(literal(f"{caption[:1].upper()}{caption[1:]}."))
    split = read_split(one.folder.split).values() if one.folder.split.exists() else []
    validated = sum(s == "val" for s in split)
    if 0 < validated < FEW:
        st.caption(f"Few images for validation ({validated:,}): the curves vary by chance.")
    if chosen is not None:
        how = "the lowest validation loss" if one.recipe.keep == "best" else "the last"
        st.caption(f"The dashed line is epoch {chosen.epoch:d}, whose weights the classifier has: {how} of its phase.")
    st.caption("Both curves are measured after each epoch, without augmentation or dropout, on as many training as validation images.")
    about = {"lesionlens_version": __version__, "model": one.name, "dataset": one.asked.dataset if one.asked else ""}
    csv, key = f"{one.name}-curves.csv", f"curves-csv-{one.name}"
    download(st.columns(3)[0], "Curves (CSV)", lambda: safe_csv(pd.DataFrame(rows), about), csv, key=key)


def _compare(names: list[str]) -> None:
    st.subheader("All trainings", anchor=False)
    rows: list[dict[str, str | int]] = []
    for name in names:
        try:
            one = trainings.look(name)
        except LesionLensError as error:
            rows.append({"training": name, "status": str(error)})
            continue
        test = one.result.training.test if one.result else {}
        recipe = one.recipe
        last = one.history[-1] if one.history else None
        rows.append(
            {
                "training": one.name,
                "status": one.status,
                "accuracy, test": test["accuracy"].figure.cell(".3f") if test else "–",
                "balanced accuracy, test": test["balanced accuracy"].figure.cell(".3f") if test else "–",
                "balanced accuracy, validation": f"{last.val_balanced_accuracy:.3f}" if last else "–",
                "epochs": len(one.history),
                "system": one.asked.preset if one.asked else "",
                "dataset": one.asked.dataset if one.asked else "",
                "split by": recipe.split.by if recipe else "",
                "seed": str(recipe.seed) if recipe else "",
                "settings changed": ", ".join(_changed(one)),
            }
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", alt="Trainings with their settings and figures")
    if sum(one["status"] == "finished" for one in rows) > 1:
        st.caption(
            "Different splits have different test images, so a difference between trainings is certain only where the intervals are far "
            "apart. On the same test images, compare them on the Evaluate page."
        )


def _changed(one: TrainingRun) -> list[str]:
    """Settings that differ from the preset's."""
    if one.asked is None or one.recipe is None or one.asked.preset not in PRESETS:
        return []
    usual = PRESETS[one.asked.preset].recipe
    settings = [f"{f} {getattr(one.recipe, f)}" for f in FIELDS if getattr(one.recipe, f) != getattr(usual, f)]
    if one.recipe.images:
        settings.append(f"{one.recipe.images:,} images")
    if one.recipe.augmentation != usual.augmentation:
        settings.append("augmentation " + (" ".join(f"{k}={v:g}" for k, v in one.recipe.augmentation.items()) or "none"))
    for field in ("epochs", "rate"):
        values = [getattr(p, field) for p in one.recipe.phases]
        if values != [getattr(p, field) for p in usual.phases]:
            settings.append(f"{field} " + "+".join(f"{v:g}" for v in values))
    return settings
