"""What a network's file may refer to. Anything else is refused before Keras sees it.

A configuration can name any class or function of any module, and Keras would import and call it; so the list says what is allowed, not
what is forbidden. `models/gathering.py` writes it from the installed Keras 3 and tf-keras.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("allowlist.json")


@dataclass(frozen=True)
class Allowed:
    """A class by its name. modules, registered: what a file may give beside the name; settings: the keys of its configuration;
    kind: layer, network, initializer, regularizer, constraint, policy or operation."""

    name: str
    kind: str
    modules: tuple[str, ...]
    registered: tuple[str, ...]
    settings: tuple[str, ...]


@dataclass(frozen=True)
class AllowList:
    """classes: by name; activations, functions (of TensorFlow, kept as layers by Keras 2) and operations (of SavedModels): names."""

    classes: dict[str, tuple[Allowed, ...]]
    activations: frozenset[str]
    functions: frozenset[str]
    operations: frozenset[str]


@cache
def allow_list() -> AllowList:
    raw = json.loads(FILE.read_text(encoding="utf-8"))
    classes: dict[str, tuple[Allowed, ...]] = {}
    for name, kind, modules, registered, settings in raw["classes"]:
        classes[name] = (*classes.get(name, ()), Allowed(name, kind, tuple(modules), tuple(registered), tuple(settings)))
    return AllowList(classes, *(frozenset(raw[part]) for part in ("activations", "functions", "operations")))
