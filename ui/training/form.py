"""A new training: preset, split and settings, what the split means for the test, and a preview of augmentation."""

from typing import get_args

import streamlit as st

from core import diagnoses
from core.diagnoses import full_name
from core.errors import LesionLensError, WorkspaceError
from core.text import literal
from datasets.dataset import Dataset
from models.architectures import PRESETS
from models.architectures.preset import Preset
from models.architectures.recipe import Optimiser, Phase, Recipe, Schedule, changed, parse_shares
from reports.training_charts import split_chart
from training.augmentation import OPERATIONS, check_augmentation
from training.launch import launch
from training.preview import examples
from training.samples import Samples, choose_samples, leak_in_words
from ui.parts.choice import choose
from ui.parts.components import cells, code_key, lesion_name, show_picture
from ui.services import services, trainings
from ui.services.trainings import CHOSEN, GO_TO, TRAININGS
from ui.worker.jobs.training import Augment

KEEPS = {"last": "of the last epoch", "best": "of the best epoch by validation loss"}
KINDS = {"image": "by image", "lesion": "by lesion", "patient": "by patient"}
BALANCES = {
    "none": "no correction",
    "undersample": "undersample to the smallest class",
    "oversample": "oversample to the largest class",
    "inverse": "weight by inverse frequency",
    "effective": "weight by effective number",
}
PREVIEWED, VIEWS = 4, 4


def new_training(data: Dataset) -> None:
    """The form, from the preset down to the start."""
    name = str(st.selectbox("Published system", list(PRESETS), format_func=lambda n: f"{n} · {PRESETS[n].title}", key="train-preset"))
    preset = PRESETS[name]
    st.markdown(f"{preset.source}. Published: {preset.published.figures}.")
    with st.expander("What the report leaves open, and how it is set here", key="fold-chosen", icon=":material/info:"):
        st.markdown("\n".join(f"- {sentence}" for sentence in preset.chosen))
    recipe = _weights(preset, _split(preset, data))
    with st.expander("Settings", key="fold-settings", icon=":material/tune:"):
        recipe = _settings(preset, recipe)
    check_augmentation(recipe.augmentation, recipe.size)
    samples = choose_samples(data, recipe)
    _split_summary(samples)
    if st.toggle("Show what augmentation does to training images", key="train-preview"):
        _preview(preset, recipe, samples, data)
    _start(preset, recipe, data)


def _split(preset: Preset, data: Dataset) -> Recipe:
    usual = preset.recipe.split
    one, two, three = st.columns([2, 2, 1])
    note = "What stays together in one split. The report split by image."
    by = choose(one, "Split", KINDS, usual.by, key=f"train-by-{preset.name}", help=note)
    usual_shares = "/".join(f"{100 * f:g}" for f in usual.fractions)
    shares = two.text_input("Training / validation / test, %", usual_shares, key=f"train-shares-{preset.name}")
    seed = three.number_input("Seed", 0, 2**31 - 1, 0, key="train-seed", help="Of the split, the initial weights and everything random.")
    classes = list(preset.recipe.classes)
    if not preset.sigmoid:
        possible, key = list(dict.fromkeys([*classes, *data.classes])), f"train-classes-{preset.name}"
        usual_classes = [c for c in classes if c in data.classes or c not in diagnoses.LONG_NAMES]
        label, nothing = "Classes, in output order", "all diagnoses of the dataset"
        classes = st.multiselect(label, possible, usual_classes, format_func=lesion_name, key=key, placeholder=nothing)
    split = {"by": by, "fractions": parse_shares(shares)}
    return changed(preset.recipe, split=split, seed=int(seed), classes=tuple(classes))


def _weights(preset: Preset, recipe: Recipe) -> Recipe:
    """The base, its initial weights, and its input size."""
    if not preset.bases:
        return recipe
    one, two = st.columns(2)
    base = str(one.selectbox("Base", preset.bases, key=f"train-base-{preset.name}"))
    choices = {"imagenet": "ImageNet (downloaded by Keras)", "none": "random (learns far more slowly)"}
    choices |= {name: f"base of {name}" for name in services.workspace().model_names()}
    weights = choose(two, "Initial weights", choices, "imagenet", key="train-weights")
    if weights == "none":
        st.caption("A frozen base with random weights learns nothing useful: this is only for trying things out.")
    height, width = [preset.sizes[base]] * 2 if base in preset.sizes else recipe.size
    if weights not in ("imagenet", "none"):
        height, width = services.model(weights).card.size
        st.caption(f"The base of {literal(weights)} takes the place of {base}, at its own {height:d} × {width:d} pixels.")
    return changed(recipe, base=base, weights=weights, height=height, width=width)


def _settings(preset: Preset, recipe: Recipe) -> Recipe:
    key = preset.name
    one, two, three = st.columns(3)
    batch = one.number_input("Batch size", 1, 4096, recipe.batch, key=f"train-batch-{key}")
    optimiser = choose(two, "Optimiser", get_args(Optimiser), recipe.optimiser, key=f"train-optimiser-{key}")
    images = three.number_input("Images, 0 for all", 0, 10_000_000, 0, key="train-images", help="A random subset, for a first try.")
    phases = [_phase(k, phase, len(recipe.phases) > 1, f"{key}-{k}") for k, phase in enumerate(recipe.phases)]
    one, two, three = st.columns(3)
    balance = choose(one, "Class imbalance", BALANCES, recipe.balance, key=f"train-balance-{key}")
    note = "Epochs without a lower validation loss; 0: never."
    patience = two.number_input("Stop early after", 0, 1000, recipe.early_stopping, key=f"train-patience-{key}", help=note)
    keep = choose(three, "Weights", KEEPS, recipe.keep, key=f"train-keep-{key}")
    return changed(
        recipe,
        batch=int(batch),
        optimiser=optimiser,
        images=int(images),
        phases=phases,
        balance=balance,
        early_stopping=int(patience),
        keep=keep,
        augmentation=_augmentation(preset),
    )


