"""cli.py ood: how far other images are from those a classifier was trained on, and how well that separates them."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console import command, results, results_folder, table, with_progress
from commands.options import AsJson, InWorkspace, ModelName, Out, Seed, Split
from core.records import write_record
from core.wording import count
from workspace import Workspace

if TYPE_CHECKING:
    from studies.familiarity import Kind


@command
def ood(
    model: ModelName,
    fitted_on: Annotated[str, typer.Option("--fitted-on", help="Dataset that stands for the classifier's training data.")],
    out: Out,
    split: Split = None,
    against: Annotated[list[str] | None, typer.Option("--against", help="Another dataset to detect; repeatable.")] = None,
    image: Annotated[Path | None, typer.Option("--image", help="Score this one picture instead.")] = None,
    seed: Seed = 0,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """Out-of-distribution scores: AUROC and FPR at 95 % TPR for non-skin images, other crops and other datasets."""
    from commands.model import open_named
    from evaluation.ood import SCORES
    from imaging.decode import read_image
    from models.run import about_run
    from studies.familiarity import as_json as familiarity_json
    from studies.familiarity import judge_kinds, kept_reference, look

    space = Workspace(workspace_root)
    data = space.open_dataset(fitted_on)
    others = [space.open_dataset(name) for name in against or []]
    picture = read_image(image) if image is not None else None
    classifier = open_named(space, model)
    folder = results_folder(out)
    reference = with_progress("fitting", kept_reference(classifier, data, split, folder / "reference.npz", seed))
    about = about_run(classifier, data.name, data.sha256) | {"split": split or "all", "seed": str(seed)}
    if picture is not None:
        seen = look(classifier, reference, picture)
        content = {"about": {**about, "image": str(image)}, **asdict(seen)}
        write_record(folder / "ood.json", content)
        if as_json:
            return content
        word = "Unlike" if seen.unlike else "Not unlike"
        results.print(
            f"{word} the images of {data.name}: further away than {seen.further:.1%} of its {seen.kept_apart:,} held-out images "
            f"({seen.score}; {seen.value:.2f}, threshold {seen.threshold:.2f})."
        )
        results.print("Nearest: " + ", ".join(i for i, _ in seen.nearest))
        return None
    kinds = with_progress("scoring", judge_kinds(classifier, reference, data, split, others, seed))
    content = familiarity_json(reference, kinds, about)
    write_record(folder / "ood.json", content)
    if as_json:
        return content
    best = reference.best
    results.print(
        f"Fitted on {count(len(reference.of), 'image')} of {data.name}; {reference.false_alarms(best):.1%} of {len(reference.groups):,} "
        f"held-out images lie beyond the threshold. Of images of new lesions like these, {reference.stays_below:.1%} are expected to "
        f"stay below it ({count(reference.lesions, 'lesion')} set it)."
    )
    for name in reference.thresholds:
        title = SCORES[name][0].capitalize() + (" (the score in use)" if name == best else "")
        results.print(table(title, ["against", "images", "AUROC", "FPR at 95 %", "beyond threshold"], [_row(k, name) for k in kinds]))


def _row(kind: "Kind", name: str) -> list[Any]:
    found = kind.scores.get(name)
    return [kind.name, kind.images, *([f.cell(".3f") for f in (found.auroc, found.fpr95, found.flagged)] if found else ["–"] * 3)]
