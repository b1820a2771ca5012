"""What goes with the label: effect sizes by hand, intervals that count lesions, corrected p-values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_audit.associations import association_findings, associations, cramers_v, is_reversed, mean_difference, odds_ratio
from data_audit.findings import Finding
from data_audit.markers.present import Present
from datasets.opening import open_dataset


def four_cells(a: int, b: int, c: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """a: exposed events, b: exposed others, c: events without exposure, d: neither."""
    exposed = np.repeat([True, True, False, False], [a, b, c, d])
    return exposed, np.repeat([True, False, True, False], [a, b, c, d])


def by_mask(marker: str, there: np.ndarray) -> Present:
    return Present(marker, "mask", there.astype(float), there.astype(float))


def test_odds_ratio_by_hand() -> None:
    """30·60 / (20·40) = 2.25. With one image a lesion the variance is Woolf's Σ 1/cell up to n/(n − 1)."""
    exposed, event = four_cells(30, 20, 40, 60)
    figure, p = odds_ratio(exposed, event, np.arange(150))
    assert figure.value == pytest.approx(2.25)
    woolf = np.sqrt(1 / 30 + 1 / 20 + 1 / 40 + 1 / 60)
    assert np.log(figure.high / figure.value) == pytest.approx(1.96 * woolf, rel=0.01)
    assert p == pytest.approx(0.0219, abs=0.002)


def test_photographs_of_one_lesion_widen_the_interval() -> None:
    exposed, event = (np.tile(x, 4) for x in four_cells(30, 20, 40, 60))
    alone, _ = odds_ratio(exposed, event, np.arange(600))
    of_lesions, _ = odds_ratio(exposed, event, np.tile(np.arange(150), 4))
    once, _ = odds_ratio(*four_cells(30, 20, 40, 60), np.arange(150))
    assert of_lesions.high == pytest.approx(once.high, rel=1e-6) and alone.high < of_lesions.high


def test_an_empty_cell_gets_half_an_image_and_an_interval() -> None:
    figure, p = odds_ratio(*four_cells(0, 20, 40, 60), np.arange(120))
    assert figure.value == pytest.approx(0.5 * 60.5 / (20.5 * 40.5)) and figure.low < figure.value < figure.high < 1 and p < 0.05
    nothing, undefined = odds_ratio(*four_cells(0, 0, 40, 60), np.arange(100))
    assert not nothing.defined and np.isnan(undefined)


def test_mean_difference_by_hand() -> None:
    """Welch's standard error, since every lesion has one value here."""
    values, event = np.array([1.0, 2, 3, 4, 7, 9, 8, 8]), np.repeat([False, True], 4)
    figure, p = mean_difference(values, event, np.arange(8))
    assert figure.value == pytest.approx(5.5)
    spread = np.sqrt(8 / 7 * (((values[:4] - 2.5) / 4) ** 2).sum() + 8 / 7 * (((values[4:] - 8) / 4) ** 2).sum())
    assert figure.high - figure.value == pytest.approx(1.96 * spread, rel=1e-3) and p < 0.001


