"""cli.py markers: the detectors that find ink, stickers, rulers and the like; what they are worth, and how to make them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.console import AsJson, command, people, results, say_json, table
from core.markers import NO_DETECTOR, UNDETECTED, marker_name

app = typer.Typer(help="The marker detectors.", no_args_is_help=True)


@app.command()
@command
def show(as_json: AsJson = False) -> None:
    """What the shipped detectors learned from, and their measured figures."""
    from data_audit.markers.detector import card

    content = dict(card())
    if as_json:
        say_json(content)
        return
    results.print(f"[bold]{content['name']}[/bold]: {content['trained_on']}.")
    rows = [[marker_name(name), *_figures(facts)] for name, facts in content["markers"].items()]
    columns = ["marker", "AUC out of fold", "AUC by the other half", "AUC by drawings alone", "sensitivity", "specificity", "mask IoU"]
    results.print(table("Figures", columns, rows))
    for name in UNDETECTED:
        results.print(f"{marker_name(name).capitalize()}: {NO_DETECTOR}.")
    results.print(content["licence"])
    results.print(content["limits"])


@app.command()
@command
def retrain(
    labelled: Annotated[
        Path | None, typer.Option("--labelled", help="Folder with markers.csv (image_id, 0/1 columns) and images/; else drawings.")
    ] = None,
    work: Annotated[Path, typer.Option("--work", help="Where finished parts are kept; a stopped run goes on there.")] = Path(
        "markers-training"
    ),
    as_json: AsJson = False,
) -> None:
    """Teach the detectors anew, measure them, and write network and card into the project (an hour with photographs)."""
    from demo.detectors.making import retrain as make

    content = make(labelled, work, people.print)
    if as_json:
        say_json(content)
    else:
        results.print(f"Made the detectors: {content['trained_on']}. Figures: python cli.py markers show")


def _figures(facts: dict[str, Any]) -> list[str]:
    areas, rates = facts.get("auc"), facts.get("figures")
    told = ["–"] * 5
    if areas and rates:
        told = [
            "{:.3f} [{:.3f}, {:.3f}]".format(*areas["out of fold"]),
            "{:.3f}, {:.3f}".format(*areas["either half"]),
            f"{areas['by drawings alone']:.3f}",
            f"{rates['sensitivity']:.3f}",
            f"{rates['specificity']:.3f}",
        ]
    return [*told, f"{facts['mask_iou_on_drawings']:.2f}" if "mask_iou_on_drawings" in facts else "–"]
