"""cli.py predict: a classifier over a dataset."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from commands.console import AsJson, DatasetName, InWorkspace, ModelName, Out, command, results, say_json, with_progress, workspace
from core.atomic import make_folder


@command
def predict(
    model: ModelName,
    dataset: DatasetName,
    out: Out,
    tta: Annotated[
        bool, typer.Option("--tta", help="Put nine views of each image together: itself, four corners, each mirrored. Nine times the work.")
    ] = False,
    turns: Annotated[bool, typer.Option("--turns", help="With --tta: quarter turns as well.")] = False,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Run a classifier over a dataset: predictions.parquet. A run that was stopped goes on."""
    from commands.model import open_named
    from models.predictions import write_predictions
    from models.run import about_run, predict_dataset
    from models.tta import about_views, predict_views

    space = workspace(workspace_root)
    data = space.open_dataset(dataset)
    target = make_folder(out) / "predictions.parquet"
    classifier = open_named(space, model)
    about = about_run(classifier, data.name, data.sha256) | (about_views(turns) if tta else {})
    files = {i: data.path(i) for i in data.table["image_id"]}
    kept = target.with_name(".predictions.part.parquet")
    if tta:
        run = predict_dataset(classifier, files, about, kept, partial(predict_views, turned=turns))
    else:
        run = predict_dataset(classifier, files, about, kept)
    table = with_progress("predicting", run)
    write_predictions(table, target)
    if as_json:
        say_json({"file": str(target), "images": len(table.image_ids), "errors": dict(table.errors), "about": dict(about)})
    else:
        results.print(f"{len(table.image_ids):,} images predicted, {len(table.errors):,} could not be read: {target}")