def test_cramers_v_equals_scipy_where_it_is_not_corrected_and_is_zero_for_nothing(rng: np.random.Generator) -> None:
    from scipy.stats import chi2_contingency

    table = rng.integers(5, 50, (3, 4)).astype(float)
    v, p = cramers_v(table, int(table.sum()))
    test = chi2_contingency(table, correction=False)
    phi, n = test.statistic / table.sum(), table.sum()
    wanted = np.sqrt(max(0, phi - 6 / (n - 1)) / min(3 - 4 / (n - 1) - 1, 4 - 9 / (n - 1) - 1))
    assert v == pytest.approx(wanted) and p == pytest.approx(test.pvalue)
    assert cramers_v(np.full((2, 3), 10.0), 60)[0] == 0 and np.isnan(cramers_v(np.ones((1, 3)), 3)[0])
    assert cramers_v(table, int(table.sum()) // 4)[1] > p  # a quarter as many lesions


def test_a_paradox_is_seen() -> None:
    """Kidney stones (Charig 1986): treatment A is better in small and in large stones, and worse in all together."""
    parts = [(81, 6, 234, 36), (192, 71, 55, 25)]
    exposed, event = (np.concatenate(x) for x in zip(*(four_cells(*p) for p in parts), strict=True))
    strata = np.repeat([0, 1], [sum(p) for p in parts])
    assert is_reversed(exposed, event, strata) and not is_reversed(exposed, event, np.zeros(len(strata)))


def test_ink_with_melanoma_comes_first(small_dataset: Path, rng: np.random.Generator) -> None:
    data = open_dataset(small_dataset)
    table = pd.concat(
        [data.table.assign(image_id=data.table["image_id"] + f"-{k}", lesion_id=data.table["lesion_id"] + f"-{k}") for k in range(12)],
        ignore_index=True,
    )
    data = replace(data, table=table, order=())
    ink = ((table["diagnosis"] == "mel") & (rng.random(len(table)) < 0.8)).to_numpy() | (rng.random(len(table)) < 0.05)
    hair = rng.random(len(table)) < 0.3
    found = associations(data, [by_mask("ink", ink), by_mask("hair", hair)])
    first = found[0]
    assert first.column == "ink" and first.q < 1e-6
    odds = next(f for f in found if f.column == "ink" and f.kind == "odds ratio")
    assert set(odds.rows) == set(np.flatnonzero(ink))
    assert odds.strength.low > 5 and odds.rates is not None and odds.rates[0].value > odds.rates[1].value
    assert next(f for f in found if f.column == "hair" and f.kind == "odds ratio").q > 0.05
    assert {f.column for f in found} >= {"age", "sex", "site"} or "site" in {f.column.split(":")[0] for f in found}


def test_an_association_that_turns_round_within_a_column_says_so(small_dataset: Path) -> None:
    """Stickers are on trunks, where much is malignant anyway; within each site they go with benign."""
    data = open_dataset(small_dataset)
    parts = {"trunk": (40, 60, 25, 25), "face": (1, 49, 60, 640)}
    rows = [
        {"image_id": f"{site}-{cell}-{k}", "site": site, "sticker": cell in (0, 1), "diagnosis": "mel" if cell in (0, 2) else "nv"}
        for site, cells in parts.items()
        for cell, n in enumerate(cells)
        for k in range(n)
    ]
    table = pd.DataFrame(rows).reindex(columns=[*data.table.columns, "sticker"])
    table["lesion_id"] = table["image_id"]
    found = associations(
        replace(data, table=table.drop(columns="sticker"), order=()), [by_mask("sticker", table["sticker"].to_numpy(bool))]
    )
    odds = next(f for f in found if f.column == "sticker" and f.kind == "odds ratio")
    assert odds.strength.low > 1 and odds.reversed_in == "site"
    finding = next(f for f in association_findings(found, list(table["image_id"])) if getattr(f.evidence, "column", "") == "sticker")
    assert "Within the values of site the association is reversed" in finding.summary and len(finding.image_ids) == 150


@pytest.mark.parametrize(
    ("column", "values", "kind"),
    [
        ("benign_malignant", ("benign", "malignant"), "the diagnosis in another column"),
        ("target", (0, 1), "the diagnosis in another column"),
        ("outcome", ("nevus", "melanoma"), "the diagnosis in another column"),
        ("clinic", ("Graz", "Vienna"), "associated with the diagnosis"),
    ],
)
def test_a_column_that_is_the_diagnosis_is_no_shortcut(small_dataset: Path, column: str, values: tuple[object, object], kind: str) -> None:
    """Forty melanomas and forty nevi of one lesion each, told apart by the column without exception, or with one."""
    data = open_dataset(small_dataset)
    malignant = np.arange(80) % 2

    def findings(of: np.ndarray) -> list[Finding]:
        table = pd.DataFrame({"image_id": [f"i{k}" for k in range(80)], "diagnosis": np.where(malignant, "mel", "nv")})
        table["lesion_id"], table[column] = table["image_id"], pd.Series([values[k] for k in of])
        table = table.reindex(columns=[*data.table.columns, column])
        return association_findings(associations(replace(data, table=table, order=())), table["image_id"].tolist())

    (finding,) = findings(malignant)
    assert finding.kind == kind and "without exception" in finding.summary
    assert finding.severity == ("note" if kind.startswith("the") else "grave")
    (one_off,) = findings(np.where(np.arange(80) == 7, 0, malignant))
    assert one_off.kind == "associated with the diagnosis" and "without exception" not in one_off.summary
