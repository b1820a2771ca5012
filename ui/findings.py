"""What is wrong with the dataset: findings in order of gravity, each with what to do and the images that show it."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st

from data_audit.dataset import Dataset
from errors import ImageError
from ui import services
from ui.components import gallery
from ui.long_runs import follow, stopped_or_failed

SHOWN = 12
Colour = Literal["red", "orange", "gray"]
GRAVITY: dict[str, tuple[Colour, str]] = {
    "grave": ("red", ":material/error:"),
    "moderate": ("orange", ":material/warning:"),
    "note": ("gray", ":material/info:"),
}


def findings_panel(data: Dataset) -> None:
    """The kept audit, or a way to run it."""
    st.subheader("What is wrong with it?", anchor=False)
    key = f"audit {data.sha256}"
    task, kept = services.task(key), services.kept_audit(data)
    if task is not None and not task.finished:
        follow(key, "Auditing (thousandths)", lambda: services.kept_audit(data) is not None)
        return
    if task is not None and task.error is not None:
        stopped_or_failed(key, task.error, "Audit it")
        return
    if kept is None:
        st.caption(
            "Reads every picture once: what goes with the diagnosis, the same photograph under two names or in two splits, bad "
            "photographs. The result is kept, and a second run reads only what has changed."
        )
        if st.button("Audit it", type="primary", icon=":material/fact_check:"):
            services.start_audit(data)
            st.rerun()
        return
    findings = kept["findings"]
    if not findings:
        st.success("Nothing found by these checks. That does not make the data sound.", icon=":material/check:")
    for number, finding in enumerate(findings):
        _finding(data, finding, number)
    st.caption(
        f"Checks: {', '.join(kept['about']['checks'])}. Not checked yet: markers that no mask names, skin tone, label errors. "
        "An association is not yet a shortcut: whether a classifier uses it is another question."
    )


def _finding(data: Dataset, finding: dict[str, Any], number: int) -> None:
    colour, icon = GRAVITY[finding["severity"]]
    with st.container(border=True):
        left, right = st.columns([5, 1.3], vertical_alignment="center")
        with left:
            st.badge(f"{finding['severity']}: {finding['kind']}", icon=icon, color=colour)
            st.write(finding["summary"])
            if finding["remedy"]:
                st.caption(finding["remedy"])
        ids = finding["image_ids"]
        shown = bool(ids) and right.toggle(f"{len(ids):,} images", key=f"finding-{data.sha256[:8]}-{number}")
        if shown:
            _images(data, finding)


def _images(data: Dataset, finding: dict[str, Any]) -> None:
    pairs = finding["evidence"].get("pairs")
    if pairs:
        ids = [i for p in pairs[: SHOWN // 2] for i in (p["one"], p["other"])]
        captions = [f"{i} · {p['correlation']:.2f}" for p in pairs[: SHOWN // 2] for i in (p["one"], p["other"])]
    else:
        ids = finding["image_ids"][:SHOWN]
        captions = list(ids)
    gallery(ids, captions, [_thumbnail(data, i) for i in ids], columns=4)
    if len(finding["image_ids"]) > len(ids):
        st.caption(f"The first {len(ids)}; all {len(finding['image_ids']):,} ids are in audit.json.")


def _thumbnail(data: Dataset, image_id: str) -> bytes | None:
    try:
        return services.thumbnail(data.sha256, image_id, data, 260)
    except ImageError:
        return None
