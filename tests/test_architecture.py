"""The rules of the house: who may import whom, and what nobody waits for."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import PROJECT


@dataclass(frozen=True)
class Room:
    name: str
    uses: frozenset[str]


def rooms() -> dict[str, Room]:
    """The table of docs/architecture.md, in its order."""
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    lines = text.split("| room | is | uses |")[1].split("\n\n")[0].splitlines()[2:]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines]
    named = [(first.strip("`").removesuffix("/").removesuffix(".py"), last) for first, _, last in cells]
    return {name: Room(name, frozenset() if uses == "–" else frozenset(uses.split(", "))) for name, uses in named}


ROOMS = rooms()
STREAMLIT = {"ui", "pages", "app"}
KERAS = {"tensorflow", "keras", "tf_keras"}
TENSORFLOW = {"models", "explain", "shortcuts", "training", "demo", "benchmarks"}


def sources() -> list[Path]:
    return [p for p in PROJECT.rglob("*.py") if not {".venv", "tests"} & set(p.relative_to(PROJECT).parts)]


def room(path: Path) -> str:
    parts = path.relative_to(PROJECT).parts
    return "/".join(parts[:2]) if parts[0] == "ui" and len(parts) > 2 else parts[0].removesuffix(".py")


@cache
def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    return {".".join(p.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): p for p in sources()}


def imports(tree: ast.AST) -> list[str]:
    """Dotted names, those of modules imported out of a package included."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, "relative imports hide where they lead"
            found += [f"{node.module}.{a.name}" for a in node.names] + [node.module]
    return found


def used_rooms(path: Path) -> set[str]:
    known = modules()
    led = {name for name in imports(ast.parse(path.read_text(encoding="utf-8"))) if name in known}
    packages = {name for name in led if known[name].name == "__init__.py" and not known[name].read_text(encoding="utf-8").strip()}
    return {room(known[name]) for name in led - packages} - {room(path)}


def module_level(tree: ast.Module) -> ast.Module:
    """The tree without the bodies of functions, which run later, and of TYPE_CHECKING blocks."""

    class Strip(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]

    return Strip().visit(tree)


def test_the_table_names_every_room_and_no_other() -> None:
    assert {room(p) for p in sources() if p.name != "__init__.py"} == set(ROOMS)


def test_arrows_point_to_rooms_that_stand_before() -> None:
    names = list(ROOMS)
    for one in ROOMS.values():
        assert one.uses <= set(names[: names.index(one.name)]), one.name


@pytest.mark.parametrize("name", list(ROOMS))
def test_a_room_uses_what_the_table_says(name: str) -> None:
    used = set().union(*(used_rooms(p) for p in sources() if room(p) == name))
    assert used == ROOMS[name].uses


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PROJECT)))
def test_streamlit_and_tensorflow_have_their_places(path: Path) -> None:
    tree, own = ast.parse(path.read_text(encoding="utf-8")), room(path).split("/")[0]
    used = {name.split(".")[0] for name in imports(tree)}
    if "streamlit" in used:
        assert own in STREAMLIT
    if used & KERAS:
        assert own in TENSORFLOW
        assert not {name.split(".")[0] for name in imports(module_level(tree))} & KERAS


def test_nobody_reaches_for_what_is_private_to_another_file() -> None:
    for path in (p for p in PROJECT.rglob("*.py") if ".venv" not in p.parts):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in modules():
                private = [a.name for a in node.names if a.name.startswith("_") and a.name != "__version__"]
                assert not private, f"{path}:{node.lineno} {private}"


@pytest.mark.parametrize(
    "module", ["cli", "datasets.opening", "evaluation.evaluate", "ui.services.services", "ui.frame.frame", "workspace", "models.files"]
)
def test_nobody_waits_for_tensorflow(module: str) -> None:
    code = f"import sys, {module}; sys.exit(bool({{'tensorflow', 'keras', 'tf_keras'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True).returncode == 0


def test_nothing_is_run_out_of_strange_files() -> None:
    for path in sources():
        text = path.read_text(encoding="utf-8")
        assert "unsafe_allow_html" not in text and "pickle.load" not in text and "yaml.load(" not in text, path


def test_what_is_unfolded_stays_so_while_the_page_around_it_changes() -> None:
    """Without a key the browser knows a folded part by its place alone and closes it when another comes in above."""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "expander":
                assert "key" in {k.arg for k in node.keywords}, f"{path}:{node.lineno}"


LOOSE = ("Any", "object")
MAPPINGS = ("dict", "Mapping", "MutableMapping")


def loose_mappings(annotation: ast.expr) -> list[str]:
    """The parts of an annotation that are a mapping of anything: `dict`, `dict[str, Any]`."""
    found, typed = [], set()
    for node in ast.walk(annotation):
        if isinstance(node, ast.Subscript):
            typed.add(id(node.value))
            value = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else node.slice
            if ast.unparse(node.value) in MAPPINGS and ast.unparse(value) in LOOSE:
                found.append(ast.unparse(node))
        elif isinstance(node, ast.Name) and node.id in MAPPINGS and id(node) not in typed:
            found.append(node.id)
    return found


@pytest.mark.parametrize("annotation", ["dict", "list[dict]", "dict[str, Any] | None", "Mapping[str, object]", "dict[str, dict[str, Any]]"])
def test_what_is_a_mapping_of_anything(annotation: str) -> None:
    assert loose_mappings(ast.parse(annotation, mode="eval").body)
    assert not loose_mappings(ast.parse("dict[str, list[Task[Any]]] | Mapping[str, np.ndarray]", mode="eval").body)


def test_panels_and_pages_hand_on_records() -> None:
    """A dictionary whose keys are fixed is a record, and a record is a dataclass."""
    found = []
    for path in (p for p in sources() if p.relative_to(PROJECT).parts[0] in ("ui", "pages")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                a = node.args
                named = [*a.posonlyargs, *a.args, *a.kwonlyargs, *(x for x in (a.vararg, a.kwarg) if x)]
                annotations = [x.annotation for x in named if x.annotation] + ([node.returns] if node.returns else [])
                found += [f"{path.name}:{node.lineno} {node.name}: {x}" for y in annotations for x in loose_mappings(y)]
    assert not found
