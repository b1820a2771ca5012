"""What to do about a shortcut: a cleaned copy of the dataset, training weights, or a trap split that penalises it."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from core.exports import safe_csv
from core.markers import MARKERS, marker_name
from core.text import literal
from datasets.dataset import Dataset
from shortcuts.filling import FILLINGS
from shortcuts.repair.cleaned import ABOUT, HOWS, Asked
from ui.inspect.shortcut import FILLING_NAMES
from ui.parts.components import download, lesion_name
from ui.parts.long_runs import computed, under_way
from ui.services import audits, services
from ui.worker.jobs.repair import CleanCopy, LayTrap, WeighImages

WAYS = ("A cleaned copy", "Training weights", "A trap split")
MALIGNANT = "malignant or not"
CALLED = {"fill": "without", "crop": "cropped", "trim": "trimmed"}


def repair_panel(data: Dataset, used: Sequence[str]) -> None:
    """used: the markers the classifier was found to use, chosen at first."""
    st.subheader("What to do about it", anchor=False)
    way = st.segmented_control("Repair", WAYS, default=WAYS[0], key="repair-way", label_visibility="collapsed") or WAYS[0]
    default, key = [m for m in used if m in MARKERS], f"repair-{data.name}"
    markers = st.multiselect("Against", list(MARKERS), default, format_func=marker_name, key=key, placeholder="markers")
    if not markers:
        st.info("Choose the markers to act against. The markers the classifier uses, if any, are chosen at first.")
        return
    {WAYS[0]: _copy, WAYS[1]: _weights, WAYS[2]: _trap}[way](data, markers)


def _copy(data: Dataset, markers: list[str]) -> None:
    one, two = st.columns(2)
    how = str(one.selectbox("Images", list(HOWS), format_func=HOWS.__getitem__, key="repair-how"))
    names, off = FILLING_NAMES.__getitem__, how != "fill"
    filling = two.selectbox("Filled with", list(FILLINGS), format_func=names, key="repair-filling", disabled=off)
    balance = st.toggle("Drop images so that the markers are equally common in each diagnosis", key="repair-balance")
    usual = "-".join([data.name, *(["balanced"] if balance else []), *([CALLED[how]] if how in CALLED else []), *markers])
    name = st.text_input("Name of the copy", usual[:90], key=f"repair-name-{usual}").strip()
    if how == "leave" and not balance:
        st.info("A copy with unchanged images repairs nothing: balance it, or fill or crop the images.")
        return
    space = services.workspace()
    target = space.datasets / name
    asked = Asked(tuple(markers), how, filling)  # type: ignore[arg-type]
    job = CleanCopy(data, asked, balance, target, audits.folder(data), space.verdicts)
    if under_way(job, "Cleaning", target / ABOUT):
        return
    if (target / ABOUT).exists():
        st.success(f"A copy of that name is in the workspace: **{literal(name)}**. Choose it as the dataset to audit it, or train on it.")
        return
    st.caption(
        "The dataset itself is not changed. Filled regions are guesses: what lay under a marker is unknown, and markers that the detectors "
        "miss stay in the images."
    )
    if st.button("Make the copy", type="primary", icon=":material/content_copy:"):
        space.place_for_dataset(name)  # raises where the name cannot be used
        services.start(job)
        st.rerun()


def _weights(data: Dataset, markers: list[str]) -> None:
    verdicts = services.workspace().verdicts
    found = computed("Looking for markers", WeighImages(data, tuple(markers), audits.folder(data), verdicts))
    if found is None:
        return
    frame, empty = found
    known = frame["weight"].dropna()
    st.markdown(
        f"Weights of {len(known):,} images: {known.min():.3f} to {known.max():.2f}. With them, the diagnosis is no longer associated with "
        f"{' and '.join(marker_name(m) for m in markers)}."
    )
    if empty:
        st.warning(f"No image shows {literal(', '.join(empty[:6]))}: weights weaken the association but cannot remove it.")
    _download(frame, data, "weights")
    st.caption("P(diagnosis) × P(markers) ÷ P(diagnosis and markers) for each image (Kamiran & Calders 2012).")


def _trap(data: Dataset, markers: list[str]) -> None:
    one, two, three = st.columns(3)
    target = str(one.selectbox("Diagnosis", [MALIGNANT, *data.classes], format_func=lesion_name, key="trap-class"))
    share = two.slider("Share of the test", 5, 50, 30, 5, format="%d %%", key="trap-share") / 100
    strength = three.slider("Strength", 0, 100, 100, 10, format="%d %%", key="trap-strength") / 100
    asked = None if target == MALIGNANT else target
    verdicts = services.workspace().verdicts
    found = computed("Looking for markers", LayTrap(data, tuple(markers), asked, share, strength, audits.folder(data), verdicts))
    if found is None:
        return
    frame, odds = found
    st.dataframe(
        pd.DataFrame(
            {
                "odds ratio with": [marker_name(o.marker) for o in odds],
                "all images": [o.whole.cell() for o in odds],
                "train": [o.train.cell() for o in odds],
                "test": [o.test.cell() for o in odds],
            }
        ),
        hide_index=True,
        alt="Odds ratio of the diagnosis and each marker in all images, training and test",
    )
    still = [marker_name(o.marker) for o in odds if not o.opposed]
    if still:
        st.warning(f"In the test set, the association with {', '.join(still)} is not reversed. A smaller test set may achieve this.")
    _download(frame, data, "trap")
    st.caption(
        "Train on one side and test on the other: a classifier that has learned the markers performs well in training and badly in the "
        "test; one that has not performs alike in both (after Bissoto 2020). It measures a repair; do not report accuracy on it."
    )


def _download(frame: pd.DataFrame, data: Dataset, what: str) -> None:
    content = partial(safe_csv, frame, services.about_data(data))
    download(st.columns(3)[0], f"{what}.csv", content, f"{data.name}-{what}.csv")
