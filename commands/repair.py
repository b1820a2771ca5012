"""cli.py repair: what to do about a shortcut: a cleaned copy of the dataset, training weights, a split that penalises it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from commands.console import check_choice, command, first_of, results, results_folder, table, with_progress
from commands.options import AsJson, DatasetPath, Filling, InWorkspace, Out, Seed
from core.atomic import write_bytes
from core.errors import LesionLensError
from core.exports import safe_csv
from core.markers import marker_name
from core.version import __version__
from core.wording import count
from datasets.dataset import Dataset
from shortcuts.repair.bearing import Bearing, bearing
from workspace import Workspace

app = typer.Typer(help="What to do about a shortcut in a dataset.", no_args_is_help=True)
Markers = Annotated[list[str], typer.Option("--marker", help="Which marker; repeatable.")]
Audited = Annotated[Path | None, typer.Option("--audit", help="Folder of its audit, so that images need not be scanned again.")]


@app.command()
@command
def clean(
    dataset: DatasetPath,
    out: Out,
    marker: Markers,
    how: Annotated[str, typer.Option("--how", help="fill, crop (to the lesion), trim (black borders), or leave (unchanged).")] = "fill",
    filling: Filling = "telea",
    balance: Annotated[bool, typer.Option("--balance", help="Keep a subset in which every diagnosis has them equally often.")] = False,
    audit: Audited = None,
    seed: Seed = 0,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """A copy of the dataset in which the markers are filled in or cropped away, or no longer correlate with the diagnosis."""
    from shortcuts.filling import FILLINGS
    from shortcuts.repair.cleaned import HOWS, Asked
    from shortcuts.repair.cleaned import clean as clean_data

    check_choice(how, HOWS, "way of cleaning")
    check_choice(filling, FILLINGS, "filling")
    if how == "leave" and not balance:
        raise LesionLensError("a copy with unchanged images repairs nothing.", todo="Add --balance, or choose --how fill, crop or trim.")
    space, data, folder, seen = _opened(workspace_root, dataset, out, audit)
    asked = Asked(tuple(marker), how, filling, seed)  # type: ignore[arg-type]
    done = with_progress("cleaning", clean_data(data, asked, balance, folder, seen, space.verdicts, _about(data)))
    if as_json:
        return {"folder": folder, "of": len(data), **vars(done)}
    results.print(f"{len(done.copied):,} of {count(len(data), 'image')} copied, {len(done.changed):,} changed.")
    if done.left:
        results.print(f"{len(done.left):,} could not be cleaned: marker or lesion not found in the image ({first_of(done.left)}).")
    if done.unreadable:
        results.print(f"{len(done.unreadable):,} could not be read and are missing ({first_of(done.unreadable)}).")
    results.print(str(folder / "metadata.csv"))


@app.command()
@command
def weights(
    dataset: DatasetPath, out: Out, marker: Markers, audit: Audited = None, workspace_root: InWorkspace = None, as_json: AsJson = False
) -> Any:
    """weights.csv: a training weight per image, under which the markers no longer correlate with the diagnosis."""
    from shortcuts.repair.reweigh import weigh_images

    space, data, folder, seen = _opened(workspace_root, dataset, out, audit)
    frame, found = weigh_images(data, _borne(space, data, marker, seen))
    write_bytes(folder / "weights.csv", safe_csv(frame, _about(data)).encode())
    images, low, high = int((~np.isnan(found.weights)).sum()), float(np.nanmin(found.weights)), float(np.nanmax(found.weights))
    if as_json:
        return {"images": images, "smallest": low, "largest": high, "never_seen": found.empty}
    results.print(f"{count(images, 'image')} with weights from {low:.3f} to {high:.2f}.")
    if found.empty:
        results.print(f"No image shows {first_of(found.empty)}: weights weaken the association but cannot remove it.")
    results.print(str(folder / "weights.csv"))


@app.command()
@command
def trap(
    dataset: DatasetPath,
    out: Out,
    marker: Markers,
    target: Annotated[str | None, typer.Option("--class", help="Diagnosis to oppose; malignant or not if omitted.")] = None,
    share: Annotated[float, typer.Option("--share", help="Share of the images in the test split.")] = 0.3,
    strength: Annotated[float, typer.Option("--strength", help="From 0, a random split, to 1, the strongest trap.")] = 1.0,
    audit: Audited = None,
    seed: Seed = 0,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """split.csv: training images in which the markers go with the diagnosis, and test images in which they go against it."""
    from shortcuts.repair.trap import TEST, TRAIN, set_trap

    space, data, folder, seen = _opened(workspace_root, dataset, out, audit)
    if target is not None:
        check_choice(target, data.classes, "diagnosis", data.name)
    frame, found = set_trap(data, _borne(space, data, marker, seen), target, share, strength, seed)
    write_bytes(folder / "split.csv", safe_csv(frame, {**_about(data), "split": "trap"}).encode())
    counts = {side: int((found.split == side).sum()) for side in (TRAIN, TEST)}
    opposed = target or "malignant"
    if as_json:
        return {**counts, "asked": opposed, "odds": found.odds}
    rows = [[marker_name(o.marker), o.whole.cell(), o.train.cell(), o.test.cell()] for o in found.odds]
    results.print(table(f"Odds ratio of {opposed} with the marker", ["marker", "all images", TRAIN, TEST], rows))
    results.print(f"{counts[TRAIN]:,} images to train on, {counts[TEST]:,} to test on.")
    if still := [marker_name(o.marker) for o in found.odds if not o.opposed]:
        results.print(f"The test split does not oppose {', '.join(still)}: a smaller --share or a greater --strength may.")
    results.print(str(folder / "split.csv"))


def _opened(root: Path | None, dataset: str, out: Path, audit: Path | None) -> tuple[Workspace, Dataset, Path, Path]:
    """Workspace, dataset, the folder of results, and that of the audit, which is the same where none is named."""
    space = Workspace(root)
    data = space.open_dataset(dataset)
    if audit is not None and not audit.is_dir():
        raise LesionLensError("is not a folder.", str(audit), "Give the --out of an audit.")
    return space, data, results_folder(out), audit or out


def _borne(space: Workspace, data: Dataset, markers: list[str], seen: Path) -> Bearing:
    return with_progress("detecting markers", bearing(data, markers, seen, space.verdicts))


def _about(data: Dataset) -> Mapping[str, str]:
    return {"lesionlens_version": __version__, "dataset": data.name, "dataset_sha256": data.sha256}
