"""cli.py markers: the detectors that find ink, stickers, rulers and the like; how well they do, and how to retrain them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.console import command, headed, results, stderr, table
from commands.options import AsJson
from core.markers import NO_DETECTOR, UNDETECTED, marker_name

WORK = Path("markers-training")
app = typer.Typer(help="The marker detectors.", no_args_is_help=True)


@app.command()
@command
def show(as_json: AsJson = False) -> Any:
    """What the detectors that come with LesionLens were trained on, and their measured performance."""
    from data_audit.markers.detector import card

    content = dict(card())
    if as_json:
        return content
    headed(content["name"], f": {content['trained_on']}.")
    rows = [[marker_name(name), *_figures(facts)] for name, facts in content["markers"].items()]
    columns = ["marker", "AUC, cross-validated", "AUC, each half", "AUC, drawings only", "sensitivity", "specificity", "mask IoU"]
    results.print(table("Performance", columns, rows))
    for name in UNDETECTED:
        results.print(f"{marker_name(name).capitalize()}: {NO_DETECTOR}.")
    results.print(content["licence"])
    results.print(content["limits"])


@app.command()
@command
def retrain(
    labelled: Annotated[Path | None, typer.Option("--labelled", help="Folder with markers.csv (image_id, 0/1 columns), images/.")] = None,
    work: Annotated[Path, typer.Option("--work", help="Keeps finished parts; a stopped run resumes there.")] = WORK,
    as_json: AsJson = False,
) -> Any:
    """Retrain the detectors on photographs or, without --labelled, on drawings; measures them and replaces the network and its card."""
    from demo.detectors.making import retrain as make

    content = make(labelled, work, stderr.print)
    if as_json:
        return content
    results.print(f"Retrained the detectors: {content['trained_on']}. Performance: python cli.py markers show")


def _figures(facts: dict[str, Any]) -> list[str]:
    areas, rates = facts.get("auc"), facts.get("figures")
    measured = ["–"] * 5
    if areas and rates:
        measured = [
            "{:.3f} [{:.3f}, {:.3f}]".format(*areas["out of fold"]),
            "{:.3f}, {:.3f}".format(*areas["either half"]),
            f"{areas['by drawings alone']:.3f}",
            f"{rates['sensitivity']:.3f}",
            f"{rates['specificity']:.3f}",
        ]
    return [*measured, f"{facts['mask_iou_on_drawings']:.2f}" if "mask_iou_on_drawings" in facts else "–"]
