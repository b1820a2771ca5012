"""cli.py demo: make the demo workspace, or train its classifiers anew."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from commands.console import AsJson, InWorkspace, command, people, results, say_json, workspace


@command
def demo(
    workspace_root: InWorkspace = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train the shipped demo classifiers anew (minutes).")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the demo workspace: two drawn datasets and two small classifiers."""
    if retrain:
        from demo.classifiers import RECIPES
        from demo.classifiers import retrain as train_one

        scores = {name: train_one(name, people.print) for name in RECIPES}
        if as_json:
            say_json({"balanced_accuracy": scores})
        else:
            results.print("Trained: " + ", ".join(f"{name} (balanced accuracy {score:.2f})" for name, score in scores.items()))
        return
    from demo.make import make_demo

    space = workspace(workspace_root)
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=people) as bar:
        tasks: dict[str, object] = {}

        def show(done: int, total: int, what: str) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(f"drawing {what}", total=total)
            bar.update(tasks[what], completed=done)  # type: ignore[arg-type]

        make_demo(space, show)
    made = {"workspace": str(space.root), "models": space.model_names(), "datasets": space.dataset_names()}
    if as_json:
        say_json(made)
    else:
        results.print(f"Demo workspace in {space.root}: datasets {', '.join(made['datasets'])}; models {', '.join(made['models'])}.")
