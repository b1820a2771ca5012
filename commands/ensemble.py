"""cli.py ensemble: several prediction files combined; also one file corrected for another prevalence of the classes."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from commands.console import check_choice, command, results, results_folder
from commands.options import AsJson, InWorkspace, Out, Rename
from core.errors import LesionLensError
from core.wording import count
from models.combine import WAYS, aligned, correct_prior, fit_weights, put_together
from models.predictions import by_code, read_predictions, read_rename, write_predictions
from studies.assess import QUICK, assess, shares
from workspace import Workspace


@command
def ensemble(
    predictions: Annotated[list[Path], typer.Option("--predictions", help="A member's predictions; give one for each.")],
    out: Out,
    way: Annotated[str, typer.Option("--way", help="mean, weighted (fitted on --dataset and --split), or majority.")] = "mean",
    dataset: Annotated[str | None, typer.Option("--dataset", help="With diagnoses, for the weights or the prior.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Of the dataset; for weights, one no member was trained on.")] = None,
    prior: Annotated[bool, typer.Option("--divide-by-prior", help="Divide scores by the class shares in --dataset and --split.")] = False,
    rename: Rename = None,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """Combine predictions, or correct them for the class prior of the training data: predictions.parquet."""
    check_choice(way, WAYS, "way to combine predictions")
    if (way == "weighted" or prior) and dataset is None:
        raise LesionLensError("weights and the prior are taken from a dataset.", todo="Give --dataset, and --split for a part of it.")
    labels = read_rename(rename) if rename else None
    tables = [by_code(read_predictions(file, rename=labels)) for file in predictions]
    data = Workspace(workspace_root).open_dataset(dataset) if dataset else None
    weights = None
    if way == "weighted" and data is not None:
        rows = assess(put_together(tables, "mean"), data, labels, split, QUICK).rows
        classes = tables[0].classes
        members = [aligned(t, rows["image_id"].tolist(), classes) for t in tables]
        weights = fit_weights(members, np.array([classes.index(d) for d in rows["diagnosis"]]))
    joined = put_together(tables, way, weights) if len(tables) > 1 else tables[0]
    if prior and data is not None:
        joined = correct_prior(joined, shares(joined, data, split, labels))
    target = results_folder(out) / "predictions.parquet"
    write_predictions(joined, target)
    if as_json:
        return {"file": target, "images": len(joined.image_ids), "left_out": len(joined.errors), "about": joined.about}
    results.print(f"{count(len(joined.image_ids), 'image')}, {len(joined.errors):,} not scored by every member: {target}")
    if weights is not None:
        results.print("Weights: " + ", ".join(f"{file.name} {w:.3f}" for file, w in zip(predictions, weights, strict=True)))
