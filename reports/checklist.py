"""What CLAIM 2024 and TRIPOD+AI require of a report, answered as far as data and predictions allow; the rest stays open."""

from collections.abc import Mapping
from typing import Any

from datasets.dataset import Dataset
from evaluation.figures import MEASURES


def checklist(dataset: Dataset, content: Mapping[str, Any], card: Mapping[str, Any] | None = None) -> list[tuple[str, str]]:
    """Items and answers; empty answers are left to the authors. card: the model card's fields, where known."""
    card = card or {}
    about, table = content["about"], dataset.table
    ages = table["age"].dropna().astype(float)
    sexes, methods, splits = (
        ", ".join(f"{name} {n:,}" for name, n in table[column].value_counts().items()) for column in ("sex", "confirmation", "split")
    )
    missing = ", ".join(f"{c} {int(table[c].isna().sum()):,}" for c in ("age", "sex", "site") if table[c].isna().any())
    left = "; ".join(f"{n:,} {reason}" for reason, n in content["left_out"].items())
    counts = ", ".join(f"{c['name']} {c['support']:,}" for c in content["per_class"])
    network = f"{about['model']}, SHA-256 {about['model_sha256']}" if about.get("model_sha256") else ""
    prepared = ", ".join(f"{k.replace('_', ' ')} {about[k]}" for k in ("size", "resize", "scaling", "colour_order") if about.get(k))
    old_and_young = f"median {ages.median():.0f} years, {ages.min():.0f} to {ages.max():.0f}" if len(ages) else ""
    own = content["n_lesions_or_images"]
    return [
        ("Intended use and clinical role", card.get("intended_use", "")),
        ("Study design: prospective or retrospective", ""),
        ("Data source", f"{dataset.name}, {len(dataset):,} images, layout {dataset.layout}; SHA-256 {about['dataset_sha256']}"),
        ("Where and when the data were collected, and who was eligible", ""),
        ("Participants of the whole dataset: age, by image", old_and_young),
        ("Participants of the whole dataset: sex, by image", sexes),
        ("Participants: skin type or ethnicity", ""),
        ("Missing data", f"missing values: {missing}" if missing else "age, sex and site are complete"),
        ("Ground truth and how it was established", methods),
        ("Partition of the data", f"{splits}; evaluated here: {about['split']}" if splits else f"evaluated here: {about['split']}"),
        (
            "Images evaluated, and how many were left out for which reason",
            f"{content['n_images']:,} evaluated" + (f"; left out: {left}" if left else ""),
        ),
        ("Outcome counts", counts),
        ("Sample size and why it is enough", ""),
        ("Network: structure and version", network),
        ("Preprocessing", prepared),
        ("Training: data", card.get("training_data", "")),
        ("Training: augmentation, settings, how the final network was chosen", ""),
        ("Decision rule", content["decision_rule"]),
        ("Measures of performance", ", ".join(m.name for m in MEASURES if m.key in content or m.one_class)),
        ("Uncertainty", f"95 % intervals over {own:,} {content['counted']}; {content['resamples']:,} resamples"),
        ("Calibration", "reliability in ten bins, calibration error, Brier score"),
        ("Performance in groups", ", ".join(sorted({g["by"] for g in content["groups"]})) if content.get("groups") else ""),
        ("Explainability and its evaluation", ""),
        ("Failure analysis", "the most confident wrong decisions are shown"),
        ("External testing", ""),
        ("Limits, bias, generalisability", card.get("limits", "")),
        ("Availability of data, code and network", ""),
        ("Funding, conflicts of interest, registration, ethics", ""),
    ]
