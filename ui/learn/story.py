"""A lesson in five steps: two classifiers of the same accuracy, one of which uses the ink. Which one?

Everything shown is computed from the demo's classifiers and its faulty dataset when the step is opened.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from core.diagnoses import full_name
from core.text import literal
from data_audit.associations import odds_ratio
from data_audit.markers.present import known_markers
from datasets.dataset import Dataset
from evaluation.intervals import Figure, ratio
from imaging.overlay import overlay
from imaging.resize import enlarge, scale_image
from reports.shortcut_charts import DIRECTIONS, PHOTOGRAPHS
from shortcuts.experiment import Impossible
from shortcuts.one import in_words
from shortcuts.plan import Plan
from shortcuts.study import NAME
from shortcuts.subjects import fit, outline_image
from ui.parts.components import MEANING, lesion_name, show_picture
from ui.parts.long_runs import under_way
from ui.services import predictions, services
from ui.shortcuts.study import kept_study, result_folder
from ui.worker.jobs.explanations import InspectPicture
from ui.worker.jobs.shortcuts import RunShortcuts, TryMarker

STORY = "Which one cheats?"
NAMES = {"A": "demo-shortcut", "B": "demo-honest"}
DATA, SPLIT, MARKER, CLASS = "demo-faulty", "test", "ink", "mel"
MELANOMA = full_name(CLASS)
PLAN = Plan((MARKER,), 150)
SIDE, SHOWN = 240, 3
GUESS, GUESSING = "story-guess", "story-guessing"


@dataclass(frozen=True)
class Cast:
    """The classifiers by their letters, and the test images. rows: image_id, diagnosis, ink; inked: the melanomas with ink."""

    models: dict[str, services.OpenModel]
    data: Dataset
    rows: pd.DataFrame
    inked: tuple[str, ...]


def story() -> None:
    """The steps; the address says which one."""
    space = services.workspace()
    missing = [n for n in (*NAMES.values(), DATA) if n not in (*space.model_names(), *space.dataset_names())]
    if missing:
        st.info(f"This lesson needs the demo, and this workspace lacks {', '.join(missing)}. Run `python cli.py demo`.")
        return
    step = st.segmented_control("Step", list(STEPS), default=next(iter(STEPS)), key="story-step", bind="query-params")
    cast = _cast(services.dataset(DATA))
    if not cast.inked:
        st.info(f"This lesson needs melanomas with ink, and {DATA} has none in its {SPLIT} split. Draw the demo again.")
        return
    chosen = step or next(iter(STEPS))
    STEPS[chosen](cast)
    if chosen != list(STEPS)[-1]:
        st.caption("When you have made up your mind, go to the next step.")
    st.caption(
        f"Drawn images of {literal(cast.data.name)}, {SPLIT} split, and the two demo classifiers, whatever is chosen in the sidebar. "
        f"{MEANING}"
    )


def _figures(cast: Cast) -> None:
    """1: the same accuracy."""
    st.write(
        f"Two classifiers were evaluated on the same {len(cast.rows):,} test images. Their names are hidden. Some photographs show a "
        "surgeon's ink, and one of the two may use it. By the figures a paper would report, which one would you choose?"
    )
    waiting = False
    for letter, opened in cast.models.items():
        if predictions.alone(opened, cast.data) is None:
            job = predictions.run(opened, cast.data)
            if services.task(job) is None:
                predictions.start(opened, cast.data)
            waiting |= under_way(job, f"{letter} looks at the images", predictions.result_path(opened, cast.data))
    if waiting:
        return
    rows, accuracies = [], []
    for letter, opened in cast.models.items():
        made = predictions.alone(opened, cast.data)
        assert made is not None
        found = predictions.assessment(made, cast.data, SPLIT).evaluation
        accuracies.append(found["accuracy"])
        of_class = next(c for c in found.per_class if c.name == CLASS)
        values = found["accuracy"], of_class["sensitivity"], of_class["specificity"]
        rows.append([letter, *(f"{v:.1%}" for v in values)])
    columns = ["classifier", "accuracy", f"sensitivity for {MELANOMA}", f"specificity for {MELANOMA}"]
    alt = "Accuracy, sensitivity and specificity of both classifiers"
    st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True, alt=alt)
    apart = max(a.low for a in accuracies) > min(a.high for a in accuracies)
    comparison = "They do not overlap." if apart else "They overlap: accuracy does not tell the two apart."
    st.write(f"95 % intervals, by lesion. {comparison}")
    _guess()


def _data(cast: Cast) -> None:
    """2: what the data would teach."""
    mel, ink = (cast.rows["diagnosis"] == CLASS).to_numpy(), cast.rows["ink"].to_numpy()
    lesions = np.unique(cast.data.clusters[cast.data.table["split"] == SPLIT], return_inverse=True)[1]
    with_ink, without = (_share(ink & side, side, lesions) for side in (mel, ~mel))
    odds = odds_ratio(ink, mel, lesions)[0]
    st.write(
        f"Look at the data before the classifiers. By the dataset's own masks, there is ink on **{with_ink:.0%}** of the melanomas and on "
        f"**{without:.0%}** of all others. The odds ratio is {odds:.1f}. Lesions to be excised are often marked with a pen; a "
        "classifier can learn the mark instead of the lesion, and these test images would reward it."
    )
    shown = [*cast.inked[:SHOWN], *cast.rows["image_id"][~mel & ~ink].tolist()[:SHOWN]]
    for column, image_id in zip(st.columns(2 * SHOWN), shown, strict=False):
        with column:
            diagnosis = lesion_name(str(cast.data.row(image_id)["diagnosis"]))
            picture = services.picture(cast.data, image_id)
            show_picture(scale_image(picture.pixels, _size(cast, image_id), "area"), f"{image_id}, {diagnosis}")
            st.caption(literal(diagnosis))
    st.write("Good figures on such images prove nothing. The question is whether a classifier *uses* the ink.")


def _looking(cast: Cast) -> None:
    """3: heatmaps are a hint."""
    st.write(f"Where do they look? Heatmaps for {MELANOMA} on melanomas with ink, each on its own scale.")
    for letter, opened in cast.models.items():
        st.markdown(f"**Classifier {letter}**")
        for column, image_id in zip(st.columns(SHOWN), cast.inked[:SHOWN], strict=False):
            with column:
                picture = services.picture(cast.data, image_id)
                found = services.ask(InspectPicture(opened.spec, picture, opened.description.default_method))
                index = opened.card.classes.index(CLASS)
                heatmap, size = found.of(index), _size(cast, image_id)
                drawn = overlay(scale_image(picture.pixels, size, "area"), enlarge(heatmap, size), float(heatmap.max(initial=0)))
                show_picture(drawn, f"Heatmap of {letter} for {MELANOMA} on {image_id}")
                st.caption(f"P({CLASS}) {found.probabilities[index]:.2f}")
    st.write(
        "Heat on a mark does not prove that the mark matters, and a mark without heat may still change the decision. To find out, change "
        "the image."
    )
    _guess()


def _trying(cast: Cast) -> None:
    """4: the ink is removed."""
    image_id = st.selectbox("Melanoma with ink", cast.inked, key="story-image")
    st.write("Remove the ink from this photograph and predict again; then change an equal area of skin elsewhere, as a control.")
    for letter, opened in cast.models.items():
        subject = fit(opened.card, outline_image(cast.data, image_id))
        target = opened.card.classes.index(CLASS)
        answer = services.ask(TryMarker(opened.spec, subject, MARKER, target, "telea", None, 1))
        st.markdown(f"**Classifier {letter}**")
        if isinstance(answer, Impossible):
            st.info(f"{literal(answer.reason.capitalize())}. Choose another image.")
            continue
        st.markdown(literal(in_words(answer, CLASS)))
        for column, k, title in zip(st.columns(3), range(3), ("unchanged", "without the ink", "control"), strict=True):
            with column:
                show_picture(scale_image(answer.pictures[k], (SIDE, SIDE), "bicubic"), f"{letter}, {title}")
                st.caption(f"{title}: P({CLASS}) {answer.probabilities[k, answer.target]:.2f}")
    st.write("One photograph proves nothing about others: try several, then go on to all of them.")
    _guess()


def _verdict(cast: Cast) -> None:
    """5: the experiment over the test images, and the names."""
    st.write(
        "The same over the test images: ink is removed where it is present and inserted where it is absent, each with a control "
        f"({PLAN.images} random images, and half as many again with ink)."
    )
    studies = {}
    for letter, opened in cast.models.items():
        folder = result_folder(opened, cast.data, SPLIT, PLAN)
        job, path = RunShortcuts(opened.spec, cast.data, SPLIT, PLAN, folder), folder / NAME
        if not path.exists() and services.task(job) is None:
            services.start(job)
        if not under_way(job, f"Testing ink on {letter}", path) and path.exists():
            studies[letter] = kept_study(path)
    if len(studies) < len(cast.models):
        return
    rows = []
    verdicts = {letter: study.verdicts[MARKER] for letter, study in studies.items()}
    for letter, of in verdicts.items():
        st.markdown(f"**Classifier {letter}: {literal(of.verdict)}.** {literal(of.why[:1].upper() + of.why[1:])}")
        rows += [
            {
                "classifier": letter,
                "ink": DIRECTIONS[direction],
                "photographs": PHOTOGRAPHS[name],
                f"specificity for {MELANOMA}": rates.specificity.cell(".0%"),
                f"sensitivity for {MELANOMA}": rates.sensitivity.cell(".0%"),
            }
            for direction, by_change in of.table.items()
            for name, rates in by_change.items()
            if name in ("base", "changed", "control")
        ]
    if any(of.verdict == "can't tell" for of in verdicts.values()):
        st.caption("“Can't tell” is not an acquittal: there are too few images to rule out a small effect.")
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", alt="Sensitivity and specificity with and without ink")
    used = [letter for letter, of in verdicts.items() if of.verdict == "used"]
    guess = st.session_state.get(GUESS)
    if len(used) == 1:
        reply = f"You guessed {guess}: {'right' if guess == used[0] else 'it is the other one'}. " if guess in NAMES else ""
        st.success(f"{reply}Classifier {used[0]} uses the ink.", icon=":material/check_circle:")
    else:
        st.info("On these images, the experiment does not single one out.")
    with st.expander("Which classifiers these are", key="fold-cast"):
        for letter, opened in cast.models.items():
            st.markdown(f"**{letter}** is `{NAMES[letter]}`, {literal(opened.card.name)}. {literal(opened.card.training_data)}")
    st.write(
        "What to take home: the same accuracy can rest on the lesion or on the pen mark. Only a change to the images, with a control and "
        "over enough lesions, tells them apart. The Shortcuts page does this for any classifier and shows how to repair the data."
    )


STEPS: dict[str, Callable[[Cast], None]] = {
    "1 · The figures": _figures,
    "2 · The data": _data,
    "3 · The heatmaps": _looking,
    "4 · Take it away": _trying,
    "5 · The verdict": _verdict,
}


def _guess() -> None:
    """The learner's guess, kept from step to step; a widget that is not drawn would lose it."""
    options = [*NAMES, "can't tell yet"]
    index = options.index(st.session_state.get(GUESS, options[-1]))
    st.radio("Which one uses the ink?", options, index, horizontal=True, key=GUESSING, on_change=_remember)


