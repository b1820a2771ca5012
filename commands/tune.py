"""cli.py tune: a search for better settings of a published system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.console import AsJson, InWorkspace, Out, command, results, say_json, table, with_progress, workspace
from commands.training_options import OnDataset, PresetName, make_order, recipe_fields, with_settings
from core.atomic import make_folder
from core.errors import LesionLensError


@command
@with_settings
def tune(
    preset: PresetName,
    out: Out,
    dataset: OnDataset = None,
    space: Annotated[
        Path | None, typer.Option("--space", help="YAML file of the search space; else the preset's (see docs/training.md).")
    ] = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="So many in all, whoever runs them.")] = 20,
    *,
    given: dict[str, Any],
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Search for settings with Optuna. Several processes may share --out; one that was killed goes on. Test images are not looked at."""
    from models.architectures import find_preset
    from reports.tuning_report import write_tuning_report
    from training.run import deterministic
    from training.space import make_space, read_space
    from training.tune import RESULT, Search
    from training.tune import tune as run_search

    chosen = find_preset(preset)
    if dataset is None:
        raise LesionLensError("say what to train on: --dataset PATH.", "tune")
    if space is None and not chosen.space:
        raise LesionLensError(f"{chosen.name} has no search space of its own.", "tune", "Give one: --space FILE.yaml.")
    wanted = read_space(space, chosen) if space is not None else make_space(chosen.space, chosen)
    root = workspace(workspace_root)
    fields = recipe_fields(chosen, given)
    folder = make_folder(out)
    deterministic()
    order = make_order(root, chosen, fields, dataset, str(folder / "trial.keras"))
    content = with_progress("trials", run_search(Search(order, wanted, trials, folder)))
    report = write_tuning_report(content, folder)
    if as_json:
        say_json(content)
        return
    best = content["best"]
    if best is None:
        results.print("No trial ran to its end.")
    else:
        results.print(f"Best: trial {best['number']}, balanced accuracy in validation {best['balanced_accuracy']:.3f}.")
        results.print(table("Its settings", ["setting", "value"], [[k, _short(v)] for k, v in best["settings"].items()]))
        results.print("It was chosen among many by these very validation images, so the figure is too good; test figures are in its card.")
        results.print(str(folder / "trials" / content["best_network"]))
    if content["importance"] is None:
        results.print(f"What mattered cannot be said: {content['importance_reason']}.")
    else:
        told = [[k, f"{v:.0%}"] for k, v in content["importance"].items()]
        results.print(table("What sets the better half of the trials apart (PED-ANOVA; rough from few trials)", ["setting", "share"], told))
    results.print(str(report))
    results.print(str(folder / RESULT))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
