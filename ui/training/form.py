"""A new training: preset, split and settings, what the split means for the test, and what augmentation does."""

from __future__ import annotations

import streamlit as st

from core import diagnoses
from core.errors import LesionLensError, WorkspaceError
from datasets.dataset import Dataset
from models.architectures import PRESETS
from models.architectures.preset import Preset
from models.architectures.recipe import Recipe, changed, parse_shares
from reports.training_charts import split_chart
from training.augmentation import OPERATIONS, check_augmentation
from training.launch import launch
from training.preview import examples
from training.samples import Samples, choose_samples, leak_in_words
from ui.parts.components import show_picture
from ui.services import services, trainings
from ui.services.trainings import CHOSEN, GO_TO, TRAININGS
from ui.worker.jobs.training import Augment

KINDS = {"image": "by image", "lesion": "by lesion", "patient": "by patient"}
BALANCES = {
    "none": "as they are",
    "undersample": "undersample to the smallest class",
    "oversample": "oversample to the largest class",
    "inverse": "weighted by inverse frequency",
    "effective": "weighted by effective number",
}
PREVIEWED, VIEWS = 4, 4


def new_training(data: Dataset) -> None:
    """The form, from the preset down to the start."""
    name = str(st.selectbox("Published system", list(PRESETS), format_func=lambda n: f"{n} · {PRESETS[n].title}", key="train-preset"))
    preset = PRESETS[name]
    _about(preset)
    recipe = _weights(preset, _split(preset, data))
    with st.expander("Settings", key="fold-settings", icon=":material/tune:"):
        recipe = _settings(preset, recipe)
    check_augmentation(recipe.augmentation, recipe.size)
    samples = choose_samples(data, recipe)
    _told(samples)
    if st.toggle("Show what augmentation does to training images", key="train-preview"):
        _preview(preset, recipe, samples, data)
    _start(preset, recipe, data)


def _about(preset: Preset) -> None:
    st.markdown(f"{preset.source}. Published: {preset.published.figures}.")
    with st.expander("What the report leaves open, and was chosen here", key="fold-chosen", icon=":material/info:"):
        st.markdown("\n".join(f"- {sentence}" for sentence in preset.chosen))


def _split(preset: Preset, data: Dataset) -> Recipe:
    usual = preset.recipe.split
    one, two, three = st.columns([2, 2, 1])
    by = one.selectbox(
        "Split",
        list(KINDS),
        index=list(KINDS).index(usual.by),
        format_func=KINDS.__getitem__,
        key=f"train-by-{preset.name}",
        help="What stays together on one side. The report split by image.",
    )
    usual_shares = "/".join(f"{100 * f:g}" for f in usual.fractions)
    shares = two.text_input("Training / validation / test, %", usual_shares, key=f"train-shares-{preset.name}")
    seed = three.number_input("Seed", 0, 2**31 - 1, 0, key="train-seed", help="Of the split, the initial weights and everything random.")
    classes = list(preset.recipe.classes)
    if not preset.sigmoid:
        known = [c for c in classes if c in data.classes or c not in diagnoses.LONG_NAMES]
        classes = st.multiselect(
            "Classes, in output order",
            list(dict.fromkeys([*classes, *data.classes])),
            default=known,
            key=f"train-classes-{preset.name}",
            placeholder="all diagnoses of the dataset",
        )
    split = {"by": by, "fractions": parse_shares(shares)}
    return changed(preset.recipe, split=split, seed=int(seed), classes=tuple(classes))


def _weights(preset: Preset, recipe: Recipe) -> Recipe:
    """The base, its initial weights, and the size of its pictures."""
    if not preset.bases:
        return recipe
    one, two = st.columns(2)
    base = str(one.selectbox("Base", preset.bases, key=f"train-base-{preset.name}"))
    choices = {"imagenet": "ImageNet (fetched by Keras)", "none": "random (learns far slower)"}
    choices |= {name: f"base of {name}" for name in services.workspace().model_names()}
    weights = str(two.selectbox("Initial weights", list(choices), format_func=choices.__getitem__, key="train-weights"))
    if weights == "none":
        st.caption("A base of random weights that is frozen learns nothing useful: this serves to try the machinery.")
    height, width = [preset.sizes[base]] * 2 if base in preset.sizes else recipe.size
    if weights not in ("imagenet", "none"):
        height, width = services.model(weights).card.size
        st.caption(f"The base of {weights} takes the place of {base}, at its own {height} × {width} pixels.")
    return changed(recipe, base=base, weights=weights, height=height, width=width)


