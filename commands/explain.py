"""cli.py explain: raw heatmaps of a dataset or of one picture, whether to trust them, and which method fits best."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console import check_choice, comma_separated, command, results, results_folder, stderr, table, with_progress
from commands.options import AsJson, InWorkspace, ModelName, Out, Seed
from core.atomic import write_bytes
from core.errors import LesionLensError
from core.records import write_record
from core.wording import count
from datasets.dataset import Dataset
from imaging.decode import encode_png_with, read_image
from workspace import Workspace

if TYPE_CHECKING:
    from explain.comparison import MethodScore, Subject
    from explain.run import Request
    from explain.sanity import Sanity
    from models.classifier import Classifier

SAMPLE = 40  # images that methods are compared on


@command
def explain(
    model: ModelName,
    out: Out,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Dataset folder or table, or a name in the workspace.")] = None,
    image: Annotated[Path | None, typer.Option("--image", help="One picture instead of a dataset.")] = None,
    method: Annotated[str | None, typer.Option("--method", help="A name from docs/explanations.md; else what fits the network.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Class to explain, or all; else each image's own decision.")] = None,
    layer: Annotated[str | None, typer.Option("--layer", help="Layer to explain at; else the default of model show.")] = None,
    baseline: Annotated[str, typer.Option("--baseline", help="What replaces occluded pixels: blur, mean, black.")] = "blur",
    seed: Seed = 0,
    trust: Annotated[bool, typer.Option("--trust", help="Measure whether to trust each map: trust.parquet, sanity.json.")] = False,
    compare: Annotated[str | None, typer.Option("--compare", help="Methods to compare on a sample, or all: methods.json.")] = None,
    sample: Annotated[int | None, typer.Option("--sample", min=1, help=f"Images drawn at random (--compare: {SAMPLE}).")] = None,
    engine: Annotated[str, typer.Option("--engine", help="auto, tensorflow or openvino (requirements-fast.txt).")] = "auto",
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """Explain a dataset or a picture: raw signed maps, predictions and embeddings; with --trust, whether to trust them."""
    from commands.model import open_named
    from explain.baselines import checked_baseline, mean_colour
    from explain.engine import ENGINES
    from explain.methods import METHODS, Settings, default_method, explained_layer, find_method, supported
    from explain.run import ALL, Request, explain_dataset
    from models.run import about_run

    if (dataset is None) == (image is None):
        raise LesionLensError("give either --dataset or --image.", todo="One of the two is needed.")
    if method is not None:
        find_method(method)
    check_choice(engine, ENGINES, "engine")
    if trust and target == ALL:
        raise LesionLensError("--trust examines one class per image.", todo="Name the class, or leave --target out.")
    settings = Settings(checked_baseline(baseline), seed)
    space = Workspace(workspace_root)
    subjects, data = _subjects(space, dataset, image, sample or (SAMPLE if compare else None), seed)
    classifier = open_named(space, model)
    chosen, reason = (method, "chosen") if method else default_method(classifier)
    supported(classifier, chosen)
    if target not in (None, ALL):
        classifier.target_index(str(target))
    if baseline == "mean" and data is not None:
        settings = replace(settings, colour=mean_colour([s.path for s in subjects]))
    results_folder(out)
    request = Request(chosen, target, layer, settings, engine)
    about = {
        **about_run(classifier, subjects[0].path.name if data is None else data.name, "" if data is None else data.sha256),
        "method": chosen,
        "layer": explained_layer(classifier, chosen, layer),
        "target": target or "decision",
        "baseline": baseline,
        "seed": str(seed),
        "sample": str(sample or "all"),
    }
    job = _Job(space, classifier, subjects, data, request, out, about)
    if compare:
        return _compare(job, compare, as_json)
    files = {s.image_id: s.path for s in subjects}
    explained = with_progress("explaining", explain_dataset(classifier, files, about, out, request))
    summary: dict[str, Any] = {
        "images": explained.images,
        "maps": explained.maps,
        "empty": explained.empty,
        "empty_share": explained.empty_share,
        "errors": explained.errors,
        "method": chosen,
        "reason": reason,
        "layer": about["layer"],
        "file": str(out / "explanations.parquet"),
        "note": explained.note,
        "about": about,
    }
    if METHODS[chosen].needs == "layer":
        info = classifier.layer(layer)
        summary |= {"resolution": [info.height, info.width], "coarse": info.coarse}
    if image is not None and not explained.errors:
        summary["overlay"] = str(_write_overlay(job, image))
    if trust:
        summary["trust"] = _trust(job)
    if as_json:
        return summary
    _print_summary(summary)
    return None


@dataclass(frozen=True)
class _Job:
    """What is explained by which classifier, and where results go; data: None for one picture."""

    space: Workspace
    classifier: "Classifier"
    subjects: "list[Subject]"
    data: Dataset | None
    request: "Request"
    out: Path
    about: dict[str, str]


def _subjects(
    space: Workspace, dataset: str | None, image: Path | None, sample: int | None, seed: int
) -> "tuple[list[Subject], Dataset | None]":
    from explain.comparison import Subject
    from studies.subjects import drawn, subjects

    if image is not None:
        if not image.is_file():
            raise LesionLensError("is not a file.", str(image), "Check the path.")
        read_image(image)  # a picture of a dataset is one unreadable row; without this one there is nothing to explain
        return [Subject(image.stem, image, image.stem)], None
    data = space.open_dataset(str(dataset))
    return drawn(data, sample, seed) if sample is not None else subjects(data, list(data.table["image_id"])), data


def _sanity(job: _Job, method: str) -> "Sanity | None":
    """The kept check of this classifier × method × layer; run now on the dataset's images if there is none."""
    from explain.methods import explained_layer
    from explain.sanity import IMAGES, check_sanity, read_sanity, sanity_images, write_sanity

    classifier, data, request = job.classifier, job.data, job.request
    layer = explained_layer(classifier, method, request.layer)
    path = job.space.sanity_path(classifier.facts.sha256, classifier.card.sha256, method, layer)
    kept = read_sanity(path)
    if kept is not None or data is None or not classifier.layers:
        return kept
    prepared = sanity_images(classifier, [p for i in data.table["image_id"] if (p := data.path(i)) is not None])
    if len(prepared) < IMAGES:
        stderr.print(f"Only {count(len(prepared), 'readable image')} for the sanity check; a firm result takes {IMAGES}.")
    found = with_progress(f"sanity of {method}", check_sanity(classifier, prepared, method, request.layer, request.settings))
    write_sanity(found, path, job.about)
    return found


