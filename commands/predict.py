"""cli.py predict: a classifier over a dataset."""

from __future__ import annotations

from commands.console import (
    AsJson,
    DatasetName,
    InWorkspace,
    ModelName,
    Out,
    command,
    out_folder,
    results,
    say_json,
    with_progress,
    workspace,
)  # fmt: skip


@command
def predict(
    model: ModelName, dataset: DatasetName, out: Out, workspace_root: InWorkspace = None, as_json: AsJson = False
) -> None:
    """Run a classifier over a dataset: predictions.parquet. A run that was stopped goes on."""
    from commands.model import open_named
    from models.predictions import write_predictions
    from models.run import about_run, predict_dataset

    space = workspace(workspace_root)
    data = space.open_dataset(dataset)
    target = out_folder(out) / "predictions.parquet"
    classifier = open_named(space, model)
    about = about_run(classifier, data.name, data.sha256)
    files = {i: data.path(i) for i in data.table["image_id"]}
    run = predict_dataset(classifier, files, about, target.with_name(".predictions.part.parquet"))
    table = with_progress("predicting", run)
    write_predictions(table, target)
    if as_json:
        say_json({"file": str(target), "images": len(table.image_ids), "errors": dict(table.errors), "about": dict(about)})
    else:
        results.print(f"{len(table.image_ids):,} images predicted, {len(table.errors):,} could not be read: {target}")
