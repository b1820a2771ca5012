"""All methods of explanation, and a comparison of them for this classifier on images of the dataset."""

import json

import numpy as np
import streamlit as st

from core.exports import plain
from core.text import literal
from datasets.dataset import Dataset
from evaluation.intervals import Figure
from explain.comparison import QUICK, MethodScore, as_json
from explain.methods import METHODS, unsupported_by
from explain.trust import passes
from reports.charts import method_forest
from ui.inspect.attribution import method_table
from ui.parts.components import download
from ui.parts.long_runs import computed, start_button
from ui.services import services
from ui.worker.jobs.explanations import CompareMethods

SAMPLES = (10, 20, 40, 80)
CHEAP = 3  # forward passes up to which a method is compared at first


def methods(opened: services.OpenModel, data: Dataset | None) -> None:
    """The table of methods, and their comparison on a sample of the dataset."""
    st.write(f"Default: **{METHODS[opened.description.default_method].name}**. {literal(opened.description.method_reason)}")
    method_table(opened)
    st.subheader("Which method suits this classifier?", anchor=False)
    if data is None:
        st.info("Choose a dataset in the sidebar.")
        return
    possible = [m for m in METHODS if not unsupported_by(opened.description.layers, m)]
    quick = [m for m in possible if 0 < METHODS[m].passes <= CHEAP] or possible[:1]
    chosen = st.multiselect("Methods", possible, default=quick, format_func=lambda m: METHODS[m].name, key="compared")
    sample = st.select_slider("Images, drawn at random", SAMPLES, 20, key="compared-images")
    place = opened.description.default_layer.path if opened.description.default_layer else ""
    found = {m: services.sanity(opened, m, place if METHODS[m].needs == "layer" else "picture") for m in chosen}
    kept = {m: s for m, s in found.items() if s is not None}
    job = CompareMethods(opened.spec, data, sample, tuple(chosen), None, kept)
    if services.task(job) is not None:
        if scores := computed("Comparing", job, "Compare again"):
            _scores(scores, opened, data)
        return
    channels = opened.description.default_layer.channels if opened.description.default_layer else 0
    total = sample * sum(passes(METHODS[m].cost(channels), **QUICK) for m in chosen)
    start_button(job, "Compare them", "balance", disabled=not chosen, primary=True)
    st.caption(
        f"About {total:,} predictions. Each map is tested by covering and uncovering the regions it marks, compared with random maps "
        "and the image centre, and by harmless changes to the photograph."
    )


def _scores(scores: list[MethodScore], opened: services.OpenModel, data: Dataset) -> None:
    tested = [s for s in scores if s.images]
    if not tested:
        st.info("No image of the sample could be read.")
        return
    best = tested[0]
    low = best.over_centre.low
    doubt = "" if low > 0 else "The interval includes 0: on these images, not even the best method reliably beats pointing at the middle."
    if np.isnan(low):
        doubt = f"There is no interval ({literal(best.over_centre.reason)}), so chance alone may explain this."
    st.markdown(
        f"Best on {best.images:d} images of {literal(data.name)}: **{METHODS[best.method].name}**, {best.over_centre:+.3f} over the "
        "image centre. " + doubt
    )
    chart = method_forest([(METHODS[s.method].name, s.over_centre, s.over_random) for s in tested])
    values = ", ".join(f"{METHODS[s.method].name} {s.over_centre.value:+.3f} over the centre" for s in tested)
    st.altair_chart(chart, width="stretch", alt=f"Methods by insertion minus deletion area over the controls: {values}")
    rows = [
        {
            "method": METHODS[s.method].name,
            "over the centre": _cell(s.over_centre, "+.3f"),
            "over random maps": _cell(s.over_random, "+.3f"),
            "stability (Spearman)": _cell(s.steady, ".2f"),
            "in lesion minus chance": _cell(s.in_lesion, "+.2f"),
            "empty maps": _cell(s.empty, ".0%"),
            "sanity (Spearman)": f"{s.sanity:.2f}" if s.sanity == s.sanity else "not run",
            **s.verdicts,
        }
        for s in tested
    ]
    st.dataframe(rows, hide_index=True, alt="Figures of all methods compared, with 95 % intervals over lesions")
    st.caption(
        "Over the controls: insertion minus deletion area of the map, minus that of the control; means with 95 % intervals over "
        "lesions. Stability: the lowest rank correlation under noise, a shift, JPEG and ±10 % brightness. The best method here need not "
        "be the best for another classifier."
    )
    content = {
        "methods": [as_json(s) for s in scores],
        "model_sha256": opened.facts.sha256,
        "card_sha256": opened.card.sha256,
        "dataset_sha256": data.sha256,
    }
    download(st.columns(3)[0], "methods.json", json.dumps(plain(content), indent=1), f"{opened.name}-methods.json")


def _cell(figure: Figure, spec: str) -> str:
    return f"{figure:{spec}}" if figure.defined else f"– ({figure.reason})"
