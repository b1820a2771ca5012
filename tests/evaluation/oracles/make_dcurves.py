"""Writes dcurves.json: net benefits by dcurves (Vickers's own), which wants an older pandas than LesionLens runs on.

In an environment of its own: pip install dcurves==1.1.7 && python tests/evaluation/oracles/make_dcurves.py
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

THRESHOLDS = [0.05, 0.1, 0.2, 0.33, 0.5, 0.7, 0.9]


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Scores and diagnoses: random, tied at thresholds, rare, all one prediction."""
    rng = np.random.default_rng(7)
    usual = rng.random(80)
    tied = rng.choice([0.05, 0.1, 0.2, 0.5, 0.9], 80)
    return {
        "random": (usual, rng.random(80) < usual),
        "tied": (tied, rng.random(80) < 0.4),
        "rare": (rng.random(80) ** 3, np.arange(80) < 2),
        "one prediction": (np.full(80, 0.3), rng.random(80) < 0.25),
    }


def main() -> None:
    from dcurves import dca

    told = {}
    for name, (scores, positive) in cases().items():
        frame = pd.DataFrame({"score": scores, "has": positive.astype(int)})
        found = dca(data=frame, outcome="has", modelnames=["score"], thresholds=THRESHOLDS)
        benefit = found.pivot_table(index="threshold", columns="model", values="net_benefit").loc[THRESHOLDS]
        told[name] = {
            "scores": scores.tolist(),
            "positive": positive.astype(int).tolist(),
            "net_benefit": benefit["score"].tolist(),
            "treat_all": benefit["all"].tolist(),
        }
    content = {"dcurves": version("dcurves"), "thresholds": THRESHOLDS, "cases": told}
    (Path(__file__).parent / "dcurves.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main()
