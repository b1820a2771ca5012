"""Everything pages ask for: the workspace, the worker, and what is cached between reruns.

Caches are keyed by file hashes and parameters, shared by all sessions, and bounded.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from core.atomic import write_bytes
from core.digest import digest
from core.version import __version__
from datasets.dataset import Dataset
from evaluation.evaluate import How
from explain.sanity import Sanity, read_sanity
from imaging.decode import decode, encode_jpeg
from imaging.picture import Picture
from imaging.resize import thumbnail as shrink
from models.card import ModelCard, card_path, make_card, read_card
from models.files import FileFacts
from models.policy import Policy, read_policy
from models.predictions import PredictionTable
from models.trial import try_model
from studies.assess import Assessment
from ui.worker.client import Task, Worker
from ui.worker.job import LongJob, QuickJob
from ui.worker.jobs.datasets import CheckCard
from ui.worker.jobs.explanations import CheckSanity, Describe, Predict
from ui.worker.records import Description, ModelSpec, Scores
from workspace import Workspace

R = TypeVar("R")
THUMBNAIL = 128
MAX_ENDED = 64  # results of ended runs that are kept in memory


@st.cache_resource(max_entries=1)
def workspace() -> Workspace:
    return Workspace()


@st.cache_resource(max_entries=1)
def worker() -> Worker:
    """The one process that runs networks, for all sessions; it starts behind the first page."""
    one = Worker()
    threading.Thread(target=one.start, daemon=True).start()
    return one


@dataclass(frozen=True)
class OpenModel:
    """A classifier of the workspace: its file, its card, and what the opened network is like."""

    name: str
    facts: FileFacts
    spec: ModelSpec
    description: Description

    @property
    def card(self) -> ModelCard:
        return self.spec.card


def model(name: str) -> OpenModel:
    """Check the file, try it once in a throw-away process, then open it in the worker.

    Raises ModelFileError, CardError or WorkspaceError in words.
    """
    space = workspace()
    path = space.named_model(name)
    facts = space.facts(path)
    beside = card_path(path)
    stamp = beside.stat().st_mtime_ns if beside.exists() else 0
    return _opened(name, facts.sha256, stamp, facts)


@st.cache_resource(max_entries=16, show_spinner="Opening the classifier…")
def _opened(name: str, sha256: str, card_stamp: int, _facts: FileFacts) -> OpenModel:
    beside = card_path(_facts.path)
    trusted = bool(_facts.unsafe)
    guessed = _tried(_facts, trusted)
    card = read_card(beside) if beside.exists() else guessed
    spec = ModelSpec(_facts.path, sha256, card, trusted)
    return OpenModel(name, _facts, spec, worker().ask(Describe(spec)))


def _tried(facts: FileFacts, trusted: bool) -> ModelCard:
    """The card the network lets one guess; kept, so that a file is tried once and not at every start."""
    kept = workspace().root / "trials" / f"{facts.sha256}.json"
    if kept.exists():
        return make_card(json.loads(kept.read_text()))
    card = try_model(facts.path, trusted)
    write_bytes(kept, json.dumps(card.model_dump(mode="json")).encode())
    return card


def dataset(name: str) -> Dataset:
    """A dataset of the workspace by name; raises DatasetError or WorkspaceError."""
    space = workspace()
    if name not in space.dataset_names():
        from core.errors import WorkspaceError

        raise WorkspaceError(f"holds no dataset {name!r}.", "This workspace", "Choose another in the sidebar.")
    path = space.dataset_path(name)
    return _opened_dataset(name, _stamp(path))


@st.cache_resource(max_entries=4, show_spinner="Opening the dataset…")
def _opened_dataset(name: str, stamp: int) -> Dataset:
    return workspace().open_dataset(name)


def _stamp(path: Path) -> int:
    """Changes when a file is added to the folder or a table in it is written."""
    tops = [path, *path.iterdir()] if path.is_dir() else [path]
    return max(p.stat().st_mtime_ns for p in tops)


# records that caches of the server go by
KNOWN_BY: dict[str | type[Any], Callable[[Any], Any]] = dict.fromkeys((Dataset, PredictionTable, How, Assessment), digest)


@st.cache_data(max_entries=20_000, show_spinner=False, hash_funcs=KNOWN_BY)
def thumbnail(data: Dataset, image_id: str, side: int = THUMBNAIL) -> bytes:
    """A small JPEG; raises ImageError."""
    return encode_jpeg(shrink(data.read(image_id), side), 82)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=KNOWN_BY)
def picture(data: Dataset, image_id: str) -> Picture:
    """The decoded picture, one and the same for all sessions; raises ImageError."""
    return Picture(data.read(image_id))


@st.cache_resource(max_entries=8, show_spinner=False)
def uploaded_picture(content: bytes) -> Picture:
    """An upload, decoded within limits, in memory only; raises ImageError."""
    return Picture(decode(content))


def ask(job: QuickJob[R]) -> R:
    """The worker's answer; the last few of its kind are kept, by the job's key, for all sessions."""
    kept = _answers().setdefault(type(job), Answers(job.kept))
    if (known := kept.get(job.key)) is not None:
        return known[0]
    with st.spinner(job.waiting) if job.waiting else nullcontext():
        answer = worker().ask(job)
    kept.put(job.key, answer)
    return answer


class Answers:
    """The last so many answers of one kind of job, by their keys."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._kept: OrderedDict[str, Any] = OrderedDict()

    def get(self, key: str) -> tuple[Any] | None:
        """The answer, which may be None itself; None if it is not kept."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return (self._kept[key],)

    def put(self, key: str, answer: Any) -> None:
        with self._lock:
            self._kept[key] = answer
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


@st.cache_resource(max_entries=1)
def _answers() -> dict[type[QuickJob[Any]], Answers]:
    return {}


def predict(opened: OpenModel, picture: Picture) -> Scores:
    """Probabilities and logits (C,) of one picture."""
    return ask(Predict(opened.spec, picture))


# --- long runs, shared by all sessions and found again after a reload ---------------------------------


@st.cache_resource(max_entries=1)
def _tasks() -> dict[str, Task[Any]]:
    return {}


def task(job: LongJob[R]) -> Task[R] | None:
    """The run of this job, or of another that writes to the same place, if one is under way or has just ended."""
    return _tasks().get(job.slot)


def forget_task(job: LongJob[R]) -> None:
    _tasks().pop(job.slot, None)


def start(job: LongJob[R]) -> Task[R]:
    """Begin a long job; several sessions share one run, and its result stays for a while."""
    running = task(job)
    if running is not None and not running.finished:
        return running
    ended = [k for k, t in _tasks().items() if t.finished]
    for old in ended[: max(0, len(ended) - MAX_ENDED)]:
        del _tasks()[old]
    _tasks()[job.slot] = begun = worker().submit(job)
    return begun


def sanity(opened: OpenModel, method: str, place: str) -> Sanity | None:
    """The kept sanity check of this classifier × method × layer."""
    return read_sanity(_sanity_path(opened, method, place))


def sanity_check(opened: OpenModel, data: Dataset, method: str, layer: str | None, place: str) -> CheckSanity:
    """The job that scrambles a copy of the network and sees what its maps do, on images of the dataset."""
    about = {
        "lesionlens_version": __version__,
        "model_sha256": opened.facts.sha256,
        "card_sha256": opened.card.sha256,
        "dataset": data.name,
        "dataset_sha256": data.sha256,
    }
    return CheckSanity(opened.spec, data, method, layer, _sanity_path(opened, method, place), about)


def _sanity_path(opened: OpenModel, method: str, place: str) -> Path:
    return workspace().sanity_path(opened.facts.sha256, opened.card.sha256, method, place)


def card_check(opened: OpenModel, data: Dataset) -> CheckCard:
    """The job that checks the card on labelled images."""
    from models.check import sample_for_check

    sample = sample_for_check(data.table, opened.card.codes)
    return CheckCard(opened.spec, data.root, sample, tuple(data.groups[sample.index].astype(str)))


# --- the operator's policy -----------------------------------------------------------------------------


def policy(opened: OpenModel) -> Policy | None:
    """The policy switched on for this very classifier, or None."""
    path = workspace().policy_path(opened.facts.sha256)
    return read_policy(path) if path.exists() else None


def is_local() -> bool:
    """Whether only this machine can reach the server; only then may a browser name folders on it."""
    return st.get_option("server.address") in ("127.0.0.1", "localhost", "::1")
