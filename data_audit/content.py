"""Findings from the images themselves: the same photograph twice, in two splits or with two diagnoses; and poor image quality."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.runs import Run
from core.wording import count
from data_audit import evidence
from data_audit.findings import Finding, Severity
from data_audit.likeness import Pair, same_photographs
from data_audit.scan import Scan
from datasets.dataset import Dataset

# quality column → (flagged below or above, the limit, kind, what to do)
LIMITS: tuple[tuple[str, str, float, str, str], ...] = (
    ("sharpness", "below", 2.45, "blurred photographs", "Exclude them, or report results with and without them."),
    ("brightness", "below", 12, "dark photographs", "Check the exposure; a network may learn the lighting instead of the lesion."),
    ("overexposed", "above", 0.2, "overexposed photographs", "Exclude them if the lesion itself is overexposed."),
    ("contrast", "below", 3, "photographs without contrast", "Review them: they may show nothing."),
    ("unlike_skin", "above", 0.85, "images that may not be dermoscopic", "Review them; exclude those that show no skin."),
    ("border_share", "above", 0.02, "black borders", "Crop them; the share to crop is in images.parquet (border_top …)."),
)
MIN_SIDE = 100  # pixels


def find_pairs(scan: Scan, border: int = 0) -> Run[list[Pair]]:
    """Pairs of rows that show the same photograph: identical files, and readable images that match.

    border: if not 0, only pairs of a row before it and a row from it on are compared.
    """
    rows = np.flatnonzero(scan.readable)
    pairs = yield from same_photographs([scan.traces[k] for k in rows], int((rows < border).sum()))
    found = {(int(rows[p.one]), int(rows[p.other])): p.correlation for p in pairs}
    for group in scan.frame[scan.readable].groupby("content").indices.values():
        where = rows[np.sort(group)]
        found |= {(int(where[0]), int(k)): 1.0 for k in where[1:]}
    return [Pair(one, other, c) for (one, other), c in sorted(found.items())]


def clusters(pairs: Sequence[Pair], n: int) -> np.ndarray:
    """int (n,): the number of each image's cluster; single images have their own."""
    return components([(p.one, p.other) for p in pairs], n)


def components(joined: Sequence[tuple[int, int]], n: int) -> np.ndarray:
    """int (n,): the connected component of each row when these pairs of rows are joined."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.array(joined, int).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1]


def likeness_findings(dataset: Dataset, pairs: Sequence[Pair]) -> list[Finding]:
    """The same photograph under different lesion ids: in several splits, with two diagnoses, or merely twice."""
    table = dataset.table.reset_index(drop=True)
    groups = dataset.groups.to_numpy(object)
    strangers = [p for p in pairs if groups[p.one] != groups[p.other]]
    splits, labels = table["split"], table["diagnosis"]
    torn = [p for p in strangers if _differ(splits, p)]
    twofold = [p for p in strangers if _differ(labels, p)]
    tested = {k for p in torn for k in (p.one, p.other) if splits[k] == "test"}
    n_test = int((splits == "test").sum())
    share = f" ({len(tested):,} of {count(n_test, 'test image')} affected)" if n_test else ""
    cases: tuple[tuple[list[Pair], str, Severity, str, str], ...] = (
        (
            torn,
            "the same photograph in several splits",
            "grave",
            f"in different splits with the same photograph under different lesion ids{share}",
            "Split again, with all images of a cluster in one split (column `cluster` of images.parquet).",
        ),
        (
            twofold,
            "the same photograph with two diagnoses",
            "grave",
            "with the same photograph under different diagnoses",
            "Check the diagnoses; exclude both images if uncertain.",
        ),
        (
            strangers,
            "duplicate photographs",
            "moderate",
            "with the same photograph under different lesion ids",
            "Keep one of each; give them one lesion id.",
        ),
    )
    ids, findings = table["image_id"].to_numpy(object), []
    for found, kind, severity, words, remedy in cases:
        if found:
            same = tuple(evidence.SamePhotograph(ids[p.one], ids[p.other], round(p.correlation, 3)) for p in found)
            rows = list(dict.fromkeys(k for p in found for k in (p.one, p.other)))
            summary = f"{count(len(found), 'pair')} of images {words}."
            findings.append(Finding(kind, severity, summary, tuple(ids[rows]), evidence.Pairs(same), remedy))
    return findings


def quality_findings(dataset: Dataset, scan: Scan) -> list[Finding]:
    """Unreadable images, images beyond a limit of quality, and small ones."""
    frame, ids = scan.frame, dataset.table["image_id"].to_numpy(object)
    findings: list[Finding] = []
    broken = frame["error"].notna().to_numpy() & (frame["error"] != "no picture file").to_numpy()
    if broken.any():
        reasons = frame["error"][broken].value_counts()
        summary = f"{count(int(broken.sum()), 'unreadable image')}; the commonest reason: {reasons.index[0]}"
        facts = evidence.Unreadable({str(reason): int(n) for reason, n in reasons.items()})
        findings.append(Finding("unreadable images", "moderate", summary, tuple(ids[broken]), facts, "Download these images again."))
    for column, side, limit, kind, remedy in LIMITS:
        values = frame[column].to_numpy(float)
        flagged = (values < limit) if side == "below" else (values > limit)
        if flagged.any():
            severity: Severity = "moderate" if flagged.mean() > 0.05 else "note"
            share = f"{flagged.sum():,} of {count(len(frame), 'image')} ({flagged.mean():.1%})"
            summary = f"{share}: {column.replace('_', ' ')} {side} {limit:g}."
            limits = evidence.PastLimit(column, limit, float(np.nanmedian(values)))
            findings.append(Finding(kind, severity, summary, tuple(ids[flagged]), limits, remedy))
    small = frame[["width", "height"]].min(axis=1).to_numpy(float) < MIN_SIDE
    if small.any():
        summary = f"{count(int(small.sum()), 'image')} with a side below {MIN_SIDE} pixels."
        findings.append(Finding("small photographs", "note", summary, tuple(ids[small]), remedy="Check where they come from."))
    return findings


def _differ(values: pd.Series, pair: Pair) -> bool:
    one, other = values[pair.one], values[pair.other]
    return bool(pd.notna(one) and pd.notna(other) and one != other)
