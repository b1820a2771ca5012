"""cli.py ood: how unlike the images a classifier was fitted on are others, and how well that can be told?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console import AsJson, InWorkspace, ModelName, Out, command, results, say_json, table, with_progress, workspace
from core.atomic import make_folder, write_bytes
from core.exports import plain

if TYPE_CHECKING:
    from studies.familiarity import Kind


@command
def ood(
    model: ModelName,
    fitted_on: Annotated[str, typer.Option("--fitted-on", help="Dataset that stands for what the classifier learned from.")],
    out: Out,
    split: Annotated[str | None, typer.Option("--split", help="Of that dataset; all, if none is named.")] = None,
    against: Annotated[list[str] | None, typer.Option("--against", help="Another dataset to tell apart; may be repeated.")] = None,
    image: Annotated[Path | None, typer.Option("--image", help="One picture: is it like those? Instead of all kinds.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of what is drawn at random.")] = 0,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Out-of-distribution scores: AUROC and FPR at 95 % for non-skin images, for other crops, for other datasets."""
    from commands.model import open_named
    from evaluation.ood import SCORES
    from imaging.decode import read_image
    from models.run import about_run
    from studies.familiarity import as_json as familiarity_json
    from studies.familiarity import judge_kinds, kept_reference, look

    space = workspace(workspace_root)
    data = space.open_dataset(fitted_on)
    others = [space.open_dataset(name) for name in against or []]
    picture = read_image(image) if image is not None else None
    classifier = open_named(space, model)
    folder = make_folder(out)
    reference = with_progress("fitting", kept_reference(classifier, data, split, folder / "reference.npz", seed))
    about = about_run(classifier, data.name, data.sha256) | {"split": split or "all", "seed": str(seed)}
    if picture is not None:
        seen = look(classifier, reference, picture)
        content = {"about": {**about, "image": str(image)}, **plain(asdict(seen))}
        write_bytes(folder / "ood.json", json.dumps(content, indent=1).encode())
        if as_json:
            say_json(content)
            return
        word = "Unlike" if seen.unlike else "Not unlike"
        results.print(
            f"{word} what {data.name} holds: further away than {seen.further:.1%} of {seen.kept_apart:,} of its images "
            f"({seen.score}; {seen.value:.2f}, threshold {seen.threshold:.2f})."
        )
        results.print("Nearest: " + ", ".join(i for i, _ in seen.nearest))
        return
    kinds = with_progress("telling apart", judge_kinds(classifier, reference, data, split, others, seed))
    content = plain(familiarity_json(reference, kinds, about))
    write_bytes(folder / "ood.json", json.dumps(content, indent=1).encode())
    if as_json:
        say_json(content)
        return
    best = reference.best
    results.print(
        f"Fitted on {len(reference.of):,} images of {data.name}; {reference.false_alarms(best):.1%} of {len(reference.groups):,} kept "
        "apart lie beyond the threshold, 5 % were meant to."
    )
    for name in reference.thresholds:
        rows = [_row(k, name) for k in kinds]
        title = SCORES[name][0].capitalize() + (" (the score gone by)" if name == best else "")
        results.print(table(title, ["against", "images", "AUROC", "FPR at 95 %", "beyond threshold"], rows))


def _row(kind: Kind, name: str) -> list[Any]:
    told = kind.scores.get(name)
    return [kind.name, kind.images, *([f.cell(".3f") for f in (told.auroc, told.fpr95, told.flagged)] if told else ["–"] * 3)]
