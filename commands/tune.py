"""cli.py tune: a search for better settings of a published system."""

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.console import command, results, table, with_progress
from commands.options import AsJson, InWorkspace, Out
from commands.training_options import OnDataset, PresetName, make_order, recipe_fields, with_settings
from core.atomic import make_folder
from core.errors import LesionLensError
from workspace import Workspace


@command
@with_settings
def tune(
    preset: PresetName,
    out: Out,
    dataset: OnDataset = None,
    space: Annotated[Path | None, typer.Option("--space", help="YAML file of the search space; else the preset's.")] = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="In total, over all processes that share the search.")] = 20,
    *,
    given: dict[str, Any],
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """Search for settings with Optuna. Several processes may share --out; one that was killed resumes. Test images are not used."""
    from models.architectures import find_preset
    from reports.pictures import write_page
    from reports.tuning_report import short, tuning_html
    from training.run import deterministic
    from training.space import make_space, read_space
    from training.tune import RESULT, Search
    from training.tune import tune as run_search

    chosen = find_preset(preset)
    if dataset is None:
        raise LesionLensError("name the dataset to train on: --dataset PATH.", "tune")
    if space is None and not chosen.space:
        raise LesionLensError(f"{chosen.name} has no search space of its own.", "tune", "Give one: --space FILE.yaml.")
    wanted = read_space(space, chosen) if space is not None else make_space(chosen.space, chosen)
    fields = recipe_fields(chosen, given)
    folder = make_folder(out)
    deterministic()
    order = make_order(Workspace(workspace_root), chosen, fields, dataset, str(folder / "trial.keras"))
    content = with_progress("trials", run_search(Search(order, wanted, trials, folder)))
    report = write_page(folder, tuning_html(content))
    if as_json:
        return content
    best = content["best"]
    if best is None:
        results.print("No trial was completed.")
    else:
        results.print(f"Best: trial {best['number']}, validation balanced accuracy {best['balanced_accuracy']:.3f}.")
        results.print(table("Its settings", ["setting", "value"], [[k, short(v)] for k, v in best["settings"].items()]))
        results.print("It was selected on these very validation images, so this figure is optimistic; its card has test figures.")
        results.print(str(folder / "trials" / content["best_network"]))
    if content["importance"] is None:
        results.print(f"The importance of settings cannot be estimated: {content['importance_reason']}.")
    else:
        shares = [[k, f"{v:.0%}"] for k, v in content["importance"].items()]
        results.print(table("Importance of each setting (PED-ANOVA; rough with few trials)", ["setting", "share"], shares))
    results.print(str(report))
    results.print(str(folder / RESULT))
    return None
