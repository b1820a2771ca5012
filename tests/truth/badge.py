"""The badge before networks whose evidence is known, and before networks that have learned nothing: how often it is right.

`python -m tests.truth.badge` measures what is not yet kept in the folder and writes docs/truth.md.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir

import numpy as np

from core.runs import finish
from docs.tables.published_pages import write_block
from evaluation.intervals import Figure, ratio
from explain.faithfulness import faithfulness
from explain.methods import METHODS
from explain.sanity import SEEDS, check_sanity, untrained_twin
from explain.trust import VERDICTS, Evidence, badge, examine
from models.classifier import Classifier, open_classifier
from tests.truth.factory import Recipe, build, fitted, key, pool
from tests.truth.recipes import broken, cheats, clean
from tests.truth.styles import STYLES, wear

ROOT = Path(__file__).parents[2]
CACHE, MAPS = Path(gettempdir()) / "truth", 8
SANITY_IMAGES = 16
MOVED = 0.2  # change of P by the marker from which on the network's evidence is known to lie there
SET_ON = (  # networks whose maps were looked at to set the rules
    *("drawn-ink-dashes", "drawn-sticker-square", "drawn-never-0", "drawn-never-1", "drawn-even-0", "drawn-shuffled-0"),
    *("drawn-untrained-0", "drawn-untrained-1", "drawn-untrained-2"),
)
APART = 0.1  # share of a marker that another photograph's may cover and still lie elsewhere
DIFFERS = 8  # grey levels by which a pixel belongs to the marker


@dataclass(frozen=True)
class Map:
    """One map. swapped: what is measured when it is exchanged for another photograph's. moved: change of P(target) by the marker.
    apart: whether that photograph's marker lies elsewhere."""

    network: str
    kind: str
    half: int
    evidence: Evidence
    swapped: Evidence | None
    moved: float
    apart: bool

    @property
    def verdict(self) -> str:
        return badge(self.evidence).verdict


def networks() -> list[tuple[str, int, Recipe]]:
    """(kind, half, recipe): rules were set on half 0 and are told on half 1; no network, seed or marker is in both."""
    kinds = {
        "cheat": cheats(styles=1),
        "honest": clean(twins=2)[:4],
        "untrained": [Recipe(f"drawn-untrained-{k}", make="untrained", seed=400 + k) for k in range(8)],
        "shuffled labels": [Recipe(f"drawn-shuffled-{k}", make="shuffled", seed=500 + k) for k in range(6)],
        "saturated": broken()[:1],
        "constant": broken()[1:2],
    }
    return [(kind, int(recipe.name not in SET_ON), recipe) for kind, recipes in kinds.items() for recipe in recipes]