def _remember() -> None:
    """Runs before the page is drawn, because the next step may be chosen before this one is drawn."""
    st.session_state[GUESS] = st.session_state[GUESSING]


def _cast(data: Dataset) -> Cast:
    inked = known_ink(data)
    test = (data.table["split"] == SPLIT).to_numpy()
    rows = data.table.loc[test, ["image_id", "diagnosis"]].assign(ink=inked[test]).reset_index(drop=True)
    marked = rows["image_id"][(rows["diagnosis"] == CLASS) & rows["ink"]]
    return Cast({letter: services.model(name) for letter, name in NAMES.items()}, data, rows, tuple(marked))


@st.cache_data(max_entries=2, show_spinner="Looking for ink…", hash_funcs=services.HASH_FUNCS)
def known_ink(data: Dataset) -> np.ndarray:
    """bool (N,): which images have ink, by the dataset's masks."""
    return known_markers(data)[0].get(MARKER, np.zeros(len(data), bool))


def _share(hits: np.ndarray, of: np.ndarray, groups: np.ndarray) -> Figure:
    return ratio(hits.astype(float), of.astype(float), groups, "none of these")


def _size(cast: Cast, image_id: str) -> tuple[int, int]:
    height, width = services.picture(cast.data, image_id).pixels.shape[:2]
    return round(SIDE * height / max(height, width)), round(SIDE * width / max(height, width))
