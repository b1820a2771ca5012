"""cli.py repair: what to do about a shortcut: a cleaned copy of the dataset, training weights, a split that punishes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from commands.console import AsJson, InWorkspace, Out, command, results, say_json, table, with_progress, workspace
from core.atomic import make_folder, write_bytes
from core.errors import LesionLensError
from core.exports import safe_csv
from core.markers import marker_name
from core.version import __version__
from datasets.dataset import Dataset
from shortcuts.repair.bearing import Bearing, bearing
from workspace import Workspace

app = typer.Typer(help="What to do about a shortcut in a dataset.", no_args_is_help=True)
DatasetPath = Annotated[str, typer.Argument(metavar="DATASET", help="Dataset folder or table, or a name of the workspace.")]
Markers = Annotated[list[str], typer.Option("--marker", help="Which one; may be repeated.")]
Audited = Annotated[
    Path | None, typer.Option("--audit", help="Folder of an audit of it, so that its pictures are not looked through again.")
]
Seed = Annotated[int, typer.Option("--seed", help="Of what is drawn at random.")]


@app.command()
@command
def clean(
    dataset: DatasetPath,
    out: Out,
    marker: Markers,
    how: Annotated[str, typer.Option("--how", help="fill, crop (to the lesion), trim (black borders), or leave (as they are).")] = "fill",
    filling: Annotated[str, typer.Option("--filling", help="What takes a marker's place: telea, navier-stokes, skin.")] = "telea",
    balance: Annotated[bool, typer.Option("--balance", help="Keep only so many that each diagnosis bears them equally often.")] = False,
    audit: Audited = None,
    seed: Seed = 0,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """A copy of the dataset in which the markers are filled or cropped away, or no longer go with the diagnosis."""
    from shortcuts.filling import FILLINGS
    from shortcuts.repair.cleaned import HOWS, Asked
    from shortcuts.repair.cleaned import clean as clean_data

    for given, known in ((how, HOWS), (filling, FILLINGS)):
        if given not in known:
            raise LesionLensError(f"{given!r} is not known.", todo=f"Choose: {', '.join(known)}.")
    if how == "leave" and not balance:
        raise LesionLensError(
            "a copy with its pictures as they are repairs nothing.", todo="Add --balance, or choose --how fill, crop or trim."
        )
    space, data = _opened(workspace_root, dataset)
    folder, seen = make_folder(out), _seen(audit, out)
    asked = Asked(tuple(marker), how, filling, seed)  # type: ignore[arg-type]
    done = with_progress("cleaning", clean_data(data, asked, balance, folder, seen, space.verdicts, _about(data)))
    if as_json:
        say_json({"folder": str(folder), "of": len(data), **{k: list(v) for k, v in vars(done).items()}})
        return
    results.print(f"{len(done.copied):,} of {len(data):,} images copied, {len(done.changed):,} changed.")
    if done.left:
        results.print(f"{len(done.left):,} could not be cleaned: the marker or lesion was not found in the picture ({_some(done.left)}).")
    if done.unreadable:
        results.print(f"{len(done.unreadable):,} could not be read and are missing ({_some(done.unreadable)}).")
    results.print(str(folder / "metadata.csv"))


@app.command()
@command
def weights(
    dataset: DatasetPath, out: Out, marker: Markers, audit: Audited = None, workspace_root: InWorkspace = None, as_json: AsJson = False
) -> None:
    """weights.csv: an image's weight in training, under which the markers no longer go with the diagnosis."""
    from shortcuts.repair.reweigh import weigh_images

    space, data = _opened(workspace_root, dataset)
    folder = make_folder(out)
    borne = _borne(space, data, marker, _seen(audit, out))
    frame, found = weigh_images(data, borne)
    write_bytes(folder / "weights.csv", safe_csv(frame, _about(data)).encode())
    told = {
        "images": int((~np.isnan(found.weights)).sum()),
        "smallest": float(np.nanmin(found.weights)),
        "largest": float(np.nanmax(found.weights)),
        "never_seen": list(found.empty),
    }
    if as_json:
        say_json(told)
        return
    results.print(f"{told['images']:,} images weigh {told['smallest']:.3f} to {told['largest']:.2f}.")
    if found.empty:
        results.print(f"No image shows {_some(found.empty)}: weights weaken the association, but cannot break it.")
    results.print(str(folder / "weights.csv"))


@app.command()
@command
def trap(
    dataset: DatasetPath,
    out: Out,
    marker: Markers,
    target: Annotated[str | None, typer.Option("--class", help="The diagnosis asked for; malignant or not, if none is named.")] = None,
    share: Annotated[float, typer.Option("--share", help="Of the images, that become the test.")] = 0.3,
    strength: Annotated[float, typer.Option("--strength", help="0: a split at random … 1: the strongest trap.")] = 1.0,
    audit: Audited = None,
    seed: Seed = 0,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """split.csv: training in which the markers go with the diagnosis, and a test in which they go against it."""
    from shortcuts.repair.trap import TEST, TRAIN, set_trap

    space, data = _opened(workspace_root, dataset)
    if target is not None and target not in data.classes:
        raise LesionLensError(f"has no diagnosis {target!r}.", data.name, f"It has: {', '.join(data.classes[:30])}.")
    folder = make_folder(out)
    borne = _borne(space, data, marker, _seen(audit, out))
    frame, found = set_trap(data, borne, target, share, strength, seed)
    write_bytes(folder / "split.csv", safe_csv(frame, {**_about(data), "split": "trap"}).encode())
    counts = {side: int((found.split == side).sum()) for side in (TRAIN, TEST)}
    asked = target or "malignant"
    if as_json:
        say_json({**counts, "asked": asked, "odds": found.odds})
        return
    rows = [[marker_name(o.marker), o.whole.cell(), o.train.cell(), o.test.cell()] for o in found.odds]
    results.print(table(f"Odds ratio of {asked} with the marker", ["marker", "all images", TRAIN, TEST], rows))
    results.print(f"{counts[TRAIN]:,} images to train on, {counts[TEST]:,} to test on.")
    if still := [marker_name(o.marker) for o in found.odds if not o.opposed]:
        results.print(f"The test does not oppose {', '.join(still)}: a smaller --share, or a greater --strength, may.")
    results.print(str(folder / "split.csv"))


def _opened(root: Path | None, dataset: str) -> tuple[Workspace, Dataset]:
    space = workspace(root)
    return space, space.open_dataset(dataset)


def _seen(audit: Path | None, out: Path) -> Path:
    if audit is not None and not audit.is_dir():
        raise LesionLensError("is no folder.", str(audit), "Name the --out of an audit.")
    return audit or out


def _borne(space: Workspace, data: Dataset, markers: list[str], seen: Path) -> Bearing:
    return with_progress("looking for markers", bearing(data, markers, seen, space.verdicts))


def _about(data: Dataset) -> Mapping[str, str]:
    return {"lesionlens_version": __version__, "dataset": data.name, "dataset_sha256": data.sha256}


def _some(ids: tuple[str, ...]) -> str:
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5:,} more" if len(ids) > 5 else "")
