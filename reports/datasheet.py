"""A datasheet for a dataset (Gebru 2021, arXiv:1803.09010), filled as far as the data say; the rest is left to its makers."""

from __future__ import annotations

from data_audit.audit_file import Audit
from data_audit.composition import missing_values
from datasets.dataset import Dataset

MAKERS = "Not in the data: for its makers to say."


def datasheet(dataset: Dataset, audit: Audit) -> list[tuple[str, list[tuple[str, str]]]]:
    """Sections, each with questions and answers."""
    table = dataset.table
    lesions = f", {dataset.n_lesions:,} lesions" if dataset.n_lesions is not None else "; lesions are not named"
    patients = int(table["patient_id"].nunique())
    classes = ", ".join(f"{c.diagnosis} {c.images:,}" for c in audit.composition) or "no diagnoses"
    gone = [f"{r['column']} {r['percent']:.1f} %" for r in missing_values(dataset).to_dict("records") if r["missing"] > 0]
    splits = table["split"].value_counts()
    ways = table["confirmation"].value_counts()
    ages = table["age"].dropna().astype(float)
    kinds = {f.kind: f.summary for f in audit.findings}
    leaks = [s for k, s in kinds.items() if "splits" in k or "both datasets" in k]
    noise = [s for k, s in kinds.items() if k in ("labels that may be wrong", "lesions with two diagnoses", "duplicate photographs")]
    who = [f"age {ages.quantile(0.25):.0f}–{ages.quantile(0.75):.0f} years (middle half)"] if len(ages) else []
    who += [f"{name} {n:,}" for name, n in table["sex"].value_counts().items()]
    return [
        ("Motivation", [("For what purpose was the dataset made, and by whom?", MAKERS)]),
        (
            "Composition",
            [
                (
                    "What are the instances?",
                    f"Photographs of skin lesions: {len(dataset):,} images{lesions}"
                    + (f", {patients:,} patients" if patients else "; patients are not named")
                    + ".",
                ),
                ("What labels are there?", f"Diagnoses: {classes}."),
                ("Is information missing?", f"Missing values: {'; '.join(gone)}." if gone else "No known column has missing values."),
                ("Are there recommended splits?", ", ".join(f"{k} {v:,}" for k, v in splits.items()) + "." if len(splits) else "None."),
                ("Are there errors, noise or redundancies?", " ".join(noise) or "None found by this audit."),
                (
                    "Do the splits leak?",
                    " ".join(leaks) or ("No leak found by id or by content." if len(splits) else "There are no splits."),
                ),
                ("Does it identify subpopulations?", (", ".join(who) + ". " if who else "") + kinds.get("skin tone", "")),
                ("Does it hold data that might be confidential?", "Photographs of people's skin. " + MAKERS),
            ],
        ),
        (
            "Collection",
            [
                ("How were diagnoses confirmed?", ", ".join(f"{k} {v:,}" for k, v in ways.items()) + "." if len(ways) else MAKERS),
                ("Who collected the data, when, with whose consent?", MAKERS),
            ],
        ),
        ("Preprocessing", [("Was the data cleaned or cropped?", kinds.get("black borders", "No black borders found. ") + " " + MAKERS)]),
        (
            "Uses",
            [
                (
                    "What should it not be used for?",
                    " ".join(f.summary for f in audit.findings if f.severity == "grave") or "This audit found nothing grave. " + MAKERS,
                )
            ],
        ),
        ("Distribution and maintenance", [("Licence, versions, contact?", MAKERS)]),
    ]
