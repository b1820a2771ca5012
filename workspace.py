"""`Workspace`: one folder that holds a user's models, datasets and results.

workspace/models/      network files with their cards
workspace/datasets/    dataset folders, and `datasets.yaml` with the paths of folders elsewhere and of their splits
workspace/results/     predictions, found again by the hashes of what they were made from
workspace/review.sqlite  people's verdicts on the marker detectors' flags
workspace/trusted.json sha256 of network files somebody vouched for, on the command line only
workspace/trials/      what the first opening of each network file found, and the clean copy that is opened since
"""

import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import yaml

from core.atomic import write_bytes
from core.claim import claimed
from core.errors import WorkspaceError
from core.records import read_record, read_yaml, write_record
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from datasets.splits import read_split, with_splits
from imaging.decode import encode_png
from models.card import ModelCard, card_path, read_card
from models.files import FileFacts, file_sha256
from models.trial import Tried, try_model

KEPT_IMAGES = "kept-images"
MODEL_SUFFIXES = (".keras", ".h5", ".hdf5")
MADE_BY_DEMO = ("demo", "demo-faulty", "demo-honest", "demo-shortcut")
_NAME = re.compile(r"[\w][\w .()+-]{0,99}")
_MAX_REMEMBERED = 64
_remembered: OrderedDict[tuple[Path, int, int, bool], Tried] = OrderedDict()


def default_root() -> Path:
    """LESIONLENS_WORKSPACE, else ./workspace."""
    return Path(os.environ.get("LESIONLENS_WORKSPACE") or "workspace")


