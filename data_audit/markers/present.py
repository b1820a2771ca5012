"""Which images bear which marker, by the best source there is: masks, then a column of the table, then the
detectors, or, where a marker has none, the word of people who looked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from core.errors import ImageError
from core.markers import DETECTED, MARKERS, NO_DETECTOR, UNDETECTED, marker_name, unknown_bits, unpack
from core.tables import missing
from core.wording import count
from data_audit.evidence import MarkerShare
from data_audit.findings import Finding
from data_audit.markers.detector import card
from data_audit.review import Verdicts
from datasets.dataset import Dataset, Problem

Source = Literal["mask", "table", "detector", "hand"]
SOURCES: dict[Source, str] = {
    "mask": "by the masks of the dataset",
    "table": "by the labels of the dataset",
    "detector": "by the detector",
    "hand": "by the word of people who looked at the pictures",
}

_YES = {"1", "1.0", "true", "yes", "y"}
_NO = {"0", "0.0", "false", "no", "n"}


@dataclass(frozen=True)
class Present:
    """One marker over a dataset. values: float (N,) in the table's order, 1 or 0, NaN where nobody and nothing looked;
    likely: float (N,), the detector's score, the same as values where a person looked; reviewed: images whose flag a person
    confirmed or rejected; column: of the table, where it comes from one; flags, seen: float (N,), what the detector alone and what people
    alone say, where there is a detector."""

    marker: str
    source: Source
    values: np.ndarray
    likely: np.ndarray
    reviewed: int = 0
    column: str = ""
    flags: np.ndarray | None = None
    seen: np.ndarray | None = None

    @property
    def name(self) -> str:
        """What figures call it: the column's own name where it comes from one."""
        by_source = {"detector": f"{self.marker} (detected)", "hand": f"{self.marker} (by hand)", "table": self.column}
        return by_source.get(self.source, self.marker)


def known_markers(dataset: Dataset) -> tuple[dict[str, np.ndarray], list[Problem]]:
    """Marker → bool (N,) in the table's order, where the dataset brings marker masks; and what of them could not be used."""
    if not dataset.marker_masks:
        return {}, []
    present = {marker: np.zeros(len(dataset), bool) for marker in MARKERS}
    broken: dict[str, str] = {}
    strange: dict[str, tuple[int, ...]] = {}
    for k, image_id in enumerate(dataset.table["image_id"]):
        try:
            bits = dataset.marker_bits(str(image_id))
        except ImageError as error:
            broken[str(image_id)] = error.what
            continue
        if bits is not None:
            for marker in unpack(bits):
                present[marker][k] = True
            if unknown := unknown_bits(bits):
                strange[str(image_id)] = unknown
    problems = []
    if broken:
        first, what = next(iter(broken.items()))
        summary = (
            f"{count(len(broken), 'marker mask')} cannot be used (that of {first} {what.rstrip('.')}); these images count as showing none."
        )
        problems.append(Problem("unreadable marker masks", summary, tuple(broken)))
    if strange:
        numbers = ", ".join(map(str, sorted({b for unknown in strange.values() for b in unknown})))
        summary = f"{len(strange)} marker masks use bits that stand for no marker here ({numbers}); what they mark is not used."
        problems.append(Problem("unknown markers in masks", summary, tuple(strange)))
    return {marker: flags for marker, flags in present.items() if flags.any()}, problems


def label_columns(table: pd.DataFrame) -> dict[str, str]:
    """Marker → the column of yes and no that says whether an image bears it."""
    names = {str(c).strip().lower().replace(" ", "_"): str(c) for c in table.columns}
    found = {}
    for marker, row in MARKERS.items():
        column = next((names[s] for s in row.columns if s in names), None)
        values = set() if column is None else set(_lower(table[column][~missing(table[column])]))
        if column is not None and values and values <= _YES | _NO:  # a column without values is no source
            found[marker] = column
    return found


def says_yes(row: pd.Series, marker: str) -> bool:
    """Whether a column of a dataset's row says that the image bears the marker."""
    column = label_columns(row.to_frame().T).get(marker)
    return column is not None and str(row[column]).strip().lower() in _YES


def yes_or_no(column: pd.Series) -> np.ndarray:
    """float (N,): 1 for yes, 0 for no, however they are written; NaN for anything else."""
    text = _lower(column)
    return np.where(text.isin(_YES), 1.0, np.where(text.isin(_NO), 0.0, np.nan))


