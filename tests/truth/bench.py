"""The lab before networks whose cheats it does not know: what it says of each marker, beside the truth."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image

from core.runs import finish
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from models.classifier import open_classifier
from shortcuts.plan import Plan, chosen
from shortcuts.run import run_dataset
from shortcuts.summary import known_bearing
from shortcuts.table import read_trials, write_trials
from shortcuts.verdict import judge
from tests.truth.factory import Built, Recipe, bearing, build, key, pool
from tests.truth.styles import STYLES

LAB = Path(__file__).parents[2] / "shortcuts"
SAYS = ("verdict.py", "effects.py", "rule.py", "study.py", "summary.py", "alarms.py", "winkler.py", "examples.py", "crossed.py", "one.py")


@dataclass(frozen=True)
class Tried:
    """A network of the bench and what the lab did to it."""

    built: Built
    trials: pd.DataFrame
    worn: dict[str, int]  # marker → photographs of the lab's that bear it


def photographs(recipe: Recipe, folder: Path) -> Dataset:
    """The lab's photographs as a stranger would bring them: a folder of pictures and a table, no masks, no column of markers."""
    if not (folder / "metadata.csv").exists():
        (folder / "images").mkdir(parents=True, exist_ok=True)
        rows = []
        for scene in pool(recipe.material, recipe.classes, "judged"):
            picture, worn = bearing(scene, recipe, 4)
            Image.fromarray(picture).save(folder / "images" / f"{scene.name}.png")
            rows.append({"image_id": scene.name, "lesion_id": f"L{scene.name}", "dx": scene.diagnosis, "age": scene.age})
            rows[-1] |= {"worn_for_the_bench": " ".join(w.marker for w in worn)}
        pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
    return open_dataset(folder)


def lab_code() -> str:
    """Changes with whatever makes the trials, not with what judges them."""
    files = sorted(p for p in LAB.glob("*.py") if p.name not in SAYS)
    return hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()[:12]


def tried(recipe: Recipe, folder: Path) -> Tried:
    """The network built, and every marker of the bench tried on it; what was done before is read."""
    built = build(recipe, folder)
    data = photographs(recipe, folder / f"{recipe.name}-{key(recipe)}")
    kept = folder / f"{recipe.name}-{key(recipe)}.trials.parquet"
    about = {"lab": lab_code()}
    trials = read_trials(kept, about) if kept.exists() else None
    if trials is None:
        classifier = open_classifier(built.path)
        plan = Plan(markers=tuple(STYLES))
        trials = finish(run_dataset(classifier, data, chosen(data, plan, known_bearing(data)), plan, {}))
        write_trials(trials, about, kept)
    worn = pd.read_csv(folder / f"{recipe.name}-{key(recipe)}" / "metadata.csv", keep_default_na=False)["worn_for_the_bench"]
    return Tried(built, trials, {m: int(worn.str.split().map(lambda w, m=m: m in w).sum()) for m in STYLES})


def told(one: Tried) -> pd.DataFrame:
    """One row a marker: verdict, told effect, and the truth of its planted style (of all styles where it was not planted)."""
    recipe, found = one.built.recipe, []
    for j in judge(one.trials, recipe.classes, tuple(STYLES)):
        planted = next((w for w in recipe.worn if w.marker == j.marker), None)
        guilty = any(w.marker == j.marker for w in recipe.cheats)
        truths = [t for t in one.built.truths if t.marker == j.marker and (planted is None or t.style == planted.style)]
        most = max(truths, key=lambda t: t.turned)
        lead = j.lead
        found.append(
            {
                "network": recipe.name,
                "make": recipe.make,
                "marker": j.marker,
                "planted": "" if planted is None else planted.style,
                "cheat": guilty,
                "on_lesion": bool(planted and planted.on_lesion),
                "verdict": j.verdict,
                "why": j.why,
                "told": float("nan") if lead is None else lead.change.value,
                "told_of": "" if lead is None else lead.target,
                "told_by": "" if lead is None else lead.direction,
                "truth": most.moved,
                "truth_of": most.target,
                "turned": most.turned,
                "least_turned": min(t.turned for t in truths),
                "bearing": one.worn[j.marker],
                "classes": len(recipe.classes),
            }
        )
    return pd.DataFrame(found)


def every(recipes: Sequence[Recipe], folder: Path) -> pd.DataFrame:
    """`told` of every network, which is built and tried if that was not done before."""
    return pd.concat([_say(told(tried(r, folder))) for r in recipes], ignore_index=True)


def _say(rows: pd.DataFrame) -> pd.DataFrame:
    said = rows[rows["verdict"] == "used"]
    print(f"{rows['network'].iloc[0]}: used {', '.join(said['marker']) or 'none'}", file=sys.stderr, flush=True)
    return rows