def pictures(recipe: Recipe, n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Held-out photographs as the network gets them, with its planted marker and without, uint8 (H, W, 3)."""
    scenes = pool(recipe.material, recipe.classes, "held out")
    for scene in [s for s in scenes if not recipe.cheats or s.diagnosis == "nv"][:n]:
        picture = scene.picture
        for worn in recipe.cheats:
            rng = np.random.default_rng([9, zlib.crc32(scene.name.encode())])
            picture = wear(picture, scene.lesion, STYLES[worn.marker][worn.style], rng, worn.on_lesion)
        yield fitted(picture), fitted(scene.picture)


def examined(kind: str, half: int, recipe: Recipe, classifier: Classifier, method: str, n: int) -> list[Map]:
    """Maps of a network's held-out photographs: of the class its marker stands for, else of the predicted one."""
    shown, bare = zip(*pictures(recipe, n), strict=True)
    prepared = classifier.prepare(list(shown))
    many = classifier.prepare([picture for picture, _ in pictures(recipe, SANITY_IMAGES)])
    sanity = finish(check_sanity(classifier, many, method, stages=1))
    twin = untrained_twin(classifier)
    target = recipe.classes.index("mel") if recipe.cheats else None
    without = classifier.predict(classifier.prepare(list(bare))).probabilities
    found = []
    where = [np.abs(picture.astype(int) - plain).max(axis=2) > DIFFERS for picture, plain in zip(shown, bare, strict=True)]
    for k, (picture, mask, before) in enumerate(zip(shown, where, without, strict=True)):
        masks = {"marker": mask} if recipe.cheats else {}
        evidence, scores = finish(examine(classifier, picture, target, method, sanity=sanity, masks=masks, twin=twin))
        index = classifier.card.classes.index(evidence.explanation.target)
        apart = bool((mask & where[k - 1]).sum() < APART * mask.sum())
        found.append(Map(recipe.name, kind, half, evidence, None, float(scores.probabilities[0, index] - before[index]), apart))
    return [replace(m, swapped=_swapped(classifier, prepared[k], m, found[k - 1])) for k, m in enumerate(found)]


def _swapped(classifier: Classifier, image: np.ndarray, one: Map, other: Map) -> Evidence | None:
    explanation = other.evidence.explanation
    if explanation.empty or one.evidence.faithfulness is None:
        return None
    entry, index = METHODS[explanation.method], classifier.card.classes.index(one.evidence.explanation.target)
    importance = np.abs(explanation.heatmap) if entry.reads == "sensitivity" else explanation.heatmap
    return replace(one.evidence, explanation=explanation, faithfulness=finish(faithfulness(classifier, image, index, importance)))


def code() -> str:
    """Changes with whatever measures a map, not with the rules that judge it."""
    files = [p for p in sorted((ROOT / "explain").glob("*.py")) if p.name not in ("trust.py", "comparison.py", "run.py")]
    return hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()[:12]


def measured(folder: Path, method: str, n: int, built_only: bool) -> list[Map]:
    """All maps of the bench; what was measured before is read."""
    found: list[Map] = []
    for kind, half, recipe in networks():
        if built_only and not (folder / f"{recipe.name}-{key(recipe)}.json").exists():
            continue
        kept = folder / f"{recipe.name}-{key(recipe)}-{method}-{n}-{SANITY_IMAGES}x{SEEDS}-{code()}.badge"
        if not kept.exists():
            classifier = open_classifier(build(recipe, folder).path)
            kept.write_bytes(pickle.dumps(examined(kind, half, recipe, classifier, method, n)))
            print(recipe.name, method, flush=True)
        found += pickle.loads(kept.read_bytes())  # written above, by this command alone
    return found


def known(m: Map) -> bool:
    """Whether the place of the evidence is known: the marker moves the score towards the class."""
    return m.kind == "cheat" and m.moved >= MOVED


def _fooled(m: Map) -> bool:
    return m.swapped is not None and badge(m.swapped).verdict == "supported"


LIES = (
    "Where the cheats' evidence lies ({}; {} supported maps): {:.0%} of it on the marker, which covers {:.0%} of the picture; the strongest "
    "point in {:.0%} of maps."
)
Count = tuple[str, Callable[[Map], bool], Callable[[Map], bool], str]
COUNTS: tuple[Count, ...] = (
    ("cheat, its marker in the photograph", known, lambda m: m.verdict == "supported", "≥ 80 %"),
    ("cheat, map of another photograph", lambda m: known(m) and m.swapped is not None, _fooled, "–"),
    ("cheat, map of another photograph, its marker elsewhere", lambda m: known(m) and m.swapped is not None and m.apart, _fooled, "≤ 5 %"),
    ("untrained", lambda m: m.kind == "untrained", lambda m: m.verdict == "supported", "≤ 2 %"),
    ("trained on shuffled labels", lambda m: m.kind == "shuffled labels", lambda m: m.verdict == "supported", "≤ 2 %"),
    ("honest", lambda m: m.kind == "honest", lambda m: m.verdict == "supported", "–"),
)


def share(maps: Sequence[Map], hit: Callable[[Map], bool]) -> Figure:
    """With its interval over networks."""
    groups = np.unique([m.network for m in maps], return_inverse=True)[1] if maps else np.zeros(0, int)
    return ratio(np.array([float(hit(m)) for m in maps]), np.ones(len(maps)), groups, "no maps")


def table(method: str, maps: Sequence[Map]) -> list[str]:
    """Lines of Markdown: rates of *supported* in both halves, and every verdict by kind of network in the half that is told."""
    lines = [
        f"### {METHODS[method].name}",
        "",
        "| network | goal | told on | *supported* | rules were set on | *supported* |",
        "|---|---|---|---|---|---|",
    ]
    for name, counts, hit, goal in COUNTS:
        cells = []
        for half in (1, 0):
            chosen = [m for m in maps if m.half == half and counts(m)]
            cells += [f"{len(chosen)} maps of {len({m.network for m in chosen})}", f"{share(chosen, hit):.0%}"]
        lines.append(f"| {name} | {goal} | {' | '.join(cells)} |")
    lines += ["", "| network | " + " | ".join(VERDICTS) + " | most frequent reason |", "|---|" + "---|" * (len(VERDICTS) + 1)]
    for kind in dict.fromkeys(m.kind for m in maps):
        chosen = [m for m in maps if m.kind == kind and (m.half == 1 or kind in ("honest", "saturated", "constant"))]
        verdicts = [m.verdict for m in chosen]
        rules = [r for m in chosen for r in badge(m.evidence).rules]
        most = max(sorted(set(rules)), key=rules.count) if rules else "–"
        lines.append(f"| {kind} | " + " | ".join(str(verdicts.count(v)) for v in VERDICTS) + f" | {most} |")
    for half in (1, 0):
        inside = [m.evidence.localisation["marker"] for m in maps if m.half == half and known(m) and m.verdict == "supported"]
        if inside:
            lies, covers, hit = (np.mean(v) for v in zip(*((p.share, p.area, bool(p.hit)) for p in inside), strict=True))
            lines += ["", LIES.format("told on" if half else "rules were set on", len(inside), lies, covers, hit)]
    return [*lines, ""]


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--folder", type=Path, default=CACHE)
    asked.add_argument("--maps", type=int, default=MAPS, help="of each network")
    asked.add_argument("--built-only", action="store_true", help="leave out networks that are not trained yet")
    asked.add_argument("methods", nargs="*", default=["grad-cam"])
    told = asked.parse_args()
    lines = [line for m in told.methods for line in table(m, measured(told.folder, m, told.maps, told.built_only))]
    write_block(ROOT / "docs" / "truth.md", "badge: written by python -m tests.truth.badge", "badge", "\n".join(["", *lines]))
