"""cli.py predict: a classifier over a dataset."""

from functools import partial
from typing import Annotated, Any

import typer

from commands.console import command, results, results_folder, with_progress
from commands.options import AsJson, DatasetName, InWorkspace, ModelName, Out
from core.wording import count
from workspace import Workspace


@command
def predict(
    model: ModelName,
    dataset: DatasetName,
    out: Out,
    tta: Annotated[bool, typer.Option("--tta", help="Test-time augmentation: nine views of each image, at nine times the cost.")] = False,
    turns: Annotated[bool, typer.Option("--turns", help="With --tta: quarter turns as well.")] = False,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """Run a classifier over a dataset: predictions.parquet. A run that was stopped resumes where it was."""
    from commands.model import open_named
    from models.classifier import Classifier
    from models.predictions import write_predictions
    from models.run import about_run, predict_dataset
    from models.tta import about_views, predict_views

    space = Workspace(workspace_root)
    data = space.open_dataset(dataset)
    target = results_folder(out) / "predictions.parquet"
    classifier = open_named(space, model)
    about = about_run(classifier, data.name, data.sha256) | (about_views(turns) if tta else {})
    files = {i: data.path(i) for i in data.table["image_id"]}
    answer = partial(predict_views, turned=turns) if tta else Classifier.predict
    run = predict_dataset(classifier, files, about, target.with_name(".predictions.part.parquet"), answer)
    found = with_progress("predicting", run)
    write_predictions(found, target)
    if as_json:
        return {"file": target, "images": len(found.image_ids), "errors": found.errors, "about": about}
    results.print(f"{count(len(found.image_ids), 'image')} predicted, {len(found.errors):,} could not be read: {target}")
