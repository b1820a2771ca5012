"""The parts of the Classifier page but the card form."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.atomic import write_bytes
from datasets.dataset import Dataset
from models.check import CardCheck, as_table
from models.policy import EXAMPLE, read_policy
from ui.parts import choice
from ui.parts.components import show_errors
from ui.parts.long_runs import follow
from ui.services import services
from workspace import MODEL_SUFFIXES

MAX_MB = 200


def add_model() -> None:
    """Upload a network file; it is checked before it is kept."""
    with st.expander("Add a classifier", key="fold-add", icon=":material/add:"):
        file = st.file_uploader(
            f"A trained network ({', '.join(MODEL_SUFFIXES)}; up to {MAX_MB} MB)",
            [s.lstrip(".") for s in MODEL_SUFFIXES],
            max_upload_size=MAX_MB,
            key="model-upload",
        )
        st.caption("Larger files and SavedModel folders: put them into the workspace's models folder. Code inside a file never runs.")
        if file is not None and st.button("Check and keep it", type="primary"):
            with show_errors():
                space = services.workspace()
                path = space.keep_model(file.name, file.getvalue())
                try:
                    space.facts(path)
                except Exception:  # whatever a strange file provokes, it is not kept
                    path.unlink()
                    raise
                st.query_params[choice.MODEL] = path.stem if path.stem in space.model_names() else path.name
                st.rerun()


def file_facts(opened: services.OpenModel) -> None:
    """Format, version, size, hash."""
    facts = opened.facts
    one, two, three, four = st.columns(4)
    one.metric("Format", {"keras": ".keras", "hdf5": "HDF5", "savedmodel": "SavedModel"}[facts.format], border=True)
    two.metric("Written by Keras", facts.keras_version or "not said", border=True)
    three.metric("Size", f"{facts.n_bytes / 1e6:.1f} MB", border=True)
    four.metric("Layers", f"{len(opened.description.layers):,}", border=True)
    st.caption(f"{facts.path.name} · sha256 `{facts.sha256}` · ends with {opened.description.activation}")


def layers(opened: services.OpenModel) -> None:
    """What can be explained, and where the default is."""
    default = opened.description.default_layer
    if default is None:
        st.info("This network shows no layers that keep a picture: it predicts, but cannot be explained by class activation maps.")
        return
    st.write(f"Default: `{default.path}`, {default.height} × {default.width}. {opened.description.method_reason}")
    rows = [
        {"layer": x.path, "kind": x.kind, "height": x.height, "width": x.width, "maps": x.channels, "default": x == default}
        for x in opened.description.layers
        if x.explainable
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Layers that can be explained, with their resolution")


def card_check(opened: services.OpenModel, data: Dataset | None) -> None:
    """Which card do labelled images support?"""
    st.write(
        "On labelled images, the check tries every scaling, RGB and BGR, and the order of the classes, "
        "fits on half of the lesions and judges on the other half. It says “can't tell” unless one card clearly wins."
    )
    if data is None or data.table["diagnosis"].isna().all():
        st.info("Choose a dataset with diagnoses in the sidebar.")
        return
    st.caption(
        f"Images: the dataset {data.name}. If the network was trained on them, its scores are flattered, but the right card still wins."
    )
    job = services.card_check(opened, data)
    task = services.task(job)
    if task is None or (task.finished and task.error is not None):
        if task is not None and task.error is not None:
            st.warning(str(task.error))
        if st.button("Check the card", type="primary", icon=":material/rule:"):
            services.start(job)
            st.rerun()
        return
    if not task.finished:
        follow(job, "Trying cards (image predictions)")
        return
    _show_check(task.result(), opened)
    if st.button("Check again"):
        services.forget_task(job)
        st.rerun()


def _show_check(check: CardCheck, opened: services.OpenModel) -> None:
    if check.verdict == "found":
        agrees = "The card in use agrees." if check.agrees else "**The card in use does not agree: correct it on the first tab.**"
        (st.success if check.agrees else st.warning)(f"{check.reason} {agrees}")
    else:
        st.info(f"Can't tell. {check.reason}")
    st.caption(f"{check.n_images:,} images tried; judged on {check.n_lesions:,} lesions held out. “?”: an output hardly ever decided for.")
    numbers = {c: st.column_config.NumberColumn(format="%.3f") for c in ("mean AUC", "low", "high", "mean AUC, diagnoses equal")}
    st.dataframe(as_table(check), hide_index=True, column_config=numbers, alt="Cards tried, the best first")
    st.caption(f"Output order of the card in use: {', '.join(opened.card.codes)}")


def policy_switch(opened: services.OpenModel) -> None:
    """Switch the example policy on or off for this classifier, for everybody who opens the workspace."""
    example = read_policy(EXAMPLE)
    st.write(
        "An operator can have a fixed text shown for each band of scores. It is the operator's own rule, shown under "
        "their name and never as LesionLens's advice. It is off until somebody switches it on."
    )
    bands = [{"benign score from": f"{b.benign_at_least:.0%}", "text": b.say} for b in example.bands]
    bands.append({"benign score from": "any malignant decision", "text": example.malignant})
    st.dataframe(pd.DataFrame(bands), hide_index=True, alt="Bands of the example policy")
    st.caption(f"{example.name}. Source: {example.source}.")
    stated = bool(opened.card.malignant) and "malignant" not in opened.card.guessed
    if not stated:
        st.info("The card must name its malignant classes first (and not as a guess): see the first tab.")
    path = services.workspace().policy_path(opened.facts.sha256)
    on = st.toggle("Show this policy on the Inspect page for this classifier", value=path.exists(), disabled=not stated)
    if stated and on != path.exists():
        if on:
            write_bytes(path, EXAMPLE.read_bytes())
        else:
            path.unlink()
        st.rerun()
    if path.exists():
        st.caption(f"Your own bands: edit policies/{path.name} in the workspace folder.")
