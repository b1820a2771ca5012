"""cli.py evaluate: predictions against diagnoses."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from commands.console import AsJson, DatasetName, InWorkspace, Out, command, results, say_json, table, workspace
from core.atomic import make_folder, write_bytes
from core.errors import LesionLensError
from core.exports import interval as told_interval
from core.exports import plain, safe_csv
from data_audit.audit_file import read_audit
from data_audit.groupings import combined, dataset_groupings
from data_audit.images import read_images
from datasets.dataset import Dataset
from evaluation.evaluate import BETA, How
from evaluation.figures import BRIEF, BY_KEY, COMPARABLE, OF_ALL, difference_name
from evaluation.resampling import BCA, INTERVALS, RESAMPLES
from evaluation.rules import RULES, Rule
from models.predictions import read_predictions, read_rename
from studies.assess import Assessment, assess, class_table, compared, comparison_json, figures_by
from studies.assess import as_json as assessment_json
from workspace import Workspace

USUAL_FIGURES = ("sensitivity", "specificity", "auc")
GROUPED = ", ".join(m.key for m in COMPARABLE)


@command
def evaluate(
    predictions: Annotated[
        list[Path],
        typer.Option("--predictions", help="predictions.parquet, or anybody's CSV; given again, others to be compared with the first."),
    ],
    dataset: DatasetName,
    out: Out,
    classes: Annotated[str | None, typer.Option("--classes", help="Classes of numbered columns in order: nv,mel,…")] = None,
    rename: Annotated[Path | None, typer.Option("--rename", help="Labels and their codes: YAML, JSON or two columns.")] = None,
    row_order: Annotated[bool, typer.Option("--row-order", help="The file has no ids: its rows stand in the dataset's order.")] = False,
    split: Annotated[str | None, typer.Option("--split", help="Only images of this split.")] = None,
    rule: Annotated[str, typer.Option("--rule", help="argmax, or half: p > 0.5, each class by itself (the ISIC table's).")] = "argmax",
    threshold: Annotated[
        list[str] | None, typer.Option("--threshold", help="CLASS=SCORE from which that class is decided for; may be repeated.")
    ] = None,
    beta: Annotated[float, typer.Option("--beta", help="Of F-β: how much more sensitivity weighs than PPV.", min=0.01)] = BETA,
    prevalence: Annotated[
        list[str] | None, typer.Option("--prevalence", help="CLASS=SHARE for PPV and NPV elsewhere: mel=0.02; may be repeated.")
    ] = None,
    resamples: Annotated[int, typer.Option("--resamples", help="Of the lesions, for the intervals.", min=0)] = RESAMPLES,
    interval: Annotated[str, typer.Option("--interval", help=f"Made of the resamples: {', '.join(INTERVALS)}.")] = BCA,
    seed: Annotated[int, typer.Option("--seed", help="Of the resampling.")] = 0,
    by: Annotated[
        list[str] | None, typer.Option("--by", help="Figures by this column or marker, or by two: sex,age; may be repeated.")
    ] = None,
    figure: Annotated[list[str] | None, typer.Option("--figure", help=f"Of --by; may be repeated. One of {GROUPED}.")] = None,
    audited: Annotated[
        Path | None, typer.Option("--audit", help="Folder of an audit: its markers and skin tones for --by, its findings for the report.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="The classifier of the first predictions: its card and maps go into the report.")
    ] = None,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate predictions: evaluation.json and report.html, with 95 % intervals clustered by lesion."""
    space = workspace(workspace_root)
    data = space.open_dataset(dataset)
    names = [c.strip() for c in classes.split(",")] if classes else None
    labels = read_rename(rename) if rename else None
    order = data.order if row_order else None
    if interval not in INTERVALS:
        raise LesionLensError(f"{interval!r} is no interval.", todo=f"Choose: {', '.join(INTERVALS)}.")
    how = How(_rule(rule, _pairs(threshold, "--threshold")), beta, resamples, seed, _pairs(prevalence, "--prevalence"), interval)
    judged, *others = (assess(read_predictions(file, names, labels, order), data, labels, split, how) for file in predictions)
    folder = make_folder(out)
    content = plain(assessment_json(judged))
    if others:
        content["compared"] = [
            {
                "file": file.name,
                "evaluation": plain(assessment_json(other)),
                "less_the_first": plain(comparison_json(compared(judged, other))),
            }
            for file, other in zip(predictions[1:], others, strict=True)
        ]
    if by:
        content["groups"] = plain(_groups(judged, data, by, figure or list(USUAL_FIGURES), audited))
    from reports.evaluation_report import write_evaluation_report

    card, overlays = _explained(space, model, data, judged) if model else (None, None)
    findings = read_audit(audited, data).findings if audited else None
    page = write_evaluation_report(data, content, judged.rows, findings, folder, card, overlays)
    write_bytes(folder / "evaluation.json", json.dumps(content, indent=1, ensure_ascii=False).encode())
    per_class = class_table(judged.evaluation)
    write_bytes(folder / "per_class.csv", safe_csv(per_class, judged.about).encode())
    if as_json:
        say_json(content)
        return
    e = judged.evaluation
    results.print(f"{e.n_images:,} images of {e.n_groups:,} {judged.counted}; decision by {e.decision_rule}; 95 % intervals count those")
    for reason, n in judged.left_out.items():
        results.print(f"Left out: {n:,} images {reason}.")
    for m in OF_ALL:
        if m.key in e.figures:
            results.print(f"{m.name} {e[m.key]:.4f}")
    results.print(f"Accuracy of always deciding for {e.majority_class} {e.majority_baseline:.4f}")
    for kind, values in e.averages.items():
        results.print(f"{kind} average: PPV {values['ppv']:.4f}, sensitivity {values['sensitivity']:.4f}, F1 {values['f1']:.4f}")
    columns = ["class", "images", *[m.name for m in BRIEF]]
    rows = [[c.name, c.support, *[c[m.key].cell(".4f") for m in BRIEF]] for c in e.per_class]
    results.print(table("Class by class; all figures with intervals are in evaluation.json", columns, rows))
    for c in e.per_class:
        if c.name in how.prevalence:
            results.print(
                f"Where {how.prevalence[c.name]:.1%} have {c.name}: PPV {c['ppv_at_prevalence']:.4f}, NPV {c['npv_at_prevalence']:.4f}"
            )
    for told in content.get("compared", ()):
        less = told["less_the_first"]
        rows = [[difference_name(name), told_interval(f, "+.4f")] for name, f in less["differences"].items()]
        title = f"{told['file']} less {predictions[0].name}, on the same {less['n_images']:,} images"
        results.print(table(title, ["figure", "difference"], rows))
        p = less["mcnemar_p"]
        results.print(
            f"Right only by {told['file']}: {less['right_only_by_the_second']:,}; only by {predictions[0].name}: "
            f"{less['right_only_by_the_first']:,}; p {'–' if p is None else format(p, '.3g')} (McNemar, by lesion)"
        )
    for told in content.get("groups", ()):
        rows = [
            [g["group"], g["images"], g["lesions"], told_interval(g["figure"]), told_interval(g["gap"]), g["small"]] for g in told["groups"]
        ]
        title = f"{BY_KEY[told['figure']].name} of {told['class']} by {told['by']}"
        results.print(table(title, ["group", "images", "lesions", "figure", "gap to all others", "too small"], rows))
        if told["caution"]:
            results.print(told["caution"])
    matrix = [[name, *[int(v) for v in row]] for name, row in zip(e.classes, e.matrix, strict=True)]
    results.print(table("Confusion matrix (rows: diagnosis, columns: decision)", ["", *e.classes], matrix))
    results.print(str(page))


