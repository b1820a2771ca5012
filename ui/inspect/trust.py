"""Whether to trust the map on screen: the badge, its reasons, and the measurements behind it on demand."""

from dataclasses import replace
from typing import Literal

import numpy as np
import streamlit as st

from core.diagnoses import full_name
from core.markers import marker_name
from core.text import code, literal
from datasets.dataset import Dataset
from explain.faithfulness import Faithfulness
from explain.heatmap import Explanation
from explain.methods import METHODS
from explain.sanity import FAILED, IMAGES, SEEDS, STAGES, Sanity
from explain.stability import CHANGES, Stability
from explain.trust import Badge, Evidence, Verdict, badge, passes, signed
from reports.charts import faithfulness_curves, sanity_curve
from ui.inspect.attribution import Shown
from ui.parts.image_choice import Chosen
from ui.parts.long_runs import computed, start_button, under_way
from ui.services import services
from ui.worker.jobs.explanations import Examine

Colour = Literal["green", "gray", "orange", "red"]
COLOURS: dict[Verdict, tuple[Colour, str]] = {
    "supported": ("green", ":material/verified:"),
    "not tested yet": ("gray", ":material/pending:"),
    "weak": ("orange", ":material/help:"),
    "don't read": ("red", ":material/block:"),
}
MEANS: dict[Verdict, str] = {
    "supported": "The tests found no reason to distrust this map. It still does not prove that these regions cause the decision.",
    "not tested yet": "Nothing speaks against this map so far, but not every test has been run.",
    "weak": "Interpret this map with caution.",
    "don't read": "Do not use this map to explain the decision.",
}


def trust_panel(opened: services.OpenModel, chosen: Chosen, shown: Shown) -> None:
    """The badge with its reasons, and a button for the tests that have not been run."""
    with st.container(border=True):
        if shown.contrast is not None:
            st.caption("Trust is tested for the map of a single class; clear the second class above.")
            return
        evidence, job = evidence_so_far(opened, chosen, shown), _examination(opened, chosen, shown)
        _badge(badge(evidence))
        if services.task(job) is not None:
            computed("Testing this map", job, "Test it again")
        elif not evidence.explanation.empty:
            note = (
                "Covers and uncovers the regions the map marks, compared with random maps, the image centre and an untrained copy of the "
                f"network, and makes harmless changes to the photograph: about {_passes(shown):,} predictions."
            )
            start_button(job, "Test this map", "science", note)


def trust_details(opened: services.OpenModel, chosen: Chosen, shown: Shown, data: Dataset | None) -> None:
    """Curves, stability, localisation and the sanity check, on demand."""
    if shown.contrast is not None:
        return
    evidence = evidence_so_far(opened, chosen, shown)
    if evidence.faithfulness is not None:
        with st.expander("Measurements behind this badge", key=f"fold-measured {opened.name}", icon=":material/monitoring:"):
            _measurements(evidence)
    _sanity(opened, shown, evidence.sanity, data)


def evidence_so_far(opened: services.OpenModel, chosen: Chosen, shown: Shown) -> Evidence:
    """What is known so far: the map itself, its tests if they were run, the sanity check if it was kept."""
    found = shown.found
    sanity = services.sanity(opened, found.method, found.place)
    task = services.task(_examination(opened, chosen, shown))
    if task is not None and task.finished and task.error is None:
        return replace(task.result(), sanity=sanity)
    explanation = Explanation(found.method, opened.card.classes[shown.target], found.place, shown.heatmap)
    return Evidence(explanation, sanity=sanity)


def _passes(shown: Shown) -> int:
    found = shown.found
    return passes(METHODS[found.method].cost(found.layer.channels if found.layer else 0))


def _examination(opened: services.OpenModel, chosen: Chosen, shown: Shown) -> Examine:
    layer = shown.found.layer.path if shown.found.layer else None
    return Examine(opened.spec, chosen.picture, shown.target, shown.found.method, layer, chosen.data, chosen.image_id)


def _badge(verdict: Badge) -> None:
    colour, icon = COLOURS[verdict.verdict]
    st.badge(f"Trust: {verdict.verdict}", icon=icon, color=colour)
    st.caption(f"{MEANS[verdict.verdict]} " + literal(" ".join(verdict.reasons)))