def _settings(preset: Preset, recipe: Recipe) -> Recipe:
    key = preset.name
    one, two, three = st.columns(3)
    batch = one.number_input("Batch size", 1, 4096, recipe.batch, key=f"train-batch-{key}")
    optimisers = ["adam", "nadam", "sgd"]
    optimiser = two.selectbox("Optimiser", optimisers, index=optimisers.index(recipe.optimiser), key=f"train-optimiser-{key}")
    images = three.number_input("Images, 0 for all", 0, 10_000_000, 0, key="train-images", help="So many at random, for a first try.")
    phases = []
    for k, phase in enumerate(recipe.phases):
        part = f"Phase {k + 1}: " if len(recipe.phases) > 1 else ""
        learns = {"none": "head alone", "all": "all layers", "half": "half of the base"}.get(str(phase.thaw), f"last {phase.thaw} layers")
        one, two, three = st.columns(3, vertical_alignment="bottom")
        epochs = one.number_input(_label(part, f"epochs ({learns})"), 1, 2000, phase.epochs, key=f"train-epochs-{key}-{k}")
        rate = two.number_input(_label(part, "rate"), 1e-7, 1.0, phase.rate, format="%.2e", key=f"train-rate-{key}-{k}")
        schedules = ["constant", "exponential", "one-cycle", "plateau"]
        schedule = three.selectbox(
            _label(part, "schedule"), schedules, index=schedules.index(phase.schedule), key=f"train-schedule-{key}-{k}"
        )
        phases.append({**phase.model_dump(), "epochs": int(epochs), "rate": float(rate), "schedule": schedule})
    one, two, three = st.columns(3)
    balances = list(BALANCES)
    balance = one.selectbox(
        "Class imbalance", balances, index=balances.index(recipe.balance), format_func=BALANCES.__getitem__, key=f"train-balance-{key}"
    )
    patience = two.number_input(
        "Stop early after",
        0,
        1000,
        recipe.early_stopping,
        key=f"train-patience-{key}",
        help="Epochs without a lower validation loss; 0: never.",
    )
    keeps = {"last": "of the last epoch", "best": "of the best epoch by validation loss"}
    keep = three.selectbox(
        "Weights", list(keeps), index=list(keeps).index(recipe.keep), format_func=keeps.__getitem__, key=f"train-keep-{key}"
    )
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


def _label(part: str, what: str) -> str:
    return part + what if part else what[:1].upper() + what[1:]


def _augmentation(preset: Preset) -> dict[str, float]:
    usual = preset.recipe.augmentation
    chosen = st.multiselect(
        "Augmentation of training images", list(OPERATIONS), default=list(usual), key=f"train-augment-{preset.name}", placeholder="none"
    )
    amounts: dict[str, float] = {}
    measured = [name for name in chosen if OPERATIONS[name].most != 1]
    amounts |= {name: 1.0 for name in chosen if name not in measured}
    cells = st.columns(3) if measured else []
    for k, name in enumerate(measured):
        operation = OPERATIONS[name]
        label, most = f"{name}, {operation.unit}" if operation.unit else name, float(operation.most)
        amounts[name] = float(
            cells[k % 3].number_input(
                label,
                0.0,
                most,
                float(usual.get(name, most / 10)),
                key=f"train-amount-{preset.name}-{name}",
                help=operation.what[:1].upper() + operation.what[1:],
            )
        )
    return amounts


def _told(samples: Samples) -> None:
    """What the split is like, and what it means for the test figures."""
    counts = samples.counts()
    st.altair_chart(split_chart(counts), width="stretch")
    n_test = sum(counts["test"].values())
    if samples.leaking:
        st.warning(f"{leak_in_words(samples.leaking, n_test)} Split by lesion to see the difference.", icon=":material/content_copy:")
    elif samples.leaking == 0:
        st.success("No lesion is both in training and in the test.", icon=":material/check:")
    else:
        st.info("The dataset names no lesions: whether test images show lesions of training nobody can say here. Audit it.")
    if samples.left_out:
        st.caption("Left out: " + ", ".join(f"{n:,} {reason}" for reason, n in samples.left_out.items()) + ".")
    rare = [f"{c} ({n})" for c, n in counts["test"].items() if n < 30]
    if rare:
        st.caption(f"Few test images of {', '.join(rare)}: intervals of these classes will be wide.")


def _preview(preset: Preset, recipe: Recipe, samples: Samples, data: Dataset) -> None:
    if not recipe.augmentation and preset.inside is tuple:
        st.info("No augmentation is chosen: every epoch shows the photographs as they are.")
        return
    ids = examples(samples, recipe.seed, PREVIEWED)
    originals = [services.picture(data, i) for i in ids]
    made = services.ask(Augment(preset.name, recipe, tuple(originals), VIEWS))
    st.caption("Left the photograph, beside it what four epochs may show of it, at the network's size.")
    for image_id, original, shown in zip(ids, originals, made, strict=True):
        cells = st.columns(VIEWS + 1)
        with cells[0]:
            show_picture(original.pixels, f"{image_id} as it is", image_id)
        for k, cell in enumerate(cells[1:]):
            with cell:
                show_picture(shown[k], f"{image_id} as epoch {k + 1} may show it")


def _start(preset: Preset, recipe: Recipe, data: Dataset) -> None:
    usual = f"{preset.name}-{data.name}-{recipe.split.by}-{recipe.seed}"[:80]
    name = st.text_input("Name of the classifier", usual, key=f"train-name-{usual}").strip().removesuffix(".keras")
    going = [n for n in trainings.names() if trainings.look(n).under_way]
    if going:
        st.info(f"{', '.join(going)} is being trained; two at once are both slower.")
    st.caption(
        "It runs in a process of its own: you may close this page. A training that is stopped or cut off goes on from its last whole epoch."
    )
    if not st.button("Start training", type="primary", icon=":material/play_arrow:"):
        return
    try:
        path = trainings.network(name)
        if path.exists() or (name in trainings.names() and trainings.look(name).asked is not None):
            raise WorkspaceError(f"a classifier or training {name!r} is there already.", todo="Choose another name.")
        launch(preset.name, recipe, data.name, path, services.workspace().root)
    except LesionLensError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.session_state[CHOSEN] = name
    st.session_state[GO_TO] = TRAININGS
    st.rerun()
