"""cli.py explain: raw heatmaps of a dataset or of one picture, and the overlay as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from atomic import write_bytes
from commands.console import (
    AsJson,
    InWorkspace,
    ModelName,
    Out,
    command,
    out_folder,
    results,
    say_json,
    with_progress,
    workspace,
)  # fmt: skip
from errors import LesionLensError
from runs import Run


@command
def explain(
    model: ModelName,
    out: Out,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Dataset folder or table, or a name.")] = None,
    image: Annotated[Path | None, typer.Option("--image", help="One picture instead of a dataset.")] = None,
    method: Annotated[str | None, typer.Option("--method", help="grad-cam or hirescam; else what fits the network.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Class to explain; else each image's own decision.")] = None,
    layer: Annotated[str | None, typer.Option("--layer", help="Layer to explain at; else the default of model show.")] = None,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Explain a dataset or a picture: explanations.parquet with raw signed maps (Grad-CAM, HiResCAM)."""
    from commands.model import open_named
    from explain.cam import METHODS, default_method
    from models.run import about_run

    if (dataset is None) == (image is None):
        raise LesionLensError("Give either --dataset or --image.", todo="One of the two is needed.")
    if method is not None and method not in METHODS:
        raise LesionLensError(f"{method!r} is no method.", todo=f"Choose one of: {', '.join(METHODS)}.")
    space = workspace(workspace_root)
    classifier = open_named(space, model)
    info = classifier.layer(layer)
    chosen, reason = (method, "chosen") if method else default_method(classifier)
    if target is not None:
        classifier.target_index(target)
    if image is not None:
        if not image.is_file():
            raise LesionLensError("is no file.", str(image), "Check the path.")
        files, name, digest = {image.stem: image}, image.name, ""
    else:
        data = space.open_dataset(str(dataset))
        found = {i: data.path(i) for i in data.table["image_id"]}
        files, name, digest = {i: f for i, f in found.items() if f is not None}, data.name, data.sha256
    about = {**about_run(classifier, name, digest), "method": chosen, "layer": info.path, "target": target or "decision"}
    path = out_folder(out) / "explanations.parquet"
    told = with_progress("explaining", _write(classifier, files, chosen, target, info.path, path, about))
    if image is not None and not told["errors"]:
        told["overlay"] = str(_write_overlay(path, image, classifier, about))
    told |= {"file": str(path), "method": chosen, "layer": info.path, "resolution": [info.height, info.width], "about": about}
    if as_json:
        say_json(told)
        return
    results.print(f"{chosen} at {info.path} ({info.height} × {info.width}): {reason}")
    results.print(
        f"{told['images']:,} maps, {told['empty']:,} empty ({told['empty_share']:.1%}), {len(told['errors']):,} unreadable: {path}"
    )
    if info.coarse:
        results.print("The layer is coarser than 5 × 5: a map says hardly more than left or right.")


def _write(
    classifier: Any, files: dict[str, Path], method: str, target: str | None, layer: str, path: Path, about: dict[str, str]
) -> Run[dict[str, Any]]:
    from explain.run import MapWriter, explain_files

    ids = list(files)
    done = empty = written = 0
    errors: dict[str, str] = {}
    writer, whole = MapWriter(path, about), False
    try:
        for batch in explain_files(classifier, list(files.values()), method, target, layer):
            if batch.rows:
                writer.write([ids[r] for r in batch.rows], method, layer, batch.targets, batch.maps)
                empty += int((batch.maps.max(axis=(1, 2)) <= 0).sum())
            errors |= {ids[r]: reason for r, reason in batch.errors.items()}
            written += len(batch.rows)
            done += len(batch.rows) + len(batch.errors)
            yield done, len(ids)
        whole = True
    finally:
        writer.close(keep=whole)
    return {"images": written, "empty": empty, "empty_share": empty / max(written, 1), "errors": errors}


def _write_overlay(path: Path, image: Path, classifier: Any, about: dict[str, str]) -> Path:
    from explain.run import read_maps
    from imaging.decode import encode_png_with, read_image
    from imaging.overlay import overlay
    from imaging.resize import enlarge, seen_box

    _, _, heatmap = next(read_maps(path))
    picture = read_image(image)
    size = picture.shape[:2]
    box = seen_box(size, classifier.card.size, classifier.card.resize.geometry)
    target = path.with_name(f"{image.stem}.overlay.png")
    drawn = overlay(picture, enlarge(heatmap, size, box), float(abs(heatmap).max()))
    write_bytes(target, encode_png_with(drawn, about))
    return target
