"""Jobs against shortcuts: copies, weights and trap splits; long, because images may have to be searched for markers."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from core.claim import NAME
from core.runs import Run
from core.version import __version__
from datasets.dataset import Dataset
from shortcuts.repair.cleaned import Asked
from shortcuts.repair.trap import Odds
from ui.worker.job import LongJob


@dataclass(frozen=True, eq=False)
class CleanCopy(LongJob[None]):
    """A cleaned copy, made beside the folder and moved there when it is complete."""

    data: Dataset
    asked: Asked
    balance: bool
    folder: Path
    seen: Path
    verdicts: Path
    writes: ClassVar[str] = "folder"

    @property
    def claim(self) -> Path:
        return self.folder.with_name(f".{self.folder.name}{NAME}")  # the folder itself comes last

    def run(self) -> Run[None]:
        from shortcuts.repair.cleaned import clean

        making = self.folder.with_name(f".{self.folder.name}.part")
        about = {"lesionlens_version": __version__, "dataset": self.data.name, "dataset_sha256": self.data.sha256}
        yield from clean(self.data, self.asked, self.balance, making, self.seen, self.verdicts, about)
        making.replace(self.folder)


@dataclass(frozen=True, eq=False)
class WeighImages(LongJob[tuple[pd.DataFrame, tuple[str, ...]]]):
    """A weight for every image, and the combinations that no image shows."""

    data: Dataset
    markers: tuple[str, ...]
    seen: Path
    verdicts: Path

    def run(self) -> Run[tuple[pd.DataFrame, tuple[str, ...]]]:
        from shortcuts.repair.bearing import bearing
        from shortcuts.repair.reweigh import weigh_images

        frame, found = weigh_images(self.data, (yield from bearing(self.data, self.markers, self.seen, self.verdicts)))
        return frame, found.empty


@dataclass(frozen=True, eq=False)
class LayTrap(LongJob[tuple[pd.DataFrame, tuple[Odds, ...]]]):
    """A trap split of all images, and the odds ratios on its two sides."""

    data: Dataset
    markers: tuple[str, ...]
    target: str | None
    share: float
    strength: float
    seen: Path
    verdicts: Path

    def run(self) -> Run[tuple[pd.DataFrame, tuple[Odds, ...]]]:
        from shortcuts.repair.bearing import bearing
        from shortcuts.repair.trap import set_trap

        borne = yield from bearing(self.data, self.markers, self.seen, self.verdicts)
        frame, found = set_trap(self.data, borne, self.target, self.share, self.strength, 0)
        return frame, found.odds
