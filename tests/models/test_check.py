"""The card check supports a right card, contradicts a wrong one, and says when images tell neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core.errors import CardError
from core.runs import Run, finish
from datasets.opening import open_dataset
from imaging.decode import encode_png
from models.card import ModelCard, read_card
from models.check import CardCheck, Labelled, Tried, cards_to_try, check_card, comparable, judge, mean_auc, sample_for_check, without_output
from models.classifier import Classifier, open_classifier
from models.order import fitted_order, pairs_of_outputs, separation
from tests.test_cli import as_json_here, run_here
from workspace import Workspace

SEVEN = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
SWAPPED = ("bkl", "bcc", "akiec", "df", "mel", "nv", "vasc")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """180 drawn lesions of three diagnoses, all different from the training drawings."""
    from demo.drawing.photograph import draw_photograph

    folder = tmp_path_factory.mktemp("drawn")
    rows = []
    for diagnosis in ("mel", "nv", "vasc"):
        for k in range(60):
            rows.append((f"{diagnosis}{k}", f"L{diagnosis}{k}", diagnosis))
            image = draw_photograph(diagnosis, "II", 90_000 + k).image
            (folder / f"{diagnosis}{k}.png").write_bytes(encode_png(image))
    pd.DataFrame(rows, columns=["image_id", "lesion_id", "dx"]).to_csv(folder / "metadata.csv", index=False)
    return folder


def check(classifier: Classifier, folder: Path) -> CardCheck:
    data = open_dataset(folder)
    codes = classifier.card.codes
    sample = sample_for_check(data.table, codes)
    groups = data.groups[sample.index].tolist()
    return finish(check_card(classifier, data.root, sample, groups, without_output(data.table, codes)))


def card(classes: Sequence[str], **other: object) -> ModelCard:
    return ModelCard(name="net", classes=tuple(classes), height=8, width=8, **other)


def study(
    card: ModelCard, counts: dict[str, int], truth: Sequence[str] | None = None, signal: float = 4, most: int = 2
) -> tuple[ModelCard, list[Tried], Labelled]:
    """What a network says of counts[label] images, one a lesion, whose outputs stand for `truth`: noise, and `signal` at the right output
    under 0..1 RGB; most: cards that are tried."""
    rng = np.random.default_rng(0)
    label = np.repeat(list(counts), list(counts.values()))
    true = np.array(truth or card.codes)
    tried = []
    for one in cards_to_try(card)[:most]:
        fits = (one.scaling, one.colour_order) == ("0..1", "rgb")
        logits = rng.normal(size=(len(label), len(true))) + signal * fits * (label[:, None] == true)
        tried.append(Tried(one, logits, np.exp(logits) / np.exp(logits).sum(1, keepdims=True)))
    share = pd.Series(label).map(pd.Series(counts) / len(label)).to_numpy(float)
    return card, tried, Labelled(label, label, share, np.arange(len(label)))


def test_a_right_card_is_supported_and_every_swap_contradicted() -> None:
    right = judge(*study(card(SEVEN), dict.fromkeys(SEVEN, 20)))
    assert (right.verdict, right.fitted, right.costs, right.limits) == ("supported", None, "", "")
    assert right.n_images == 140 and right.n_lesions == 70 and len(right.pairs) == 21 and len(right.candidates) == 2
    swapped = judge(*study(card(SWAPPED), dict.fromkeys(SEVEN, 20), SEVEN))
    assert swapped.verdict == "contradicted" and swapped.fitted is not None
    assert swapped.fitted.order == SEVEN and swapped.own.order == SWAPPED
    assert swapped.fitted.accuracy.value - swapped.own.accuracy.value == pytest.approx(2 / 7, abs=0.03)  # two of seven diagnoses
    assert swapped.gain.value == pytest.approx(swapped.fitted.auc.value - swapped.own.auc.value)
    assert "The other way round: bkl/akiec." in swapped.reason and swapped.fitted.in_figures in swapped.costs


def test_a_card_with_all_outputs_shifted_is_contradicted() -> None:
    shifted = (*SEVEN[1:], SEVEN[0])
    found = judge(*study(card(shifted), dict.fromkeys(SEVEN, 20), SEVEN))
    assert found.verdict == "contradicted" and found.fitted.order == SEVEN
    assert found.own.accuracy.value < 0.1 < 0.9 < found.fitted.accuracy.value


def test_a_pair_the_other_way_round_contradicts_though_the_gain_is_uncertain() -> None:
    found = judge(*study(card(SWAPPED), dict.fromkeys(SEVEN, 20), SEVEN, signal=0.7))
    assert found.verdict == "contradicted" and found.gain.low < 0 < found.gain.value and found.fitted.order == SEVEN
    assert found.gain.value == pytest.approx(found.fitted.auc.value - found.own.auc.value)
    assert found.reason.startswith("The other way round: bkl/akiec. ") and f"better by {found.gain:.2f}" in found.reason
    (pair,) = (p for p in found.pairs if set(p.names) == {"akiec", "bkl"})
    assert pair.p_swapped < 0.01 / 21 and pair.auc < 0.5


def test_another_scaling_is_found_and_one_that_does_as_well_is_named() -> None:
    wrong = judge(*study(card(SEVEN, scaling="-1..1"), dict.fromkeys(SEVEN, 20)))
    assert (wrong.verdict, wrong.fitted.read_as, wrong.own.read_as) == ("contradicted", "0..1 RGB", "-1..1 RGB")
    own, tried, images = study(card(SEVEN), dict.fromkeys(SEVEN, 20), most=10)
    assert len({(t.card.scaling, t.card.colour_order) for t in tried}) == 10
    tried[3] = replace(tried[3], logits=tried[0].logits, probabilities=tried[0].probabilities)
    level = judge(own, tried, images)
    assert level.verdict == "not contradicted" and "-1..1 BGR may do as well as 0..1 RGB" in level.reason
    assert "tell which output" not in level.reason


def test_two_outputs_that_say_the_same_are_not_told_apart() -> None:
    own, tried, images = study(card(SEVEN), dict.fromkeys(SEVEN, 20))
    logits = tried[0].logits.copy()
    logits[np.isin(images.label, ("akiec", "bkl")), 0] += 4
    logits[np.isin(images.label, ("akiec", "bkl")), 2] += 4
    logits[:, [0, 2]] -= 4 * (images.label[:, None] == ["akiec", "bkl"])  # both signs of either
    found = judge(own, [Tried(own, logits, np.exp(logits) / np.exp(logits).sum(1, keepdims=True)), *tried[1:]], images)
    assert found.verdict == "not contradicted" and "which output is which of akiec/bkl." in found.reason


@pytest.mark.parametrize("classes", [SEVEN, SWAPPED])
def test_an_image_of_each_diagnosis_decides_nothing(classes: tuple[str, ...]) -> None:
    assert judge(*study(card(classes), dict.fromkeys(SEVEN, 1), SEVEN)).verdict == "not contradicted"


def test_images_of_one_lesion_count_once() -> None:
    own, tried, images = study(card(("mel", "nv")), {"mel": 40, "nv": 40})
    assert judge(own, tried, images).verdict == "supported"
    of_six = replace(images, lesion=np.where(images.label == "mel", 0, 3) + np.arange(80) % 3)
    assert judge(own, tried, of_six).verdict == "not contradicted"
    assert judge(own, tried, of_six).pairs[0].p_right == pytest.approx(1 / 20)  # one order of six lesions in twenty


def test_a_network_is_judged_on_what_it_has_outputs_for() -> None:
    table = pd.DataFrame({"diagnosis": ["mel"] * 30 + ["nv"] * 60 + ["bcc"] * 5 + ["df"] * 9, "file": "x.png"})
    sample = sample_for_check(table, ("mel", "nv"))
    assert set(sample["check_label"]) == {"mel", "nv"} and without_output(table, ("mel", "nv")) == ("bcc", "df")
    assert sorted(set(sample["check_share"])) == pytest.approx([1 / 3, 2 / 3])
    assert without_output(table, ("benign", "malignant")) == without_output(table, ("mel", "not mel")) == ()
    found = judge(*study(card(("mel", "nv")), {"mel": 30, "nv": 60}), left_out=("bcc", "df"))
    assert found.verdict == "supported" and found.limits == "Left out, for the network has no output for them: bcc, df."
    assert judge(*study(card(("nv", "mel")), {"mel": 30, "nv": 60}, ("mel", "nv"))).verdict == "contradicted"


def test_classes_without_images_are_told_and_still_rivals() -> None:
    two = {"mel": 40, "nv": 40}
    found = judge(*study(card(SEVEN), two))
    assert found.verdict == "supported" and found.unseen == ("akiec", "bcc", "bkl", "df", "vasc")
    assert sum(p.alone for p in found.pairs) == 10 and len(found.pairs) == 11
    assert "no image of them: akiec, bcc, bkl, df, vasc" in found.limits
    mistaken = judge(*study(card(("mel", "bcc", "bkl", "df", "akiec", "nv", "vasc")), two, SEVEN))
    assert mistaken.verdict == "not contradicted" and "mel/akiec" in mistaken.reason


def test_classes_without_a_name_are_given_one() -> None:
    named = card(("class 0", "class 1", "class 2"))
    table = pd.DataFrame({"diagnosis": ["mel", "nv", "vasc"] * 30, "file": "x.png"})
    assert set(sample_for_check(table, named.codes)["check_label"]) == {"mel", "nv", "vasc"}
    found = judge(*study(named, dict.fromkeys(("mel", "nv", "vasc"), 30), ("nv", "vasc", "mel")))
    assert found.verdict == "not contradicted" and found.fitted.order == ("nv", "vasc", "mel")
    assert "names none of the dataset's" in found.reason and np.isnan(found.own.auc.value)


@pytest.mark.slow
def test_the_network_shipped_with_the_demo(honest: Path, drawn: Path) -> None:
    found = check(open_classifier(honest), drawn)
    assert found.verdict != "contradicted" and (found.candidates[0].scaling, found.candidates[0].colour_order) == ("0..255", "rgb")
    right = read_card(honest.with_name("demo-honest.card.yaml"))
    swapped = right.model_copy(update={"classes": ("akiec", "bcc", "bkl", "df", "nv", "mel", "vasc")})
    assert check(open_classifier(honest, swapped), drawn).verdict == "contradicted"
    assert check(open_classifier(honest, right.model_copy(update={"scaling": "0..1"})), drawn).verdict == "contradicted"


def test_the_command_says_the_verdict_the_costs_and_what_was_left_out(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> None:
    swapped = card(SWAPPED)
    found = judge(*study(swapped, dict.fromkeys(SEVEN, 20), SEVEN), left_out=("scc",))
    asked: list[object] = []

    def told(*arguments: object) -> Run[CardCheck]:
        asked.extend(arguments)
        yield 1, 1
        return found

    monkeypatch.setattr("models.check.check_card", told)
    monkeypatch.setattr("commands.model.open_named", lambda *_: SimpleNamespace(card=swapped, facts=SimpleNamespace(sha256="ab")))
    shown = " ".join(run_here("model", "check", "net", "--dataset", "tiny", workspace=workspace).stdout.split())
    assert f"The card is contradicted. {found.reason}" in shown and found.costs in shown and found.limits in shown
    assert asked[-1] == ()  # every diagnosis of the dataset has an output
    said = as_json_here("model", "check", "net", "--dataset", "tiny", workspace=workspace)
    assert said["verdict"] == "contradicted" and said["fitted"]["order"] == list(SEVEN) and said["left_out"] == ["scc"]
    assert said["card"]["accuracy"]["value"] == found.own.accuracy.value and len(said["pairs"]) == 21


def test_constant_scores_tell_nothing() -> None:
    own, tried, images = study(card(SEVEN), dict.fromkeys(SEVEN, 20))
    flat = [replace(t, logits=np.zeros_like(t.logits), probabilities=np.full_like(t.probabilities, 1 / 7)) for t in tried]
    found = judge(own, flat, images)
    assert found.verdict == "not contradicted" and {p.p_right for p in found.pairs} == {p.p_swapped for p in found.pairs} == {1.0}
    assert found.own.auc.value == 0.5 and "mean AUC of only 0.50" in found.reason


def test_two_diagnoses_are_needed(honest: Path, small_dataset: Path) -> None:
    data = open_dataset(small_dataset)
    sample = sample_for_check(data.table, SEVEN).query("diagnosis == 'nv'")
    with pytest.raises(CardError, match=r"labelled images: nv\)"):
        finish(check_card(open_classifier(honest), data.root, sample, ["L"] * len(sample)))


def test_pairs_by_hand() -> None:
    """Differences 3, 1, −1 (mean of two images of a lesion) for mel and 0, −2 for nv: five of six pairs in order."""
    logits = np.array([[3, 0], [1, 0], [-2, 0], [0, 0], [0, 0], [0, 2]], float)
    labels, lesion = np.array(["mel", "mel", "mel", "mel", "nv", "nv"]), np.array([0, 1, 2, 2, 3, 4])
    (pair,) = pairs_of_outputs(logits, labels, lesion, ("mel", "nv"))
    assert (pair.names, pair.alone) == (("mel", "nv"), False) and pair.auc == pytest.approx(5 / 6)
    assert pair.p_right == pytest.approx(2 / 10) and pair.p_swapped == pytest.approx(9 / 10)  # of ten orders of five lesions
    (mirrored,) = pairs_of_outputs(logits, labels, lesion, ("nv", "mel"))
    assert mirrored.auc == pytest.approx(1 / 6) and mirrored.p_right == pytest.approx(9 / 10)


def test_a_pair_without_images_of_its_second_is_compared_with_all_others() -> None:
    logits = np.array([[2, 0, 0], [1, 0, 0], [0, 0, 0.5], [0, 0, 1.5]])
    pairs = pairs_of_outputs(logits, np.array(["mel", "mel", "nv", "bcc"]), np.arange(4), ("mel", "df", "vasc"))
    assert [(p.names, p.alone, p.auc) for p in pairs] == [(("mel", "df"), True, 1.0), (("mel", "vasc"), True, 1.0)]


def test_separation_and_the_order_by_hand() -> None:
    """The first output ranks nv, the second mel, perfectly; bcc's only image scores lowest in both, as the other's do."""
    scores = np.array([[1, 3], [1, 2], [4, 1], [3, 1], [2, 1]], float)
    labels = np.array(["mel", "mel", "nv", "nv", "nv"])
    np.testing.assert_allclose(separation(scores, labels, ("mel", "nv")), [[0, 1], [1, 0]])
    assert fitted_order(scores, labels, ("mel", "nv")) == ("nv", "mel")
    assert fitted_order(scores, labels, ("nv", "mel")) == ("nv", "mel")
    three = np.concatenate([scores, np.full((1, 2), 1.0)])
    np.testing.assert_allclose(separation(three, np.append(labels, "bcc"), ("bcc", "mel", "nv")), [[0.25, 0.25, 1], [0.25, 1, 0.25]])


def test_another_output_must_be_better_by_more_than_two_hundredths() -> None:
    """mel's images score 1 to 100 with the first output, nv's 50.5: .5. With the second, one or three of mel's rise above: .51 or .53."""
    for rising, order in ((1, ("mel", "df")), (3, ("df", "mel"))):
        first = np.append(np.arange(1.0, 101), 50.5)
        second = np.where((first > 50 - rising) & (first <= 50), 60, first)
        labels = np.append(np.repeat("mel", 100), "nv")
        worth = separation(np.stack([first, second], axis=1), labels, ("mel", "nv"))[:, 0]
        np.testing.assert_allclose(worth, [0.5, 0.5 + rising / 100])
        names = tuple("class 9" if o == "df" else o for o in order)
        assert fitted_order(np.stack([first, second], axis=1), labels, ("mel", "class 9"))[names.index("mel")] == "mel"


