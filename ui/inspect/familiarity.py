"""Is an image like those the classifier was trained on? One image on Inspect, other kinds and datasets on Evaluate."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from core.errors import LesionLensError
from core.text import literal
from core.wording import count
from datasets.dataset import Dataset
from evaluation.ood import FAMILIAR, SCORES, Reference
from reports.audit_charts import forest
from studies.familiarity import MOST, Familiarity, Kind, training_split
from ui.parts import choice
from ui.parts.components import diagnoses_of, gallery, thumbnail
from ui.parts.image_choice import Chosen
from ui.parts.long_runs import computed, start_button, under_way
from ui.services import services
from ui.worker.jobs.datasets import FitReference, JudgeKinds, LookFamiliar

NEIGHBOURS = 6
WEAK = "This network has no layer whose features can be compared; its scores alone detect little."


def familiar_panel(opened: services.OpenModel, chosen: Chosen, name: str | None) -> None:
    """How far one image is from a dataset's images in the classifier's features. name: the dataset chosen at first."""
    names = services.workspace().dataset_names()
    if not names:
        st.caption("There is no dataset in this workspace to compare with.")
        return
    (left, right), usual = st.columns(2), names.index(name) if name in names else 0
    note = "The dataset that stands for the images the classifier was trained on."
    data = services.dataset(left.selectbox("Fitted on", names, usual, key="fitted-on", help=note))
    with right:
        split = choice.split(data, "fitted-split", training_split(data))
    path = reference_path(opened, data, split)
    job = FitReference(opened.spec, data, split, path)
    if under_way(job, "Learning what its images look like", path):
        return
    if not path.exists():
        st.caption(
            f"The classifier has to run over up to {MOST:,} images of **{literal(data.name)}** once; the result is kept for all images."
        )
        start_button(job, "Learn what they look like", "school")
        return
    seen = _seen(opened, path, chosen)
    if seen is None:
        path.unlink(missing_ok=True)  # broken, or of an older version
        st.rerun()
        return
    _result(seen, data, split, chosen.image_id if chosen.data is not None and chosen.data.name == data.name else None)


def warn_if_unlike(opened: services.OpenModel, chosen: Chosen, name: str | None) -> None:
    """For an upload: a warning that its scores may mean nothing, where a reference is kept."""
    if chosen.data is not None or name is None:
        return
    data = services.dataset(name)
    splits = dict.fromkeys([training_split(data), None])
    path = next((p for s in splits if (p := reference_path(opened, data, s)).exists()), None)
    seen = _seen(opened, path, chosen) if path is not None else None
    if seen is not None and seen.unlike:
        st.warning(
            f"To {literal(opened.card.name)}, this image is unlike the images of {literal(data.name)}. "
            "Its scores and maps below may mean nothing.",
            icon=":material/wrong_location:",
        )


def unlike(opened: services.OpenModel, data: Dataset) -> None:
    """How well the classifier's own features separate non-skin images, other crops and other datasets from this dataset."""
    others = [n for n in services.workspace().dataset_names() if n != data.name]
    left, right = st.columns([1, 2])
    with left:
        split = choice.split(data, "unlike-split", training_split(data))
    against = right.multiselect("Compare with other datasets as well", others, key="unlike-against", placeholder="none")
    try:
        datasets = tuple(services.dataset(n) for n in against)
    except LesionLensError as error:
        st.warning(literal(error), icon=":material/warning:")
        return
    job = JudgeKinds(opened.spec, data, split, datasets, reference_path(opened, data, split))
    if services.task(job) is None:
        st.caption(
            "Fits a reference to the features of these images, then tests non-skin images (noise, walls, pages of text, natural "
            "photographs), other crops and magnifications of the dataset's own images, and the chosen datasets."
        )
        start_button(job, "Try it", "play_arrow")
    elif found := computed("Comparing", job):
        _separations(*found, data)


def reference_path(opened: services.OpenModel, data: Dataset, split: str | None) -> Path:
    return services.workspace().reference_path(opened.facts.sha256, opened.card.sha256, data.sha256, split)


def _seen(opened: services.OpenModel, path: Path, chosen: Chosen) -> Familiarity | None:
    return services.ask(LookFamiliar(opened.spec, path, path.stat().st_mtime_ns, chosen.picture))


def _result(seen: Familiarity, data: Dataset, split: str | None, itself: str | None) -> None:
    """itself: the image's own ID, where it is one of the dataset's."""
    where = data.name + (f" ({split})" if split else "")
    than = f"any of the {seen.kept_apart:,}" if seen.further == 1 else f"{seen.further:.1%} of the {seen.kept_apart:,}"
    distance = f"To this classifier it is further from them than {than} held-out images."
    if seen.unlike:
        st.warning(f"Unlike the images of {literal(where)}. {distance} The scores may mean nothing.", icon=":material/wrong_location:")
    else:
        st.markdown(f"Not unlike the images of {literal(where)}. {distance} This does not mean that the scores are right.")
    if seen.score == "energy":
        st.caption(WEAK)
    known = set(data.table["image_id"])
    ids = [i for i, _ in seen.nearest if i in known and i != itself][:NEIGHBOURS]
    if ids:
        st.markdown("**Nearest of them in the last layer**, with their diagnoses")
        gallery(ids, diagnoses_of(data, ids), [thumbnail(data, i, 256) for i in ids], NEIGHBOURS, [data.name] * len(ids))
    st.caption(
        f"{SCORES[seen.score][0].capitalize()}: {SCORES[seen.score][1]}. {seen.value:.2f}; the warning appears above {seen.threshold:.2f}; "
        f"of images of new lesions like these, {seen.stays_below:.1%} are expected to stay below "
        f"({count(seen.lesions, 'held-out lesion')}). The nearest images need not be similar."
    )


def _separations(reference: Reference, kinds: Sequence[Kind], data: Dataset) -> None:
    """How well each kind of image is separated, by the chosen score."""
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
        values = ", ".join(f"{name} {area.value:.2f}" for name, area in areas)
        st.altair_chart(forest(rows, "AUROC (95 % interval)", 0.5, share=True), width="stretch", alt=f"AUROC by kind: {values}")
    with right:
        far = [(k, s) for k, s in judged if k.far]
        worst = min(far, key=lambda pair: pair[1].auroc.value)
        st.markdown(
            f"Non-skin images: hardest to detect are **{literal(worst[0].name)}**, AUROC **{worst[1].auroc.value:.2f}**. Of "
            f"{len(reference.groups):,} held-out images of {literal(data.name)}, {reference.false_alarms(name):.1%} would raise the "
            f"warning; of images of new lesions like these, {reference.stays_below:.1%} are expected not to."
        )
        st.caption("0.5 is chance; below it, the score points the wrong way. Kinds are not pooled: an easy one would hide a hard one.")
    st.dataframe(
        pd.DataFrame(
            {
                "against": [k.name for k, _ in judged],
                "images": [k.images for k, _ in judged],
                "AUROC": [s.auroc.cell() for _, s in judged],
                f"FPR at {FAMILIAR:.0%}": [s.fpr95.cell() for _, s in judged],
                "raise the warning": [s.flagged.cell() for _, s in judged],
            }
        ),
        hide_index=True,
        alt="How well each kind of image is separated from the dataset's images",
    )
    unread = [f"{literal(k.name)}: {k.unread:,}" for k in kinds if k.unread]
    st.caption(
        f"FPR: the share that pass where {FAMILIAR:.0%} of the dataset's own images pass. Fitted on {len(reference.of):,} images. "
        "Intervals are by lesion." + (f" Could not be read: {'; '.join(unread)}." if unread else "")
    )
