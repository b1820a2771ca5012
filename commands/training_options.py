"""The training options that `train` and `tune` share, and how they become a recipe and an order."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console import comma_separated
from core.errors import TrainingError
from core.records import read_yaml
from core.wording import count
from models.architectures.recipe import parse_shares

if TYPE_CHECKING:
    from models.architectures.preset import Preset
    from training.order import Order
    from workspace import Workspace

PresetName = Annotated[str, typer.Argument(help="benbrahim2020, huber2020, hitta2023, alexanderson2024 or steppan2021.")]
OnDataset = Annotated[str | None, typer.Option("--dataset", help="Dataset folder or table, or a name in the workspace.")]

PHASES = ("epochs", "rate", "schedule", "thaw")
SETTINGS: dict[str, tuple[Any, str]] = {
    "settings": (Path, "YAML file with settings, as --show prints them."),
    "weights": (str, "Initial weights: imagenet, none, a weights file, or a classifier (file or name) whose base is taken."),
    "base": (str, "Which of the preset's bases."),
    "classes": (str, "In output order: nv,mel,…; else the preset's or the dataset's."),
    "by": (str, "What is never divided between splits: image, lesion or patient."),
    "fractions": (str, "Training, validation and test: 80/10/10 or .8,.1,.1."),
    "images": (int, "Only this many images, drawn at random."),
    "size": (str, "Pixels, height × width: 75x100."),
    "batch": (int, "Batch size."),
    "epochs": (str, "Of each phase: 25, or 200,40."),
    "rate": (str, "Learning rate of each phase: 1e-3, or 1e-3,1e-4."),
    "schedule": (str, "Of each phase, comma-separated: constant, exponential, one-cycle or plateau."),
    "thaw": (str, "Layers of the base unfrozen in each phase: none, half, all or the number of last layers."),
    "optimiser": (str, "adam, nadam or sgd (with momentum .9)."),
    "balance": (str, "Class imbalance: none, undersample, oversample, inverse or effective (weights)."),
    "augment": (list[str], "Operation=amount, such as rotation=20; repeatable, replaces the preset's; none turns it off."),
    "early_stopping": (int, "End a phase after this many epochs without a lower validation loss; 0: never."),
    "keep": (str, "Weights of the last epoch, or of the best by validation loss: last, best."),
    "precision": (str, "float32, mixed_float16 or mixed_bfloat16."),
    "option": (list[str], "A hyperparameter of the preset's network, such as dense=256; repeatable."),
    "seed": (int, "Of the split, initial weights, order and everything else drawn at random."),
}


def with_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command with the options of SETTINGS in place of its parameter `given`, which gets those that were set, by name."""
    own = inspect.signature(function, eval_str=True).parameters
    added = []
    for name, (kind, about) in SETTINGS.items():
        option = typer.Option(f"--{name.replace('_', '-')}", help=about)
        annotation: Any = Annotated[kind | None, option]  # type: ignore[valid-type]
        added.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))

    @functools.wraps(function)
    def run(**options: Any) -> Any:
        given = {name: options.pop(name) for name in SETTINGS}
        return function(given={k: v for k, v in given.items() if v is not None}, **options)

    parameters = [q for p in own.values() for q in (added if p.name == "given" else [p.replace(kind=p.KEYWORD_ONLY)])]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def recipe_fields(preset: "Preset", given: Mapping[str, Any]) -> dict[str, Any]:
    """Recipe fields of the options that were given: those of the settings file, overridden by the others."""
    fields = read_yaml(given["settings"], "settings file", TrainingError, "See docs/training.md.") if "settings" in given else {}
    fields |= given_fields({k: v for k, v in given.items() if k not in ("settings", *PHASES)})
    phases = fields.get("phases") or [p.model_dump() for p in preset.recipe.phases]
    return fields | phases_given(phases, {k: given[k] for k in PHASES if k in given})


def make_order(space: "Workspace", preset: "Preset", fields: dict[str, Any], dataset: str, out: str) -> "Order":
    """Opens the dataset, and the classifier whose base is taken, by their names."""
    from commands.model import open_named
    from models.architectures.weights import IMAGENET, NONE
    from models.trial import holds_weights_only
    from training.order import Order, fitted_recipe

    data = space.open_dataset(dataset)
    weights = str(fields.get("weights") or preset.recipe.weights)
    donor = None
    if weights not in (IMAGENET, NONE) and not holds_weights_only(Path(weights)):
        donor = open_named(space, weights)
    recipe = fitted_recipe(preset, fields, donor)
    return Order(preset, recipe, data, network_path(space, out), donor)


def network_path(space: "Workspace", out: str) -> Path:
    """A path ending in .keras is left as it is; a plain name lies in the workspace."""
    if out.endswith(".keras") and Path(out).parent != Path():
        return Path(out)
    return space.place_for_model(out.removesuffix(".keras"))


def given_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Recipe fields of options as they were written."""
    fields = dict(options)
    if "classes" in fields:
        fields["classes"] = tuple(comma_separated(fields["classes"]))
    if "size" in fields:
        match = re.fullmatch(r"(\d{1,5})\s*[x×]\s*(\d{1,5})", fields.pop("size").strip())
        if not match:
            raise TrainingError(f"{options['size']!r} is not a size.", "--size", "Write height × width: 75x100.")
        fields |= {"height": int(match[1]), "width": int(match[2])}
    if "augment" in fields:
        fields["augmentation"] = amounts(fields.pop("augment"), "--augment")
    if "option" in fields:
        fields["options"] = amounts(fields.pop("option"), "--option")
    split = {k: fields.pop(k) for k in ("by", "fractions") if k in fields}
    if "fractions" in split:
        split["fractions"] = parse_shares(split["fractions"])
    return {**fields, **({"split": split} if split else {})}


def amounts(written: Sequence[str], where: str) -> dict[str, float]:
    """['rotation=20', 'flip-horizontal'] → {'rotation': 20, 'flip-horizontal': 1}; ['none'] → {}."""
    found: dict[str, float] = {}
    for text in (part for item in written for part in comma_separated(item) if part != "none"):
        name, _, amount = text.partition("=")
        try:
            found[name.strip()] = float(amount or 1)
        except ValueError as error:
            raise TrainingError(f"{text!r} is not NAME=NUMBER.", where, "For example rotation=20.") from error
    return found


def phases_given(phases: Sequence[dict[str, Any]], written: Mapping[str, str]) -> dict[str, Any]:
    """The phases with the values given for each. Fewer values than phases drop the others."""
    values = {k: comma_separated(text) for k, text in written.items()}
    if not values:
        return {"phases": phases}
    if not isinstance(phases, (list, tuple)) or not all(isinstance(p, dict) for p in phases):
        raise TrainingError("phases must be a list of phases.", "Training", "See --show.")
    n = len(values["epochs"]) if "epochs" in values else len(phases)
    if n > len(phases) or any(len(v) != n for v in values.values()):
        counts = ", ".join(f"{len(v)} ({k})" for k, v in values.items())
        todo = "Give each option one value per phase, comma-separated."
        raise TrainingError(f"the preset has {count(len(phases), 'phase')}; the options name {counts}.", "Training", todo)
    chosen = [dict(p) for p in phases[:n]]
    for name, given in values.items():
        for phase, value in zip(chosen, given, strict=True):
            phase[name] = int(value) if name in ("thaw", "epochs") and value.isdigit() else value
    return {"phases": chosen}
