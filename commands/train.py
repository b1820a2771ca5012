"""cli.py train: a published system, trained on a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
import yaml

from commands.console import AsJson, InWorkspace, command, people, results, say_json, table, with_progress, workspace
from commands.training_options import OnDataset, PresetName, make_order, recipe_fields, with_settings
from core.atomic import write_bytes
from core.errors import LesionLensError

if TYPE_CHECKING:
    from models.architectures.preset import Preset
    from models.card import Training
    from training.order import Order
    from workspace import Workspace


@command
@with_settings
def train(
    preset: PresetName,
    dataset: OnDataset = None,
    out: Annotated[str | None, typer.Option("--out", help="Network to write: a file ending in .keras, or a name of the workspace.")] = None,
    *,
    given: dict[str, Any],
    preview: Annotated[
        Path | None, typer.Option("--preview", help="Only write a PNG of what augmentation does to training images.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only look whether it can be trained, and say what would be.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Only print the preset: source, settings, what was chosen here.")] = False,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Train a published system on a dataset: network, model card, split, curves. A training that was stopped or killed goes on."""
    from models.architectures import find_preset
    from training.run import deterministic
    from training.run import train as run_training

    chosen = find_preset(preset)
    space = workspace(workspace_root)
    fields = recipe_fields(chosen, given)
    if show:
        _show(chosen, fields, as_json)
        return
    if dataset is None or (out is None and preview is None and not check):
        raise LesionLensError("say what to train on and where to: --dataset PATH --out MODEL.", "train")
    order = make_order(space, chosen, fields, dataset, out or "nowhere/unused.keras")
    if preview is not None:
        _preview(order, preview, as_json)
        return
    deterministic()
    if check:
        _check(order, as_json)
        return
    result = with_progress(f"training {chosen.name}", run_training(order))
    split = _register_split(space, order, dataset)
    if as_json:
        say_json(result)
        return
    _say_result(order, result.training)
    if split:
        results.print(f"Its split of the data is dataset “{split}” of the workspace: choose it to evaluate on test images alone.")


def _register_split(space: Workspace, order: Order, dataset: str) -> str:
    """The name under which the data with this training's split are found again; empty for a network outside the workspace."""
    from training.folder import folder_of, split_name

    if order.out.parent.resolve() != space.models:
        return ""
    name = split_name(order.dataset.name, order.out.stem)
    space.register_dataset(name, space.dataset_path(dataset), folder_of(order.out).split)
    return name


def _show(preset: Preset, fields: dict[str, Any], as_json: bool) -> None:
    from training.order import fitted_recipe

    recipe = fitted_recipe(preset, fields).model_dump(mode="json")
    if as_json:
        say_json(
            {
                "preset": preset.name,
                "title": preset.title,
                "source": preset.source,
                "published": vars(preset.published),
                "bases": list(preset.bases),
                "chosen": list(preset.chosen),
                "recipe": recipe,
            }
        )
        return
    results.print(f"[bold]{preset.name}[/bold]  {preset.title}")
    results.print(preset.source, markup=False)
    results.print(f"Published: {preset.published.figures}.")
    if preset.bases:
        results.print(f"Bases: {', '.join(preset.bases)}.")
    for sentence in preset.chosen:
        results.print(f"· {sentence}", markup=False)
    results.print(yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True), markup=False)


def _preview(order: Order, path: Path, as_json: bool) -> None:
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
        say_json({"file": str(path), "images": ids, "augmentation": order.recipe.augmentation})
    else:
        results.print(f"{len(ids)} training images, {made.shape[1]} views of each: {path}")


def _check(order: Order, as_json: bool) -> None:
    from training.memory import counted, wanted_bytes
    from training.order import check_order

    samples, network, _ = check_order(order)
    parameters = network.count_params()
    learned = counted(network.trainable_weights)
    gigabytes = wanted_bytes(network, order.recipe.batch, order.recipe.optimiser) / 2**30
    if as_json:
        say_json(
            {
                "images": samples.counts(),
                "left_out": samples.left_out,
                "leaking": samples.leaking,
                "parameters": parameters,
                "trainable": learned,
                "gigabytes": gigabytes,
            }
        )
        return
    _say_images(samples.counts(), samples.leaking)
    results.print(f"{parameters:,} parameters, {learned:,} of them learn; training takes about {gigabytes:.1f} GB of memory.")


def _say_images(counts: dict[str, dict[str, int]], leaking: int | None) -> None:
    from training.samples import leak_in_words

    rows: list[list[Any]] = [[s, sum(c.values()), ", ".join(f"{k} {n:,}" for k, n in c.items())] for s, c in counts.items()]
    results.print(table("Images", ["split", "images", "by class"], rows))
    if leaking:
        results.print(f"[bold]{leak_in_words(leaking, sum(counts['test'].values()))}[/bold] Split by lesion: --by lesion.")


def _say_result(order: Order, trained: Training) -> None:
    _say_images(trained.images, trained.leaking)
    results.print(
        table(
            f"{order.out.name}, test images",
            ["figure", "95 % interval"],
            [[name, tested.figure.cell(".3f")] for name, tested in trained.test.items()],
        )
    )
    results.print(f"Weights of epoch {trained.chosen_epoch} of {trained.epochs}. {trained.overfitting}")
    results.print(str(order.out))
    people.print("Not a medical device.")
