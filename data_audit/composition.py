"""What a dataset consists of: classes, confirmation, age, sex, site, splits, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from data_audit import evidence
from data_audit.associations import cramers_v
from data_audit.balancing import entropy
from data_audit.findings import Finding, by_gravity
from datasets.dataset import Dataset, Problem

UNKNOWN = "not known"
TELLING_V, TELLING_P = 0.1, 0.01  # from which missing values go with the diagnosis
DESCRIBED = ("sex", "site", "skin type", "source", "confirmation")  # and age in bands
AGES = (0, 20, 40, 60, 80, 130)  # years

# kind of problem found on opening -> (severity, remedy)
_PROBLEMS: dict[str, tuple[str, str]] = {
    "lesions in several splits": ("grave", "Split again by lesion, all photographs of one lesion on one side."),
    "lesions with two diagnoses": ("grave", "Look the diagnoses up; leave lesions out whose diagnosis is not settled."),
    "missing files": ("moderate", "Copy the missing pictures, or drop their rows."),
    "unreadable images": ("moderate", "Download these pictures again."),
    "images without a diagnosis": ("moderate", "Leave them out of training and test, or label them."),
    "unreadable marker masks": ("moderate", "Make these masks again."),
    "patients in several splits": ("grave", "Split again by patient, all photographs of one person on one side."),
    "impossible ages": ("moderate", "Correct or empty these ages."),
    "duplicate image ids": ("moderate", "Remove the repeated rows; check that they agree."),
    "rows from another source": ("moderate", "Find out where these rows come from before mixing them in."),
    "unknown labels": ("note", "Map these labels to a diagnosis, or leave the images out."),
}


@dataclass(frozen=True)
class Imbalance:
    """How uneven the classes are. ratio: images of the commonest class to one of the rarest; entropy:
    1 when all classes are equal, 0 with one class; majority: accuracy of always deciding for it."""

    counts: pd.DataFrame
    ratio: float
    entropy: float
    majority_class: str
    majority_baseline: float


def imbalance(dataset: Dataset) -> Imbalance:
    """counts: a row a diagnosis with images, lesions (NaN where not named) and share of images."""
    labelled = dataset.table.dropna(subset=["diagnosis"])
    grouped = labelled.groupby("diagnosis", observed=True)
    counts = pd.DataFrame({"images": grouped.size()})
    named = labelled["lesion_id"].notna().any()
    counts["lesions"] = grouped["lesion_id"].nunique() if named else np.nan
    counts["share"] = counts["images"] / max(len(labelled), 1)
    counts = counts.sort_values("images", ascending=False).reset_index()
    if counts.empty:
        return Imbalance(counts, float("nan"), float("nan"), "", float("nan"))
    share = counts["share"].to_numpy()
    ratio = float(counts["images"].iloc[0] / counts["images"].iloc[-1])
    return Imbalance(counts, ratio, entropy(counts["images"].to_numpy(float)), str(counts["diagnosis"].iloc[0]), float(share[0]))


def cross_table(dataset: Dataset, rows: str, columns: str) -> pd.DataFrame:
    """Number of images by two columns, long form (rows, columns, images); missing values as UNKNOWN."""
    pair = dataset.table[[rows, columns]].astype(object).where(dataset.table[[rows, columns]].notna(), UNKNOWN)
    return pair.groupby([rows, columns]).size().rename("images").reset_index()


def site_by_sex_percent(dataset: Dataset) -> pd.DataFrame:
    """Sites in rows, sexes in columns, each cell in percent of all images; margins in `all`."""
    table = dataset.table[["site", "sex"]].astype(object).where(dataset.table[["site", "sex"]].notna(), UNKNOWN)
    if table.empty:
        return pd.DataFrame()
    crossed = pd.crosstab(table["site"], table["sex"], margins=True, margins_name="all") / len(table) * 100
    return crossed.sort_values("all", ascending=False)


def missing_values(dataset: Dataset) -> pd.DataFrame:
    """A row a column: how many values are missing, and the share in percent."""
    columns = [c for c in dataset.table.columns if c not in ("image_id", "label")]
    n = dataset.table[columns].isna().sum()
    frame = pd.DataFrame({"column": n.index, "missing": n.to_numpy()})
    frame["percent"] = 100 * frame["missing"] / max(len(dataset), 1)
    return frame.sort_values("missing", ascending=False).reset_index(drop=True)


def age_by_class(dataset: Dataset) -> pd.DataFrame:
    """A row a diagnosis: n with an age, quartiles in years, how many ages are missing."""
    rows = []
    for diagnosis in dataset.classes:
        ages = dataset.table.loc[dataset.table["diagnosis"] == diagnosis, "age"]
        known = ages.dropna()
        quartiles = known.quantile([0.25, 0.5, 0.75]).tolist() if len(known) else [np.nan] * 3
        rows.append((diagnosis, len(known), *quartiles, int(ages.isna().sum())))
    return pd.DataFrame(rows, columns=["diagnosis", "n", "lower quartile", "median", "upper quartile", "missing"])


def distributions(dataset: Dataset) -> dict[str, dict[str, dict[str, dict[str, int]]]]:
    """Column → "by class" and "by split" → class or split → value → images; age in bands, missing values as UNKNOWN."""
    table = dataset.table
    columns = {c: table[c] for c in table.columns if str(c).lower().replace("_", " ") in DESCRIBED}
    columns |= {"age": age_bands(table["age"])}
    found: dict[str, dict[str, dict[str, dict[str, int]]]] = {}
    for name, values in columns.items():
        if values.notna().any():
            shown = values.astype(object).where(values.notna(), UNKNOWN)
            sides = (("by class", table["diagnosis"]), ("by split", table["split"]))
            found[str(name)] = {
                side: {str(g): {str(k): int(n) for k, n in part.value_counts().items()} for g, part in shown.groupby(by.to_numpy())}
                for side, by in sides
                if by.notna().any()
            }
    return found


def age_bands(ages: pd.Series) -> pd.Series:
    """Ages in years as bands of twenty, NaN where not known."""
    return pd.cut(ages.astype(float), AGES, right=False).astype(object).map(_band, na_action="ignore")


def _band(interval: Any) -> str:
    return f"{interval.left}–{interval.right - 1}" if interval.right < AGES[-1] else f"{interval.left} and over"


def composition_findings(dataset: Dataset) -> list[Finding]:
    """Problems of the table and unevenness of the classes, the gravest first."""
    findings = problem_findings(dataset.problems, dataset)
    uneven = imbalance(dataset)
    if uneven.ratio >= 3:
        rarest = uneven.counts["diagnosis"].iloc[-1]
        findings.append(
            Finding(
                "class imbalance",
                "moderate" if uneven.ratio >= 10 else "note",
                f"{uneven.majority_class} is {uneven.ratio:.0f} times as common as {rarest}; always deciding for it "
                f"is right in {uneven.majority_baseline:.1%} of images.",
                evidence=evidence.Uneven(uneven.ratio, uneven.entropy, uneven.majority_baseline),
                remedy="Report balanced accuracy and per-class sensitivity, never accuracy alone; weight or resample in training.",
            )
        )
    for _, row in missing_values(dataset).iterrows():
        if row["column"] in ("age", "sex", "site", "diagnosis") and 0 < row["missing"] < len(dataset):
            findings.append(_missingness(dataset, str(row["column"]), int(row["missing"])))
    return by_gravity(findings)


def problem_findings(problems: Sequence[Problem], dataset: Dataset) -> list[Finding]:
    """Problems of opening and reading as findings."""
    return [_from_problem(problem, dataset) for problem in problems]


def _missingness(dataset: Dataset, column: str, n: int) -> Finding:
    """How many values are missing, and whether missing goes with the diagnosis."""
    table = dataset.table
    gone, told = table[column].isna(), table["diagnosis"].notna()
    by_class = {d: float(gone[table["diagnosis"] == d].mean()) for d in dataset.classes}
    crossed = pd.crosstab(gone[told], table["diagnosis"][told]).to_numpy(float)
    strength, p = cramers_v(crossed, dataset.groups[told].nunique()) if column != "diagnosis" else (np.nan, np.nan)
    telling = p <= TELLING_P and strength >= TELLING_V
    often = sorted(by_class, key=lambda d: -by_class[d])
    with_it = (
        f" They go with the diagnosis (Cramér's V {strength:.2f}): {by_class[often[0]]:.1%} are missing in {often[0]}, "
        f"{by_class[often[-1]]:.1%} in {often[-1]}."
        if telling
        else ""
    )
    return Finding(
        "missing values",
        "moderate" if telling else "note",
        f"{column}: {n:,} of {len(dataset):,} values are missing ({n / len(dataset):.1%}).{with_it}",
        tuple(table["image_id"][gone]),
        evidence.Missing(column, by_class, strength, p),
        "Do not let a classifier see whether it is missing; compare results with and without these images."
        if telling
        else "Say how many are missing wherever the column is used.",
    )


def _from_problem(problem: Problem, dataset: Dataset) -> Finding:
    severity, remedy = _PROBLEMS.get(problem.kind, ("note", ""))
    known = set(dataset.table["image_id"])
    ids = tuple(r for r in problem.rows if r in known)
    return Finding(problem.kind, severity, problem.summary, ids, evidence.Rows(problem.rows[:200]), remedy)  # type: ignore[arg-type]
