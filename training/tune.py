"""A search for better settings with Optuna: trials in one journal, so that several processes share a study and a killed one goes on.

A trial that was cut off is taken up by its number, with its settings, from its last whole epoch. What is maximised is balanced accuracy in
validation; test images are not looked at.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from core.atomic import make_folder, write_bytes
from core.errors import LesionLensError, TrainingError, WriteError
from core.exports import plain
from core.runs import Run
from models.card import card_path
from training.folder import Epoch, folder_of, is_alive
from training.order import Order, asked, check_order
from training.run import train
from training.schedule import chosen_epoch
from training.space import Range, Space, with_values

if TYPE_CHECKING:
    import optuna

JOURNAL, ASKED, RESULT = "journal.log", "asked.json", "tune.json"
RANDOM = 8  # trials drawn at random and run to their end, before the sampler learns and others may be pruned
WARMUP = 2  # epochs before a trial may be
BETTER = 0.5  # share of the trials that is set against all, to say what mattered: of few, a smaller one would be a trial or two


@dataclass(frozen=True)
class Search:
    """order: what every trial begins from (its `out` is not used); folder: of the study."""

    order: Order
    space: Space
    trials: int
    folder: Path


def tune(search: Search) -> Run[dict[str, Any]]:
    """Trials until so many have ended, in this process; others may work at the same study. Returns what `tune.json` holds.

    Yields ended trials of all. Raises TrainingError for a folder of another search, LesionLensErrors for settings nobody can train with.
    """
    check_order(replace(search.order, out=search.folder / "trial.keras"))
    study = _study(search)
    yield _ended(study), search.trials
    content = _write(study, search)
    while (trial := _next(study, search)) is not None:
        yield from _try(study, trial, search)
        content = _write(study, search)
        yield _ended(study), search.trials
    return content


def search_record(study: optuna.Study, search: Search) -> dict[str, Any]:
    """Every trial with its settings and curve, the best, and how much each setting mattered (None with its reason where that cannot be
    said)."""
    from optuna.trial import TrialState

    rows = []
    for t in study.get_trials(deepcopy=False):
        curve = [v for _, v in sorted(t.intermediate_values.items())]
        rows.append(
            {
                "number": t.number,
                "state": t.state.name.lower(),
                "balanced_accuracy": t.value if t.state == TrialState.COMPLETE else None,
                "settings": dict(t.params),
                "epochs": len(curve),
                "curve": curve,
                "reason": t.user_attrs.get("reason", ""),
            }
        )
    complete = [r for r in rows if r["state"] == "complete"]
    best = max(complete, key=lambda r: (r["balanced_accuracy"], -r["number"]), default=None)
    importance, reason = _importance(study, len(complete))
    return {
        "preset": search.order.preset.name,
        "dataset": search.order.dataset.name,
        "dataset_sha256": search.order.dataset.sha256,
        "recipe": search.order.recipe.model_dump(mode="json"),
        "space": _plain_space(search.space),
        "trials": rows,
        "best": best,
        "best_recipe": with_values(search.order.recipe, best["settings"]).model_dump(mode="json") if best else None,
        "best_network": network_of(search.folder, best["number"]).name if best else None,
        "importance": importance,
        "importance_reason": reason,
    }


def _write(study: optuna.Study, search: Search) -> dict[str, Any]:
    content: dict[str, Any] = plain(search_record(study, search))
    write_bytes(search.folder / RESULT, json.dumps(content, indent=1).encode())
    return content


def network_of(folder: Path, number: int) -> Path:
    return folder / "trials" / f"trial-{number:04d}.keras"


def _study(search: Search) -> optuna.Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    make_folder(search.folder / "trials")
    wanted = plain({**plain(asked(search.order)), "space": _plain_space(search.space)})
    wanted.pop("versions")
    file = search.folder / ASKED
    if file.exists() and json.loads(file.read_text(encoding="utf-8")) != wanted:
        raise TrainingError("holds a search for something else.", str(search.folder), "Choose another --out, or delete the folder.")
    write_bytes(file, json.dumps(wanted, indent=1).encode())
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(search.folder / JOURNAL))),
        study_name="search",
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=RANDOM, n_warmup_steps=WARMUP),
    )


def _ended(study: optuna.Study) -> int:
    return sum(t.state.is_finished() for t in study.get_trials(deepcopy=False))


def _next(study: optuna.Study, search: Search) -> optuna.Trial | None:
    """A trial that lost its process, else a new one; None when there are enough."""
    import optuna
    from optuna.trial import TrialState

    for t in study.get_trials(deepcopy=False):
        if t.state == TrialState.RUNNING and _claim(search.folder, t.number):
            return optuna.Trial(study, t._trial_id)
    if len(study.get_trials(deepcopy=False)) >= search.trials:
        return None
    trial = study.ask()
    _claim(search.folder, trial.number)
    return trial


def _claim(folder: Path, number: int) -> bool:
    """Whether this process may work at a trial: nobody does, or whoever did is gone."""
    file = folder / "trials" / f"trial-{number:04d}.owner"
    me = psutil.Process()
    try:
        owner = json.loads(file.read_text())
        if owner["pid"] == me.pid and owner["started"] == me.create_time():
            return True
        if is_alive(owner["pid"], owner["started"]):
            return False
        file.rename(file.with_name(f".{file.name}.{me.pid}"))  # of two who find it abandoned, one succeeds
        file.with_name(f".{file.name}.{me.pid}").unlink()
    except FileNotFoundError:
        pass
    part = file.with_name(f".{file.name}.{me.pid}.new")
    part.write_text(json.dumps({"pid": me.pid, "started": me.create_time()}))
    try:
        os.link(part, file)
    except FileExistsError:
        return False
    finally:
        part.unlink()
    return True


def _try(study: optuna.Study, trial: optuna.Trial, search: Search) -> Run[None]:
    """One trial to its end: its value told, or why it has none."""
    import keras
    import optuna
    from optuna.trial import TrialState

    keras.backend.clear_session()
    study.sampler = optuna.samplers.TPESampler(n_startup_trials=RANDOM, seed=_seed(search, trial.number))
    values = {name: _suggested(trial, name, given) for name, given in search.space.items()}
    network = network_of(search.folder, trial.number)
    reported = dict(study.get_trials(deepcopy=False)[trial.number].intermediate_values)

    def after(epoch: Epoch) -> None:
        if epoch.epoch not in reported:
            trial.report(epoch.val_balanced_accuracy, epoch.epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        recipe = with_values(search.order.recipe, values)
        for _ in train(replace(search.order, recipe=recipe, out=network), after):
            yield _ended(study), search.trials
        history = folder_of(network).history()
        study.tell(trial, chosen_epoch(recipe, history).val_balanced_accuracy)
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
    except WriteError:  # no fault of the settings: the trial goes on when there is room again
        raise
    except LesionLensError as error:
        trial.set_user_attr("reason", str(error))
        study.tell(trial, state=TrialState.FAIL)
    _keep_best(study, search.folder)


def _keep_best(study: optuna.Study, folder: Path) -> None:
    """Networks and checkpoints of trials that ended and are not the best are not kept."""
    from optuna.trial import TrialState

    ended = [t for t in study.get_trials(deepcopy=False) if t.state.is_finished()]
    values = {t.number: t.value for t in ended if t.state == TrialState.COMPLETE and t.value is not None}
    best = max(values, key=lambda n: (values[n], -n), default=None)
    for t in ended:
        if t.number == best:
            continue
        network = network_of(folder, t.number)
        for left in (network, card_path(network)):
            left.unlink(missing_ok=True)
        folder_of(network).clear()


def _suggested(trial: optuna.Trial, name: str, given: Range | tuple[Any, ...]) -> Any:
    if not isinstance(given, Range):
        return trial.suggest_categorical(name, list(given))
    if given.whole:
        return trial.suggest_int(name, int(given.low), int(given.high), log=given.log)
    return trial.suggest_float(name, given.low, given.high, log=given.log)


def _seed(search: Search, number: int) -> int:
    return search.order.recipe.seed * 100_003 + number


def _importance(study: optuna.Study, complete: int) -> tuple[dict[str, float] | None, str]:
    """Share of each setting in what sets the better half of the trials apart, by PED-ANOVA (Watanabe 2023, arXiv:2304.10255)."""
    import optuna

    if complete < RANDOM:
        return None, f"only {complete} trials ran to their end; it takes {RANDOM} to say what mattered"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Target and region quantiles", category=UserWarning)
            evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BETTER)
            found: Mapping[str, float] = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except UserWarning:
        return None, "too many trials did equally well"
    except (ValueError, RuntimeError) as error:
        return None, str(error).splitlines()[0]
    return dict(found), ""


def _plain_space(space: Space) -> dict[str, Any]:
    return {k: v.model_dump() if isinstance(v, Range) else list(v) for k, v in space.items()}
