"""cli.py model: what a network file contains, whether its card fits, and trusting a file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.console import command, headed, results, table, with_progress
from commands.options import AsJson, DatasetName, InWorkspace
from core.version import __version__
from core.wording import count
from models.card import card_path, read_card, training_in_words
from workspace import Workspace

app = typer.Typer(help="Inspect network files.", no_args_is_help=True)
File = Annotated[str, typer.Argument(help="Network file or SavedModel folder, or a name in the workspace.")]


@app.command()
@command
def show(
    file: File,
    card: Annotated[Path | None, typer.Option("--card", help="Model card to use instead of the one beside the file.")] = None,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """What the file contains: format, input, outputs, layers that can be explained, guesses for the card."""
    from explain.methods import METHODS, default_method, unsupported

    space = Workspace(workspace_root)
    classifier = open_named(space, file, card)
    facts, used = classifier.facts, classifier.card
    kept_in = space.tried(facts.path).kept_in
    layer = classifier.layer() if classifier.explainable else None
    method, reason = default_method(classifier)
    why = {m: unsupported(classifier, m) for m in METHODS}
    layers = [x for x in classifier.layers if x.explainable]
    if as_json:
        return {
            "file": facts.path.name,
            "format": facts.format,
            "sha256": facts.sha256,
            "bytes": facts.n_bytes,
            "keras_version": facts.keras_version,
            "class_name": facts.class_name,
            "tried_with": kept_in,
            "input": {"height": used.height, "width": used.width, "channels": 3, "in_file": facts.input_shape},
            "outputs": len(used.classes) if used.output != "sigmoid" else 1,
            "activation": classifier.head.activation,
            "card": used,
            "card_sha256": used.sha256,
            "guessed": used.guessed,
            "layers": [{"path": x.path, "kind": x.kind, "height": x.height, "width": x.width, "channels": x.channels} for x in layers],
            "default_layer": layer.path if layer else None,
            "default_method": method,
            "reason": reason,
            "methods": [{"method": m, "possible": not against, "reason": against} for m, against in why.items()],
        }
    headed(facts.path.name, f"  {facts.format}, Keras {facts.keras_version or '–'}, {facts.n_bytes / 1e6:.1f} MB")
    results.print(f"sha256 {facts.sha256}")
    results.print(f"Ends with {classifier.head.activation}; {count(len(classifier.layers), 'layer')}.")
    results.print(f"Opened for the first time in a process of its own, with {', '.join(kept_in)}.")
    fields = used.model_dump(mode="json", exclude={"guessed", "training"})
    rows = [[k, _shown(v), "guess" if k in used.guessed else "card"] for k, v in fields.items()]
    results.print(table("Model card", ["field", "value", "from"], rows))
    if used.training is not None:
        results.print(f"Training: {training_in_words(used.training)}")
    if used.guessed:
        results.print(f"Guesses are not facts: correct them in {card_path(facts.path).name}, or test them with `model check`.")
    if layer:
        rows = [[x.path, x.kind, f"{x.height} × {x.width}", x.channels, "default" if x == layer else ""] for x in layers]
        results.print(table("Layers that can be explained", ["layer", "kind", "resolution", "maps", "use"], rows))
        coarse = " Coarser than 5 × 5: its maps show little more than left or right." if layer.coarse else ""
        results.print(f"Default: {method} at {layer.path}. {reason}{coarse}")
    else:
        results.print(f"No layer has spatial resolution. Default: {method}. {reason}")
    missing = [f"{METHODS[m].name}: {against}" for m, against in why.items() if against]
    results.print(f"{len(why) - len(missing)} of {len(why)} explanation methods are possible.")
    for line in missing:
        results.print(f"  not {line}")


@app.command()
@command
def check(
    file: File,
    dataset: DatasetName,
    card: Annotated[Path | None, typer.Option("--card", help="Model card to check.")] = None,
    images: Annotated[int, typer.Option("--images", min=60, help="About how many labelled images to test it on.")] = 900,
    workspace_root: InWorkspace = None,
    as_json: AsJson = False,
) -> Any:
    """Card check: do labelled images support the card's class order, scaling and colour order, or contradict them?"""
    from models.check import as_table, check_card, sample_for_check, without_output

    space = Workspace(workspace_root)
    data = space.open_dataset(dataset)
    classifier = open_named(space, file, card)
    codes = classifier.card.codes
    sample = sample_for_check(data.table, codes, images)
    groups = data.groups[sample.index].astype(str).tolist()
    checked = with_progress("testing cards", check_card(classifier, data.root, sample, groups, without_output(data.table, codes)))
    if as_json:
        return {
            "verdict": checked.verdict,
            "reason": checked.reason,
            "n_images": checked.n_images,
            "n_lesions_held_out": checked.n_lesions,
            "card": checked.own,
            "fitted": checked.fitted,
            "gain": checked.gain,
            "pairs": checked.pairs,
            "left_out": checked.left_out,
            "not_judged": checked.unseen,
            "candidates": checked.candidates,
            "lesionlens_version": __version__,
            "model_sha256": classifier.facts.sha256,
            "dataset_sha256": data.sha256,
        }
    shown = as_table(checked).round(3).astype(str)
    results.print(table(f"Cards tested on {count(checked.n_images, 'image')}", list(shown.columns), shown.values.tolist()))
    headed(f"The card is {checked.verdict}", f". {checked.reason}")
    for line in filter(None, (checked.costs, checked.limits)):
        results.print(line)


@app.command()
@command
def trust(file: File, workspace_root: InWorkspace = None) -> None:
    """Trust one network file that contains code; only for files you made or have inspected."""
    space = Workspace(workspace_root)
    path = space.model_path(file)
    digest = space.trust(path)
    results.print(f"{path.name} ({digest[:16]}…) is trusted in {space.root}: its code will run when it is opened.")


def open_named(space: Any, file: str, card: Path | None = None) -> Any:
    """A classifier by path or workspace name, opened in this process after its trial in another."""
    from models.classifier import Classifier, guess_card_for
    from models.network import import_tensorflow, open_network

    path = space.model_path(file)
    used = read_card(card) if card else read_card(card_path(path)) if card_path(path).exists() else None
    tried = space.tried(path, used, meanwhile=import_tensorflow)
    network = open_network(tried.facts)
    return Classifier(network, used or tried.guessed or guess_card_for(network, tried.facts), tried.facts)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return ", ".join(f"{v}" for v in value.values()) if isinstance(value, dict) else str(value if value is not None else "")