def present_markers(
    dataset: Dataset, masked: dict[str, np.ndarray], scanned: pd.DataFrame, verdicts: Verdicts | None = None
) -> list[Present]:
    """Every marker by its best source; one without a detector only where masks, a column or people know it.

    masked: what `known_markers` found; scanned: frame of the scan; verdicts: what people said, which comes before the detectors' flags.
    Masks that never show a marker without a detector say nothing of it: whoever made them may not have looked for it.
    """
    columns = label_columns(dataset.table)
    found = []
    for marker in MARKERS:
        if marker in masked or (dataset.marker_masks and marker in DETECTED):
            values = masked.get(marker, np.zeros(len(dataset), bool)).astype(float)
            found.append(Present(marker, "mask", values, values))
        elif marker in columns:
            values = yes_or_no(dataset.table[columns[marker]])
            found.append(Present(marker, "table", values, values, column=columns[marker]))
        else:
            by_people = _by_people(scanned, marker, verdicts)
            seen = ~np.isnan(by_people)
            if marker in DETECTED:
                flags = scanned[f"{marker}_flag"].map({True: 1.0, False: 0.0}).to_numpy(float)
                likely = np.where(seen, by_people, scanned[f"{marker}_score"].to_numpy(float))
                values = np.where(seen, by_people, flags)
                found.append(Present(marker, "detector", values, likely, int(seen.sum()), flags=flags, seen=by_people))
            elif seen.any():
                found.append(Present(marker, "hand", by_people, by_people, int(seen.sum())))
    return found


def marker_findings(markers: Sequence[Present], dataset: Dataset) -> list[Finding]:
    """How many images bear each marker, and by whose word; and which were not looked for."""
    ids = dataset.table["image_id"].to_numpy(object)
    findings = []
    for m in markers:
        seen, borne = m.values > 0, MARKERS[m.marker].borne
        asked = int((~np.isnan(m.values)).sum())
        if not seen.any():
            continue
        errs = f" {_errs(m.marker)}" if m.source == "detector" else ""
        if m.reviewed and errs:
            errs = f" A person looked at {m.reviewed:,} of them all.{errs}"
        order = np.argsort(-np.nan_to_num(m.likely), kind="stable")
        findings.append(
            Finding(
                f"{marker_name(m.marker)} in the pictures",
                "note",
                f"{int(seen.sum()):,} of {asked:,} images ({seen.sum() / asked:.1%}) show {borne}, {SOURCES[m.source]}.{errs}",
                tuple(ids[order][seen[order]]),
                MarkerShare(m.marker, m.source, float(seen.sum() / asked)),
                "Evaluate with and without it." + (" Confirm the flags by eye before a figure rests on them." if errs else ""),
            )
        )
    unseen = [marker_name(key) for key in UNDETECTED if key not in {m.marker for m in markers}]
    if unseen and len(dataset):
        findings.append(
            Finding(
                "markers not looked for",
                "note",
                f"Not looked for: {', '.join(unseen)} ({NO_DETECTOR}). Which images show them is not known.",
                remedy="Bring marker masks or a column of yes and no, or judge images on the Review page, and audit again.",
            )
        )
    return findings


def _errs(marker: str) -> str:
    """How often the detector errs, from its card."""
    facts = card()["markers"][marker]
    if "rule" in facts:
        return f"It goes by a rule: {facts['rule']}."
    if "figures" not in facts:
        return "It learned from drawings alone: how often it errs on photographs is not known."
    right, n = facts["figures"], sum(facts["images"].values())
    return (
        f"Trained on one half of {n:,} photographs labelled by hand (ISIC 2017) and evaluated on the other, it found "
        f"{right['sensitivity']:.0%} of those with it and was wrong on {1 - right['specificity']:.0%} of those without; elsewhere it "
        "may err more."
    )


def _by_people(scanned: pd.DataFrame, marker: str, verdicts: Verdicts | None) -> np.ndarray:
    """float (N,): 1 or 0 by a person's word, NaN where nobody looked."""
    if verdicts is None:
        return np.full(len(scanned), np.nan)
    return scanned["content"].map(verdicts.of(marker).dropna().set_index("content")["present"]).to_numpy(float)


def _lower(values: pd.Series) -> pd.Series:
    return values.astype(str).str.strip().str.lower()
