"""The whole audit of a dataset: one pass over its table and pictures, and the findings in order of gravity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from atomic import write_bytes
from data_audit.associations import Association, association_findings, associations
from data_audit.balancing import balancing
from data_audit.composition import composition_findings, distributions, imbalance, problem_findings
from data_audit.content import clusters, find_pairs, likeness_findings, quality_findings
from data_audit.dataset import Dataset
from data_audit.findings import Finding, by_gravity
from data_audit.images import images_frame, write_images
from data_audit.labels import label_findings
from data_audit.likeness import Pair
from data_audit.markers.present import Present, known_markers, label_columns, marker_findings, present_markers
from data_audit.potential import PERSON, PERSON_SET, TAKING, Potential, potential_findings, potentials
from data_audit.potential import evidence as potential_evidence
from data_audit.resplit import parse_fractions, resplit, whole_groups
from data_audit.review import Verdicts
from data_audit.scan import Scan, scan_dataset
from data_audit.shift import shift_findings, shifts, told_apart
from data_audit.skin import SKIN, tone_findings
from exports import plain, safe_csv
from runs import Run, part
from version import __version__

CHECKS = (
    "composition", "markers", "associations", "shortcut potential", "likeness", "splits", "labels", "quality", "skin tone",
)  # fmt: skip
SPLIT = "split.csv"
READING, COMPARING = 0.75, 0.9  # share of the work that is done after reading pictures, and after comparing them


@dataclass(frozen=True)
class Asked:
    """What an audit may be given besides the dataset.

    judged: image_id, diagnosis and a column a class, by a classifier that did not learn from these images; against: a second
    dataset; fractions: shares of a new split, as "70/15/15"; verdicts: file of what people said of the detectors' flags.
    """

    judged: pd.DataFrame | None = None
    against: Dataset | None = None
    fractions: str = ""
    seed: int = 0
    verdicts: Path | None = None


@dataclass(frozen=True)
class Audit:
    """findings: the gravest first; content: everything, as it stands in `audit.json`."""

    findings: tuple[Finding, ...]
    content: Mapping[str, Any]


@dataclass(frozen=True)
class _Seen:
    """A dataset with what its pictures say. frame: `images.parquet`."""

    dataset: Dataset
    scan: Scan
    markers: list[Present]
    frame: pd.DataFrame


def audit_dataset(dataset: Dataset, folder: Path, asked: Asked = Asked()) -> Run[Audit]:
    """All checks. The folder gets `audit.json`, `images.parquet`, marker masks in `markers/`, `split.csv` where a split is
    asked for, and what was measured, which a second run takes up."""
    fractions = parse_fractions(asked.fractions) if asked.fractions else None
    other = asked.against
    alone = READING * (len(dataset) / (len(dataset) + len(other)) if other is not None else 1)
    scan = yield from part(scan_dataset(dataset, folder / ".scan.parquet", folder / "markers"), 0, alone)
    masked, problems = known_markers(dataset)
    verdicts = Verdicts(asked.verdicts) if asked.verdicts else None
    against: _Seen | None = None
    if other is not None:
        beside = scan_dataset(other, folder / ".against.parquet", folder / "against-markers")
        theirs = yield from part(beside, alone, READING)
        their_masks, _ = known_markers(other)
        against = _Seen(other, theirs, present_markers(other, their_masks, theirs.frame, verdicts), theirs.frame)
    pairs = yield from part(find_pairs(scan), READING, COMPARING)
    cluster = clusters(pairs, len(dataset))
    seen = _Seen(dataset, scan, present_markers(dataset, masked, scan.frame, verdicts), images_frame(dataset, scan, cluster))
    found = associations(dataset, {m.name: m.values for m in seen.markers}, label_columns(dataset.table).values())
    told = yield from part(potentials(dataset, _feature_sets(seen)), COMPARING, 0.98)
    findings = (
        [f for f in composition_findings(dataset) if f.kind != "unreadable images"]  # reading found them all
        + problem_findings(problems, dataset)
        + marker_findings(seen.markers, dataset)
        + association_findings(found, list(dataset.table["image_id"]))
        + potential_findings(told)
        + likeness_findings(dataset, pairs)
        + quality_findings(dataset, scan)
        + tone_findings(seen.frame, dataset)
        + label_findings(dataset, asked.judged)
        + _between_splits(seen)
    )
    if against is not None:
        findings += yield from part(_against(seen, against), 0.98, 1)
    about = {"lesionlens_version": __version__, "dataset": dataset.name, "dataset_sha256": dataset.sha256}
    folder.mkdir(parents=True, exist_ok=True)
    if fractions:
        write_bytes(folder / SPLIT, _new_split(seen, cluster, fractions, asked.seed, about).encode())
    findings = by_gravity(findings)
    content = _content(seen, about, found, told, findings)
    write_images(seen.frame, folder / "images.parquet", about)
    write_bytes(folder / "audit.json", json.dumps(content, indent=1, ensure_ascii=False).encode())
    return Audit(tuple(findings), content)


def _content(
    seen: _Seen, about: Mapping[str, str], found: list[Association], told: list[Potential], findings: list[Finding]
) -> dict[str, Any]:
    dataset, counts = seen.dataset, imbalance(seen.dataset).counts
    content: dict[str, Any] = plain(
        {
            "about": {**about, "layout": dataset.layout, "images": len(dataset), "lesions": dataset.n_lesions, "checks": CHECKS},
            "composition": counts.to_dict("records"),
            "distributions": distributions(dataset),
            "balancing": balancing(counts).to_dict("records"),
            "markers": [{"marker": m.marker, "source": m.source, "images": int((m.values > 0).sum())} for m in seen.markers],
            "associations": [_as_json(a) for a in found],
            "shortcut_potential": [potential_evidence(p) for p in told],
            "findings": [f.as_json() for f in findings],
        }
    )
    return content


def _feature_sets(seen: _Seen) -> dict[str, pd.DataFrame]:
    """What the label may be told from besides the lesion."""
    frame = seen.frame
    markers = pd.DataFrame({m.name: m.likely for m in seen.markers}, index=frame.index)
    sizes = frame[["width", "height"]].astype(float)
    taking = sizes.assign(aspect=sizes["width"] / sizes["height"], border_share=frame["border_share"])[list(TAKING)]
    skin = frame[list(SKIN)]
    person = seen.dataset.table[list(PERSON)].reset_index(drop=True)
    sets = {
        "markers": markers, "the skin around the lesion": skin, "size and borders of the picture": taking,
        "markers, skin around the lesion, size and borders together": pd.concat([markers, skin, taking], axis=1),
    }  # fmt: skip
    return sets | ({PERSON_SET: person} if person.notna().any().any() else {})


def _comparable(seen: _Seen) -> pd.DataFrame:
    """Features that two sets of photographs can be compared by."""
    table = seen.dataset.table[["diagnosis", "age", "sex", "site", "confirmation"]].reset_index(drop=True)
    sets = _feature_sets(seen)
    markers = pd.DataFrame({m.marker: m.likely for m in seen.markers})
    pictures = seen.frame[["sharpness", "brightness", "contrast", "colour_cast"]]
    return pd.concat(
        [table, markers, sets["the skin around the lesion"], sets["size and borders of the picture"], pictures], axis=1
    )


def _between_splits(seen: _Seen) -> list[Finding]:
    """Test against training, where the dataset says which is which."""
    split = seen.dataset.table["split"].to_numpy(object)
    rows = np.isin(split.astype(str), ("train", "test"))
    second = (split == "test")[rows]
    if second.all() or not second.any():
        return []
    features = _comparable(seen)[rows].reset_index(drop=True)
    groups = np.unique(seen.dataset.groups.to_numpy(object)[rows].astype(str), return_inverse=True)[1]
    names = ("training", "test")
    return shift_findings(shifts(features, second, groups), told_apart(features, second, groups, names), names)


def _against(seen: _Seen, other: _Seen) -> Run[list[Finding]]:
    """The second dataset against the first: what shifted, and photographs that are in both."""
    names = (seen.dataset.name, other.dataset.name)
    if names[0] == names[1]:
        names = (f"{names[0]} (first)", f"{names[1]} (second)")
    one, two = _comparable(seen), _comparable(other)
    features = pd.concat([one, two], ignore_index=True)
    second = np.r_[np.zeros(len(one), bool), np.ones(len(two), bool)]
    theirs = [f"second {g}" for g in other.dataset.groups]
    groups = pd.factorize(np.r_[seen.dataset.groups.to_numpy(object), np.array(theirs, object)])[0]
    shared = yield from _shared(seen.scan, other.scan)
    findings = shift_findings(shifts(features, second, groups), told_apart(features, second, groups, names), names)
    if shared:
        ids = seen.dataset.table["image_id"].to_numpy(object), other.dataset.table["image_id"].to_numpy(object)
        told = [{"one": ids[0][p.one], "other": ids[1][p.other], "correlation": round(p.correlation, 3)} for p in shared]
        first = tuple(dict.fromkeys(t["one"] for t in told))
        touched = len({p.other for p in shared})
        findings.append(Finding(
            "the same photograph in both datasets", "grave",
            f"{touched:,} of {len(two):,} images of {names[1]} show a photograph that is also in {names[0]}.", first,
            {"shared": told}, "Take them out of one of the two before one is trained on and the other tested on.",
        ))  # fmt: skip
    return findings


def _shared(one: Scan, other: Scan) -> Run[list[Pair]]:
    """Pairs of a photograph in the first and the same in the second; rows of each."""
    n = len(one.frame)
    frame = pd.concat([one.frame[["error", "content"]], other.frame[["error", "content"]]], ignore_index=True)
    pairs = yield from find_pairs(Scan(frame, np.concatenate([one.smalls, other.smalls])), n)
    return [Pair(p.one, p.other - n, p.correlation) for p in pairs if p.one < n <= p.other]


def _new_split(seen: _Seen, cluster: np.ndarray, fractions: Mapping[str, float], seed: int, about: Mapping[str, str]) -> str:
    table = seen.dataset.table
    split = resplit(table["diagnosis"].reset_index(drop=True), whole_groups(seen.dataset, cluster), fractions, seed)
    frame = pd.DataFrame({"image_id": table["image_id"].to_numpy(object), "split": split})
    return safe_csv(frame, {**about, "seed": str(seed)})


def _as_json(a: Association) -> dict[str, Any]:
    return {
        "column": a.column, "target": a.target, "kind": a.kind, "strength": a.strength.value, "low": a.strength.low,
        "high": a.strength.high, "p": a.p, "q": a.q, "lesions": a.lesions, "images": a.images,
    }  # fmt: skip
