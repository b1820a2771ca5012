"""cli.py explain: raw heatmaps of a dataset or of one picture, whether to believe them, and which method suits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console import AsJson, InWorkspace, ModelName, Out, command, people, results, say_json, table, with_progress, workspace
from core.atomic import make_folder, write_bytes
from core.errors import LesionLensError
from core.exports import plain
from datasets.dataset import Dataset
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
    dataset: Annotated[str | None, typer.Option("--dataset", help="Dataset folder or table, or a name.")] = None,
    image: Annotated[Path | None, typer.Option("--image", help="One picture instead of a dataset.")] = None,
    method: Annotated[str | None, typer.Option("--method", help="As docs/explanations.md names it; else what fits the network.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Class to explain, or all; else each image's own decision.")] = None,
    layer: Annotated[str | None, typer.Option("--layer", help="Layer to explain at; else the default of model show.")] = None,
    baseline: Annotated[str, typer.Option("--baseline", help="What takes the place of what is taken away: blur, mean, black.")] = "blur",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the methods and controls that draw at random.")] = 0,
    trust: Annotated[bool, typer.Option("--trust", help="Measure whether to believe each map: trust.parquet, sanity.json.")] = False,
    compare: Annotated[
        str | None, typer.Option("--compare", help="Compare methods on a sample: names with commas, or all. Writes methods.json.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help=f"Only so many images, drawn at random (--compare: {SAMPLE}).")
    ] = None,
    engine: Annotated[str, typer.Option("--engine", help="auto, tensorflow or openvino (requirements-fast.txt).")] = "auto",
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Explain a dataset or a picture: raw signed maps, predictions and embeddings; with --trust, whether to believe them."""
    from commands.model import open_named
    from explain.baselines import checked_baseline, mean_colour
    from explain.engine import ENGINES
    from explain.methods import METHODS, Settings, default_method, explained_layer, find_method, supported
    from explain.run import ALL, Request, explain_dataset
    from models.run import about_run

    if (dataset is None) == (image is None):
        raise LesionLensError("Give either --dataset or --image.", todo="One of the two is needed.")
    if method is not None:
        find_method(method)
    if engine not in ENGINES:
        raise LesionLensError(f"{engine!r} is no engine.", todo=f"Choose: {', '.join(ENGINES)}.")
    if trust and target == ALL:
        raise LesionLensError("--trust examines one class an image.", todo="Name the class, or leave --target out.")
    settings = Settings(checked_baseline(baseline), seed)
    space = workspace(workspace_root)
    classifier = open_named(space, model)
    chosen, reason = (method, "chosen") if method else default_method(classifier)
    supported(classifier, chosen)
    if target not in (None, ALL):
        classifier.target_index(str(target))
    images = _images(space, dataset, image, sample or (SAMPLE if compare else None), seed)
    if baseline == "mean" and images.data is not None:
        settings = replace(settings, colour=mean_colour([s.path for s in images.subjects]))
    make_folder(out)
    request = Request(chosen, target, layer, settings, engine)
    about = {
        **about_run(classifier, images.name, images.sha256),
        "method": chosen,
        "layer": explained_layer(classifier, chosen, layer),
        "target": target or "decision",
        "baseline": baseline,
        "seed": str(seed),
        "sample": str(sample or "all"),
    }
    if compare:
        _compare(space, classifier, images, compare, request, out, about, as_json)
        return
    files = {s.image_id: s.path for s in images.subjects}
    explained = with_progress("explaining", explain_dataset(classifier, files, about, out, request))
    told: dict[str, Any] = {
        "images": explained.images,
        "maps": explained.maps,
        "empty": explained.empty,
        "empty_share": explained.empty_share,
        "errors": dict(explained.errors),
        "method": chosen,
        "reason": reason,
        "layer": about["layer"],
        "file": str(out / "explanations.parquet"),
        "note": explained.note,
        "about": about,
    }
    if METHODS[chosen].needs == "layer":
        info = classifier.layer(layer)
        told["resolution"] = [info.height, info.width]
        told["coarse"] = info.coarse
    if image is not None and not explained.errors:
        told["overlay"] = str(_write_overlay(out, image, classifier, about))
    if trust:
        told["trust"] = _trust(space, classifier, images, request, out, about)
    if as_json:
        say_json(told)
        return
    _say(told)


@dataclass(frozen=True)
class _Images:
    """What is explained: subjects, and what they are called; data is None for one picture."""

    subjects: list[Subject]
    name: str
    sha256: str
    data: Dataset | None


def _images(space: Workspace, dataset: str | None, image: Path | None, sample: int | None, seed: int) -> _Images:
    from explain.comparison import Subject
    from studies.subjects import drawn, subjects

    if image is not None:
        if not image.is_file():
            raise LesionLensError("is no file.", str(image), "Check the path.")
        return _Images([Subject(image.stem, image, image.stem)], image.name, "", None)
    data = space.open_dataset(str(dataset))
    chosen = drawn(data, sample, seed) if sample is not None else subjects(data, list(data.table["image_id"]))
    return _Images(chosen, data.name, data.sha256, data)


