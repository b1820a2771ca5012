"""The rules of the house: who may import whom, and what nobody waits for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

# from the ground up: a room may use those to its left
ORDER = ("imaging", "evaluation", "models", "data_audit", "explain", "shortcuts", "training", "workspace", "demo", "reports", "ui", "pages")
NOT_BELOW = {
    "imaging": set(),
    "evaluation": set(),
    "models": {"imaging", "evaluation"},
    "data_audit": {"imaging", "evaluation"},
    "explain": {"models", "imaging", "evaluation"},
    "shortcuts": {"explain", "models", "data_audit", "evaluation", "imaging"},
    "training": {"models", "data_audit", "imaging", "evaluation"},
    "workspace": {"models", "data_audit", "imaging"},
    "demo": {"workspace", "models", "data_audit", "imaging", "evaluation"},
    "reports": {"imaging", "evaluation", "data_audit", "explain", "shortcuts"},
    "ui": set(ORDER) - {"ui", "pages"},
    "pages": set(ORDER) - {"pages"},
}
STREAMLIT = {"ui", "pages", "app"}
TENSORFLOW = {"models", "explain", "shortcuts", "training", "demo"}


def sources() -> list[Path]:
    return [p for p in PROJECT.rglob("*.py") if not {".venv", "tests"} & set(p.relative_to(PROJECT).parts)]


def room(path: Path) -> str:
    return path.relative_to(PROJECT).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    return [name.split(".")[0] for name in found]


def module_level(tree: ast.Module) -> ast.Module:
    """The tree without the bodies of functions, which run later, and of TYPE_CHECKING blocks."""

    class Strip(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        visit_AsyncFunctionDef = visit_FunctionDef

    return Strip().visit(tree)


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PROJECT)))
def test_arrows_point_down(path: Path) -> None:
    used = set(imports(ast.parse(path.read_text(encoding="utf-8"))))
    own = room(path)
    if own in NOT_BELOW:
        assert used & set(ORDER) <= NOT_BELOW[own] | {own}
    if "streamlit" in used:
        assert own in STREAMLIT
    if used & {"tensorflow", "keras", "tf_keras"}:
        assert own in TENSORFLOW
        assert not set(imports(module_level(ast.parse(path.read_text(encoding="utf-8"))))) & {"tensorflow", "keras", "tf_keras"}


@pytest.mark.parametrize(
    "module", ["cli", "data_audit.opening", "evaluation.evaluate", "ui.services", "ui.frame", "workspace", "models.files"]
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