def _phase(number: int, phase: Phase, several: bool, key: str) -> Phase:
    """Epochs, rate and schedule of one phase."""
    title = f"Phase {number + 1}: " if several else ""
    learns = {"none": "head alone", "all": "all layers", "half": "half of the base"}.get(str(phase.thaw), f"last {phase.thaw} layers")
    labels = [title + what if title else what.capitalize() for what in (f"epochs ({learns})", "rate", "schedule")]
    one, two, three = st.columns(3, vertical_alignment="bottom")
    epochs = one.number_input(labels[0], 1, 2000, phase.epochs, key=f"train-epochs-{key}")
    rate = two.number_input(labels[1], 1e-7, 1.0, phase.rate, format="%.2e", key=f"train-rate-{key}")
    schedule = choose(three, labels[2], get_args(Schedule), phase.schedule, key=f"train-schedule-{key}")
    return Phase.model_validate({**phase.model_dump(), "epochs": int(epochs), "rate": float(rate), "schedule": schedule})


def _augmentation(preset: Preset) -> dict[str, float]:
    """Operation → amount, 1 where it has none."""
    usual = preset.recipe.augmentation
    key, label = f"train-augment-{preset.name}", "Augmentation of training images"
    chosen = st.multiselect(label, list(OPERATIONS), default=list(usual), key=key, placeholder="none")
    amounts = dict.fromkeys(chosen, 1.0)
    measured = [name for name in chosen if OPERATIONS[name].most != 1]
    for cell, name in zip(cells(len(measured), 3), measured, strict=True):
        operation = OPERATIONS[name]
        label, most = f"{name}, {operation.unit}" if operation.unit else name, float(operation.most)
        start, note = float(usual.get(name, most / 10)), operation.what[:1].upper() + operation.what[1:]
        amounts[name] = float(cell.number_input(label, 0.0, most, start, key=f"train-amount-{preset.name}-{name}", help=note))
    return amounts


def _split_summary(samples: Samples) -> None:
    """The classes of the splits, and what the split means for the test figures."""
    counts = samples.counts()
    sizes = "; ".join(f"{split}: " + ", ".join(f"{c} {n:,}" for c, n in by_class.items()) for split, by_class in counts.items())
    st.altair_chart(split_chart(counts), width="stretch", alt=f"Images by split and class. {sizes}")
    code_key(samples.classes)
    n_test = sum(counts["test"].values())
    if samples.leaking:
        st.warning(
            f"{literal(leak_in_words(samples.leaking, n_test))} Split by lesion to see the difference.", icon=":material/content_copy:"
        )
    elif samples.leaking == 0:
        st.success("No lesion is both in training and in the test.", icon=":material/check:")
    else:
        st.info("The dataset names no lesions, so test images may show lesions of the training images. An audit can find some of them.")
    if samples.left_out:
        st.caption("Left out: " + ", ".join(f"{n:,} {literal(reason)}" for reason, n in samples.left_out.items()) + ".")
    rare = [f"{literal(full_name(c))}: {n:d}" for c, n in counts["test"].items() if n < 30]
    if rare:
        st.caption(f"Few test images ({', '.join(rare)}): the intervals of these classes will be wide.")


def _preview(preset: Preset, recipe: Recipe, samples: Samples, data: Dataset) -> None:
    if not recipe.augmentation and preset.inside is tuple:
        st.info("No augmentation is chosen: every epoch shows the photographs unchanged.")
        return
    ids = examples(samples, recipe.seed, PREVIEWED)
    originals = [services.picture(data, i) for i in ids]
    made = services.ask(Augment(preset.name, recipe, tuple(originals), VIEWS))
    st.caption("Left: the photograph; beside it, examples of how four epochs may show it, at the network's input size.")
    for image_id, original, shown in zip(ids, originals, made, strict=True):
        first, *others = st.columns(VIEWS + 1)
        with first:
            show_picture(original.pixels, f"{image_id}, unchanged", image_id)
        for k, cell in enumerate(others):
            with cell:
                show_picture(shown[k], f"{image_id} as epoch {k + 1} may show it")


def _start(preset: Preset, recipe: Recipe, data: Dataset) -> None:
    usual = f"{preset.name}-{data.name}-{recipe.split.by}-{recipe.seed}"[:80]
    name = st.text_input("Name of the classifier", usual, key=f"train-name-{usual}").strip().removesuffix(".keras")
    if going := trainings.under_way():
        st.info(f"Already under way: {literal(', '.join(going))}. Trainings that run at the same time slow each other down.")
    st.caption("It runs in a separate process: you may close this page. If it is interrupted, it continues from the last complete epoch.")
    if not st.button("Start training", type="primary", icon=":material/play_arrow:"):
        return
    try:
        if trainings.is_taken(name):
            raise WorkspaceError(f"a classifier or training {name!r} already exists.", todo="Choose another name.")
        launch(preset.name, recipe, data.name, trainings.network(name), services.workspace().root)
    except LesionLensError as error:
        st.error(literal(error), icon=":material/error:")
        return
    st.session_state[CHOSEN] = name
    st.session_state[GO_TO] = TRAININGS
    st.rerun()
