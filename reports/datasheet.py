"""A datasheet for a dataset (Gebru 2021, arXiv:1803.09010), filled in as far as the data answer; the rest is left to its creators."""

from core.wording import count
from data_audit.audit_file import Audit
from data_audit.composition import missing_values
from datasets.dataset import Dataset

MAKERS = "Not in the data: for its creators to state."


def datasheet(dataset: Dataset, audit: Audit) -> dict[str, dict[str, str]]:
    """Section → question → answer."""
    table = dataset.table
    lesions = f", {count(dataset.n_lesions, 'lesion')}" if dataset.n_lesions is not None else "; lesion ids are missing"
    patients = int(table["patient_id"].nunique())
    who = f", {count(patients, 'patient')}" if patients else "; patient ids are missing"
    classes = ", ".join(f"{c.diagnosis} {c.images:,}" for c in audit.composition) or "no diagnoses"
    gone = [f"{r['column']} {r['percent']:.1f} %" for r in missing_values(dataset).to_dict("records") if r["missing"] > 0]
    splits, methods = (", ".join(f"{k} {v:,}" for k, v in table[c].value_counts().items()) for c in ("split", "confirmation"))
    ages = table["age"].dropna().astype(float)
    kinds = {f.kind: f.summary for f in audit.findings}
    leaks = [s for k, s in kinds.items() if "splits" in k or "both datasets" in k]
    noise = [s for k, s in kinds.items() if k in ("labels that may be wrong", "lesions with two diagnoses", "duplicate photographs")]
    people = [f"age {ages.quantile(0.25):.0f}–{ages.quantile(0.75):.0f} years (middle half)"] if len(ages) else []
    people += [f"{name} {n:,}" for name, n in table["sex"].value_counts().items()]
    grave = " ".join(f.summary for f in audit.findings if f.severity == "grave")
    return {
        "Motivation": {"For what purpose was the dataset created, and by whom?": MAKERS},
        "Composition": {
            "What are the instances?": f"Photographs of skin lesions: {count(len(dataset), 'image')}{lesions}{who}.",
            "What labels are there?": f"Diagnoses: {classes}.",
            "Is information missing?": f"Missing values: {'; '.join(gone)}." if gone else "No known column has missing values.",
            "Are there recommended splits?": f"{splits or 'None'}.",
            "Are there errors, noise or redundancies?": " ".join(noise) or "None found by this audit.",
            "Do the splits leak?": " ".join(leaks) or ("No leak found by id or content." if splits else "There are no splits."),
            "Does it identify subpopulations?": (", ".join(people) + ". " if people else "") + kinds.get("skin tone", ""),
            "Does it contain data that might be confidential?": "Photographs of people's skin. " + MAKERS,
        },
        "Collection": {
            "How were diagnoses confirmed?": f"{methods}." if methods else MAKERS,
            "Who collected the data, when, and with whose consent?": MAKERS,
        },
        "Preprocessing": {"Were the data cleaned or cropped?": f"{kinds.get('black borders', 'No black borders found.')} {MAKERS}"},
        "Uses": {"What should it not be used for?": grave or "This audit found nothing grave. " + MAKERS},
        "Distribution and maintenance": {"Licence, versions, contact?": MAKERS},
    }
