"""The composition of a dataset: classes, confirmation, age, sex, site, splits, and missing values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from core.diagnoses import full_name
from core.wording import count
from data_audit import evidence
from data_audit.associations import cramers_v
from data_audit.balancing import entropy
from data_audit.findings import Finding, Severity, by_severity
from datasets.dataset import Dataset, Problem

UNKNOWN = "not known"
INFORMATIVE_V, INFORMATIVE_P = 0.1, 0.01  # from which missing values are associated with the diagnosis
Values = TypeVar("Values", pd.Series, pd.DataFrame)
DESCRIBED = ("sex", "site", "skin type", "source", "confirmation")  # and age in bands
AGES = (0, 20, 40, 60, 80, 130)  # years

# kind of problem found on opening -> (severity, remedy)
_PROBLEMS: dict[str, tuple[Severity, str]] = {
    "lesions in several splits": ("grave", "Split again by lesion, with all images of a lesion in one split."),
    "lesions with two diagnoses": ("grave", "Check the diagnoses; exclude lesions whose diagnosis is uncertain."),
    "missing files": ("moderate", "Copy the missing images, or remove their rows."),
    "unreadable images": ("moderate", "Download these images again."),
    "images without a diagnosis": ("moderate", "Exclude them from training and testing, or label them."),
    "unreadable marker masks": ("moderate", "Create these masks again."),
    "patients in several splits": ("grave", "Split again by patient, with all images of a patient in one split."),
    "impossible ages": ("moderate", "Correct or remove these ages."),
    "duplicate image ids": ("moderate", "Remove the duplicate rows; check that they agree."),
    "rows from another source": ("moderate", "Find out where these rows come from before including them."),
    "unknown labels": ("note", "Map these labels to a diagnosis, or exclude the images."),
}


@dataclass(frozen=True)
class Imbalance:
    """Class imbalance. ratio: images of the commonest class per image of the rarest; entropy: 1 for equal classes, 0 for one class;
    majority_baseline: accuracy of always predicting the commonest class."""

    counts: pd.DataFrame
    ratio: float
    entropy: float
    majority_class: str
    majority_baseline: float


def imbalance(dataset: Dataset) -> Imbalance:
    """counts: a row per diagnosis with images, lesions (NaN if not identified) and share of images."""
    labelled = dataset.table.dropna(subset=["diagnosis"])
    grouped = labelled.groupby("diagnosis", observed=True)
    counts = pd.DataFrame({"images": grouped.size()})
    named = labelled["lesion_id"].notna().any()
    counts["lesions"] = grouped["lesion_id"].nunique() if named else np.nan
    counts["share"] = counts["images"] / max(len(labelled), 1)
    counts = counts.sort_values("images", ascending=False).reset_index()
    if counts.empty:
        return Imbalance(counts, float("nan"), float("nan"), "", float("nan"))
    images = counts["images"].to_numpy(float)
    return Imbalance(counts, images[0] / images[-1], entropy(images), str(counts["diagnosis"][0]), float(counts["share"][0]))


def cross_table(dataset: Dataset, rows: str, columns: str) -> pd.DataFrame:
    """Number of images by two columns, in long form (rows, columns, images); missing values as UNKNOWN."""
    return _known(dataset.table[[rows, columns]]).groupby([rows, columns]).size().rename("images").reset_index()


def site_by_sex_percent(dataset: Dataset) -> pd.DataFrame:
    """Sites in rows, sexes in columns, each cell in percent of all images; margins in `all`."""
    table = _known(dataset.table[["site", "sex"]])
    if table.empty:
        return pd.DataFrame()
    crossed = pd.crosstab(table["site"], table["sex"], margins=True, margins_name="all") / len(table) * 100
    return crossed.sort_values("all", ascending=False)


def missing_values(dataset: Dataset) -> pd.DataFrame:
    """A row per column: number of missing values, and their percentage."""
    columns = [c for c in dataset.table.columns if c not in ("image_id", "label")]
    n = dataset.table[columns].isna().sum()
    frame = pd.DataFrame({"column": n.index, "missing": n.to_numpy()})
    frame["percent"] = 100 * frame["missing"] / max(len(dataset), 1)
    return frame.sort_values("missing", ascending=False).reset_index(drop=True)


def age_by_class(dataset: Dataset) -> pd.DataFrame:
    """A row per diagnosis: number of ages, quartiles in years, number of missing ages."""
    rows = []
    for diagnosis in dataset.classes:
        ages = dataset.table["age"][dataset.table["diagnosis"] == diagnosis]
        rows.append((diagnosis, ages.count(), *ages.quantile([0.25, 0.5, 0.75]), int(ages.isna().sum())))
    return pd.DataFrame(rows, columns=["diagnosis", "n", "lower quartile", "median", "upper quartile", "missing"])


def distributions(dataset: Dataset) -> dict[str, dict[str, dict[str, dict[str, int]]]]:
    """Column → "by class" and "by split" → class or split → value → images; age in bands, missing values as UNKNOWN."""
    table = dataset.table
    columns = {c: table[c] for c in table.columns if str(c).lower().replace("_", " ") in DESCRIBED}
    columns |= {"age": age_bands(table["age"])}
    found: dict[str, dict[str, dict[str, dict[str, int]]]] = {}
    for name, values in columns.items():
        if values.notna().any():
            shown = _known(values)
            sides = (("by class", table["diagnosis"]), ("by split", table["split"]))
            found[str(name)] = {
                side: {str(g): {str(k): int(n) for k, n in part.value_counts().items()} for g, part in shown.groupby(by.to_numpy())}
                for side, by in sides
                if by.notna().any()
            }
    return found


def _known(values: Values) -> Values:
    return values.astype(object).where(values.notna(), UNKNOWN)


def age_bands(ages: pd.Series) -> pd.Series:
    """Ages in years as bands of twenty, NaN if unknown."""
    return pd.cut(ages.astype(float), AGES, right=False).astype(object).map(_band, na_action="ignore")


def _band(interval: Any) -> str:
    return f"{interval.left}–{interval.right - 1}" if interval.right < AGES[-1] else f"{interval.left} and over"


def composition_findings(dataset: Dataset) -> list[Finding]:
    """Problems of the table, class imbalance and missing values, the most severe first."""
    findings = problem_findings(dataset.problems, dataset)
    uneven = imbalance(dataset)
    if uneven.ratio >= 3:
        commonest, rarest = (full_name(str(uneven.counts["diagnosis"].iloc[k])) for k in (0, -1))
        findings.append(
            Finding(
                "class imbalance",
                "moderate" if uneven.ratio >= 10 else "note",
                f"There are {uneven.ratio:.0f} times as many images of {commonest} as of {rarest}; always predicting {commonest} is "
                f"correct for {uneven.majority_baseline:.1%} of images.",
                evidence=evidence.Uneven(uneven.ratio, uneven.entropy, uneven.majority_baseline),
                remedy="Report balanced accuracy and per-class sensitivity, not accuracy alone; weight or resample classes in training.",
            )
        )
    for _, row in missing_values(dataset).iterrows():
        if row["column"] in ("age", "sex", "site", "diagnosis") and 0 < row["missing"] < len(dataset):
            findings.append(_missingness(dataset, str(row["column"]), int(row["missing"])))
    return by_severity(findings)


def problem_findings(problems: Sequence[Problem], dataset: Dataset) -> list[Finding]:
    """Problems of opening and reading as findings."""
    known = set(dataset.table["image_id"])
    findings = []
    for problem in problems:
        severity, remedy = _PROBLEMS.get(problem.kind, ("note", ""))
        ids = tuple(r for r in problem.rows if r in known)
        findings.append(Finding(problem.kind, severity, problem.summary, ids, evidence.Rows(problem.rows[:200]), remedy))
    return findings


def _missingness(dataset: Dataset, column: str, n: int) -> Finding:
    """How many values are missing, and whether missingness is associated with the diagnosis."""
    table = dataset.table
    gone, labelled = table[column].isna(), table["diagnosis"].notna()
    by_class = {d: float(gone[table["diagnosis"] == d].mean()) for d in dataset.classes}
    crossed = pd.crosstab(gone[labelled], table["diagnosis"][labelled]).to_numpy(float)
    strength, p = cramers_v(crossed, dataset.groups[labelled].nunique()) if column != "diagnosis" else (np.nan, np.nan)
    informative = p <= INFORMATIVE_P and strength >= INFORMATIVE_V
    summary = f"{column}: {n:,} of {count(len(dataset), 'value')} missing ({n / len(dataset):.1%})."
    if informative:
        most, least = max(by_class, key=by_class.__getitem__), min(by_class, key=by_class.__getitem__)
        summary += f" Missingness is associated with the diagnosis (Cramér's V {strength:.2f}): {by_class[most]:.1%} in {full_name(most)}, "
        summary += f"{by_class[least]:.1%} in {full_name(least)}."
    return Finding(
        "missing values",
        "moderate" if informative else "note",
        summary,
        tuple(table["image_id"][gone]),
        evidence.Missing(column, by_class, strength, p),
        "Do not let a classifier see whether a value is missing; compare results with and without these images."
        if informative
        else "Report the number of missing values wherever the column is used.",
    )
