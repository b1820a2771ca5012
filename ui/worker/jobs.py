"""What the worker can be asked to do. Runs in the child process; the server never imports TensorFlow.

A quick job is a function; a long one is a generator of (done, total) and may be interrupted between
two steps by quick ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.runs import Run
from ui.worker.augmenting import augmented
from ui.worker.datasets import audit_dataset, check_card, familiarity, fit_reference, judge_kinds, predict_dataset
from ui.worker.explaining import (
    attribute_image,
    check_sanity,
    compare_methods,
    describe,
    examine_image,
    explain_images,
    grid,
    ideal,
    inspect,
    mean_map,
    predict,
    scramble,
    steps,
)
from ui.worker.opened import warm_up
from ui.worker.repairing import clean_copy, lay_trap, weigh
from ui.worker.trying import evidence_on_markers, outline_of, run_shortcuts, try_marker, try_painted, try_what_if

QUICK: dict[str, Callable[..., Any]] = {
    "warm_up": warm_up,
    "describe": describe,
    "predict": predict,
    "inspect": inspect,
    "explain_images": explain_images,
    "steps": steps,
    "familiarity": familiarity,
    "outline_of": outline_of,
    "try_marker": try_marker,
    "evidence_on_markers": evidence_on_markers,
    "try_painted": try_painted,
    "try_what_if": try_what_if,
    "augmented": augmented,
}
LONG: dict[str, Callable[..., Run[Any]]] = {
    "predict_dataset": predict_dataset,
    "check_card": check_card,
    "attribute_image": attribute_image,
    "examine_image": examine_image,
    "check_sanity": check_sanity,
    "compare_methods": compare_methods,
    "mean_map": mean_map,
    "fit_reference": fit_reference,
    "judge_kinds": judge_kinds,
    "run_shortcuts": run_shortcuts,
    "clean_copy": clean_copy,
    "weigh": weigh,
    "lay_trap": lay_trap,
    "audit_dataset": audit_dataset,
    "grid": grid,
    "scramble": scramble,
    "ideal": ideal,
}
