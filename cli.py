"""LesionLens without a browser: `python cli.py COMMAND --help`."""

import typer

from commands import audit, bench, dataset, demo, ensemble, evaluate, explain, markers, model, ood, predict, repair, shortcuts, train, tune
from commands.console import on_any_terminal
from commands.process import keep_within_bounds
from core.version import __version__

app = typer.Typer(
    help="LesionLens: what a trained skin-lesion classifier looks at, and whether its data taught it to cheat. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for group in (model, dataset, markers, repair):
    app.add_typer(group.app, name=group.__name__.removeprefix("commands."))
for module in (demo, predict, explain, audit, evaluate, ensemble, ood, shortcuts, train, tune, bench):
    name = module.__name__.removeprefix("commands.")  # a command is a file with a function of its name
    app.command(name)(getattr(module, name))


@app.callback(invoke_without_command=True)
def _main(version: bool = typer.Option(False, "--version", help="Show the version.")) -> None:
    if version:
        print(__version__)
        raise typer.Exit


if __name__ == "__main__":
    on_any_terminal()
    keep_within_bounds()
    app()
