"""LesionLens without a browser: `python cli.py COMMAND --help`."""

from __future__ import annotations

import typer

from commands import audit, bench, dataset, demo, ensemble, evaluate, explain, markers, model, ood, predict, repair, shortcuts, train, tune
from core.version import __version__

app = typer.Typer(
    help="LesionLens: what a trained skin-lesion classifier looks at, and whether its data taught it to cheat. No medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(model.app, name="model")
app.add_typer(dataset.app, name="dataset")
app.add_typer(markers.app, name="markers")
app.add_typer(repair.app, name="repair")
FUNCTIONS = (
    demo.demo,
    predict.predict,
    explain.explain,
    audit.audit,
    evaluate.evaluate,
    ensemble.ensemble,
    ood.ood,
    shortcuts.shortcuts,
    train.train,
    tune.tune,
    bench.bench,
)
for function in FUNCTIONS:
    app.command("ensemble" if function is ensemble.ensemble else None)(function)


@app.callback(invoke_without_command=True)
def _main(version: bool = typer.Option(False, "--version", help="Show the version.")) -> None:
    if version:
        print(__version__)
        raise typer.Exit


if __name__ == "__main__":
    app()
