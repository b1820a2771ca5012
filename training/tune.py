"""A search for better settings with Optuna: trials in one journal, so that several processes share a study and a killed one resumes.

An interrupted trial is resumed by its number, with its settings, after its last complete epoch. Validation balanced accuracy is
maximised; test images are not used.
"""

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from core.atomic import make_folder, writing
from core.errors import LesionLensError, TrainingError, WriteError
from core.exports import plain
from core.records import OBJECT, read_record, write_record
from core.runs import Run
from core.wording import count
from models.card import card_path
from training.folder import Epoch, folder_of, is_alive
from training.order import Order, check_order, specification
from training.run import train
from training.schedule import chosen_epoch
from training.space import Range, Space, with_values

if TYPE_CHECKING:
    import optuna

JOURNAL, SPECIFICATION, RESULT = "journal.log", "asked.json", "tune.json"
RANDOM = 8  # trials drawn at random and completed, before the sampler learns and others may be pruned
WARMUP = 2  # epochs before a trial may be pruned
BETTER = 0.5  # share of the trials compared with all, for importance; of few trials a smaller share would be one or two


@dataclass(frozen=True)
class Search:
    """order: the starting point of every trial (its `out` is not used); folder: of the study."""

    order: Order
    space: Space
    trials: int
    folder: Path


def tune(search: Search) -> Run[dict[str, Any]]:
    """Runs trials in this process until that many have ended; others may work on the same study. Returns the content of `tune.json`.

    Yields ended trials of all. Raises TrainingError for a folder of another search, LesionLensErrors for invalid settings.
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


def search_record(study: "optuna.Study", search: Search) -> dict[str, Any]:
    """Every trial with its settings and curve, the best, and the importance of each setting (None with a reason where unknown)."""
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
    order = search.order
    return {
        "preset": order.preset.name,
        "dataset": order.dataset.name,
        "dataset_sha256": order.dataset.sha256,
        "recipe": order.recipe,
        "space": search.space,
        "trials": rows,
        "best": best,
        "best_recipe": with_values(order.recipe, best["settings"]) if best else None,
        "best_network": network_of(search.folder, best["number"]).name if best else None,
        "importance": importance,
        "importance_reason": reason,
    }


def _write(study: "optuna.Study", search: Search) -> dict[str, Any]:
    content: dict[str, Any] = plain(search_record(study, search))
    write_record(search.folder / RESULT, content)
    return content


def network_of(folder: Path, number: int) -> Path:
    return folder / "trials" / f"trial-{number:04d}.keras"


def _study(search: Search) -> "optuna.Study":
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    make_folder(search.folder / "trials")
    wanted = plain({**plain(specification(search.order)), "space": search.space})
    del wanted["versions"]
    file = search.folder / SPECIFICATION
    if file.exists() and read_record(file, OBJECT, "a search", "Choose another --out, or delete the folder.") != wanted:
        raise TrainingError("holds another search.", str(search.folder), "Choose another --out, or delete the folder.")
    write_record(file, wanted)
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(search.folder / JOURNAL))),
        study_name="search",
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=RANDOM, n_warmup_steps=WARMUP),
    )


def _ended(study: "optuna.Study") -> int:
    return sum(t.state.is_finished() for t in study.get_trials(deepcopy=False))


def _next(study: "optuna.Study", search: Search) -> "optuna.Trial | None":
    """A trial whose process is gone, else a new one; None when there are enough."""
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
    """Whether this process may run a trial: no other does, or the one that did is gone."""
    file = folder / "trials" / f"trial-{number:04d}.owner"
    me = psutil.Process()
    try:
        owner = json.loads(file.read_text())
        if owner["pid"] == me.pid and owner["started"] == me.create_time():
            return True
        if is_alive(owner["pid"], owner["started"]):
            return False
        file.rename(file.with_name(f".{file.name}.{me.pid}"))  # of two processes that find it abandoned, one succeeds
        file.with_name(f".{file.name}.{me.pid}").unlink()
    except FileNotFoundError:
        pass
    part = file.with_name(f".{file.name}.{me.pid}.new")
    try:
        with writing(part):
            part.write_text(json.dumps({"pid": me.pid, "started": me.create_time()}))
        os.link(part, file)
    except FileExistsError:
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def _try(study: "optuna.Study", trial: "optuna.Trial", search: Search) -> Run[None]:
    """Run one trial and report its value, or the reason for none, to the study."""
    import keras
    import optuna
    from optuna.trial import TrialState

    keras.backend.clear_session()
    study.sampler = optuna.samplers.TPESampler(n_startup_trials=RANDOM, seed=search.order.recipe.seed * 100_003 + trial.number)
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
    except WriteError:  # not the fault of the settings: the trial resumes when there is space again
        raise
    except LesionLensError as error:
        trial.set_user_attr("reason", str(error))
        study.tell(trial, state=TrialState.FAIL)
    _keep_best(study, search.folder)


def _keep_best(study: "optuna.Study", folder: Path) -> None:
    """Delete networks and checkpoints of ended trials other than the best."""
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


def _suggested(trial: "optuna.Trial", name: str, given: Range | tuple[Any, ...]) -> Any:
    if not isinstance(given, Range):
        return trial.suggest_categorical(name, list(given))
    if given.whole:
        return trial.suggest_int(name, int(given.low), int(given.high), log=given.log)
    return trial.suggest_float(name, given.low, given.high, log=given.log)


def _importance(study: "optuna.Study", complete: int) -> tuple[dict[str, float] | None, str]:
    """How much each setting distinguishes the better half of the trials, as shares, by PED-ANOVA (Watanabe 2023, arXiv:2304.10255)."""
    import optuna

    if complete < RANDOM:
        return None, f"only {count(complete, 'trial')} completed; it takes {RANDOM}"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Target and region quantiles", category=UserWarning)
            evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BETTER)
            found: Mapping[str, float] = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except UserWarning:
        return None, "too many trials have the same score"
    except (ValueError, RuntimeError) as error:
        return None, str(error).splitlines()[0]
    return dict(found), ""
