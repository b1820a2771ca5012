"""The parts of the Classifier page, except the card form."""

import pandas as pd
import streamlit as st

from core.atomic import write_bytes
from core.text import code, literal
from datasets.dataset import Dataset
from models.check import CONTRADICTED, OPEN, SUPPORTED, CardCheck, as_table
from models.policy import EXAMPLE, read_policy
from ui.parts import choice
from ui.parts.components import NO_LAYER, show_errors
from ui.parts.long_runs import computed, start_button
from ui.services import services
from workspace import MODEL_SUFFIXES

MAX_MB = 200
SHOWN_AS = {SUPPORTED: st.success, CONTRADICTED: st.warning, OPEN: st.info}


def add_model() -> None:
    """Upload a network file; it is checked before it is kept."""
    with st.expander("Add a classifier", key="fold-add", icon=":material/add:"):
        label, kinds = f"A trained network ({', '.join(MODEL_SUFFIXES)}; up to {MAX_MB} MB)", [s.lstrip(".") for s in MODEL_SUFFIXES]
        file = st.file_uploader(label, kinds, max_upload_size=MAX_MB, key="model-upload")
        st.caption("Put larger files and SavedModel folders into the models folder of the workspace. Code inside a file is never run.")
        if file is not None and st.button("Check and keep it", type="primary"):
            with show_errors():
                space = services.workspace()
                path = space.keep_model(file.name, file.getvalue())
                try:
                    space.facts(path)
                except Exception:  # whatever the reason, the file is not kept
                    path.unlink()
                    raise
                st.query_params[choice.MODEL] = path.stem if path.stem in space.model_names() else path.name
                st.rerun()


def file_facts(opened: services.OpenModel) -> None:
    """Format, version, size, hash."""
    facts = opened.facts
    row = st.container(horizontal=True)
    row.metric("Format", {"keras": ".keras", "hdf5": "HDF5", "savedmodel": "SavedModel"}[facts.format], border=True)
    row.metric("Written by Keras", literal(facts.keras_version or "unknown"), border=True)
    row.metric("Size", f"{facts.n_bytes / 1e6:.1f} MB", border=True)
    row.metric("Layers", f"{len(opened.description.layers):,}", border=True)
    st.caption(f"{literal(facts.path.name)} · sha256 `{facts.sha256}` · output activation: {literal(opened.description.activation)}")


def layers(opened: services.OpenModel) -> None:
    """The layers that can be explained, and the default among them."""
    default = opened.description.default_layer
    if default is None:
        st.info(f"{NO_LAYER} It can predict, but class activation maps cannot explain it.")
        return
    st.write(f"Default: {code(default.path)}, {default.height:d} × {default.width:d}. {literal(opened.description.method_reason)}")
    rows = [
        {"layer": x.path, "kind": x.kind, "height": x.height, "width": x.width, "maps": x.channels, "default": x == default}
        for x in opened.description.layers
        if x.explainable
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Layers that can be explained, with their resolution")


def card_check(opened: services.OpenModel, data: Dataset | None) -> None:
    """Which card do labelled images support?"""
    st.write(
        "On labelled images, the check tries every scaling, RGB and BGR, and orders of the classes. It fits them on half of the lesions "
        "and evaluates them on the other half. The card is supported only if every output can be told from every other, and no other "
        "scaling or colour order does as well; contradicted only if another card is clearly better."
    )
    if data is None or data.table["diagnosis"].isna().all():
        st.info("Choose a dataset with diagnoses in the sidebar.")
        return
    st.caption(
        f"Images: the dataset {literal(data.name)}. If the network was trained on them, its scores are too good, "
        "but the right card still wins."
    )
    job = services.card_check(opened, data)
    if services.task(job) is None:
        start_button(job, "Check the card", "rule", primary=True)
    elif check := computed("Trying cards (image predictions)", job, "Check again"):
        _show_check(check, opened)
        if st.button("Check again"):
            services.forget_task(job)
            st.rerun()


def _show_check(check: CardCheck, opened: services.OpenModel) -> None:
    next_step = " **Correct it on the first tab.**" if check.verdict == CONTRADICTED else ""
    SHOWN_AS[check.verdict](f"The card is {check.verdict}. {literal(check.reason)}{next_step}")
    if check.costs:
        st.write(literal(check.costs))
    if check.limits:
        st.caption(literal(check.limits))
    st.caption(
        f"{check.n_images:,} images tried; evaluated on {check.n_lesions:,} held-out lesions. “?”: no diagnosis is left for the output."
    )
    tried = as_table(check)
    numbers = {c: st.column_config.NumberColumn(format="%.3f") for c in tried.select_dtypes("number").columns}
    st.dataframe(tried, hide_index=True, column_config=numbers, alt="Cards that were tried, the best first")
    st.caption(f"Output order of the card in use: {literal(', '.join(opened.card.codes))}")


def policy_switch(opened: services.OpenModel) -> None:
    """Switches the example policy on or off for this classifier, for everybody who opens the workspace."""
    example = read_policy(EXAMPLE)
    st.write(
        "An operator can have a fixed text shown for each band of scores. It is the operator's own rule, shown under their name "
        "and never as advice from LesionLens. It is off until somebody switches it on."
    )
    bands = [{"benign score from": f"{b.benign_at_least:.0%}", "text": b.say} for b in example.bands]
    bands.append({"benign score from": "any malignant decision", "text": example.malignant})
    st.dataframe(pd.DataFrame(bands), hide_index=True, alt="Bands of the example policy")
    st.caption(f"{literal(example.name)}. Source: {literal(example.source)}.")
    stated = bool(opened.card.malignant) and "malignant" not in opened.card.guessed
    if not stated:
        st.info("First the card must name the malignant classes, and not as a guess: see the first tab.")
    path = services.workspace().policy_path(opened.facts.sha256)
    on = st.toggle("Show this policy on the Inspect page for this classifier", value=path.exists(), disabled=not stated)
    if stated and on != path.exists():
        if on:
            write_bytes(path, EXAMPLE.read_bytes())
        else:
            path.unlink()
        st.rerun()
    if path.exists():
        st.caption(f"Your own bands: edit policies/{literal(path.name)} in the workspace folder.")
