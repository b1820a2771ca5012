"""Training against test images, or one dataset against another."""

import numpy as np
import pandas as pd

from core.runs import Run
from core.wording import count
from data_audit.content import find_pairs
from data_audit.evidence import SamePhotograph, SharedPairs
from data_audit.findings import Finding
from data_audit.likeness import Pair
from data_audit.scan import Scan
from data_audit.seen import Seen, comparable
from data_audit.shift import domain_classifier, shift_findings, shifts


def between_splits(seen: Seen) -> list[Finding]:
    """Test images against training images, if the dataset has both splits."""
    split = seen.dataset.table["split"].to_numpy(object)
    rows = np.isin(split.astype(str), ("train", "test"))
    second = (split == "test")[rows]
    if second.all() or not second.any():
        return []
    features = comparable(seen)[rows].reset_index(drop=True)
    groups = np.unique(seen.dataset.groups.to_numpy(object)[rows].astype(str), return_inverse=True)[1]
    names = ("training", "test")
    return shift_findings(shifts(features, second, groups), domain_classifier(features, second, groups, names), names)


def against(seen: Seen, other: Seen) -> Run[list[Finding]]:
    """The second dataset against the first: shift, and images that are in both."""
    names = (seen.dataset.name, other.dataset.name)
    if names[0] == names[1]:
        names = (f"{names[0]} (first)", f"{names[1]} (second)")
    one, two = comparable(seen), comparable(other)
    features = pd.concat([one, two], ignore_index=True)
    second = np.r_[np.zeros(len(one), bool), np.ones(len(two), bool)]
    theirs = [f"second {g}" for g in other.dataset.groups]
    groups = pd.factorize(np.r_[seen.dataset.groups.to_numpy(object), np.array(theirs, object)])[0]
    shared = yield from _shared(seen.scan, other.scan)
    findings = shift_findings(shifts(features, second, groups), domain_classifier(features, second, groups, names), names)
    if shared:
        first, theirs_ids = (s.dataset.table["image_id"].to_numpy(object) for s in (seen, other))
        found = tuple(SamePhotograph(first[p.one], theirs_ids[p.other], round(p.correlation, 3)) for p in shared)
        affected = len({p.other for p in shared})
        findings.append(
            Finding(
                "the same photograph in both datasets",
                "grave",
                f"{affected:,} of {count(len(two), 'image')} of {names[1]} are the same photograph as an image of {names[0]}.",
                tuple(dict.fromkeys(p.one for p in found)),
                SharedPairs(found),
                "Remove them from one dataset before training on one and testing on the other.",
            )
        )
    return findings


def _shared(one: Scan, other: Scan) -> Run[list[Pair]]:
    """Pairs of rows, one of each scan, that show the same photograph."""
    n = len(one.frame)
    frame = pd.concat([one.frame[["error", "content"]], other.frame[["error", "content"]]], ignore_index=True)
    pairs = yield from find_pairs(Scan(frame, one.traces + other.traces), n)
    return [Pair(p.one, p.other - n, p.correlation) for p in pairs if p.one < n <= p.other]
