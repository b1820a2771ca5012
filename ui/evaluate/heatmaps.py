"""What classifiers looked at for their decisions: small pictures with maps, and the mean map of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from core.errors import ImageError
from datasets.dataset import Dataset
from explain.centred import CentredMean
from explain.methods import METHODS
from explain.views import mean_of_maps
from imaging.overlay import colour_picture, draw_contour, overlay
from imaging.resize import enlarge, scale_image, seen_box, thumbnail
from ui.parts.components import show_picture
from ui.parts.long_runs import follow, stopped_or_failed
from ui.services import services
from ui.services.predictions import PredictionSet
from ui.worker.jobs.explanations import ExplainImages, MeanMap

MEAN_IMAGES = 200


def mean_heatmap(opened: services.OpenModel, data: Dataset, image_ids: Sequence[str], decided: str) -> None:
    """Where the classifier looks on average over a cell, measured from the lesions' centres."""
    st.markdown("**Where it looks on average**")
    targets = [k for k, code in enumerate(opened.card.codes) if code == decided]
    masked = [i for i in image_ids if i in data.masks]
    if not opened.description.default_layer or not targets:
        st.caption("This network shows no layer that keeps a picture.")
        return
    if not masked:
        st.caption("No image of this cell has a lesion mask, which the mean is centred on.")
        return
    drawn = np.random.default_rng(0).permutation(masked)[:MEAN_IMAGES]
    ids = sorted(drawn.tolist())
    job = MeanMap(opened.spec, data, tuple(ids), targets[0])
    task = services.task(job)
    if task is None:
        if st.button(f"Average over {len(ids):,} image{'s' if len(ids) != 1 else ''} with a mask", icon=":material/blur_on:"):
            services.start(job)
            st.rerun()
        return
    if not task.finished:
        follow(job, "Averaging")
        return
    if task.error is not None:
        stopped_or_failed(job, task.error, "Average again")
        return
    _show_mean(task.result(), decided, len(image_ids))


def _show_mean(found: CentredMean, decided: str, of: int) -> None:
    if not found.images:
        st.caption("None of the images could be read with its mask.")
        return
    side = 420
    top = float(np.nanmax(np.abs(found.heatmap), initial=0))
    large = scale_image(colour_picture(np.nan_to_num(found.heatmap), top), (side, side), "bilinear")
    large[scale_image(np.isnan(found.heatmap).astype(np.uint8), (side, side), "nearest").astype(bool)] = 128
    outline = scale_image((found.lesion >= 0.5).astype(np.uint8), (side, side), "nearest").astype(bool)
    left, right = st.columns([1, 2])
    with left:
        show_picture(draw_contour(large, outline), f"Mean heatmap for {decided}, centred on the lesion", lossless=True)
    with right:
        st.caption(
            f"Mean of {found.images:,} maps ({METHODS[found.method].name} for {decided}) of {of:,} images, each relative to its own "
            "strongest value, moved and scaled so that the lesions lie on each other: two lesion radii to each side. The line is where "
            "half of the lesions reach. Orange speaks for the decision, blue against it; grey is seen in less than half of the images."
        )
        inside, seen = found.lesion >= 0.5, ~np.isnan(found.heatmap)
        if (inside & seen).any() and (~inside & seen).any():
            within, around = found.heatmap[inside & seen].mean(), found.heatmap[~inside & seen].mean()
            st.markdown(f"Mean inside the line **{within:+.2f}**, outside **{around:+.2f}** (1 is each image's strongest value).")


def decided_pictures(judged: PredictionSet, data: Dataset, ids: Sequence[str], decided: str, maps_on: bool) -> list[np.ndarray | None]:
    """Small pictures, with the heatmap of one class over them where wanted and possible; None where one cannot be read.

    Of several classifiers it is the mean of their maps, with the weights of their scores.
    """
    images = {}
    for image_id in ids:
        try:
            images[image_id] = services.picture(data, image_id)
        except ImageError:
            continue
    small = {image_id: thumbnail(picture.pixels, 320) for image_id, picture in images.items()}
    of_members = [_maps(m, judged.views, data, small, decided) for m in judged.members] if maps_on and small else []
    known = [(maps, w) for maps, w in zip(of_members, judged.weights, strict=False) if maps is not None]
    pictures = dict(small)
    for k, (image_id, image) in enumerate(small.items()):
        if known:
            large = mean_of_maps([maps[k] for maps, _ in known], [w for _, w in known]) if len(known) > 1 else known[0][0][k]
            pictures[image_id] = overlay(image, large, float(np.nanmax(np.abs(large), initial=0)))
    return [pictures.get(i) for i in ids]


def _maps(
    opened: services.OpenModel, views: bool, data: Dataset, pictures: Mapping[str, np.ndarray], decided: str
) -> list[np.ndarray] | None:
    """One classifier's maps of a class, each over its whole picture; None where it has no such class, or no layer that keeps a picture."""
    card = opened.card
    targets = [k for k, code in enumerate(card.codes) if code == decided]
    if not targets:
        return None
    ids = tuple(pictures)
    maps = services.ask(ExplainImages(opened.spec, data, ids, targets[0], views))
    if maps is None:
        return None
    sizes = [p.shape[:2] for p in pictures.values()]
    return [enlarge(m, size, seen_box(size, card.size, card.resize.geometry)) for m, size in zip(maps, sizes, strict=True)]
