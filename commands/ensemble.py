"""cli.py ensemble: several prediction files as one; also one file brought to another mix of diagnoses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from commands.console import AsJson, InWorkspace, Out, command, results, say_json, workspace
from core.atomic import make_folder
from core.errors import LesionLensError
from models.combine import WAYS, aligned, correct_prior, fit_weights, put_together
from models.predictions import by_code, read_predictions, read_rename, write_predictions
from studies.assess import QUICK, assess, shares


@command
def ensemble(
    predictions: Annotated[list[Path], typer.Option("--predictions", help="A member's predictions; give one for each.")],
    out: Out,
    way: Annotated[str, typer.Option("--way", help="mean, weighted (fitted on --dataset and --split), or majority.")] = "mean",
    dataset: Annotated[str | None, typer.Option("--dataset", help="With diagnoses, for weights or for the prior.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Of the dataset: for weights, one nobody learned from.")] = None,
    prior: Annotated[
        bool, typer.Option("--divide-by-prior", help="Divide scores by each class's share in --dataset and --split, as trained on.")
    ] = False,
    rename: Annotated[Path | None, typer.Option("--rename", help="Labels and their codes: YAML, JSON or two columns.")] = None,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Put predictions together, or correct them for the mix of diagnoses in training: predictions.parquet."""
    if way not in WAYS:
        raise LesionLensError(f"{way!r} is no way to put predictions together.", todo=f"Choose: {', '.join(WAYS)}.")
    if (way == "weighted" or prior) and dataset is None:
        raise LesionLensError("Weights and the prior are taken from a dataset.", todo="Give --dataset, and --split for a part of it.")
    labels = read_rename(rename) if rename else None
    tables = [by_code(read_predictions(file, rename=labels)) for file in predictions]
    data = workspace(workspace_root).open_dataset(dataset) if dataset else None
    weights = None
    if way == "weighted" and data is not None:
        rows = assess(put_together(tables, "mean"), data, labels, split, QUICK).rows
        classes = tables[0].classes
        members = [aligned(t, rows["image_id"].tolist(), classes) for t in tables]
        weights = fit_weights(members, np.array([classes.index(d) for d in rows["diagnosis"]]))
    joined = put_together(tables, way, weights) if len(tables) > 1 else tables[0]
    if prior and data is not None:
        joined = correct_prior(joined, shares(joined, data, split, labels))
    target = make_folder(out) / "predictions.parquet"
    write_predictions(joined, target)
    told = {"file": str(target), "images": len(joined.image_ids), "left_out": len(joined.errors), "about": dict(joined.about)}
    if as_json:
        say_json(told)
        return
    results.print(f"{told['images']:,} images, {told['left_out']:,} not scored by every member: {target}")
    if weights is not None:
        results.print("Weights: " + ", ".join(f"{file.name} {w:.3f}" for file, w in zip(predictions, weights, strict=True)))
