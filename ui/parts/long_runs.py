"""A long run on screen: progress, time left, a way to stop it; found again after a reload."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import streamlit as st

from core.claim import WAITING
from core.errors import LesionLensError
from core.text import literal
from ui.services import services
from ui.worker.job import LongJob

R = TypeVar("R")


@st.fragment(run_every=1.0)
def follow(job: LongJob[R], what: str, kept: Callable[[], bool] = lambda: True) -> None:
    """The progress of this run until it has ended (and its result is kept), then the page anew."""
    task = services.task(job)
    if task is None or task.error is not None or (task.finished and kept()):
        st.rerun()
        return
    done, total = task.progress
    passed = time.monotonic() - task.started
    left = f", about {duration(passed / done * (total - done))} left" if done and passed > 2 else ""
    text = f"{what}: {done:,} of {total:,}{left}" if total else f"{what}: getting ready"
    if task.progress == WAITING:
        total, text = 0, f"{what}: another process writes to the same place; this run waits for it"
    st.progress(done / total if total else 0.0, text=text)
    if st.button("Stop", icon=":material/stop:", key=f"stop {job.key}"):
        task.cancel()
        st.rerun()
    st.caption("You can leave this page; the run continues.")


def start_button(job: LongJob[R], label: str, icon: str, help: str | None = None, disabled: bool = False, primary: bool = False) -> None:
    """A button that starts the run."""
    kind: Literal["primary", "secondary"] = "primary" if primary else "secondary"
    if st.button(label, icon=f":material/{icon}:", key=f"start {job.key}", help=help, disabled=disabled, type=kind):
        services.start(job)
        st.rerun()


def computed(what: str, job: LongJob[R], again: str = "Compute it") -> R | None:
    """The result of a long job, started if need be; None while it runs or after it failed (which is then on screen)."""
    task = services.task(job) or services.start(job)
    if not task.finished:
        follow(job, what)
    elif task.error is not None:
        stopped_or_failed(job, task.error, again)
    else:
        return task.result()
    return None


def under_way(job: LongJob[R], what: str, path: Path) -> bool:
    """Whether the run that writes a file is going on, or ended without it; either is then on screen."""
    task = services.task(job)
    if task is not None and not task.finished:
        follow(job, what, path.exists)
        return True
    if task is not None and task.error is not None and not path.exists():
        stopped_or_failed(job, task.error, "Try again")
        return True
    return False


def stopped_or_failed(job: LongJob[R], error: LesionLensError, again: str) -> None:
    """What ended a run, and a button to run it again."""
    st.warning(literal(error))
    if st.button(again, key=f"again {job.key}"):
        services.forget_task(job)
        st.rerun()


def duration(seconds: float) -> str:
    """In words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