def _groups(judged: Assessment, data: Dataset, by: list[str], figures: list[str], audited: Path | None) -> list[dict[str, Any]]:
    unknown = [f for f in figures if f not in {m.key for m in COMPARABLE}]
    if unknown:
        raise LesionLensError(f"--figure {unknown[0]}: no such figure by groups.", todo=f"Choose: {GROUPED}.")
    known = dataset_groupings(data, read_images(audited, data) if audited else None)
    told = []
    for text in by:
        names = [n.strip() for n in text.split(",")]
        missing = [n for n in names if n not in known]
        if missing or len(names) > 2:
            raise LesionLensError(
                f"--by {text}: " + (f"nothing called {missing[0]!r} to group by." if missing else "at most two columns."),
                todo=f"Choose: {', '.join(known)}.",
            )
        grouping = known[names[0]] if len(names) == 1 else combined(known[names[0]], known[names[1]])
        for c in judged.evaluation.per_class:
            if 0 < c.support < judged.evaluation.n_images:
                for figure in figures:
                    found = figures_by(judged, data, grouping, c.name, figure)
                    told.append(
                        {
                            "by": grouping.name,
                            "class": c.name,
                            "figure": figure,
                            "caution": grouping.caution,
                            "groups": [asdict(g) for g in found],
                        }
                    )
    return told


def _explained(space: Workspace, model: str, data: Dataset, judged: Assessment) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The classifier's card, and the worst mistakes under the maps of their decisions."""
    from commands.model import open_named
    from explain.overlays import decided_overlays
    from reports.evaluation_report import worst_mistakes

    classifier = open_named(space, model)
    wrong = worst_mistakes(judged.rows)
    overlays = decided_overlays(classifier, {i: data.path(i) for i in wrong["image_id"]}, wrong["decision"].tolist())
    return classifier.card.model_dump(mode="json"), overlays


def _rule(name: str, thresholds: dict[str, float]) -> Rule:
    if name not in RULES:
        raise LesionLensError(f"{name!r} is no decision rule.", todo=f"Choose: {', '.join(RULES)}.")
    if not thresholds:
        return RULES[name]
    return Rule(", ".join(f"{c} from {t:g}" for c, t in thresholds.items()) + "; other classes above 0.5", thresholds)


def _pairs(given: list[str] | None, option: str) -> dict[str, float]:
    """CLASS=NUMBER, numbers between 0 and 1."""
    pairs = {}
    for text in given or []:
        name, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not name or not 0 <= value <= 1:
            raise LesionLensError(f"{option} {text}: not CLASS=NUMBER with a number from 0 to 1.", todo=f"For example {option} mel=0.02.")
        pairs[name] = value
    return pairs
