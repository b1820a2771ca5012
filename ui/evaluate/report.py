"""The HTML report of what the Evaluate page shows."""

import numpy as np

from core.exports import plain
from datasets.dataset import Dataset
from reports.evaluation_report import evaluation_html, worst_mistakes
from studies.assess import Assessment, as_json
from ui.evaluate.heatmaps import decided_pictures
from ui.services import audits
from ui.services.predictions import PredictionSet


def report_html(predicted: PredictionSet, data: Dataset, assessment: Assessment) -> str:
    """The report, with the classifier's card, the findings of an audit if there is one, and the maps of the worst mistakes."""
    overlays: dict[str, np.ndarray] = {}
    for decided, rows in worst_mistakes(assessment.rows).groupby("decision"):
        ids = rows["image_id"].tolist()
        pictures = decided_pictures(predicted, data, ids, str(decided), maps_on=True)
        overlays |= {i: p for i, p in zip(ids, pictures, strict=True) if p is not None}
    card = predicted.first.card.model_dump(mode="json") if len(predicted.members) == 1 else None
    return evaluation_html(data, plain(as_json(assessment)), assessment.rows, audits.findings(data), card, overlays)
