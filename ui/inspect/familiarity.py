"""Is an image like those the classifier learned from? One image on Inspect, other kinds and datasets on Evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from core.errors import LesionLensError
from datasets.dataset import Dataset
from evaluation.intervals import Figure
from evaluation.ood import FAMILIAR, SCORES, Reference
from reports.audit_charts import forest
from studies.familiarity import MOST, Familiarity, Kind, training_split
from ui.parts.components import gallery
from ui.parts.image_choice import Chosen
from ui.parts.long_runs import computed, under_way
from ui.services import services
from ui.worker.jobs.datasets import FitReference, JudgeKinds, LookFamiliar

ALL = "all images"
NEIGHBOURS = 6
WEAK = "This network shows no layer to go by, so only its scores tell, and they tell little."


def familiar_panel(opened: services.OpenModel, chosen: Chosen, name: str | None) -> None:
    """How unlike a dataset's images one image is to the classifier, with the nearest of them. name: the dataset chosen first."""
    names = services.workspace().dataset_names()
    if not names:
        st.caption("The workspace holds no dataset to compare with.")
        return
    left, right = st.columns(2)
    fitted_on = left.selectbox(
        "Fitted on",
        names,
        index=names.index(name) if name in names else 0,
        key="fitted-on",
        help="The dataset that stands for what the classifier learned from.",
    )
    data = services.dataset(fitted_on)
    with right:
        split = _split(data, "fitted-split")
    path = reference_path(opened, data, split)
    job = FitReference(opened.spec, data, split, path)
    if under_way(job, "Learning what its images look like", path):
        return
    if not path.exists():
        st.caption(f"The classifier has to run over up to {MOST:,} images of **{data.name}** once; what it finds is kept for all pictures.")
        if st.button("Learn what they look like", icon=":material/school:", key="fit-reference"):
            services.start(job)
            st.rerun()
        return
    seen = _seen(opened, path, chosen)
    if seen is None:
        path.unlink(missing_ok=True)  # torn, or of an older kind
        st.rerun()
        return
    _told(seen, data, split, chosen.image_id if chosen.data is not None and chosen.data.name == data.name else None)


def warn_if_unlike(opened: services.OpenModel, chosen: Chosen, name: str | None) -> None:
    """For an upload: the warning that its scores may mean nothing, where a reference is kept."""
    if chosen.data is not None or name is None:
        return
    data = services.dataset(name)
    splits = dict.fromkeys([training_split(data), None])
    path = next((p for s in splits if (p := reference_path(opened, data, s)).exists()), None)
    seen = _seen(opened, path, chosen) if path is not None else None
    if seen is not None and seen.unlike:
        st.warning(
            f"To {opened.card.name} this picture is unlike the images of {data.name}. Its scores and maps below may mean nothing.",
            icon=":material/wrong_location:",
        )


def unlike(opened: services.OpenModel, data: Dataset) -> None:
    """How well the classifier's own features tell non-skin images, other crops and other datasets from this dataset."""
    others = [n for n in services.workspace().dataset_names() if n != data.name]
    left, right = st.columns([1, 2])
    with left:
        split = _split(data, "unlike-split")
    against = right.multiselect("Against other datasets as well", others, key="unlike-against", placeholder="none")
    try:
        datasets = tuple(services.dataset(n) for n in against)
    except LesionLensError as error:
        st.warning(str(error), icon=":material/warning:")
        return
    job = JudgeKinds(opened.spec, data, split, datasets, reference_path(opened, data, split))
    if services.task(job) is None:
        st.caption(
            "Fits what these images look like to the network, then tries non-skin images (noise, walls, pages of text, natural "
            "photographs), other crops and magnifications of the dataset's own images, and the datasets chosen."
        )
        if not st.button("Try it", icon=":material/play_arrow:", key="try-unlike"):
            return
    found = computed("Telling apart", job)
    if found is not None:
        reference, kinds = found
        _separations(reference, kinds, data)


def reference_path(opened: services.OpenModel, data: Dataset, split: str | None) -> Path:
    return services.workspace().reference_path(opened.facts.sha256, opened.card.sha256, data.sha256, split)


def _split(data: Dataset, key: str) -> str | None:
    splits = [ALL, *sorted(data.table["split"].dropna().unique())]
    usual = training_split(data) or ALL
    chosen = st.selectbox("Split", splits, index=splits.index(usual), key=f"{key}-{data.name}")
    return None if chosen == ALL else str(chosen)


