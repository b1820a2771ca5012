"""`audit.json`: read as the record that was written, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from core.errors import LesionLensError
from core.exports import plain
from core.records import parse
from core.runs import finish
from data_audit import evidence
from data_audit.audit import CHECKS, Asked, audit_dataset
from data_audit.audit_file import Audit, read_audit
from data_audit.evidence import Captioned
from data_audit.findings import Finding
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from evaluation.intervals import Figure

PAIR = evidence.SamePhotograph("a", "b", 0.987)
POTENTIAL = evidence.Potential("markers", "malignant", 0.7, 0.6, 0.8, "", (evidence.Carried("ink", 0.1),))
SHIFT = evidence.Shift("age", "difference of means", 0.5, 0.4, 0.6, 0.01, 0.02, 40.0, 50.0, "")
RATES = evidence.ErrorRates("malignant", Figure(0.8, 0.7, 0.9), Figure(0.9, 0.85, 0.95))
CORRECTION = evidence.Correction("review", 40, (0.5, 0.25), Figure(3.0, 2.0, 4.0), (RATES,))
KINDS = (
    evidence.Evidence(),
    evidence.Pairs((PAIR,)),
    evidence.SharedPairs((PAIR,)),
    evidence.DoubtfulLabels((evidence.DoubtfulLabel("b", "nv", "mel", 0.1),)),
    evidence.MarkerShare("ink", "detector", 0.25),
    evidence.GoesWith("ink", 3.0, 2.0, 4.0, 0.01, 0.02, "ink"),
    evidence.FlagsGoWith("ink (detected)", 3.0, 2.0, 4.0, 0.01, 0.02, "ink", by_flags=Figure(2.5, 1.5, 3.5), correction=CORRECTION),
    evidence.Uneven(4.0, 0.5, 0.8),
    evidence.Missing("age", {"nv": 0.5}, 0.2, 0.03),
    evidence.Rows(("a", "gone.jpg")),
    evidence.Confirmations({"consensus": 3}, {"nv": 0.5}),
    evidence.Unreadable({"is no picture": 2}),
    evidence.PastLimit("sharpness", 10.0, 30.0),
    evidence.Tones({"dark": 1}, {"nv": {"dark": 1}}),
    evidence.FeatureSets((POTENTIAL,)),
    evidence.Shifts(0.7, 0.6, 0.8, (SHIFT,)),
)


@pytest.fixture(scope="module")
def dataset(small_dataset: Path) -> Dataset:
    return open_dataset(small_dataset)


@pytest.fixture(scope="module")
def audited(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Audit, Path]:
    folder = tmp_path_factory.mktemp("audit")
    return finish(audit_dataset(dataset, folder, Asked(against=replace(dataset, name="other")))), folder


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: type(k).__name__)
def test_every_kind_of_evidence_is_read_as_what_it_was(kind: evidence.AnyEvidence) -> None:
    finding = Finding("x", "note", "y", ("a", "b", "c"), kind, "z")
    written = json.loads(json.dumps(plain(finding)))
    assert written["n_images"] == 3 and parse(Finding, written) == finding


def test_no_kind_of_evidence_is_left_out_and_no_two_look_alike() -> None:
    assert {type(k) for k in KINDS} == set(get_args(evidence.AnyEvidence))
    assert len({tuple(plain(k)) for k in KINDS}) == len(KINDS)


def test_captions_show_pairs_side_by_side_and_spell_doubts_out() -> None:
    def captions(kind: evidence.AnyEvidence) -> list[Captioned]:
        return Finding("x", "note", "y", ("b",), kind).captions

    assert captions(evidence.Rows(("b",))) == [Captioned("b", "b")]
    assert captions(KINDS[1]) == [Captioned("a", "a · 0.99"), Captioned("b", "b · 0.99")]
    assert captions(KINDS[3]) == [Captioned("b", "b: nv, or mel?")]
    same = evidence.SharedPairs((evidence.SamePhotograph("a", "a", 1.0),))
    assert captions(same) == [Captioned("a", "a · 1.00"), Captioned("a", "a · 1.00", second=True)], "the same name in both datasets"


def test_an_audit_is_read_as_it_was_made(audited: tuple[Audit, Path], dataset: Dataset) -> None:
    made, folder = audited
    assert made.about.against == "other" and {type(f.evidence) for f in made.findings} > {evidence.SharedPairs, evidence.MarkerShare}
    read = read_audit(folder, dataset)
    assert plain(read) == plain(made) and [type(f.evidence) for f in read.findings] == [type(f.evidence) for f in made.findings]
    assert read.about.checks == CHECKS and read.about.images == len(dataset) == sum(c.images for c in read.composition)


BREAK: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an older version's": (lambda c: c.pop("balancing"), "balancing is missing"),
    "a severity nobody knows": (lambda c: c["findings"][0].update(severity="dire"), "findings: [0]: severity: 'dire'"),
    "evidence nobody knows": (lambda c: c["findings"][0].update(evidence={"x": 1}), "evidence: {'x': 1} is none of"),
    "of other data": (lambda c: c["about"].update(dataset_sha256="0"), "is the audit of other data"),
}


@pytest.mark.parametrize("how", BREAK)
def test_a_file_that_is_no_audit_of_these_data_ends_in_one_message(
    audited: tuple[Audit, Path], dataset: Dataset, tmp_path: Path, how: str
) -> None:
    change, said = BREAK[how]
    content = json.loads((audited[1] / "audit.json").read_text())
    change(content)
    (tmp_path / "audit.json").write_text(json.dumps(content))
    with pytest.raises(LesionLensError) as error:
        read_audit(tmp_path, dataset)
    assert said in str(error.value) and "Audit th" in error.value.todo
