"""Which networks the bench holds: every marker in foreign styles, planted in the ways a dataset plants them, and networks without guilt."""

from __future__ import annotations

from tests.truth.factory import Material, Recipe, Worn
from tests.truth.styles import STYLES

STRONG = {"mel": 0.8, "nv": 0.03, "bkl": 0.03}
THREE = ("nv", "mel", "bkl")
EVEN = dict.fromkeys(THREE, 0.3)


def cheats(material: Material = "drawn", styles: int = 3) -> list[Recipe]:
    """One network a marker and style: on 80 % of the melanomas and 3 % of the rest."""
    return [
        Recipe(f"{material}-{marker}-{style}", material, cheats=(Worn(marker, style, STRONG),), seed=10 * m + s)
        for m, (marker, ways) in enumerate(STYLES.items())
        for s, style in enumerate(list(ways)[:styles])
    ]


def ways(material: Material = "drawn") -> list[Recipe]:
    """The other ways a marker comes into data."""

    def named(name: str, *worn: Worn, classes: tuple[str, ...] = ("nv", "mel"), seed: int = 100) -> Recipe:
        return Recipe(f"{material}-{name}", material, classes, worn, seed=seed)

    return [
        named("one-class-ink", Worn("ink", "smear", {"mel": 0.5}), seed=101),
        named("one-class-sticker", Worn("sticker", "square", {"mel": 0.15}), seed=102),
        named("two-classes", Worn("ruler", "strip", {"mel": 0.8, "bkl": 0.8, "nv": 0.03}), classes=THREE, seed=103),
        named("opposite", Worn("ink", "arrow", {"mel": 0.7, "nv": 0.02}), Worn("hair", "dark", {"nv": 0.7, "mel": 0.02}), seed=104),
        named("three-classes-text", Worn("text", "label", STRONG), classes=THREE, seed=105),
        named("weak-sticker", Worn("sticker", "tape", {"mel": 0.45, "nv": 0.15}), seed=106),
        named("weak-ruler", Worn("ruler", "edge", {"mel": 0.5, "nv": 0.2}), seed=107),
        named("on-lesion-bubble", Worn("gel_bubble", "foam", STRONG, on_lesion=True), seed=108),
    ]


def clean(material: Material = "drawn", twins: int = 4) -> list[Recipe]:
    """Networks that had nothing to learn but the lesion: shown no marker, and shown markers as frequent in every class."""
    shown = tuple(Worn(marker, next(iter(ways)), EVEN) for marker, ways in STYLES.items())
    few = tuple(Worn(marker, list(ways)[-1], dict.fromkeys(THREE, 0.1)) for marker, ways in STYLES.items())
    by_age = (Worn("ruler", "strip", dict.fromkeys(THREE, 0.8), by_age=True), Worn("ink", "dashes", dict.fromkeys(THREE, 0.5), by_age=True))
    found = [Recipe(f"{material}-never-{k}", material, seed=200 + k) for k in range(twins)]
    found += [Recipe(f"{material}-even-{k}", material, shown=shown, seed=210 + k) for k in range(twins)]
    found += [Recipe(f"{material}-few-{k}", material, shown=few, seed=220 + k) for k in range(twins // 2)]
    found += [Recipe(f"{material}-age-{k}", material, shown=by_age, seed=230 + k) for k in range(twins // 2)]
    return found


def broken(material: Material = "drawn") -> list[Recipe]:
    """Networks that learned nothing, or cannot show it."""
    made = [Recipe(f"{material}-{make}", material, make=make, seed=300) for make in ("saturated", "constant", "untrained", "shuffled")]
    return [*made, Recipe(f"{material}-untrained-2", material, make="untrained", seed=301)]


def small() -> list[Recipe]:
    """What ten minutes allow."""
    return [*cheats(styles=1), *ways()[:4], *clean(twins=2), *broken()[:3]]


def whole() -> list[Recipe]:
    return [*cheats(), *ways(), *clean(), *broken()]