def _sanity(
    space: Workspace, classifier: Classifier, images: _Images, method: str, request: Request, about: dict[str, str]
) -> Sanity | None:
    """The kept check of this classifier × method × layer; made now on the dataset's images if there is none."""
    from explain.methods import explained_layer
    from explain.sanity import IMAGES, check_sanity, read_sanity, sanity_images, write_sanity

    layer = explained_layer(classifier, method, request.layer)
    path = space.sanity_path(classifier.facts.sha256, classifier.card.sha256, method, layer)
    kept = read_sanity(path)
    if kept is not None or images.data is None or not classifier.layers:
        return kept
    data = images.data
    files = [p for i in data.table["image_id"] if (p := data.path(i)) is not None]
    prepared = sanity_images(classifier, files)
    if len(prepared) < IMAGES:
        people.print(f"Only {len(prepared)} readable images for the sanity check; {IMAGES} would make it firm.")
    run = check_sanity(classifier, prepared, method, request.layer, request.settings)
    found = with_progress(f"sanity of {method}", run)
    write_sanity(found, path, about)
    return found


def _trust(space: Workspace, classifier: Classifier, images: _Images, request: Request, out: Path, about: dict[str, str]) -> dict[str, Any]:
    from explain.comparison import examine_dataset
    from explain.sanity import write_sanity

    sanity = _sanity(space, classifier, images, request.method, request, about)
    if sanity is not None:
        write_sanity(sanity, out / "sanity.json", about)
    target = None if request.target is None else classifier.target_index(request.target)
    path = out / "trust.parquet"
    run = examine_dataset(classifier, images.subjects, about, path, request.method, target, request.layer, request.settings, sanity)
    rows = [r for r in with_progress("examining", run) if "error" not in r]
    verdicts = [r["verdict"] for r in rows]
    told: dict[str, Any] = {
        "file": str(path),
        "examined": len(rows),
        "verdicts": {v: verdicts.count(v) for v in ("supported", "weak", "don't read")},
        "sanity": None if sanity is None else {"passed": sanity.passed, "spearman": sanity.spearman, "stages": sanity.stages},
    }
    if len(rows) == 1:
        told["reasons"] = rows[0]["reasons"]
    return told


def _compare(
    space: Workspace, classifier: Classifier, images: _Images, names: str, request: Request, out: Path, about: dict[str, str], as_json: bool
) -> None:
    import json

    from explain.comparison import as_json as as_plain
    from explain.comparison import compare_methods
    from explain.methods import METHODS, find_method, unsupported

    methods = list(METHODS) if names == "all" else [n.strip() for n in names.split(",") if n.strip()]
    for name in methods:
        find_method(name)
    quick = [m for m in methods if METHODS[m].cost(10**6) <= 3 and not unsupported(classifier, m)]
    kept = {m: s for m in quick if (s := _sanity(space, classifier, images, m, request, about)) is not None}
    run = compare_methods(classifier, images.subjects, methods, request.layer, request.settings, kept)
    scores = with_progress("comparing", run)
    told = {"methods": [as_plain(s) for s in scores], "best": scores[0].method if scores[0].images else None, "about": about}
    path = out / "methods.json"
    write_bytes(path, json.dumps(plain(told), indent=1).encode())
    if as_json:
        say_json({**told, "file": str(path)})
        return
    results.print(_comparison_table(scores))
    results.print(
        "Over random, over the centre: how much sooner the score answers than to random maps or to the image centre (insertion "
        "minus deletion area, means with 95 % intervals over lesions). Steady: lowest rank correlation under harmless changes."
    )
    results.print(f"Written to {path}")


def _comparison_table(scores: list[MethodScore]) -> Any:
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
    columns = ["method", "over centre", "over random", "steady", "in lesion", "empty", "sanity", "passes", ""]
    return table(f"Methods, the best on these {scores[0].images} images first", columns, rows)


def _say(told: dict[str, Any]) -> None:
    size = " ({} × {})".format(*told["resolution"]) if "resolution" in told else ""
    results.print(f"{told['method']} at {told['layer']}{size}: {told['reason']}")
    results.print(
        f"{told['maps']:,} maps of {told['images']:,} images, {told['empty']:,} empty ({told['empty_share']:.1%}), "
        f"{len(told['errors']):,} unreadable: {told['file']}"
    )
    if told.get("coarse"):
        results.print("The layer is coarser than 5 × 5: a map says hardly more than left or right. Try --method occlusion.")
    if told["note"]:
        results.print(told["note"])
    if "trust" in told:
        trust = told["trust"]
        counts = ", ".join(f"{n:,} {v}" for v, n in trust["verdicts"].items())
        results.print(f"Trust: {counts}: {trust['file']}")
        if "reasons" in trust:
            results.print(trust["reasons"])


def _write_overlay(out: Path, image: Path, classifier: Classifier, about: dict[str, str]) -> Path:
    from explain.map_file import read_maps
    from imaging.decode import encode_png_with, read_image
    from imaging.overlay import overlay
    from imaging.resize import enlarge, seen_box

    _, _, heatmap = next(read_maps(out / "explanations.parquet"))
    picture = read_image(image)
    size = picture.shape[:2]
    box = seen_box(size, classifier.card.size, classifier.card.resize.geometry)
    target = out / f"{image.stem}.overlay.png"
    drawn = overlay(picture, enlarge(heatmap, size, box), float(abs(heatmap).max()))
    write_bytes(target, encode_png_with(drawn, about))
    return target
