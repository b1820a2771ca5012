"""cli.py shortcuts: does the classifier use a marker? Removal, insertion, controls, verdict."""

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.console import check_choice, command, results, results_folder, table, with_progress
from commands.options import AsJson, DatasetName, Filling, InWorkspace, ModelName, Out, Seed, Split
from core.markers import EVERYWHERE, marker_name
from core.wording import count
from data_audit.audit_file import read_audit
from workspace import Workspace

USUAL = 300


@command
def shortcuts(
    model: ModelName,
    dataset: DatasetName,
    out: Out,
    marker: Annotated[list[str] | None, typer.Option("--marker", help="Only this marker; repeatable. All if omitted.")] = None,
    split: Split = None,
    images: Annotated[int, typer.Option("--images", min=1, help="Drawn at random, plus half as many again with each marker.")] = USUAL,
    filling: Filling = "telea",
    doses: Annotated[bool, typer.Option("--doses", help="Other sizes and strengths as well, on every fifth image.")] = False,
    false_alarms: Annotated[bool, typer.Option("--false-alarms", help="Draw each control twice and count false verdicts.")] = False,
    audit: Annotated[Path | None, typer.Option("--audit", help="Folder of its audit: adds what to fix first to the report.")] = None,
    seed: Seed = 0,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """Test a classifier for markers, each removed or inserted beside a control: shortcuts.json, report.html, trials.parquet."""
    from commands.model import open_named
    from models.run import about_run
    from reports.pictures import write_page
    from reports.shortcut_report import shortcut_html
    from shortcuts.alarms import alarms_in_words
    from shortcuts.drawing import INSERTED
    from shortcuts.filling import FILLINGS
    from shortcuts.plan import Plan
    from shortcuts.summary import try_dataset

    for name in marker or []:
        check_choice(name, dict.fromkeys([*INSERTED, *EVERYWHERE]), "marker")
    check_choice(filling, FILLINGS, "filling")
    space = Workspace(workspace_root)
    data = space.open_dataset(dataset)
    if split is not None:
        check_choice(split, sorted(set(data.table["split"].dropna())), "split", data.name)
    findings = None if audit is None else read_audit(audit, data).findings
    classifier = open_named(space, model)
    plan = Plan(tuple(marker or INSERTED), images, filling, seed, doses, false_alarms)
    folder = results_folder(out)
    about = about_run(classifier, data.name, data.sha256) | {"split": split or "all"}
    study = with_progress("testing", try_dataset(classifier, data, split, plan, about, folder))
    report = write_page(folder, shortcut_html(study, findings, folder))
    if as_json:
        return study
    rows = [[marker_name(m), of.verdict, of.why] for m, of in study.verdicts.items()]
    results.print(table(f"{classifier.card.name} on {count(study.images, 'image')} of {data.name}", ["marker", "verdict", "why"], rows))
    for m, of in study.verdicts.items():
        for sentence in (*([of.agreement] if of.agreement else []), *of.notes):
            results.print(f"{marker_name(m).capitalize()}: {sentence}.")
    if study.false_alarms is not None:
        results.print(alarms_in_words(study.false_alarms))
    results.print(str(report))
    results.print(str(folder / "shortcuts.json"))
