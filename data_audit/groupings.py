"""What the images of a dataset can be grouped by, to compare a classifier between subgroups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.markers import DETECTED, marker_name
from data_audit.composition import age_bands
from data_audit.markers.detector import card
from data_audit.markers.present import Present, known_markers, label_columns, present_markers, yes_or_no
from data_audit.quality import QUALITY
from data_audit.review import Verdicts
from data_audit.skin import CAUTION
from datasets.dataset import COLUMNS, Dataset

MOST = 12  # values a column of groups has at most
OWN = ("sex", "site", "confirmation")  # of the manifest's columns; age comes in bands


@dataclass(frozen=True)
class Grouping:
    """values: group of each image in the table's order, None if unknown; caution: a limitation to show, or empty."""

    name: str
    values: tuple[str | None, ...]
    caution: str = ""


def groupings(dataset: Dataset, markers: Sequence[Present] = (), images: pd.DataFrame | None = None) -> dict[str, Grouping]:
    """By name. markers: of the audit; images: `images.parquet` of an audit, for its measurements."""
    table = dataset.table
    columns = {"age": age_bands(table["age"])} | {c: table[c] for c in OWN}
    columns |= {str(c): table[c] for c in table.columns if c not in COLUMNS and 2 <= table[c].nunique() <= MOST}
    found = {name: Grouping(name, _texts(values)) for name, values in columns.items() if values.nunique() > 1}
    for m in markers:
        values = pd.Series(m.values).map({1.0: f"{m.marker} present", 0.0: f"{m.marker} absent"})
        if values.nunique() > 1:
            found.pop(m.column, None)
            found[m.name] = Grouping(m.name, _texts(values), _detected(m))
    if images is not None and images["skin_tone"].nunique() > 1:
        found["skin tone"] = Grouping("skin tone", _texts(images["skin_tone"]), CAUTION)
    if images is not None:
        for name in QUALITY:
            if (measured := _quarters(images[name])) is not None:
                title = name.replace("_", " ")
                found[title] = Grouping(title, measured)
    return found


def dataset_groupings(
    dataset: Dataset, images: pd.DataFrame | None = None, verdicts: Verdicts | None = None, masked: dict[str, np.ndarray] | None = None
) -> dict[str, Grouping]:
    """All groupings: columns, the dataset's own markers, and what an audit found if there is one.

    masked: result of `known_markers`, if already read.
    """
    masked = known_markers(dataset)[0] if masked is None else masked
    if images is not None:
        return groupings(dataset, present_markers(dataset, masked, images, verdicts), images)
    own = [Present(m, "mask", v.astype(float), v.astype(float)) for m, v in masked.items()]
    named = label_columns(dataset.table)
    unmasked = {m: column for m, column in named.items() if m not in masked and not (masked and m in DETECTED)}
    values = {m: yes_or_no(dataset.table[column]) for m, column in unmasked.items()}
    own += [Present(m, "table", v, v, column=named[m]) for m, v in values.items()]
    return groupings(dataset, own)


def combined(one: Grouping, other: Grouping) -> Grouping:
    """Groups by two columns together; None where either is unknown."""
    values = tuple(f"{a}, {b}" if a is not None and b is not None else None for a, b in zip(one.values, other.values, strict=True))
    return Grouping(f"{one.name} and {other.name}", values, " ".join(c for c in (one.caution, other.caution) if c))


def of_images(grouping: Grouping, dataset: Dataset, image_ids: Sequence[str]) -> list[str | None]:
    """The group of each of these images."""
    known: Mapping[str, str | None] = dict(zip(dataset.table["image_id"], grouping.values, strict=True))
    return [known.get(i) for i in image_ids]


def _quarters(values: pd.Series) -> tuple[str | None, ...] | None:
    """Lowest quarter, middle half and highest quarter of a measure; None where too many values are equal."""
    low, high = values.quantile([0.25, 0.75])
    if not low < high:
        return None
    part = values.map(lambda v: "lowest quarter" if v < low else "highest quarter" if v > high else "middle half")
    return _texts(part.where(values.notna()))


def _texts(values: pd.Series) -> tuple[str | None, ...]:
    return tuple(str(v) if known else None for v, known in zip(values, values.notna(), strict=True))


def _detected(m: Present) -> str:
    if m.source != "detector":
        return ""
    figures = card()["markers"][m.marker].get("figures")
    measured = ""
    if figures:
        rates = f"{figures['sensitivity']:.0%} and its specificity {figures['specificity']:.0%}"
        measured = f" On held-out images its sensitivity was {rates}; it may be worse here."
    found = f"{marker_name(m.marker).capitalize()} was found by a detector, which makes errors.{measured}"
    return f"{found} Flags reviewed by a person: {m.reviewed:,}. A gap may be due to the detector."
