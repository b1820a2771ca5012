"""A panel alone on a page, without a browser, and the small records that panels are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.errors import LesionLensError
from evaluation.intervals import Figure, undefined
from imaging.picture import Picture
from models.card import make_card
from models.files import FileFacts
from models.layers import LayerInfo
from models.predictions import PredictionTable
from shortcuts.effects import Effect, Flips
from shortcuts.experiment import Trial
from shortcuts.one import Answer
from shortcuts.study import MarkerStudy, Rule, Study
from shortcuts.winkler import Rates
from ui.parts.image_choice import Chosen
from ui.services.services import OpenModel
from ui.worker.records import Description, ModelSpec, Scores

RUNS_PAGES = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as in tests/pages
TEN_IMAGES = """image_id,dx,age,sex,localization,lesion_id,split
i0,nv,30,female,back,a,train
i1,nv,30,female,back,a,train
i2,nv,40,male,back,b,test
i3,nv,50,male,trunk,c,test
i4,nv,60,male,trunk,d,test
i5,nv,,female,trunk,e,test
i6,mel,70,male,back,f,train
i7,mel,70,male,back,f,train
i8,mel,80,female,back,g,test
i9,bkl,,male,trunk,h,test
"""
MELANOMA_SCORES = (0.7, 0.6, 0.1, 0.1, 0.1, 0.1, 0.9, 0.8, 0.2, 0.3)
CLASSES = ("bkl", "mel", "nv")
EARLY, LATE = LayerInfo("body/early", "Conv2D", 12, 10, 2), LayerInfo("body/late", "Conv2D", 6, 5, 4)


# --- a panel on a page ----------------------------------------------------------------------------------


def drawn(panel: Callable[..., object], *arguments: object, session: Mapping[str, object] | None = None) -> AppTest:
    """The page on which the panel stands alone. session: what was chosen before."""

    def page(panel, arguments):  # type: ignore[no-untyped-def]  # its source is run apart from this file, which the names of types would need
        panel(*arguments)

    shown = AppTest.from_function(page, default_timeout=60, kwargs={"panel": panel, "arguments": arguments})
    for key, value in (session or {}).items():
        shown.session_state[key] = value
    shown.run()
    assert not shown.exception, [e.value for e in shown.exception]
    return shown


def alternatives(page: AppTest) -> list[str]:
    """What the charts say to those who cannot see them."""
    return [chart.proto.alt for chart in page.get("vega_lite_chart")]


def pictures(page: AppTest) -> list[str]:
    """What the pictures say to those who cannot see them."""
    return [one.alt for element in page.get("image") for one in element.proto.imgs]


def tiles(page: AppTest) -> dict[str, str]:
    return {m.label: m.value for m in page.metric}


def badges(page: AppTest) -> list[str]:
    """Words of the badges, without colour and sign."""
    return [m.value.partition(": ")[2][:-1] for m in page.markdown if "-badge[" in m.value]


# --- who answers ----------------------------------------------------------------------------------------


class Ended:
    """A run that has come to its end."""

    finished = True

    def __init__(self, result: Any = None, error: LesionLensError | None = None) -> None:
        self._result, self.error = result, error

    def result(self) -> Any:
        return self._result


class Worker:
    """Answers jobs by their kind, in the place of the process that runs networks, and keeps what it was asked.

    A function among the answers is given the job. A kind without an answer: a quick job fails, a long one has not begun.
    """

    def __init__(self, answers: Mapping[type, Any]) -> None:
        self.answers = answers
        self.asked: list[Any] = []

    def ask(self, job: Any) -> Any:
        self.asked.append(job)
        answer = self.answers[type(job)]
        return answer(job) if callable(answer) else answer

    def task(self, job: Any) -> Ended | None:
        if type(job) not in self.answers:
            return None
        answer = self.ask(job)
        return Ended(error=answer) if isinstance(answer, LesionLensError) else Ended(answer)

    def start(self, job: Any) -> None:
        self.asked.append(job)


Answering = Callable[[Mapping[type, Any]], Worker]


# --- records --------------------------------------------------------------------------------------------


def scores_of(image_ids: Sequence[str]) -> PredictionTable:
    """bkl always gets 0.05; the rest goes to nv. Two nevi are decided as melanoma, a melanoma and the keratosis as nevi."""
    melanoma = np.array([MELANOMA_SCORES[int(i[1:])] for i in image_ids])
    table = np.column_stack([np.full(len(image_ids), 0.05), melanoma, 0.95 - melanoma])
    return PredictionTable(tuple(image_ids), CLASSES, table)


def classifier(
    name: str = "one",
    layers: Sequence[LayerInfo] = (EARLY, LATE),
    method: str = "grad-cam",
    reason: str = "Because of its head.",
    flattens: bool = False,
    **card: object,
) -> OpenModel:
    """A network that is not there: its card of three classes on 24 × 20 pixels, and two layers to explain, the later by default."""
    made = make_card({"name": name.title(), "classes": CLASSES, "height": 24, "width": 20, **card})
    path = Path(f"{name}.keras")
    default = layers[-1] if layers else None
    description = Description(tuple(layers), default, method, reason, "softmax", flattens, tuple(x.path for x in layers))
    return OpenModel(name, FileFacts(path, "keras", "f" * 64, 2_340_000, "3.9.0"), ModelSpec(path, "f" * 64, made), description)


def photograph(height: int = 48, width: int = 40, name: str = "mole.jpg", **of: Any) -> Chosen:
    """One grey picture; an upload, unless a dataset and an image_id say of what."""
    return Chosen(Picture(np.full((height, width, 3), 120, np.uint8)), name, **of)


def scores(*probabilities: float) -> Scores:
    """Probabilities as they are, logits ten times as large."""
    return Scores(np.array(probabilities), 10 * np.array(probabilities))


def answer(direction: Any = "removal", on_lesion: float = 0.0, evidence: float = 0.124, maps: bool = True) -> Answer:
    """mel 0.70, without the ink 0.40, with the control 0.65: the decision turns with the ink alone. The ink covers 3 of 200 pixels."""
    image, mask = np.full((10, 20, 3), 120, np.uint8), np.zeros((10, 20), bool)
    mask[0, :3] = True
    trial = Trial("ink", direction, image, image, mask, mask, on_lesion)
    p = np.array([[0.1, 0.7, 0.2], [0.1, 0.4, 0.5], [0.1, 0.65, 0.25]])
    logits = np.array([[0, 1.5, 0], [0, -0.25, 0], [0, 1.25, 0]])
    return Answer(trial, np.stack([image] * 3), p, logits, np.ones((3, 5, 5)) if maps else None, 1, evidence, 0.015)


def effect(target: str, direction: str, excess: float, lesions: int = 80, needed: float = float("nan")) -> Effect:
    """± 0.04 at 95 %, ± 0.03 at 90 %; the control does a tenth of what the marker does."""
    change, control = excess / 0.9, excess / 9
    within = excess - 0.03, excess + 0.03
    one, two, three = (Figure(x, x - 0.04, x + 0.04) for x in (change, control, excess))
    return Effect("ink", direction, target, 100, lesions, one, two, three, within, within, 0.001, 0.004, needed)


def marker_study(verdict: Any = "used", **changes: Any) -> MarkerStudy:
    """Ink taken away lowers mel by 0.27 and raises nv by 0.18 more than its control; 12 % of the decisions turn, 1 % with the control."""
    flips = Flips("ink", "removal", 100, 80, Figure(0.12, 0.07, 0.2), Figure(0.01, 0.0, 0.05), Figure(0.11, 0.05, 0.17), (0.06, 0.16))
    rates = {
        "base": Rates(Figure(0.9, 0.8, 0.95), Figure(0.75, 0.7, 0.8)),
        "changed": Rates(Figure(0.6, 0.5, 0.7), Figure(0.85, 0.8, 0.9)),
        "control": Rates(Figure(0.88, 0.78, 0.94), undefined("no images outside mel")),
        "cropped": Rates(Figure(0.7, 0.6, 0.8), Figure(0.8, 0.75, 0.85)),
    }
    made: dict[str, Any] = {
        "verdict": verdict,
        "why": "removing it moves mel.",
        "notes": (),
        "effects": (effect("nv", "removal", -0.18), effect("mel", "removal", 0.27), effect("mel", "insertion", 0.09)),
        "flips": (flips,),
        "attention": Figure(0.123, 0.08, 0.17),
        "table": {"removal": rates},
        "table_of": "mel",
        "on_lesion": (),
    }
    return MarkerStudy(**made | changes)


def study(verdicts: Mapping[str, MarkerStudy], **changes: Any) -> Study:
    about = dict.fromkeys(("lesionlens_version", "model", "model_sha256", "card", "card_sha256", "dataset_sha256", "split"), "?")
    made: dict[str, Any] = {
        "about": {**about, "dataset": "ten"},
        "rule": Rule(),
        "images": 1_234,
        "doses": (),
        "false_alarms": None,
        "examples": (),
    }
    return Study(verdicts=verdicts, **made | changes)
