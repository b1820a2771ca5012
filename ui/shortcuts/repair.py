"""What to do about it: a cleaned copy of the dataset, training weights, or a split that punishes the shortcut."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.exports import safe_csv
from core.markers import MARKERS, marker_name
from core.version import __version__
from datasets.dataset import Dataset
from shortcuts.filling import FILLINGS
from shortcuts.repair.cleaned import ABOUT, HOWS, Asked
from ui.inspect.shortcut import FILLING_NAMES
from ui.parts.long_runs import computed, under_way
from ui.services import audits, services
from ui.worker.jobs.repair import CleanCopy, LayTrap, WeighImages

WAYS = ("A cleaned copy", "Training weights", "A trap split")
MALIGNANT = "malignant or not"
CALLED = {"fill": "without", "crop": "cropped", "trim": "trimmed"}


def repair_panel(data: Dataset, used: Sequence[str]) -> None:
    """used: markers the classifier was seen to use, which are offered first."""
    st.subheader("What to do about it", anchor=False)
    way = st.segmented_control("Repair", WAYS, default=WAYS[0], key="repair-way", label_visibility="collapsed") or WAYS[0]
    markers = st.multiselect(
        "Against",
        list(MARKERS),
        default=[m for m in used if m in MARKERS],
        format_func=marker_name,
        key=f"repair-{data.name}",
        placeholder="markers",
    )
    if not markers:
        st.info("Choose the markers to act against. Those the classifier uses are chosen for you where there are any.")
        return
    {WAYS[0]: _copy, WAYS[1]: _weights, WAYS[2]: _trap}[way](data, markers)


def _copy(data: Dataset, markers: list[str]) -> None:
    one, two = st.columns(2)
    how = str(one.selectbox("Pictures", list(HOWS), format_func=HOWS.__getitem__, key="repair-how"))
    filling = two.selectbox(
        "Filled with", list(FILLINGS), format_func=FILLING_NAMES.__getitem__, key="repair-filling", disabled=how != "fill"
    )
    balance = st.toggle("Keep only so many that each diagnosis bears them equally often", key="repair-balance")
    usual = "-".join([data.name, *(["balanced"] if balance else []), *([CALLED[how]] if how in CALLED else []), *markers])
    name = st.text_input("Name of the copy", usual[:90], key=f"repair-name-{usual}").strip()
    if how == "leave" and not balance:
        st.info("A copy with its pictures as they are repairs nothing: balance it, or fill or crop.")
        return
    space = services.workspace()
    target = space.datasets / name
    asked = Asked(tuple(markers), how, filling)  # type: ignore[arg-type]
    job = CleanCopy(data, asked, balance, target, audits.folder(data), space.verdicts)
    if under_way(job, "Cleaning", target / ABOUT):
        return
    if (target / ABOUT).exists():
        st.success(f"A copy of that name is in the workspace: **{name}**. Choose it as dataset to audit it, or train on it.")
        return
    st.caption(
        "The dataset itself is not touched. Filled places are guesses: what lay under a marker nobody knows, and what the detectors miss "
        "stays in the picture."
    )
    if st.button("Make the copy", type="primary", icon=":material/content_copy:"):
        space.place_for_dataset(name)  # raises where the name will not do
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
        f"{len(known):,} images weigh {known.min():.3f} to {known.max():.2f}: under these weights the diagnosis no longer goes with "
        f"{' and '.join(marker_name(m) for m in markers)}."
    )
    if empty:
        st.warning(f"No image shows {', '.join(empty[:6])}: weights weaken the association, but cannot break it.")
    _download(frame, data, "weights")
    st.caption("P(diagnosis) × P(markers) ÷ P(diagnosis and markers) of each image (Kamiran & Calders 2012).")


def _trap(data: Dataset, markers: list[str]) -> None:
    one, two, three = st.columns(3)
    target = str(one.selectbox("Diagnosis", [MALIGNANT, *data.classes], key="trap-class"))
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
        alt="Odds ratio of the diagnosis with each marker in all images, training and test",
    )
    still = [marker_name(o.marker) for o in odds if not o.opposed]
    if still:
        st.warning(f"The test does not oppose {', '.join(still)}: a smaller share of the test may.")
    _download(frame, data, "trap")
    st.caption(
        "Train on one side and test on the other: a classifier that learned the markers does well in training and badly in the test, one "
        "that did not does alike (after Bissoto 2020). It measures a repair; it is no split to report accuracy by."
    )


def _download(frame: pd.DataFrame, data: Dataset, what: str) -> None:
    about = {"lesionlens_version": __version__, "dataset": data.name, "dataset_sha256": data.sha256}
    st.download_button(
        f"{what}.csv", lambda: safe_csv(frame, about).encode(), f"{data.name}-{what}.csv", "text/csv", icon=":material/download:"
    )
