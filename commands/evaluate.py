"""cli.py evaluate: predictions against diagnoses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from assess import as_json as assessment_json
from assess import assess, class_table
from atomic import write_bytes
from commands.console import (
    AsJson,
    DatasetName,
    InWorkspace,
    Out,
    command,
    out_folder,
    results,
    say_json,
    table,
    workspace,
)
from exports import plain, safe_csv
from models.predictions import read_predictions, read_rename


@command
def evaluate(
    predictions: Annotated[Path, typer.Option("--predictions", help="predictions.parquet, or anybody's CSV.")],
    dataset: DatasetName,
    out: Out,
    classes: Annotated[str | None, typer.Option("--classes", help="Classes of numbered columns in order: nv,mel,…")] = None,
    rename: Annotated[Path | None, typer.Option("--rename", help="Labels and their codes: YAML, JSON or two columns.")] = None,
    row_order: Annotated[
        bool, typer.Option("--row-order", help="The file has no ids: its rows stand in the dataset's order.")
    ] = False,
    split: Annotated[str | None, typer.Option("--split", help="Only images of this split.")] = None,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate predictions: evaluation.json, with 95 % intervals clustered by lesion."""
    data = workspace(workspace_root).open_dataset(dataset)
    names = [c.strip() for c in classes.split(",")] if classes else None
    labels = read_rename(rename) if rename else None
    scores = read_predictions(predictions, names, labels, data.order if row_order else None)
    judged = assess(scores, data, labels, split)
    folder = out_folder(out)
    content = plain(assessment_json(judged))
    write_bytes(folder / "evaluation.json", json.dumps(content, indent=1, ensure_ascii=False).encode())
    per_class = class_table(judged.evaluation)
    write_bytes(folder / "per_class.csv", safe_csv(per_class, judged.about).encode())
    if as_json:
        say_json(content)
        return
    e = judged.evaluation
    results.print(f"{e.n_images:,} images of {e.n_groups:,} lesions; decision by {e.decision_rule}; 95 % intervals by lesion")
    for reason, n in judged.left_out.items():
        results.print(f"Left out: {n:,} images {reason}.")
    results.print(f"Accuracy {e.accuracy:.4f}; always deciding for {e.majority_class}: {e.majority_baseline:.4f}")
    results.print(f"Balanced accuracy {e.balanced_accuracy:.4f}")
    for kind, values in e.averages.items():
        results.print(f"{kind} average: PPV {values['ppv']:.4f}, sensitivity {values['sensitivity']:.4f}, F1 {values['f1']:.4f}")
    names_ = ["sensitivity", "specificity", "ppv", "npv", "f1", "auc"]
    rows = [[c.name, c.support, *[_cell(getattr(c, n)) for n in names_]] for c in e.per_class]
    results.print(table("Class by class", ["class", "images", *names_], rows))
    matrix = [[name, *[int(v) for v in row]] for name, row in zip(e.classes, e.matrix, strict=True)]
    results.print(table("Confusion matrix (rows: diagnosis, columns: decision)", ["", *e.classes], matrix))


def _cell(figure: object) -> str:
    from evaluation.intervals import Figure

    assert isinstance(figure, Figure)
    return f"{figure:.4f}" if figure.defined else "–"
