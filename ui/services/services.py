"""What pages ask for: the workspace, the worker, and what is cached between reruns.

Caches are keyed by file hashes and parameters, shared by all sessions, and bounded.
"""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import streamlit as st

from core.digest import digest
from core.errors import CardError, ImageError, WorkspaceError
from core.version import __version__
from datasets.dataset import Dataset
from evaluation.evaluate import How
from explain.sanity import Sanity, read_sanity
from imaging.decode import decode, encode_jpeg
from imaging.picture import Picture
from imaging.resize import enlarge, seen_box
from imaging.resize import thumbnail as shrink
from models.card import ModelCard, card_path, read_card
from models.files import FileFacts
from models.policy import Policy, read_policy
from models.predictions import PredictionTable
from studies.assess import Assessment
from ui.worker.client import Task, Worker
from ui.worker.job import LongJob, QuickJob
from ui.worker.jobs.datasets import CheckCard
from ui.worker.jobs.explanations import CheckSanity, Describe, Predict
from ui.worker.records import Description, ModelSpec, Scores
from workspace import Workspace

R = TypeVar("R")
THUMBNAIL = 128
ANSWERS = threading.Lock()  # held while the kept answers are looked up or changed
STARTING = threading.Lock()  # held while a run is looked for or started
MAX_ENDED = 64  # finished runs whose results stay in memory


@st.cache_resource(max_entries=1)
def workspace() -> Workspace:
    return Workspace()


@st.cache_resource(max_entries=1)
def worker() -> Worker:
    """The one process that runs networks, for all sessions; it starts while the first page is drawn."""
    one = Worker()
    threading.Thread(target=one.start, daemon=True).start()
    return one


@dataclass(frozen=True)
class OpenModel:
    """A classifier of the workspace: its file, its card, and a description of the opened network."""

    name: str
    facts: FileFacts
    spec: ModelSpec
    description: Description

    @property
    def card(self) -> ModelCard:
        return self.spec.card

    def enlarged(self, heatmap: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """A map (h, w) over a photograph of this size, (H, W): on the part of it that the network saw, NaN elsewhere."""
        return enlarge(heatmap, size, seen_box(size, self.card.size, self.card.resize.geometry))


def model(name: str) -> OpenModel:
    """Check the file, try it once in a throw-away process, then open it in the worker.

    Raises ModelFileError, CardError or WorkspaceError.
    """
    path = workspace().named_model(name)
    facts = workspace().facts(path)
    beside = card_path(path)
    stamp = beside.stat().st_mtime_ns if beside.exists() else 0
    return _opened(name, facts.sha256, stamp, facts)


@st.cache_resource(max_entries=16, show_spinner="Opening the classifier…")
def _opened(name: str, sha256: str, card_stamp: int, _facts: FileFacts) -> OpenModel:
    beside = card_path(_facts.path)
    card = read_card(beside) if beside.exists() else workspace().tried(_facts.path).guessed
    if card is None:
        raise CardError("has no model card, and none can be guessed.", name, "Write one beside the file: see README.md.")
    spec = ModelSpec(_facts.path, sha256, card, bool(_facts.unsafe), _facts)
    return OpenModel(name, _facts, spec, worker().ask(Describe(spec)))


def dataset(name: str) -> Dataset:
    """A dataset of the workspace by name; raises DatasetError or WorkspaceError."""
    if name not in workspace().dataset_names():
        raise WorkspaceError(f"has no dataset {name!r}.", "This workspace", "Choose another in the sidebar.")
    return _opened_dataset(name, _stamp(workspace().dataset_path(name)))


@st.cache_resource(max_entries=4, show_spinner="Opening the dataset…")
def _opened_dataset(name: str, stamp: int) -> Dataset:
    return workspace().open_dataset(name)


def _stamp(path: Path) -> int:
    """Changes when a file is added to the folder or a table in it is written."""
    return max(p.stat().st_mtime_ns for p in ([path, *path.iterdir()] if path.is_dir() else [path]))


# how Streamlit's caches tell these records apart
HASH_FUNCS: dict[str | type[Any], Callable[[Any], Any]] = dict.fromkeys((Dataset, PredictionTable, How, Assessment), digest)


@st.cache_data(max_entries=20_000, show_spinner=False, hash_funcs=HASH_FUNCS)
def thumbnail(data: Dataset, image_id: str, side: int = THUMBNAIL) -> bytes:
    """A small JPEG; raises ImageError."""
    return encode_jpeg(shrink(data.read(image_id), side), 82)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=HASH_FUNCS)