class Workspace:
    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or default_root()).resolve()

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def verdicts(self) -> Path:
        """The database of people's verdicts on the marker detectors' flags."""
        return self.root / "review.sqlite"

    def model_names(self) -> list[str]:
        """Names of the network files and SavedModel folders, as used on screens and in links."""
        if not self.models.is_dir():
            return []
        found = [p for p in self.models.iterdir() if not p.name.startswith(".") and _is_model(p)]
        stems = [p.stem if p.is_file() else p.name for p in found]
        return sorted((s if stems.count(s) == 1 else p.name) for s, p in zip(stems, found, strict=True))

    def model_path(self, name: str) -> Path:
        """The workspace's model of that name, else a file of that path; raises WorkspaceError."""
        own = [self.models / f"{name}{suffix}" for suffix in ("", *MODEL_SUFFIXES)] if _NAME.fullmatch(name) else []
        for candidate in (*own, Path(name)):
            if _exists(candidate) and _is_model(candidate):
                return candidate
        raise _unknown("classifier", name, "a network file", self.model_names())

    def named_model(self, name: str) -> Path:
        """A model of the workspace by name alone, for links from outside: never a path elsewhere."""
        if name not in self.model_names():
            raise WorkspaceError(f"does not contain a model {name!r}.", "This workspace", "Choose another in the sidebar.")
        return self.model_path(name)

    def dataset_names(self) -> list[str]:
        """Names of complete dataset folders and of registered ones."""
        folders = self.datasets.iterdir() if self.datasets.is_dir() else ()
        own = [p.name for p in folders if p.is_dir() and not p.name.startswith(".") and any(p.iterdir())]
        return sorted({*own, *self._registered()})

    def dataset_path(self, name: str) -> Path:
        """The workspace's dataset of that name, else a folder or table of that path; raises WorkspaceError."""
        if name in self._registered():
            return Path(self._registered()[name]["path"])
        if _NAME.fullmatch(name) and (self.datasets / name).is_dir():
            return self.datasets / name
        if name and _exists(Path(name)) and not _is_code(Path(name)):
            return Path(name)
        raise _unknown("dataset", name, "a folder or table", self.dataset_names())

    def open_dataset(self, name: str, layout: str | None = None, columns: Mapping[str, str] | None = None) -> Dataset:
        opened = open_dataset(self.dataset_path(name), layout, columns, name=Path(name).name)
        split = self._registered().get(name, {}).get("split")
        return with_splits(opened, read_split(Path(split))) if split else opened

    def add_dataset(self, name: str, path: Path) -> Dataset:
        """Open a folder or table and register it under a new name; nothing is registered if this raises DatasetError or WorkspaceError."""
        self._check_new_dataset(name)
        opened = open_dataset(path)
        self.register_dataset(name, path)
        return opened

    def datasets_at(self, path: Path) -> list[str]:
        """Names under which a folder or table is in the workspace."""
        return [name for name in self.dataset_names() if self.dataset_path(name).resolve() == path.resolve()]

    def register_dataset(self, name: str, path: Path, split: Path | None = None) -> None:
        """Register a dataset elsewhere on this machine under a name. split: a table that replaces the splits of its images."""
        _check_name(name)
        if not path.exists():
            raise WorkspaceError("does not exist.", str(path), "Check the path.")
        entry = {"path": str(path.resolve())} | ({"split": str(split.resolve())} if split else {})
        with claimed(self.datasets):  # two servers may share a workspace
            content = {**self._registered(), name: entry}
            write_bytes(self.datasets / "datasets.yaml", yaml.safe_dump(content).encode())

    def place_for_dataset(self, name: str) -> Path:
        """The folder for a new dataset; its name must be valid and new."""
        self._check_new_dataset(name)
        self.datasets.mkdir(parents=True, exist_ok=True)
        return self.datasets / name

    def keep_model(self, name: str, content: bytes) -> Path:
        """Store an uploaded network file; its name must be valid and new."""
        _check_name(name)
        if not name.lower().endswith(MODEL_SUFFIXES):
            raise WorkspaceError(f"{name!r} is not a {', '.join(MODEL_SUFFIXES)} file.")
        target = self.models / name
        if target.exists():
            raise WorkspaceError(f"a model {name!r} already exists.", todo="Rename the file.")
        write_bytes(target, content)
        return target

    def place_for_model(self, name: str) -> Path:
        """The file for a newly trained network of that valid name; a training of it may already exist."""
        _check_name(name)
        self.models.mkdir(parents=True, exist_ok=True)
        return self.models / f"{name}.keras"

    def keep_image(self, image: np.ndarray) -> str:
        """Store an uploaded image (pixels only, no metadata) in the dataset `kept-images`; returns its id."""
        png = encode_png(image)
        image_id = f"kept-{hashlib.sha256(png).hexdigest()[:16]}"
        folder = self.datasets / KEPT_IMAGES
        write_bytes(folder / "images" / f"{image_id}.png", png)
        with claimed(folder):
            ids = sorted(p.stem for p in (folder / "images").glob("kept-*.png"))
            write_bytes(folder / "metadata.csv", ("image_id\n" + "".join(f"{i}\n" for i in ids)).encode())
        return image_id

    @property
    def trials(self) -> Path:
        """Where trials are kept: LESIONLENS_TRIALS, else in the workspace, else, where there is none yet, in the user's cache."""
        if given := os.environ.get("LESIONLENS_TRIALS"):
            return Path(given).resolve()
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lesionlens"
        return (self.root if self.root.is_dir() else cache) / "trials"

    def facts(self, path: Path) -> FileFacts:
        """What the trial of a network file found; raises as `tried`."""
        return self.tried(path).facts

    def tried(self, path: Path, card: ModelCard | None = None, meanwhile: Callable[[], object] | None = None) -> Tried:
        """A network file's trial, accepting trusted files; repeated calls on an unchanged file are cheap.

        card: in place of the one beside the file; meanwhile: as in `try_model`. Raises ModelFileError, UnsafeModel or CardError.
        """
        stamp, vouched, beside = path.stat(), self.trusted(), card_path(path)
        trusted = bool(vouched) and file_sha256(path) in vouched
        key = path.resolve(), stamp.st_mtime_ns, stamp.st_size, trusted
        known = _remembered.get(key)
        if known is None or (known.facts.clean is not None and not known.facts.clean.exists()):
            used = card or (read_card(beside) if beside.exists() else None)
            known = _remembered[key] = try_model(path, self.trials, trusted, used, meanwhile)
            while len(_remembered) > _MAX_REMEMBERED:
                _remembered.popitem(last=False)
        return known

    def trusted(self) -> set[str]:
        file = self.root / "trusted.json"
        if not file.exists():
            return set()
        return set(read_record(file, tuple[str, ...], "a list of trusted files", "Delete it, and trust them again."))

    def trust(self, path: Path) -> str:
        """Vouch for exactly this file; available on the command line only. Returns its sha256."""
        digest = file_sha256(path)
        with claimed(self.root):
            write_record(self.root / "trusted.json", sorted(self.trusted() | {digest}))
        return digest

    def result_path(self, model_sha: str, card_sha: str, dataset_sha: str) -> Path:
        """Where predictions of a model with a card on a dataset are saved."""
        return self.root / "results" / f"{model_sha[:16]}-{card_sha[:12]}-{dataset_sha[:16]}" / "predictions.parquet"

    def sanity_path(self, model_sha: str, card_sha: str, method: str, layer: str) -> Path:
        """Where the sanity check of a classifier × method × layer is saved."""
        place = hashlib.sha256(layer.encode()).hexdigest()[:8]
        return self.root / "results" / "sanity" / f"{model_sha[:16]}-{card_sha[:12]}-{method}-{place}.json"

    def reference_path(self, model_sha: str, card_sha: str, dataset_sha: str, split: str | None) -> Path:
        """Where a classifier's out-of-distribution reference for a dataset, or one split of it, is saved."""
        part = hashlib.sha256(split.encode()).hexdigest()[:8] if split else "all"
        return self.root / "results" / "ood" / f"{model_sha[:16]}-{card_sha[:12]}-{dataset_sha[:16]}-{part}.npz"

    def policy_path(self, model_sha: str) -> Path:
        """Where an operator's policy for one classifier is, if it is switched on."""
        return self.root / "policies" / f"{model_sha}.yaml"

    def _check_new_dataset(self, name: str) -> None:
        _check_name(name)
        if name in self.dataset_names():
            raise WorkspaceError(f"a dataset “{name}” already exists.", todo="Choose another name.")

    def _registered(self) -> dict[str, dict[str, str]]:
        """name → `path`, and `split` where a table replaces its splits."""
        file = self.datasets / "datasets.yaml"
        if not file.exists():
            return {}
        content = read_yaml(file, "list of datasets", WorkspaceError, "Delete it, and add the datasets again.")
        entries = {name: entry if isinstance(entry, dict) else {"path": entry} for name, entry in content.items()}
        for name, entry in entries.items():
            if "path" not in entry or not all(isinstance(text, str) for pair in entry.items() for text in pair):
                raise WorkspaceError(f"gives no path for {name[:100]!r}.", file.name, "Correct or delete it.")
        return entries


def _exists(path: Path) -> bool:
    """Whether there is such a file or folder; a name that no path can have (too long, a NUL in it) is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _is_model(path: Path) -> bool:
    if path.is_dir():
        return (path / "saved_model.pb").is_file()
    return path.is_file() and not path.name.startswith(".") and not path.name.endswith((".card.yaml", ".yaml", ".md", ".json"))


def _is_code(path: Path) -> bool:
    """A Python package, such as LesionLens's own folder `demo`, which is not the dataset of that name."""
    return (path / "__init__.py").is_file()


def _unknown(kind: str, name: str, else_give: str, known: list[str]) -> WorkspaceError:
    """The error for a name the workspace does not contain, and what to do about it."""
    there = f"one of the workspace's: {', '.join(known)}" if known else "make the demo with `python cli.py demo`; the workspace is empty"
    todo = "Run `python cli.py demo` to make it." if name in MADE_BY_DEMO else f"Give {else_give}, or {there}."
    return WorkspaceError(f"the workspace contains no {kind} “{name}”.", todo=todo)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or ".." in name:
        raise WorkspaceError(f"“{name}” is not a valid name.", todo="Use letters, digits, spaces, dots and dashes, 100 at most.")
