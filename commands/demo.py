"""cli.py demo: make the demo workspace, or retrain its classifiers."""

from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from commands.console import command, results, stderr
from commands.options import AsJson, InWorkspace
from workspace import Workspace


@command
def demo(
    workspace_root: InWorkspace = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Retrain the demo classifiers that come with LesionLens (minutes).")] = False,
    as_json: AsJson = False,
) -> Any:
    """Make the demo workspace: two synthetic datasets and two small classifiers."""
    if retrain:
        from demo.classifiers import RECIPES
        from demo.classifiers import retrain as train_one

        scores = {name: train_one(name, stderr.print) for name in RECIPES}
        if as_json:
            return {"balanced_accuracy": scores}
        results.print("Trained: " + ", ".join(f"{name} (balanced accuracy {score:.2f})" for name, score in scores.items()))
        return None
    from demo.make import make_demo

    space = Workspace(workspace_root)
    with Progress(TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), console=stderr) as bar:
        tasks: dict[str, TaskID] = {}

        def show(done: int, total: int, what: str) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(f"drawing {what}", total=total)
            bar.update(tasks[what], completed=done)

        make_demo(space, show)
    made = {"workspace": str(space.root), "models": space.model_names(), "datasets": space.dataset_names()}
    if as_json:
        return made
    results.print(f"Demo workspace in {space.root}: datasets {', '.join(made['datasets'])}; models {', '.join(made['models'])}.")