def _trust(job: _Job) -> dict[str, Any]:
    from explain.comparison import examine_dataset
    from explain.sanity import write_sanity
    from explain.trust import VERDICTS

    classifier, request, about = job.classifier, job.request, job.about
    sanity = _sanity(job, request.method)
    if sanity is not None:
        write_sanity(sanity, job.out / "sanity.json", about)
    target = None if request.target is None else classifier.target_index(request.target)
    path = job.out / "trust.parquet"
    run = examine_dataset(classifier, job.subjects, about, path, request.method, target, request.layer, request.settings, sanity)
    rows = [r for r in with_progress("examining", run) if "error" not in r]
    verdicts = [r["verdict"] for r in rows]
    return {
        "file": str(path),
        "examined": len(rows),
        "verdicts": {v: verdicts.count(v) for v in VERDICTS},
        "sanity": None if sanity is None else {"passed": sanity.passed, "spearman": sanity.spearman, "stages": sanity.stages},
        **({"reasons": rows[0]["reasons"]} if len(rows) == 1 else {}),
    }


def _compare(job: _Job, names: str, as_json: bool) -> dict[str, Any] | None:
    from explain.comparison import as_json as as_plain
    from explain.comparison import compare_methods
    from explain.methods import METHODS, find_method, unsupported

    methods = list(METHODS) if names == "all" else comma_separated(names)
    for name in methods:
        find_method(name)
    quick = [m for m in methods if METHODS[m].cost(10**6) <= 3 and not unsupported(job.classifier, m)]
    kept = {m: s for m in quick if (s := _sanity(job, m)) is not None}
    run = compare_methods(job.classifier, job.subjects, methods, job.request.layer, job.request.settings, kept)
    scores = with_progress("comparing", run)
    content = {"methods": [as_plain(s) for s in scores], "best": scores[0].method if scores[0].images else None, "about": job.about}
    path = job.out / "methods.json"
    write_record(path, content)
    if as_json:
        return {**content, "file": str(path)}
    results.print(_comparison_table(scores))
    results.print(
        "Over random, over centre: how much better the map orders pixels than random maps or the image centre (insertion minus "
        "deletion area, means with 95 % intervals over lesions). Stability: lowest rank correlation under harmless changes."
    )
    results.print(f"Written to {path}")
    return None


def _comparison_table(scores: "list[MethodScore]") -> Any:
    from explain.methods import METHODS

    rows = [
        [
            METHODS[s.method].name,
            f"{s.over_centre:+.3f}",
            f"{s.over_random:+.3f}",
            f"{s.steady:.2f}",
            f"{s.in_lesion:+.2f}",
            f"{s.empty.value:.0%}" if s.empty.defined else "–",
            f"{s.sanity:.2f}" if s.sanity == s.sanity else "not run",
            f"{s.passes}",
            s.reason,
        ]
        for s in scores
    ]
    columns = ["method", "over centre", "over random", "stability", "in lesion", "empty", "sanity", "passes", ""]
    return table(f"Methods, ranked on {count(scores[0].images, 'image')}", columns, rows)


def _print_summary(summary: dict[str, Any]) -> None:
    size = " ({} × {})".format(*summary["resolution"]) if "resolution" in summary else ""
    results.print(f"{summary['method']} at {summary['layer']}{size}: {summary['reason']}")
    empty = f"{summary['empty']:,} empty ({summary['empty_share']:.1%})"
    counts = f"{count(summary['maps'], 'map')} of {count(summary['images'], 'image')}"
    results.print(f"{counts}, {empty}, {len(summary['errors']):,} unreadable: {summary['file']}")
    if summary.get("coarse"):
        results.print("The layer is coarser than 5 × 5: its maps show little more than left or right. Try --method occlusion.")
    if summary["note"]:
        results.print(summary["note"])
    if "trust" in summary:
        trust = summary["trust"]
        counts = ", ".join(f"{n:,} {v}" for v, n in trust["verdicts"].items())
        results.print(f"Trust: {counts}: {trust['file']}")
        if "reasons" in trust:
            results.print(trust["reasons"])


def _write_overlay(job: _Job, image: Path) -> Path:
    from explain.map_file import read_maps
    from imaging.overlay import overlay
    from imaging.resize import enlarge, seen_box

    _, _, heatmap = next(read_maps(job.out / "explanations.parquet"))
    picture = read_image(image)
    card, size = job.classifier.card, picture.shape[:2]
    enlarged = enlarge(heatmap, size, seen_box(size, card.size, card.resize.geometry))
    path = job.out / f"{image.stem}.overlay.png"
    write_bytes(path, encode_png_with(overlay(picture, enlarged, float(abs(heatmap).max())), job.about))
    return path
