"""The Shortcuts page: the experiment over a dataset, its verdicts, and what to fix first."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from data_audit.dataset import Dataset
from errors import ImageError
from exports import interval
from reports.audit_charts import forest
from shortcuts.crossed import Crossed, crossed
from shortcuts.drawing import INSERTED
from shortcuts.plan import Plan
from ui import audits, navigation, services
from ui.components import gallery
from ui.long_runs import under_way
from version import __version__

ALL = "all images"
SHOWN = 6
ICONS = {"used": ":material/report:", "not seen to matter": ":material/check_circle:", "can't tell": ":material/help:"}
DIRECTIONS = {"removal": "taken away", "insertion": "put in"}


def lab(opened: services.OpenModel, data: Dataset) -> None:
    """What to try, the run, and its verdicts."""
    splits = [ALL, *sorted(data.table["split"].dropna().unique())]
    one, two, three = st.columns([2, 1, 1])
    markers = one.multiselect(
        "Markers", list(INSERTED), default=list(INSERTED), format_func=_name, key="lab-markers", help="Each is one experiment."
    )
    chosen = two.selectbox("Split", splits, index=splits.index("test") if "test" in splits else 0, key=f"lab-split-{data.name}")
    images = three.number_input(
        "Images",
        40,
        5000,
        300,
        20,
        key="lab-images",
        help="At random; half as many again that bear each marker, where that is known.",
    )
    if not markers:
        st.info("Choose at least one marker.")
        return
    split = None if chosen == ALL else str(chosen)
    plan = Plan(tuple(markers), int(images), doses=st.toggle("Other sizes and strengths as well", key="lab-doses"))
    folder = _folder(opened, data, split, plan)
    path = folder / "shortcuts.json"
    key = f"shortcuts {folder}"
    if under_way(key, "Trying markers", path):
        return
    if not path.exists():
        st.caption(
            "Each photograph goes through the network with and without each marker, and with a control beside it: as much clean skin "
            "changed, or a change as strong that is no marker. A run that was stopped goes on."
        )
        if st.button("Try the markers", type="primary", icon=":material/science:"):
            services.start(key, "run_shortcuts", spec=opened.spec, data=data, split=split, plan=plan, folder=folder)
            st.rerun()
        return
    content = _content(path, path.stat().st_mtime_ns)
    _first(data, content)
    for marker, told in content["verdicts"].items():
        _marker(marker, told, content)
    st.download_button("shortcuts.json", path.read_bytes(), f"{opened.name}-{data.name}-shortcuts.json", "application/json")


def _folder(opened: services.OpenModel, data: Dataset, split: str | None, plan: Plan) -> Path:
    asked = hashlib.sha256(repr((__version__, split, plan)).encode()).hexdigest()[:10]
    result = services.workspace().result_path(opened.spec.sha256, opened.card.sha256, data.sha256)
    return result.parent / f"shortcuts-{asked}"


@st.cache_data(max_entries=8, show_spinner=False)
def _content(path: Path, stamp: int) -> dict[str, Any]:  # noqa: ARG001 (the cache goes by it)
    return json.loads(path.read_text(encoding="utf-8"))


def _first(data: Dataset, content: dict[str, Any]) -> None:
    """All verdicts; joined with the audit where there is one."""
    findings = audits.findings(data)
    st.subheader("What to fix first" if findings is not None else "Verdicts", anchor=False)
    rows = crossed(content["verdicts"], findings or [])
    shown = pd.DataFrame(
        {
            "marker": [_name(c.marker) for c in rows],
            "the classifier": [c.verdict for c in rows],
            **({"in the data": ["goes with the diagnosis" if c.in_data else "no finding" for c in rows],
                "what to do": [c.advice for c in rows]} if findings is not None else {}),
        }
    )  # fmt: skip
    st.dataframe(shown, hide_index=True, alt="Markers by whether the classifier uses them and whether they go with the diagnosis")
    if findings is None:
        st.caption("Audit the dataset to see which of them go with the diagnosis in these data.")
        st.page_link(navigation.page("dataset"), label="Audit it on the Dataset page", icon=":material/fact_check:")
    for c in rows:
        if c.in_data and c.verdict == "used":
            _images(data, c)
    rule = content["rule"]
    st.caption(
        f"{content['images']:,} photographs were tried. Used: the marker's effect less its control's is sure (95 %, adjusted for all "
        f"tests), goes further than the control's, and moves a probability by at least {rule['moves']:.2f} or turns at least "
        f"{rule['flips']:.0%} more decisions. Fewer than {rule['lesions']} lesions tell nothing."
    )


def _images(data: Dataset, c: Crossed) -> None:
    ids = [i for i in c.image_ids if i in set(data.table["image_id"])][:SHOWN]
    pictures: list[bytes | None] = []
    for image_id in ids:
        try:
            pictures.append(services.thumbnail(data.sha256, image_id, data, 256))
        except ImageError:
            pictures.append(None)
    st.markdown(f"Images whose **{_name(c.marker)}** goes with their diagnosis")
    gallery(ids, [str(data.row(i)["diagnosis"]) for i in ids], pictures, SHOWN)


def _marker(marker: str, told: dict[str, Any], content: dict[str, Any]) -> None:
    with st.expander(f"{_name(marker).capitalize()}: {told['verdict']}", icon=ICONS[told["verdict"]]):
        st.markdown(told["why"][:1].upper() + told["why"][1:])
        if told.get("agreement"):
            st.markdown(f"Attention: {told['agreement']}.")
        rows = [
            {"name": f"{e['target']}, {DIRECTIONS[e['direction']]}", **{k: e["excess"][k] for k in ("value", "low", "high")}}
            for e in sorted(told["effects"], key=lambda e: e["direction"] != "removal") if e["excess"]["low"] is not None
        ]  # fmt: skip
        if rows:
            alt = ", ".join(f"{r['name']} {r['value']:+.2f}" for r in rows)
            st.altair_chart(
                forest(rows, "P with − without, less control", 0.0), width="stretch", alt=f"Effects of {marker}: {alt}"
            )
        st.dataframe(_flips(told), hide_index=True, alt=f"Decisions that turn with {marker}")
        st.dataframe(
            _table(told), hide_index=True, alt=f"Sensitivity and specificity for {told['table_of']} with and without {marker}"
        )
        st.caption(f"Sensitivity and specificity of deciding for {told['table_of']} on the same photographs.")
        looked = told["attention"]
        if looked["value"] is not None:
            st.caption(
                f"Share of the evidence for the decision on the marker, less its share of the area: {interval(looked, '+.1%')}."
            )
        doses = [d for d in content["doses"] if d["marker"] == marker]
        if doses:
            st.dataframe(
                pd.DataFrame({"size": [f"{d['size']:.1f}×" for d in doses], "strength": [f"{d['strength']:.0%}" for d in doses],
                              "images": [d["images"] for d in doses],
                              f"change of P({doses[0]['class']})": [interval(d["change"], "+.3f") for d in doses]}),
                hide_index=True, alt=f"Effect of {marker} by size and strength",
            )  # fmt: skip
        for note in told["notes"]:
            st.caption(note[:1].upper() + note[1:] + ".")


def _flips(told: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "decisions that turn": [DIRECTIONS[f["direction"]] for f in told["flips"]],
            "images": [f["images"] for f in told["flips"]],
            "lesions": [f["lesions"] for f in told["flips"]],
            "marker": [interval(f["change"], ".1%") for f in told["flips"]],
            "control": [interval(f["control"], ".1%") for f in told["flips"]],
        }
    )


def _table(told: dict[str, Any]) -> pd.DataFrame:
    words = {"base": "as they are", "changed": "changed", "control": "control"}
    rows = [
        {
            "marker": DIRECTIONS[direction],
            "photographs": words[name],
            "sensitivity": interval(figures["sensitivity"], ".1%"),
            "specificity": interval(figures["specificity"], ".1%"),
        }
        for direction, of in told["table"].items()
        for name, figures in of.items()
    ]
    return pd.DataFrame(rows)


def _name(marker: str) -> str:
    return marker.replace("_", " ")