def _seen(opened: services.OpenModel, path: Path, chosen: Chosen) -> Familiarity | None:
    return services.ask(LookFamiliar(opened.spec, path, path.stat().st_mtime_ns, chosen.picture))


def _told(seen: Familiarity, data: Dataset, split: str | None, itself: str | None) -> None:
    """itself: the image, where it is one of the dataset's."""
    where = data.name + (f" ({split})" if split else "")
    than = f"any of {seen.kept_apart:,}" if seen.further == 1 else f"{seen.further:.1%} of {seen.kept_apart:,}"
    words = f"To this classifier the picture is further from the images of {where} than {than} of them that were kept apart."
    if seen.unlike:
        st.warning(f"Unlike the images of {where}. {words} The scores may mean nothing.", icon=":material/wrong_location:")
    else:
        st.markdown(f"Not unlike the images of {where}. {words} That does not make the scores right.")
    if seen.score == "energy":
        st.caption(WEAK)
    known = set(data.table["image_id"])
    ids = [i for i, _ in seen.nearest if i in known and i != itself][:NEIGHBOURS]
    if ids:
        st.markdown("**Nearest of them to its last layer**, with their diagnoses")
        rows = [data.row(i) for i in ids]
        captions = [str(row["diagnosis"]) if pd.notna(row["diagnosis"]) else "no diagnosis" for row in rows]
        gallery(ids, captions, [_thumbnail(data, i) for i in ids], NEIGHBOURS, [data.name] * len(ids))
    st.caption(
        f"{SCORES[seen.score][0].capitalize()}: {SCORES[seen.score][1]}. {seen.value:.2f}; the warning comes above {seen.threshold:.2f}, "
        f"which {FAMILIAR:.0%} of held-out images stay below. The nearest need not be near."
    )


def _thumbnail(data: Dataset, image_id: str) -> bytes | None:
    try:
        return services.thumbnail(data, image_id, 256)
    except LesionLensError:
        return None


def _separations(reference: Reference, kinds: Sequence[Kind], data: Dataset) -> None:
    names = list(reference.thresholds)
    name = st.segmented_control(
        "Score", names, default=reference.best, format_func=lambda n: SCORES[n][0], key="unlike-score", width="stretch"
    )
    name = name or reference.best
    st.caption(f"{SCORES[name][0].capitalize()}: {SCORES[name][1]}." + (f" {WEAK}" if reference.best == "energy" else ""))
    judged = [(k, k.scores[name]) for k in kinds if name in k.scores]
    areas = [(k.name, s.auroc) for k, s in judged if s.auroc.defined]
    rows = [{"name": name, "value": area.value, "low": area.low, "high": area.high} for name, area in areas]
    left, right = st.columns([3, 2], gap="large")
    with left:
        told = ", ".join(f"{r['name']} {r['value']:.2f}" for r in rows)
        st.altair_chart(forest(rows, "AUROC (95 % interval)", 0.5, share=True), width="stretch", alt=f"AUROC by kind: {told}")
    with right:
        far = [(k, s) for k, s in judged if k.far]
        worst = min(far, key=lambda pair: pair[1].auroc.value)
        st.markdown(
            f"Non-skin images: worst are **{worst[0].name}**, AUROC **{worst[1].auroc.value:.2f}**. Of "
            f"{len(reference.groups):,} images of {data.name} kept apart, {reference.false_alarms(name):.1%} would be warned of; "
            "5 % were meant to."
        )
        st.caption(
            "0.5 is chance; below it the score has it the wrong way round. Kinds are never put together: an easy one would hide a hard one."
        )
    st.dataframe(
        pd.DataFrame(
            {
                "against": [k.name for k, _ in judged],
                "images": [k.images for k, _ in judged],
                "AUROC": [_cell(s.auroc) for _, s in judged],
                f"FPR at {FAMILIAR:.0%}": [_cell(s.fpr95) for _, s in judged],
                "warned of": [_cell(s.flagged) for _, s in judged],
            }
        ),
        hide_index=True,
        alt="How well each kind of picture is told from the dataset's images",
    )
    unread = [f"{k.name}: {k.unread:,}" for k in kinds if k.unread]
    st.caption(
        f"FPR: share that pass where {FAMILIAR:.0%} of the dataset's own images pass. Fitted on {len(reference.of):,} images. "
        "Intervals are by lesion." + (f" Could not be read: {'; '.join(unread)}." if unread else "")
    )


def _cell(figure: Figure) -> str:
    return f"{figure:.2f}" if figure.defined else "–"
