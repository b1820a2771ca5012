"""The audit of a dataset: one pass over its table and images, and the findings in order of severity."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.atomic import write_bytes
from core.exports import safe_csv
from core.records import write_record
from core.runs import Run, part
from core.version import __version__
from data_audit.associations import association_findings, associations
from data_audit.audit_file import NAME, About, Audit, Balance, ClassCount, MarkerCount
from data_audit.balancing import balancing
from data_audit.comparing import against, between_splits
from data_audit.composition import composition_findings, distributions, imbalance, problem_findings
from data_audit.content import clusters, find_pairs, likeness_findings, quality_findings
from data_audit.findings import by_severity
from data_audit.images import write_images
from data_audit.labels import label_findings
from data_audit.markers.present import label_columns, marker_findings
from data_audit.potential import potential_findings, potentials
from data_audit.resplit import parse_fractions, resplit, whole_groups
from data_audit.review import Verdicts
from data_audit.seen import Seen, feature_sets, see_dataset
from data_audit.skin import tone_findings
from datasets.dataset import Dataset

CHECKS = ("composition", "markers", "associations", "shortcut potential", "likeness", "splits", "labels", "quality", "skin tone")
SPLIT = "split.csv"
READING, COMPARING = 0.75, 0.9  # progress after reading images, and after comparing them


@dataclass(frozen=True)
class Asked:
    """Optional inputs of an audit.

    judged: image_id, diagnosis and a score column per class, by a classifier not trained on these images; against: a second dataset;
    fractions: shares of a new split, as "70/15/15"; verdicts: file of people's reviews of the detectors' flags.
    """

    judged: pd.DataFrame | None = None
    against: Dataset | None = None
    fractions: str = ""
    seed: int = 0
    verdicts: Path | None = None


def audit_dataset(dataset: Dataset, folder: Path, asked: Asked = Asked()) -> Run[Audit]:
    """All checks. Writes `audit.json`, `images.parquet`, marker masks in `markers/`, `split.csv` if a split is asked for, and the
    measurements, which the next run reuses."""
    fractions = parse_fractions(asked.fractions) if asked.fractions else None
    verdicts = Verdicts(asked.verdicts) if asked.verdicts else None
    other = asked.against
    alone = READING * (len(dataset) / (len(dataset) + len(other)) if other is not None else 1)
    seen = yield from part(see_dataset(dataset, folder / ".scan.parquet", folder / "markers", verdicts), 0, alone)
    compared: Seen | None = None
    if other is not None:
        masks = folder / "against-markers"
        compared = yield from part(see_dataset(other, folder / ".against.parquet", masks, verdicts), alone, READING)
    pairs = yield from part(find_pairs(seen.scan), READING, COMPARING)
    found = associations(dataset, seen.markers, label_columns(dataset.table).values())
    potential = yield from part(potentials(dataset, feature_sets(seen)), COMPARING, 0.98)
    findings = (
        [f for f in composition_findings(dataset) if f.kind != "unreadable images"]  # the scan found them all
        + problem_findings(seen.problems, dataset)
        + marker_findings(seen.markers, dataset)
        + association_findings(found, list(dataset.table["image_id"]))
        + potential_findings(potential)
        + likeness_findings(dataset, pairs)
        + quality_findings(dataset, seen.scan)
        + tone_findings(seen.frame, dataset)
        + label_findings(dataset, asked.judged)
        + between_splits(seen)
    )
    if compared is not None:
        findings += yield from part(against(seen, compared), 0.98, 1)
    about = {"lesionlens_version": __version__, "dataset": dataset.name, "dataset_sha256": dataset.sha256}
    if other is not None:
        about |= {"against": other.name, "against_sha256": other.sha256}
    cluster = clusters(pairs, len(dataset))
    (folder / SPLIT).unlink(missing_ok=True)  # of an earlier audit
    if fractions:
        write_bytes(folder / SPLIT, _new_split(seen, cluster, fractions, asked.seed, about).encode())
    counts = imbalance(dataset).counts
    audit = Audit(
        About(**about, layout=dataset.layout, images=len(dataset), lesions=dataset.n_lesions, checks=CHECKS),
        tuple(ClassCount(*row) for row in counts.itertuples(index=False)),
        distributions(dataset),
        tuple(Balance(*row) for row in balancing(counts).itertuples(index=False)),
        tuple(MarkerCount(m.marker, m.source, int((m.values > 0).sum())) for m in seen.markers),
        tuple(a.written for a in found),
        tuple(potential),
        tuple(by_severity(findings)),
    )
    write_images(seen.frame.assign(cluster=cluster), folder / "images.parquet", about)
    write_record(folder / NAME, audit)
    return audit


def _new_split(seen: Seen, cluster: np.ndarray, fractions: Mapping[str, float], seed: int, about: Mapping[str, str]) -> str:
    table = seen.dataset.table
    split = resplit(table["diagnosis"].reset_index(drop=True), whole_groups(seen.dataset, cluster), fractions, seed)
    frame = pd.DataFrame({"image_id": table["image_id"].to_numpy(object), "split": split})
    return safe_csv(frame, {**about, "seed": str(seed)})
