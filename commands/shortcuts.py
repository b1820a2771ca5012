"""cli.py shortcuts: does the classifier use a marker? Removal, insertion, controls, verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.console import AsJson, DatasetName, InWorkspace, ModelName, Out, command, results, say_json, table, with_progress, workspace
from core.atomic import make_folder
from core.errors import LesionLensError
from core.markers import marker_name
from data_audit.audit_file import read_audit

USUAL = 300


@command
def shortcuts(
    model: ModelName,
    dataset: DatasetName,
    out: Out,
    marker: Annotated[list[str] | None, typer.Option("--marker", help="Only this one; may be repeated. All, if none is named.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Only images of this split.")] = None,
    images: Annotated[int, typer.Option("--images", min=1, help="At random, and half as many again that bear each marker.")] = USUAL,
    filling: Annotated[str, typer.Option("--filling", help="What takes a marker's place: telea, navier-stokes, skin.")] = "telea",
    doses: Annotated[bool, typer.Option("--doses", help="Other sizes and strengths as well, on every fifth image.")] = False,
    false_alarms: Annotated[
        bool, typer.Option("--false-alarms", help="Draw every control twice, and count how often one would be called used.")
    ] = False,
    audit: Annotated[Path | None, typer.Option("--audit", help="Folder of an audit of it: what to fix first stands in the report.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of what is drawn at random.")] = 0,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Try markers on a classifier, each taken away or put in beside a control: shortcuts.json, report.html, trials.parquet."""
    from commands.model import open_named
    from core.markers import EVERYWHERE
    from models.run import about_run
    from reports.shortcut_report import write_shortcut_report
    from shortcuts.alarms import alarms_in_words
    from shortcuts.drawing import INSERTED
    from shortcuts.filling import FILLINGS
    from shortcuts.plan import Plan
    from shortcuts.summary import try_dataset

    known = dict.fromkeys([*INSERTED, *EVERYWHERE])
    for name in marker or []:
        if name not in known:
            raise LesionLensError(f"{name!r} is no marker the lab knows.", todo=f"Choose: {', '.join(known)}.")
    if filling not in FILLINGS:
        raise LesionLensError(f"{filling!r} is no filling.", todo=f"Choose: {', '.join(FILLINGS)}.")
    space = workspace(workspace_root)
    data = space.open_dataset(dataset)
    if split is not None and split not in set(data.table["split"].dropna()):
        raise LesionLensError(f"has no split {split!r}.", data.name, "See `dataset show`.")
    findings = None if audit is None else read_audit(audit, data).findings
    classifier = open_named(space, model)
    plan = Plan(tuple(marker or INSERTED), images, filling, seed, doses, false_alarms)
    folder = make_folder(out)
    about = about_run(classifier, data.name, data.sha256) | {"split": split or "all"}
    study = with_progress("trying", try_dataset(classifier, data, split, plan, about, folder))
    report = write_shortcut_report(study, findings, folder)
    if as_json:
        say_json(study)
        return
    results.print(
        table(
            f"{classifier.card.name} on {study.images:,} images of {data.name}",
            ["marker", "verdict", "why"],
            [[marker_name(m), of.verdict, of.why] for m, of in study.verdicts.items()],
        )
    )
    for m, of in study.verdicts.items():
        for sentence in (*([of.agreement] if of.agreement else []), *of.notes):
            results.print(f"{marker_name(m).capitalize()}: {sentence}.")
    if study.false_alarms is not None:
        results.print(alarms_in_words(study.false_alarms))
    results.print(str(report))
    results.print(str(folder / "shortcuts.json"))
