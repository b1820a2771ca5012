"""What the worker does about shortcuts: copies, weights and traps, long because pictures may have to be looked through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.runs import Run
from core.version import __version__


def clean_copy(data: Any, asked: Any, balance: bool, folder: Path, seen: Path, verdicts: Path) -> Run[None]:
    """A cleaned copy, made beside the folder and moved there when it is whole."""
    from shortcuts.repair.cleaned import clean

    making = folder.with_name(f".{folder.name}.part")
    about = {"lesionlens_version": __version__, "dataset": data.name, "dataset_sha256": data.sha256}
    yield from clean(data, asked, balance, making, seen, verdicts, about)
    making.replace(folder)


def weigh(data: Any, markers: list[str], seen: Path, verdicts: Path) -> Run[tuple[Any, tuple[str, ...]]]:
    """Weights of every image, and what they cannot break."""
    from shortcuts.repair.bearing import bearing
    from shortcuts.repair.reweigh import weigh_images

    frame, found = weigh_images(data, (yield from bearing(data, markers, seen, verdicts)))
    return frame, found.empty


def lay_trap(
    data: Any, markers: list[str], target: str | None, share: float, strength: float, seen: Path, verdicts: Path
) -> Run[tuple[Any, Any]]:
    """A trap split of every image, and the odds on its sides."""
    from shortcuts.repair.bearing import bearing
    from shortcuts.repair.trap import set_trap

    frame, found = set_trap(data, (yield from bearing(data, markers, seen, verdicts)), target, share, strength, 0)
    return frame, found.odds
