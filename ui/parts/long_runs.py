"""A long run on screen: progress, time left, a way to stop it; found again after a reload."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import LesionLensError
from ui.services import services


@st.fragment(run_every=1.0)
def follow(key: str, what: str, kept: Callable[[], bool] = lambda: True) -> None:
    """Show the run under this key until it has ended (and its result is kept), then draw the page anew."""
    task = services.task(key)
    if task is None or task.error is not None or (task.finished and kept()):
        st.rerun()
        return
    done, total = task.progress
    passed = time.monotonic() - task.started
    left = f", about {duration(passed / done * (total - done))} left" if done and passed > 2 else ""
    text = f"{what}: {done:,} of {total:,}{left}" if total else f"{what}: getting ready"
    st.progress(done / total if total else 0.0, text=text)
    if st.button("Stop", icon=":material/stop:", key=f"stop {key}"):
        task.cancel()
        st.rerun()
    st.caption("You can look at other pages meanwhile; this goes on.")


def computed(key: str, what: str, job: str, **arguments: Any) -> Any:
    """The result of a long job of the worker, begun if need be; None while it runs or after it failed (told on screen)."""
    task = services.task(key)
    if task is not None and task.finished:
        if task.error is None:
            return task.result()
        stopped_or_failed(key, task.error, "Compute it")
        return None
    if task is None:
        services.start(key, job, **arguments)
    follow(key, what)
    return None


def under_way(key: str, what: str, path: Path) -> bool:
    """Whether the run that leaves a file is going on, or ended without it; either is then on screen."""
    task = services.task(key)
    if task is not None and not task.finished:
        follow(key, what, path.exists)
        return True
    if task is not None and task.error is not None and not path.exists():
        stopped_or_failed(key, task.error, "Try again")
        return True
    return False


def stopped_or_failed(key: str, error: LesionLensError, again: str) -> None:
    """What ended a run, and a way to begin it anew."""
    st.warning(str(error))
    if st.button(again, key=f"again {key}"):
        services.forget_task(key)
        st.rerun()


def duration(seconds: float) -> str:
    """In words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
