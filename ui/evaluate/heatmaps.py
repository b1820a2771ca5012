"""Heatmaps of decisions: thumbnails with maps, and the mean map of many images."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np
import streamlit as st

from core.diagnoses import full_name
from core.errors import ImageError
from core.text import literal
from core.wording import count
from datasets.dataset import Dataset
from explain.centred import CentredMean
from explain.methods import METHODS
from explain.views import mean_of_maps
from imaging.overlay import colour_picture, draw_contour, overlay
from imaging.resize import scale_image, thumbnail
from ui.parts.components import NO_LAYER, show_picture
from ui.parts.long_runs import computed, start_button
from ui.services import services
from ui.services.predictions import PredictionSet
from ui.worker.jobs.explanations import ExplainImages, MeanMap

MEAN_IMAGES = 200


def mean_heatmap(opened: services.OpenModel, data: Dataset, image_ids: Sequence[str], decided: str) -> None:
    """The mean heatmap over the images of a cell, centred on their lesions."""
    st.markdown("**Where it looks on average**")
    targets = [k for k, code in enumerate(opened.card.codes) if code == decided]
    masked = [i for i in image_ids if i in data.masks]
    if not opened.description.default_layer or not targets:
        st.caption(NO_LAYER)
        return
    if not masked:
        st.caption("The mean is centred on lesion masks, and no image of this cell has one.")
        return
    drawn = np.random.default_rng(0).permutation(masked)[:MEAN_IMAGES]
    ids = sorted(drawn.tolist())
    job = MeanMap(opened.spec, data, tuple(ids), targets[0])
    if services.task(job) is None:
        start_button(job, f"Average over {count(len(ids), 'image')} with a mask", "blur_on")
    elif found := computed("Averaging", job, "Average again"):
        _show_mean(found, decided, len(image_ids))


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
        show_picture(draw_contour(large, outline), f"Mean heatmap for {full_name(decided)}, centred on the lesion", lossless=True)
    with right:
        st.caption(
            f"Mean of the maps of {found.images:,} of {of:,} images ({METHODS[found.method].name} for {literal(full_name(decided))}), each "
            "relative to its own strongest value, moved and scaled so that the lesions coincide: two lesion radii to each side. Half of "
            "the lesions reach the line. Orange: evidence for the decision; blue: against it; grey: visible in fewer than half of the "
            "images."
        )
        inside, seen = found.lesion >= 0.5, ~np.isnan(found.heatmap)
        if (inside & seen).any() and (~inside & seen).any():
            within, around = found.heatmap[inside & seen].mean(), found.heatmap[~inside & seen].mean()
            st.markdown(f"Mean inside the line **{within:+.2f}**, outside **{around:+.2f}** (1 is each image's strongest value).")


def decided_pictures(predicted: PredictionSet, data: Dataset, ids: Sequence[str], decided: str, maps_on: bool) -> list[np.ndarray | None]:
    """Thumbnails, with the heatmap of one class over them if wanted and possible; None for an image that cannot be read.

    For several classifiers it is the mean of their maps, with the weights of their scores.
    """
    small = {}
    for image_id in ids:
        with suppress(ImageError):
            small[image_id] = thumbnail(services.picture(data, image_id).pixels, 320)
    of_members = [_maps(m, predicted.views, data, small, decided) for m in predicted.members] if maps_on and small else []
    known = [(maps, w) for maps, w in zip(of_members, predicted.weights, strict=False) if maps is not None]
    pictures = dict(small)
    for k, (image_id, image) in enumerate(small.items()):
        if known:
            large = mean_of_maps([maps[k] for maps, _ in known], [w for _, w in known]) if len(known) > 1 else known[0][0][k]
            pictures[image_id] = overlay(image, large, float(np.nanmax(np.abs(large), initial=0)))
    return [pictures.get(i) for i in ids]


def _maps(
    opened: services.OpenModel, views: bool, data: Dataset, pictures: Mapping[str, np.ndarray], decided: str
) -> list[np.ndarray] | None:
    """One classifier's maps of a class, each over its picture; None where it has no such class, or no spatial layer."""
    targets = [k for k, code in enumerate(opened.card.codes) if code == decided]
    maps = services.ask(ExplainImages(opened.spec, data, tuple(pictures), targets[0], views)) if targets else None
    return maps if maps is None else [opened.enlarged(m, p.shape[:2]) for m, p in zip(maps, pictures.values(), strict=True)]
