"""Everything pages ask for: the workspace, the worker, and what is cached between reruns.

Caches are keyed by file hashes and parameters, shared by all sessions, and bounded.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from core.atomic import write_bytes
from core.version import __version__
from datasets.dataset import Dataset
from explain.sanity import Sanity, read_sanity
from imaging.decode import decode, encode_jpeg
from imaging.resize import thumbnail as shrink
from models.card import ModelCard, card_path, make_card, read_card
from models.files import FileFacts
from models.policy import Policy, read_policy
from models.trial import try_model
from ui.worker.client import Task, Worker
from ui.worker.records import Description, Inspection, ModelSpec
from workspace import Workspace

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
    return OpenModel(name, _facts, spec, worker().ask("describe", spec=spec))


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


@st.cache_data(max_entries=20_000, show_spinner=False)
def thumbnail(dataset_sha: str, image_id: str, _data: Dataset, side: int = THUMBNAIL) -> bytes:
    """A small JPEG; raises ImageError."""
    return encode_jpeg(shrink(_data.read(image_id), side), 82)


@st.cache_data(max_entries=16, show_spinner=False)
def picture(dataset_sha: str, image_id: str, _data: Dataset) -> np.ndarray:
    """The decoded picture; raises ImageError."""
    return _data.read(image_id)


@st.cache_data(max_entries=8, show_spinner=False)
def uploaded_picture(content_sha: str, _content: bytes) -> np.ndarray:
    """An upload, decoded within limits, in memory only; raises ImageError."""
    return decode(_content)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def predict(opened: OpenModel, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and logits (C,) of one image."""
    return _predicted(opened.spec.sha256, opened.card.sha256, pixels_sha(image), opened.spec, image)


@st.cache_data(max_entries=256, show_spinner=False)
def _predicted(model_sha: str, card_sha: str, image_sha: str, _spec: ModelSpec, _image: np.ndarray) -> Any:
    return worker().ask("predict", spec=_spec, image=_image)


def pixels_sha(image: np.ndarray) -> str:
    return sha256(np.ascontiguousarray(image).tobytes()) + str(image.shape)


def inspect(opened: OpenModel, image: np.ndarray, method: str, layer: str | None = None) -> Inspection:
    """Scores and maps of all classes of one image, by a method of the CAM family."""
    return _inspected(opened.spec.sha256, opened.card.sha256, pixels_sha(image), method, layer, opened.spec, image)


@st.cache_data(max_entries=64, show_spinner="Looking…")
def _inspected(
    model_sha: str, card_sha: str, image_sha: str, method: str, layer: str | None, _spec: ModelSpec, _image: np.ndarray
) -> Inspection:
    return worker().ask("inspect", spec=_spec, image=_image, method=method, layer=layer)


def steps(opened: OpenModel, image: np.ndarray, target: int, method: str, layer: str | None = None) -> Any:
    """Everything a CAM computes on its way (`explain.cam.Steps`)."""
    return _stepped(opened.spec.sha256, opened.card.sha256, pixels_sha(image), target, method, layer, opened.spec, image)


@st.cache_data(max_entries=16, show_spinner="Looking…")
def _stepped(
    model_sha: str, card_sha: str, image_sha: str, target: int, method: str, layer: str | None, _spec: ModelSpec, _image: np.ndarray
) -> Any:
    return worker().ask("steps", spec=_spec, image=_image, target=target, method=method, layer=layer)


@st.cache_data(max_entries=200, show_spinner="Looking at these images…")
def gallery_maps(
    model_sha: str, card_sha: str, dataset_sha: str, image_ids: tuple[str, ...], target: int, views: bool, _spec: ModelSpec, _data: Dataset
) -> np.ndarray | None:
    """Maps (N, h, w) of one class for the images of a gallery, whose pictures must be readable; views: put together from several."""
    images = [_data.read(i) for i in image_ids]
    return worker().ask("explain_images", spec=_spec, images=images, targets=[target] * len(images), views=views)


# --- long runs, shared by all sessions and found again after a reload ---------------------------------


@st.cache_resource(max_entries=1)
def _tasks() -> dict[str, Task]:
    return {}


def task(key: str) -> Task | None:
    """The run under this key, if one is under way or has just ended."""
    return _tasks().get(key)


def forget_task(key: str) -> None:
    _tasks().pop(key, None)


def start(key: str, job: str, **arguments: Any) -> Task:
    """A long job of the worker under a key; several sessions share one run, and its result stays for a while."""
    running = _tasks().get(key)
    if running is not None and not running.finished:
        return running
    ended = [k for k, t in _tasks().items() if t.finished]
    for old in ended[: max(0, len(ended) - MAX_ENDED)]:
        del _tasks()[old]
    _tasks()[key] = worker().submit(job, **arguments)
    return _tasks()[key]


def sanity_path(opened: OpenModel, method: str, place: str) -> Path:
    return workspace().sanity_path(opened.facts.sha256, opened.card.sha256, method, place)


def sanity(opened: OpenModel, method: str, place: str) -> Sanity | None:
    """The kept sanity check of this classifier × method × layer."""
    return read_sanity(sanity_path(opened, method, place))


def start_sanity(opened: OpenModel, data: Dataset, method: str, layer: str | None, place: str) -> Task:
    """Scramble a copy of the network and see what its maps do, on images of the dataset."""
    path = sanity_path(opened, method, place)
    files = [p for i in data.table["image_id"] if (p := data.path(i)) is not None]
    about = {
        "lesionlens_version": __version__,
        "model_sha256": opened.facts.sha256,
        "card_sha256": opened.card.sha256,
        "dataset": data.name,
        "dataset_sha256": data.sha256,
    }
    return start(str(path), "check_sanity", spec=opened.spec, files=files, method=method, layer=layer, path=path, about=about)


def start_check(opened: OpenModel, data: Dataset) -> Task:
    """Card check in the worker."""
    from models.check import sample_for_check

    sample = sample_for_check(data.table, opened.card.codes)
    groups = data.groups[sample.index].astype(str).tolist()
    return start(check_key(opened, data), "check_card", spec=opened.spec, root=data.root, sample=sample, groups=groups)


def check_key(opened: OpenModel, data: Dataset) -> str:
    return f"check {opened.spec.sha256} {opened.card.sha256} {data.sha256}"


# --- the operator's policy -----------------------------------------------------------------------------


def policy(opened: OpenModel) -> Policy | None:
    """The policy switched on for this very classifier, or None."""
    path = workspace().policy_path(opened.facts.sha256)
    return read_policy(path) if path.exists() else None


def is_local() -> bool:
    """Whether only this machine can reach the server; only then may a browser name folders on it."""
    return st.get_option("server.address") in ("127.0.0.1", "localhost", "::1")
