"""cli.py train: a published system, trained on a dataset."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
import yaml

from commands.console import command, headed, results, stderr, table, with_progress
from commands.options import AsJson, InWorkspace
from commands.training_options import OnDataset, PresetName, make_order, recipe_fields, with_settings
from core.atomic import write_bytes
from core.errors import LesionLensError
from core.wording import count
from workspace import Workspace

if TYPE_CHECKING:
    from models.architectures.preset import Preset
    from training.order import Order


@command
@with_settings
def train(
    preset: PresetName,
    dataset: OnDataset = None,
    out: Annotated[str | None, typer.Option("--out", help="Network to write: a file ending in .keras, or a name in the workspace.")] = None,
    *,
    given: dict[str, Any],
    preview: Annotated[Path | None, typer.Option("--preview", help="Only write a PNG of augmented training images.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check that it can be trained: images, parameters, memory.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Only print the preset: source, settings, our own choices.")] = False,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """Train a published system on a dataset: network, model card, split, curves. A training that was stopped or killed resumes."""
    from models.architectures import find_preset
    from training.run import deterministic
    from training.run import train as run_training

    chosen = find_preset(preset)
    space = Workspace(workspace_root)
    fields = recipe_fields(chosen, given)
    if show:
        return _show(chosen, fields, as_json)
    if dataset is None or (out is None and preview is None and not check):
        raise LesionLensError("name the dataset and the network to write: --dataset PATH --out MODEL.", "train")
    order = make_order(space, chosen, fields, dataset, out or "nowhere/unused.keras")
    if preview is not None:
        return _preview(order, preview, as_json)
    deterministic()
    if check:
        return _check(order, as_json)
    result = with_progress(f"training {chosen.name}", run_training(order))
    split = _register_split(space, order, dataset)
    if as_json:
        return result
    trained = result.training
    _print_images(trained.images, trained.leaking)
    rows = [[name, tested.figure.cell(".3f")] for name, tested in trained.test.items()]
    results.print(table(f"{order.out.name}, test images", ["figure", "95 % interval"], rows))
    results.print(f"Weights of epoch {trained.chosen_epoch} of {trained.epochs}. {trained.overfitting}")
    results.print(str(order.out))
    stderr.print("Not a medical device.")
    if split:
        results.print(f"Its data split is dataset “{split}” in the workspace: choose it to evaluate on test images alone.")
    return None


def _register_split(space: Workspace, order: "Order", dataset: str) -> str:
    """The name of the dataset with this training's split; empty for a network outside the workspace."""
    from training.folder import folder_of, split_name

    if order.out.parent.resolve() != space.models:
        return ""
    name = split_name(order.dataset.name, order.out.stem)
    space.register_dataset(name, space.dataset_path(dataset), folder_of(order.out).split)
    return name


def _show(preset: "Preset", fields: dict[str, Any], as_json: bool) -> dict[str, Any] | None:
    from training.order import fitted_recipe

    recipe = fitted_recipe(preset, fields).model_dump(mode="json")
    if as_json:
        return {
            "preset": preset.name,
            "title": preset.title,
            "source": preset.source,
            "published": vars(preset.published),
            "bases": preset.bases,
            "chosen": preset.chosen,
            "recipe": recipe,
        }
    headed(preset.name, f"  {preset.title}")
    results.print(preset.source)
    results.print(f"Published: {preset.published.figures}.")
    if preset.bases:
        results.print(f"Bases: {', '.join(preset.bases)}.")
    for sentence in preset.chosen:
        results.print(f"· {sentence}")
    for line in yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True).splitlines():
        results.print(line)
    return None


def _preview(order: "Order", path: Path, as_json: bool) -> dict[str, Any] | None:
    from imaging.decode import encode_png
    from training.augmentation import check_augmentation
    from training.pixels import fitted
    from training.preview import contact_sheet, examples, variants
    from training.samples import choose_samples

    check_augmentation(order.recipe.augmentation, order.recipe.size)
    samples = choose_samples(order.dataset, order.recipe)
    ids = examples(samples, order.recipe.seed)
    originals = [order.dataset.read(i) for i in ids]
    made = variants(order.preset, order.recipe, np.stack([fitted(o, order.recipe.size) for o in originals]))
    write_bytes(path, encode_png(contact_sheet(originals, made)))
    if as_json:
        return {"file": path, "images": ids, "augmentation": order.recipe.augmentation}
    results.print(f"{count(len(ids), 'training image')}, {made.shape[1]} augmented views of each: {path}")
    return None


def _check(order: "Order", as_json: bool) -> dict[str, Any] | None:
    from training.memory import n_weights, needed_bytes
    from training.order import check_order

    samples, network, _ = check_order(order)
    parameters, trainable = network.count_params(), n_weights(network.trainable_weights)
    gigabytes = needed_bytes(network, order.recipe.batch, order.recipe.optimiser) / 2**30
    if as_json:
        images = {"images": samples.counts(), "left_out": samples.left_out, "leaking": samples.leaking}
        return {**images, "parameters": parameters, "trainable": trainable, "gigabytes": gigabytes}
    _print_images(samples.counts(), samples.leaking)
    results.print(f"{parameters:,} parameters, {trainable:,} of them trainable; training takes about {gigabytes:.1f} GB of memory.")
    return None


def _print_images(counts: dict[str, dict[str, int]], leaking: int | None) -> None:
    from training.samples import leak_in_words

    rows: list[list[Any]] = [[s, sum(c.values()), ", ".join(f"{k} {n:,}" for k, n in c.items())] for s, c in counts.items()]
    results.print(table("Images", ["split", "images", "by class"], rows))
    if leaking:
        headed(leak_in_words(leaking, sum(counts["test"].values())), " Split by lesion: --by lesion.")