def test_logits_are_compared_between_images_without_what_softmax_ignores() -> None:
    logits = np.array([[1.0, 3.0], [101.0, 103.0]])
    of_softmax = comparable(Tried(card(("mel", "nv")), logits, logits))
    np.testing.assert_allclose(of_softmax, [[-2.126928, -0.126928]] * 2, atol=1e-6)  # log of 1 / (1 + e²) and of e² / (1 + e²)
    np.testing.assert_array_equal(comparable(Tried(card(("mel", "nv"), output="multi-label"), logits, logits)), logits)


def test_only_a_class_without_a_name_takes_a_diagnosis_the_card_does_not_list() -> None:
    scores, labels = np.eye(3), np.array(["mel", "nv", "bcc"])
    assert fitted_order(scores, labels, ("mel", "nv", "df")) == ("mel", "nv", "df")
    assert fitted_order(scores, labels, ("mel", "nv", "class 2")) == ("mel", "nv", "bcc")
    assert fitted_order(scores, labels, ("nv", "mel", "class 2")) == ("mel", "nv", "bcc")
    assert fitted_order(scores[:2], labels[:2], ("mel", "nv", "class 2")) == ("mel", "nv", None)


def test_the_mean_auc_counts_a_row_as_often_as_its_weight(rng: np.random.Generator) -> None:
    from sklearn.metrics import roc_auc_score

    scores, positive, weights = rng.random(50).round(1), rng.random(50) < 0.4, rng.integers(0, 4, (3, 50))
    expected = [roc_auc_score(np.repeat(positive, w), np.repeat(scores, w)) for w in weights]
    labels, two = np.where(positive, "mel", "nv"), np.stack([scores, scores], axis=1)
    np.testing.assert_allclose(mean_auc(two, labels, ("mel", "bcc"), ("mel",), weights), expected)
    np.testing.assert_allclose(mean_auc(two, labels, ("mel", "bcc"), ("mel", "nv"), weights), expected)  # nevi have no output
    assert np.isnan(mean_auc(two, labels, ("df", "bcc"), ("mel", "nv"), weights)).all()


def test_the_sample_is_half_even_and_half_as_it_comes() -> None:
    table = pd.DataFrame({"diagnosis": ["nv"] * 900 + ["mel"] * 100, "file": "x.jpg"})
    counts = sample_for_check(table, ("mel", "nv"), total=200)["diagnosis"].value_counts()
    assert (counts["nv"], counts["mel"]) == (50 + 90, 50 + 10)
