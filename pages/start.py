"""Start: what the workbench is for, what is in the workspace, and where to go."""

import streamlit as st

from core.text import literal
from ui.frame import first_start
from ui.parts import navigation
from ui.parts.components import page_title
from ui.services import services

page_title("LesionLens", "What a trained skin-lesion classifier looks at, and whether it relies on shortcuts in its data.")


@st.fragment(run_every=0.5)
def drawing(task: first_start.DemoTask) -> None:
    """Progress of the demo; reruns the page when it is complete."""
    if task.error:
        st.error(f"The demo could not be drawn: {literal(task.error)}. Free some disk space and start again; what has been drawn is kept.")
        return
    if task.finished:
        first_start.demo_task.clear()
        st.rerun()
    done, total, what = task.progress
    step = f"{what}, {done:,} of {total:,} images" if what else "getting ready"
    st.progress(min(done / max(total, 1), 1.0), text=f"Drawing the demo: {step}")
    st.caption("This happens once and takes less than a minute. The images are drawings; no patient was photographed.")


task = first_start.demo_task()
if task is not None:
    drawing(task)

space = services.workspace()
models, datasets = space.model_names(), space.dataset_names()
cards = [row for row in navigation.PAGES.values() if row.invitation]
columns = st.columns(3)
for k, row in enumerate(cards):
    with columns[k % 3].container(border=True, height="stretch"):
        st.page_link(navigation.page(row.address), label=f"**{row.title}**")
        st.write(row.invitation)
with columns[len(cards) % 3].container(border=True, height="stretch"):
    st.markdown("**This workspace**")
    st.write(f"Classifiers: {literal(', '.join(models)) or 'none yet'}.")
    st.write(f"Datasets: {literal(', '.join(datasets)) or 'none yet'}.")
    st.caption(f"Folder: {literal(space.root.name)}. Everybody who opens this server shares it.")
