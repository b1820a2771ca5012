"""The trainings of the workspace, each a folder beside its network."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import LesionLensError
from models.architectures.recipe import Recipe
from training.folder import SUFFIX, Epoch, Folder, Result, Specification, State
from training.launch import last_words
from ui.services import services

TRAININGS, NEW = PARTS = ("Trainings", "New training")
CHOSEN, GO_TO = "training-chosen", "training-go-to"  # session keys: the training on screen; the part to show next


@dataclass(frozen=True)
class TrainingRun:
    """One training as it stands now. asked: None until its process has started; result: None until it is finished."""

    name: str
    folder: Folder
    asked: Specification | None
    state: State | None
    history: list[Epoch]
    result: Result | None

    @property
    def under_way(self) -> bool:
        return self.state is not None and self.state.alive

    @property
    def recipe(self) -> Recipe | None:
        return self.asked.recipe if self.asked else None

    @property
    def status(self) -> str:
        """One word."""
        if self.under_way:
            return "stopping" if self.folder.stopping else "under way"
        if self.result is not None:
            return "finished"
        if self.asked is None:
            return "failed"
        ended = self.state.ended if self.state else ""
        return ended if ended in ("stopped", "failed") else "cut off"

    @property
    def message(self) -> str:
        """Why it ended without being finished."""
        if self.asked is None:  # its process ended before the training began
            return last_words(self.folder)
        if self.status == "cut off":
            return "Its process ended before the training was finished. It can continue from the last complete epoch."
        return self.state.message if self.state else ""


def names() -> list[str]:
    """Names of the networks that are or were trained here, the most recent first."""
    models = services.workspace().models
    if not models.is_dir():
        return []
    found = [p for p in models.iterdir() if p.is_dir() and p.name.endswith(SUFFIX)]
    return [p.name.removesuffix(SUFFIX) for p in sorted(found, key=lambda p: -p.stat().st_mtime)]


def look(name: str) -> TrainingRun:
    """A training as it stands now."""
    folder = Folder(services.workspace().models / f"{name}{SUFFIX}")
    return TrainingRun(name, folder, folder.specification(), folder.state(), folder.history(), folder.result())


def under_way() -> list[str]:
    """Names of the trainings whose process runs; of a folder that cannot be read none is known to."""
    return [name for name in names() if (one := _readable(name)) is not None and one.under_way]


def is_taken(name: str) -> bool:
    """Whether a classifier or a training of that name exists; one whose process never began does not count."""
    if network(name).exists():
        return True
    one = _readable(name)
    return name in names() and (one is None or one.asked is not None)


def _readable(name: str) -> TrainingRun | None:
    try:
        return look(name)
    except LesionLensError:  # the part “Trainings” says what is wrong with it
        return None


def network(name: str) -> Path:
    return services.workspace().place_for_model(name)
