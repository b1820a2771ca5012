"""cli.py evaluate: predictions against diagnoses."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from commands.console import check_choice, comma_separated, command, results, results_folder, table
from commands.options import AsJson, Classes, DatasetName, InWorkspace, Out, Rename, RowOrder, Split
from core.atomic import write_bytes
from core.errors import LesionLensError
from core.exports import interval as interval_text
from core.exports import plain, safe_csv
from core.records import write_record
from core.wording import count
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

USUAL_FIGURES = ["sensitivity", "specificity", "auc"]
GROUPED = [m.key for m in COMPARABLE]


@command
def evaluate(
    predictions: Annotated[list[Path], typer.Option("--predictions", help="Parquet or CSV; repeat to compare others with the first.")],
    dataset: DatasetName,
    out: Out,
    classes: Classes = None,
    rename: Rename = None,
    row_order: RowOrder = False,
    split: Split = None,
    rule: Annotated[str, typer.Option("--rule", help="argmax, or half: p > 0.5 for each class separately (as ISIC).")] = "argmax",
    threshold: Annotated[list[str] | None, typer.Option("--threshold", help="CLASS=SCORE: decision threshold; repeatable.")] = None,
    beta: Annotated[float, typer.Option("--beta", help="β of F-β: weight of sensitivity relative to PPV.", min=0.01)] = BETA,
    prevalence: Annotated[list[str] | None, typer.Option("--prevalence", help="CLASS=SHARE for PPV and NPV elsewhere: mel=0.02.")] = None,
    resamples: Annotated[int, typer.Option("--resamples", help="Bootstrap resamples of lesions, for the intervals.", min=0)] = RESAMPLES,
    interval: Annotated[str, typer.Option("--interval", help=f"Bootstrap interval: {', '.join(INTERVALS)}.")] = BCA,
    seed: Annotated[int, typer.Option("--seed", help="Of the resampling.")] = 0,
    by: Annotated[list[str] | None, typer.Option("--by", help="Figures by a column or marker, or two: sex,age; repeatable.")] = None,
    figure: Annotated[list[str] | None, typer.Option("--figure", help=f"For --by; repeatable. One of {', '.join(GROUPED)}.")] = None,
    audited: Annotated[Path | None, typer.Option("--audit", help="Folder of an audit: markers for --by, findings for the report.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Classifier of the first predictions: adds card and heatmaps.")] = None,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """Evaluate predictions: evaluation.json and report.html, with 95 % intervals clustered by lesion."""
    space = Workspace(workspace_root)
    data = space.open_dataset(dataset)
    labels = read_rename(rename) if rename else None
    order = data.order if row_order else None
    check_choice(interval, INTERVALS, "interval")
    how = How(_rule(rule, _pairs(threshold, "--threshold")), beta, resamples, seed, _pairs(prevalence, "--prevalence"), interval)
    tables = [read_predictions(file, comma_separated(classes) or None, labels, order) for file in predictions]
    judged, *others = (assess(t, data, labels, split, how) for t in tables)
    folder = results_folder(out)
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
        content["groups"] = plain(_groups(judged, data, by, figure or USUAL_FIGURES, audited))
    from reports.evaluation_report import evaluation_html
    from reports.pictures import write_page

    card, overlays = _explained(space, model, data, judged) if model else (None, None)
    findings = read_audit(audited, data).findings if audited else None
    page = write_page(folder, evaluation_html(data, content, judged.rows, findings, card, overlays))
    write_record(folder / "evaluation.json", content)
    write_bytes(folder / "per_class.csv", safe_csv(class_table(judged.evaluation), judged.about).encode())
    if as_json:
        return content
    _print_figures(judged)
    _print_compared(content.get("compared", []), predictions[0].name)
    for group in content.get("groups", []):
        _print_groups(group)
    e = judged.evaluation
    matrix = [[name, *[int(v) for v in row]] for name, row in zip(e.classes, e.matrix, strict=True)]
    results.print(table("Confusion matrix (rows: diagnosis, columns: decision)", ["", *e.classes], matrix))
    results.print(str(page))
    return None


def _print_figures(judged: Assessment) -> None:
    e = judged.evaluation
    results.print(f"{count(e.n_images, 'image')} of {e.n_groups:,} {judged.counted}; decision by {e.decision_rule}")
    results.print(f"95 % intervals are clustered by {judged.counted.removesuffix('s')}.")
    for reason, n in judged.left_out.items():
        results.print(f"Left out: {count(n, 'image')} {reason}.")
    for m in OF_ALL:
        if m.key in e.figures:
            results.print(f"{m.name} {e[m.key]:.4f}")
    results.print(f"Accuracy of always deciding for {e.majority_class} {e.majority_baseline:.4f}")
    for kind, values in e.averages.items():
        results.print(f"{kind} average: PPV {values['ppv']:.4f}, sensitivity {values['sensitivity']:.4f}, F1 {values['f1']:.4f}")
    columns = ["class", "images", *[m.name for m in BRIEF]]
    rows = [[c.name, c.support, *[c[m.key].cell(".4f") for m in BRIEF]] for c in e.per_class]
    results.print(table("Per class; all figures with intervals are in evaluation.json", columns, rows))
    for c in e.per_class:
        if c.name in judged.how.prevalence:
            share = judged.how.prevalence[c.name]
            results.print(f"At a prevalence of {share:.1%} {c.name}: PPV {c['ppv_at_prevalence']:.4f}, NPV {c['npv_at_prevalence']:.4f}")


def _print_compared(compared: list[dict[str, Any]], first: str) -> None:
    for other in compared:
        name, less = other["file"], other["less_the_first"]
        rows = [[difference_name(key), interval_text(f, "+.4f")] for key, f in less["differences"].items()]
        results.print(table(f"{name} minus {first}, on the same {less['n_images']:,} images", ["figure", "difference"], rows))
        if less["caution"]:
            results.print(less["caution"])
        p = less["mcnemar_p"]
        results.print(
            f"Correct only by {name}: {less['right_only_by_the_second']:,}; only by {first}: "
            f"{less['right_only_by_the_first']:,}; p {'–' if p is None else format(p, '.3g')} (McNemar, by lesion)"
        )


def _print_groups(about: dict[str, Any]) -> None:
    rows = [
        [g["group"], g["images"], g["lesions"], interval_text(g["figure"]), interval_text(g["gap"]), _q(g["q"]), g["small"]]
        for g in about["groups"]
    ]
    columns = ["group", "images", "lesions", "figure", "gap to all others", "q", "too small"]
    results.print(table(f"{BY_KEY[about['figure']].name} of {about['class']} by {about['by']}", columns, rows))
    if about["caution"]:
        results.print(about["caution"])


def _q(q: float | None) -> str:
    return "–" if q is None else f"{q:.3f}"


def _groups(judged: Assessment, data: Dataset, by: list[str], figures: list[str], audited: Path | None) -> list[dict[str, Any]]:
    for figure in figures:
        check_choice(figure, GROUPED, "figure by group")
    known = dataset_groupings(data, read_images(audited, data) if audited else None)
    asked = []
    for text in by:
        names = comma_separated(text)
        for name in names:
            check_choice(name, known, "column or marker")
        if not 1 <= len(names) <= 2:
            raise LesionLensError(f"--by {text}: one column or two.", todo=f"Choose: {', '.join(known)}.")
        grouping = known[names[0]] if len(names) == 1 else combined(known[names[0]], known[names[1]])
        classes = [c.name for c in judged.evaluation.per_class if 0 < c.support < judged.evaluation.n_images]
        asked += [(grouping, name, figure) for name in classes for figure in figures]
    return [
        {"by": grouping.name, "caution": grouping.caution, "class": name, "figure": figure, "groups": groups}
        for (grouping, name, figure), groups in zip(asked, figures_by(judged, data, asked), strict=True)
    ]


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
    check_choice(name, RULES, "decision rule")
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
