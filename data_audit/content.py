"""What the pictures themselves say: the same photograph twice, in two splits, under two diagnoses; and bad photographs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.runs import Run
from data_audit import evidence
from data_audit.findings import Finding, Severity
from data_audit.likeness import Pair, same_photographs
from data_audit.scan import Scan
from datasets.dataset import Dataset

# quality column → (flagged below or above, the limit, kind, what to do)
LIMITS: tuple[tuple[str, str, float, str, str], ...] = (
    ("sharpness", "below", 2.45, "blurred photographs", "Leave them out, or report results with and without them."),
    ("brightness", "below", 12, "dark photographs", "Check the exposure; a network may learn the lamp instead of the lesion."),
    ("overexposed", "above", 0.2, "overexposed photographs", "Leave them out if the lesion itself is bleached."),
    ("contrast", "below", 3, "photographs without contrast", "Look at them: they may show nothing."),
    ("unlike_skin", "above", 0.85, "photographs that may be no dermoscopy", "Look at them; leave out what shows no skin."),
    ("border_share", "above", 0.02, "black borders", "Crop them off; the share to crop is in images.parquet (border_top …)."),
)
MIN_SIDE = 100  # pixels


def find_pairs(scan: Scan, border: int = 0) -> Run[list[Pair]]:
    """Pairs of rows that show the same photograph: equal files first, then likeness of the readable ones.

    border: with a number, only pairs of a row before it and one from it on are looked at.
    """
    rows = np.flatnonzero(scan.readable)
    pairs: list[Pair] = []
    for done, total, pairs in same_photographs(scan.smalls[rows], border=int((rows < border).sum())):  # noqa: B007 (the last)
        yield done, total
    found = {(int(rows[p.one]), int(rows[p.other])): p.correlation for p in pairs}
    for group in scan.frame[scan.readable].groupby("content").indices.values():
        where = rows[np.sort(group)]
        found |= {(int(where[0]), int(k)): 1.0 for k in where[1:]}
    return [Pair(one, other, c) for (one, other), c in sorted(found.items())]


def clusters(pairs: Sequence[Pair], n: int) -> np.ndarray:
    """int (n,): the number of each image's cluster; images alone have one of their own."""
    return components([(p.one, p.other) for p in pairs], n)


def components(joined: Sequence[tuple[int, int]], n: int) -> np.ndarray:
    """int (n,): the number of the group each row is in when these pairs of rows stay together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.array(joined, int).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1]


def likeness_findings(dataset: Dataset, pairs: Sequence[Pair]) -> list[Finding]:
    """Photographs of other lesions' names that are the same: across splits, under two diagnoses, or merely twice."""
    table = dataset.table.reset_index(drop=True)
    groups = dataset.groups.to_numpy(object)
    strangers = [p for p in pairs if groups[p.one] != groups[p.other]]
    splits, labels = table["split"], table["diagnosis"]
    torn = [p for p in strangers if _differ(splits, p)]
    twofold = [p for p in strangers if _differ(labels, p)]
    tested = {k for p in torn for k in (p.one, p.other) if splits[k] == "test"}
    n_test = int((splits == "test").sum())
    share = f", which touches {len(tested):,} of {n_test:,} test images" if n_test else ""
    cases: tuple[tuple[list[Pair], str, Severity, str, str], ...] = (
        (
            torn,
            "the same photograph in several splits",
            "grave",
            f"in different splits show the same photograph under different lesion names{share}",
            "Split again, with all photographs of one cluster on one side (column `cluster` of images.parquet).",
        ),
        (
            twofold,
            "the same photograph with two diagnoses",
            "grave",
            "show the same photograph under different diagnoses",
            "Look the diagnoses up; leave both out where it is not settled.",
        ),
        (
            strangers,
            "duplicate photographs",
            "moderate",
            "show the same photograph under different lesion names",
            "Keep one of each; give them one lesion name.",
        ),
    )
    return [
        _about(table, found, kind, severity, f"{len(found):,} pairs of images {words}.", remedy)
        for found, kind, severity, words, remedy in cases
        if found
    ]


def quality_findings(dataset: Dataset, scan: Scan) -> list[Finding]:
    """Images that cannot be read, photographs past the limits, and small ones."""
    frame, ids = scan.frame, dataset.table["image_id"].to_numpy(object)
    findings = []
    broken = frame["error"].notna().to_numpy() & (frame["error"] != "no picture file").to_numpy()
    if broken.any():
        reasons = frame["error"][broken].value_counts()
        findings.append(
            Finding(
                "unreadable images",
                "moderate",
                f"{broken.sum():,} image{'s' if broken.sum() != 1 else ''} cannot be read; the commonest reason: {reasons.index[0]}",
                tuple(ids[broken]),
                evidence.Unreadable({str(reason): int(n) for reason, n in reasons.items()}),
                "Download these pictures again.",
            )
        )
    for column, side, limit, kind, remedy in LIMITS:
        values = frame[column].to_numpy(float)
        flagged = (values < limit) if side == "below" else (values > limit)
        if flagged.any():
            findings.append(
                Finding(
                    kind,
                    "moderate" if flagged.mean() > 0.05 else "note",
                    f"{flagged.sum():,} of {len(frame):,} images ({flagged.mean():.1%}): {column.replace('_', ' ')} {side} {limit:g}.",
                    tuple(ids[flagged]),
                    evidence.PastLimit(column, limit, float(np.nanmedian(values))),
                    remedy,
                )
            )
    small = frame[["width", "height"]].min(axis=1).to_numpy(float) < MIN_SIDE
    if small.any():
        findings.append(
            Finding(
                "small photographs",
                "note",
                f"{small.sum():,} images are under {MIN_SIDE} pixels on a side.",
                tuple(ids[small]),
                remedy="Check where they come from.",
            )
        )
    return findings


def _differ(values: pd.Series, pair: Pair) -> bool:
    one, other = values[pair.one], values[pair.other]
    return bool(pd.notna(one) and pd.notna(other) and one != other)


def _about(table: pd.DataFrame, pairs: Sequence[Pair], kind: str, severity: Severity, summary: str, remedy: str) -> Finding:
    ids = table["image_id"].to_numpy(object)
    found = tuple(evidence.SamePhotograph(ids[p.one], ids[p.other], round(p.correlation, 3)) for p in pairs)
    rows = list(dict.fromkeys(k for p in pairs for k in (p.one, p.other)))
    return Finding(kind, severity, summary, tuple(ids[rows]), evidence.Pairs(found), remedy)