def _measurements(evidence: Evidence) -> None:
    if evidence.faithfulness is not None:
        _curves(evidence.faithfulness, evidence.explanation.target)
    if evidence.stability is not None:
        _stability(evidence.stability)
    if evidence.localisation:
        st.markdown("**Where the evidence lies**")
        rows = [
            {
                "inside": marker_name(name),
                "evidence": "undefined" if np.isnan(place.share) else f"{place.share:.0%}",
                "area (chance)": f"{place.area:.0%}",
                "strongest point": {True: "inside", False: "outside", None: "–"}[place.hit],
            }
            for name, place in evidence.localisation.items()
        ]
        st.dataframe(rows, hide_index=True, alt="Share of the evidence inside the lesion and the markers")


def _curves(f: Faithfulness, name: str) -> None:
    st.markdown("**Covering and uncovering what it marks**")
    areas = (
        f"Insertion minus deletion area: map {signed(f.score)}, random maps {signed(f.random.mean())} "
        f"({signed(f.random.min())} to {signed(f.random.max())}), image centre {signed(f.centre)}."
    )
    for place, chart, way in zip(st.columns(2, gap="large"), faithfulness_curves(f), ("covered", "uncovered"), strict=True):
        place.altair_chart(chart, width="stretch", alt=f"Score of {full_name(name)} while regions are {way}. {areas}")
    st.caption(
        f"{areas} Covered regions are {'blurred' if f.baseline == 'blur' else f.baseline}. With a faithful map, the score falls "
        "sooner when its strongest regions are covered, and rises sooner when they are uncovered. The centre is a control "
        "because lesions lie in the middle."
    )


def _stability(s: Stability) -> None:
    st.markdown("**Under harmless changes**")
    rows = [
        {
            "change": words,
            "Spearman": "undefined" if np.isnan(s.correlation[k]) else f"{s.correlation[k]:.2f}",
            "score": f"{100 * s.probability_change[k]:+.1f} points",
            "decision": "changes" if s.flips[k] else "unchanged",
        }
        for k, (words, _) in CHANGES.items()
    ]
    st.dataframe(rows, hide_index=True, alt="Stability of the map under small changes of the photograph")
    st.caption("Spearman: rank correlation with the original map; 1: the same order.")


def _sanity(opened: services.OpenModel, shown: Shown, sanity: Sanity | None, data: Dataset | None) -> None:
    found = shown.found
    layer = found.layer.path if found.layer else None
    job = services.sanity_check(opened, data, found.method, layer, found.place) if data is not None else None
    task = services.task(job) if job is not None else None
    with st.expander(
        "Sanity check of this method on this classifier",
        key=f"fold-sanity {opened.name}",
        icon=":material/shuffle:",
        expanded=task is not None,  # while it runs, and to show the result
    ):
        if sanity is not None:
            _sanity_result(sanity)
        elif data is None or job is None:
            st.caption("Choose a dataset in the sidebar: the check needs images.")
        elif under_way(job, "Scrambling", job.path):
            return
        elif not opened.description.weighted:
            st.caption("This network has no layers that can be read, so its weights cannot be scrambled.")
        else:
            passes = METHODS[found.method].cost(found.layer.channels if found.layer else 0)
            st.caption(
                f"Scrambles a copy of the network from the output down and tests whether the maps change, on {IMAGES} images of "
                f"{literal(data.name)}, {SEEDS} times: about {passes * IMAGES * SEEDS * STAGES:,} predictions. Done once and kept."
            )
            start_button(job, "Run the sanity check", "shuffle")


def _sanity_result(sanity: Sanity) -> None:
    """The check in words and as a curve."""
    verdict = {True: "passed", False: "failed", None: "can't tell"}[sanity.passed]
    line = f"{verdict}: mean Spearman {sanity.spearman[-1]:.2f} when the whole network is scrambled (below {FAILED} passes)"
    st.markdown(f"**{METHODS[sanity.method].name}** at {code(sanity.layer)}: {line}.")
    st.altair_chart(sanity_curve(sanity), width="stretch", alt=f"Similarity of the maps by how much is scrambled; {line}")
    undefined = sanity.undefined[-1]
    st.caption(
        f"{sanity.images:,} images × {sanity.seeds:d} seeds. 1: the map is unchanged; 0: nothing of it is left. Pairs that are undefined "
        f"at the end because a map is constant: {undefined:,}."
    )