def picture(data: Dataset, image_id: str) -> Picture:
    """The decoded picture, one object for all sessions; raises ImageError."""
    return Picture(data.read(image_id))


@st.cache_resource(max_entries=8, show_spinner=False)
def uploaded_picture(content: bytes, name: str) -> Picture:
    """An upload, decoded within limits, in memory only; raises ImageError, which names the file."""
    try:
        return Picture(decode(content))
    except ImageError as error:
        raise ImageError(error.what, name, error.todo) from error


def ask(job: QuickJob[R]) -> R:
    """The worker's answer; the latest answers of each kind of job are kept, by the job's key, for all sessions."""
    kept, key = _answers()[type(job)], job.key
    with ANSWERS:
        if key in kept:
            kept.move_to_end(key)
            return kept[key]  # type: ignore[no-any-return]  # the job's own type
    with st.spinner(job.waiting) if job.waiting else nullcontext():
        answer = worker().ask(job)
    with ANSWERS:
        kept[key] = answer
        while len(kept) > job.kept:
            kept.popitem(last=False)
    return answer


@st.cache_resource(max_entries=1)
def _answers() -> defaultdict[type[QuickJob[Any]], OrderedDict[str, Any]]:
    """Kind of job → key → answer, the latest last."""
    return defaultdict(OrderedDict)


def predict(opened: OpenModel, picture: Picture) -> Scores:
    """Probabilities and logits (C,) of one picture."""
    return ask(Predict(opened.spec, picture))


@st.cache_resource(max_entries=1)
def _tasks() -> dict[str, Task[Any]]:
    return {}


def task(job: LongJob[R]) -> Task[R] | None:
    """The run of this job, or of another that writes to the same place, if one is under way or has just ended; all sessions share it."""
    return _tasks().get(job.slot)


def forget_task(job: LongJob[R]) -> None:
    _tasks().pop(job.slot, None)


def start(job: LongJob[R]) -> Task[R]:
    """Start a long job, or join the run that is under way; its result stays for a while."""
    with STARTING:  # two users may press the same button at once
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
    """The job that scrambles a copy of the network and compares its maps, on images of the dataset."""
    about = about_data(data) | {"model_sha256": opened.facts.sha256, "card_sha256": opened.card.sha256}
    return CheckSanity(opened.spec, data, method, layer, _sanity_path(opened, method, place), about)


def about_data(data: Dataset) -> dict[str, str]:
    """Provenance for a file made from a dataset, by column or key."""
    return {"lesionlens_version": __version__, "dataset": data.name, "dataset_sha256": data.sha256}


def _sanity_path(opened: OpenModel, method: str, place: str) -> Path:
    return workspace().sanity_path(opened.facts.sha256, opened.card.sha256, method, place)


def card_check(opened: OpenModel, data: Dataset) -> CheckCard:
    """The job that checks the card on labelled images."""
    from models.check import sample_for_check, without_output

    sample = sample_for_check(data.table, opened.card.codes)
    groups = tuple(data.groups[sample.index].astype(str))
    return CheckCard(opened.spec, data.root, sample, groups, without_output(data.table, opened.card.codes))


def policy(opened: OpenModel) -> Policy | None:
    """The operator's policy that is switched on for this very network file, or None."""
    path = workspace().policy_path(opened.facts.sha256)
    return read_policy(path) if path.exists() else None
