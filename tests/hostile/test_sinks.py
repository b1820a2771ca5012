"""No string that may come from outside reaches a page or a terminal but through `core/text.py`: read off the code itself.

A page reads Markdown in what Streamlit calls labels, captions, help and bodies. There, every part of an argument must be a constant, a
number in a format, a call that escapes, a word of our own tables, or one of the few parts in OURS, each with its reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SCREENS = sorted([*(p for p in (PROJECT / "ui").rglob("*.py") if "worker" not in p.parts), *(PROJECT / "pages").glob("*.py")])
CONSOLE = sorted([*(PROJECT / "commands").glob("*.py"), PROJECT / "cli.py"])

# call → positions of its arguments that a page reads as Markdown; keywords: in any call
EVERY = tuple(range(9))
STREAMLIT: dict[str, tuple[int, ...]] = {
    **dict.fromkeys("markdown write title header subheader caption error warning info success toast badge spinner status".split(), EVERY),
    **dict.fromkeys(
        "expander popover dialog button toggle checkbox radio selectbox multiselect pills segmented_control slider".split(), (0,)
    ),
    **dict.fromkeys("select_slider number_input text_input text_area file_uploader download_button form_submit_button tabs".split(), (0,)),
    **dict.fromkeys("date_input time_input color_picker feedback camera_input link_button chat_input".split(), (0,)),
    **{"metric": (0, 1, 2), "progress": (1,), "page_link": (1,), "image": (1,), "table": (0,)},
}
HANDED_ON: dict[str, tuple[int, ...]] = {  # our own, which hand them on
    **{"page_title": (0, 1), "figure_metric": (1, 3), "download": (1,), "choose": (1,), "part": (0, 1)},
    **{"optional": (1,), "target": (0,), "follow": (1,), "start_button": (1, 3), "stopped_or_failed": (2,), "computed": (0, 2)},
    **{"under_way": (1,), "class_choice": (1,), "need": (1,)},
}
KEYWORDS = {"help", "label", "text", "caption", "body", "delta"}
OPTIONS = {"segmented_control", "pills", "radio"}  # their options are Markdown too
ESCAPING = {"literal", "code", "count", "marker_name", "duration", "len", "int", "round", "sum", "min", "max", "abs", "float"}
OF_STRINGS = {"join", "capitalize", "upper", "lower", "strip", "replace", "removesuffix", "get", "items", "values"}
PLAIN_RECORDS = {"METHODS", "SCORES", "BY_KEY", "MARKERS", "PRESETS", "WAYS"}


@dataclass(frozen=True)
class Place:
    """A function, or a module, and the values its names are given."""

    parameters: frozenset[str] = frozenset()
    values: dict[str, list[ast.expr]] = field(default_factory=dict)


@dataclass(frozen=True)
class Doubt:
    file: str
    line: int
    part: str

    @property
    def call(self) -> str:
        """`label()` for any call of `label`."""
        return self.part.partition("(")[0] + "()"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.part}"


def doubts(path: Path) -> Iterator[Doubt]:
    return doubts_in(path.read_text(encoding="utf-8"), path.relative_to(PROJECT).as_posix())


def doubts_in(code: str, name: str = "") -> Iterator[Doubt]:
    tree = ast.parse(code)
    top = ast.Module([n for n in tree.body if not isinstance(n, ast.FunctionDef)], [])
    values: dict[str, list[ast.expr]] = {}
    for node in ast.walk(top):
        for target, value in _bindings(node):
            values.setdefault(target, []).append(value)
    yield from (Doubt(name, line, part) for line, part in _in(tree, Place(values=values)))


def _in(node: ast.AST, place: Place) -> Iterator[tuple[int, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield from _in(child, _place(child, place))
        else:
            if isinstance(child, ast.Call):
                for argument in _read_as_markdown(child):
                    yield from ((part.lineno, ast.unparse(part)) for part in _unsafe(argument, place, ()))
            yield from _in(child, place)


def _place(function: ast.FunctionDef, around: Place) -> Place:
    """The names of a function; those of the function around it stay known."""
    values = {k: list(v) for k, v in around.values.items()}
    own: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        for target, value in _bindings(node):
            own.setdefault(target, []).append(value)
    names = {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}
    first = 1 if function.args.args[:1] and function.args.args[0].arg == "self" else 0
    positions = HANDED_ON.get(function.name, ())
    handed_on = {a.arg for k, a in enumerate(function.args.args[first:]) if k in positions or (positions and a.arg in KEYWORDS)}
    kept = {k: v for k, v in values.items() if k not in names}
    return Place(frozenset(handed_on), kept | own)


def _bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _pairs(target, node.value)
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr, ast.AugAssign)) and node.value is not None:
        yield from _pairs(node.target, node.value)
    elif isinstance(node, (ast.For, ast.comprehension)):
        iterated = node.iter
        if (
            isinstance(iterated, ast.Call)
            and isinstance(iterated.func, ast.Name)
            and iterated.func.id == "zip"
            and isinstance(node.target, ast.Tuple)
        ):
            for target, each in zip(node.target.elts, iterated.args, strict=False):
                yield from _pairs(target, each)
        elif isinstance(iterated, (ast.Tuple, ast.List)):
            for each in iterated.elts:
                yield from _pairs(node.target, each)
        else:
            yield from _pairs(node.target, iterated)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, (ast.Tuple, ast.List)):
        values = (
            value.elts if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts) else [value] * len(target.elts)
        )
        for one, given in zip(target.elts, values, strict=True):
            yield from _pairs(one, given)


def _called(call: ast.Call) -> str:
    """Its name; of one of two functions, the first one's."""
    if isinstance(call.func, ast.IfExp):
        return call.func.body.attr if isinstance(call.func.body, ast.Attribute) else ""
    return call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""


def _read_as_markdown(call: ast.Call) -> Iterator[ast.expr]:
    name = _called(call)
    methods = {} if isinstance(call.func, ast.Name) else STREAMLIT
    if name not in methods | HANDED_ON or (name == "title" and not ast.unparse(call.func).startswith("st.")):
        return  # the title of a figure is no call of Streamlit's
    positions = (methods | HANDED_ON)[name]
    yield from (a for k, a in enumerate(call.args) if k in positions)
    yield from (k.value for k in call.keywords if k.arg in KEYWORDS)
    if name in OPTIONS:
        shown = next((k.value for k in call.keywords if k.arg == "format_func"), None)
        yield (
            shown
            if shown is not None
            else next(k.value for k in call.keywords if k.arg == "options")
            if len(call.args) < 2
            else call.args[1]
        )


def _unsafe(part: ast.expr, place: Place, seen: tuple[str, ...]) -> Iterator[ast.expr]:
    """The smallest parts of an expression that may hold text from outside."""
    match part:
        case ast.Constant() | ast.Compare():
            return
        case ast.JoinedStr():
            for value in part.values:
                if isinstance(value, ast.FormattedValue) and not _is_number(value):
                    yield from _unsafe(value.value, place, seen)
        case ast.IfExp():
            yield from _unsafe(part.body, place, seen)
            yield from _unsafe(part.orelse, place, seen)
        case ast.BoolOp():
            for value in part.values:
                yield from _unsafe(value, place, seen)
        case ast.BinOp():
            if not isinstance(part.op, (ast.Sub, ast.Div, ast.FloorDiv)):
                yield from _unsafe(part.left, place, seen)
                yield from _unsafe(part.right, place, seen)
        case ast.Tuple() | ast.List() | ast.Set():
            for value in part.elts:
                yield from _unsafe(value, place, seen)
        case ast.Starred() | ast.Await():
            yield from _unsafe(part.value, place, seen)
        case ast.Dict():
            for value in part.values:
                yield from _unsafe(value, place, seen)
        case ast.Lambda():
            yield from _unsafe(part.body, place, seen)
        case ast.GeneratorExp() | ast.ListComp() | ast.SetComp():
            bound: dict[str, list[ast.expr]] = {}
            for comprehension in part.generators:
                for name, value in _bindings(comprehension):
                    bound.setdefault(name, []).append(value)
            yield from _unsafe(part.elt, Place(place.parameters - bound.keys(), place.values | bound), seen)
        case ast.Call():
            yield from _unsafe_call(part, place, seen)
        case ast.Subscript() | ast.Attribute():
            root = _root(part)
            if not (isinstance(root, ast.Name) and (root.id in PLAIN_RECORDS or root.id.isupper())):
                if isinstance(part, ast.Subscript) and (isinstance(part.slice, ast.Slice) or isinstance(part.value, (ast.Dict, ast.Name))):
                    yield from _unsafe(part.value, place, seen)
                else:
                    yield part
        case ast.Name(id=name):
            if name.isupper() or name in place.parameters or name in seen or name in ESCAPING:
                return
            if name not in place.values:
                yield part
            for value in place.values.get(name, ()):
                if list(_unsafe(value, place, (*seen, name))):
                    yield part
                    return
        case _:
            yield part


def _unsafe_call(call: ast.Call, place: Place, seen: tuple[str, ...]) -> Iterator[ast.expr]:
    name = _called(call)
    if name in ESCAPING:
        return
    if isinstance(call.func, ast.Attribute) and name in OF_STRINGS:
        yield from _unsafe(call.func.value, place, seen)
        if name in ("join", "replace", "get"):
            for argument in call.args:
                yield from _unsafe(argument, place, seen)
    elif name in ("sorted", "list", "tuple", "str", "next", "enumerate", "iter", "reversed", "zip"):
        for argument in call.args:
            yield from _unsafe(argument, place, seen)
    else:
        yield call


def _is_number(value: ast.FormattedValue) -> bool:
    """A format that only numbers have."""
    spec = ast.unparse(value.format_spec) if value.format_spec is not None else ""
    return any(sign in spec for sign in ",%.+") or spec in ("f'd'", "f'g'")


def _root(part: ast.expr) -> ast.expr:
    while isinstance(part, (ast.Subscript, ast.Attribute)):
        part = part.value
    return part


# parts that hold no text from outside though their form does not show it, by file
OURS: dict[str, set[str]] = {
    "pages/about.py": {"__version__", "rows", "(PROJECT / 'SECURITY.md').read_text(encoding='utf-8').partition('\\n')[2]"},  # our own files
    "pages/inspect_image.py": {"size"},  # two numbers
    "pages/start.py": {"step", "row.title", "row.invitation"},  # the demo's parts and the table of pages
    "ui/classifier/card_form.py": {"text", "label()"},  # the name of a field
    "ui/classifier/file.py": {"facts.sha256"},  # computed here, in hexadecimal
    "ui/dataset/findings.py": {"label", "finding.severity"},  # of a button; one of three words
    "ui/dataset/review.py": {"enough", "_percent(figure)", "label"},  # figures, and constants beside them
    "ui/evaluate/calibration.py": {"which"},  # one of two constants
    "ui/evaluate/comparison.py": {"_p(found.p)", "measure.name", "measure.explained"},  # a number; the table of figures
    "ui/evaluate/evaluation.py": {
        *("accuracy.name", "accuracy.meaning", "balanced.name", "balanced.meaning", "tile", "others"),  # the table of figures
        *("assessment.counted", "reasons"),  # lesions or images; escaped but for the names of figures
    },
    "ui/evaluate/thresholds.py": {
        *("way.asks[0]", "way.asks", "way_name", "number"),  # the table of ways to choose a threshold
        *("figures", "readers[0].source", "readers[0].on"),  # published readers
        *("table.map('{:,}'.format)", "title"),  # numbers under escaped names; one of four names of figures
    },
    "ui/inspect/inspection.py": {"entry.name", "cells", "shown.title"},  # the table of methods; two numbers; escaped where it is made
    "ui/inspect/trust.py": {"verdict.verdict", "f.baseline", "areas"},  # one of a few words each; numbers
    "ui/learn/cam_steps.py": {"lesson.caveat", "lesson.words(steps)"},  # the table of lessons
    "ui/learn/story.py": {"letter", "reply", "used"},  # A or B
    "ui/parts/choice.py": {"label"},  # what is chosen: a constant
    "ui/parts/navigation.py": {"row.label"},  # the table of steps
    "ui/parts/components.py": {"value", "interval"},  # numbers, else escaped
    "ui/services/services.py": {"job.waiting"},  # a constant of each job
    "ui/shortcuts/repair.py": {"what"},  # one of two constants
    "ui/shortcuts/study.py": {"alarms_in_words()", "navigation.EXPERIMENT", "navigation.REPAIR"},  # numbers; two constants
    "ui/shortcuts/verdicts.py": {"_on_lesion()"},  # numbers, else escaped
    "ui/training/form.py": {
        *("preset.source", "preset.published.figures", "sentence", "base", "note"),  # the table of published systems
        *("labels", "label"),  # constants beside numbers; the table of operations
    },
    "ui/training/runs.py": {"_left(one)"},  # a time
}


def test_every_text_on_a_page_is_escaped() -> None:
    found = [d for path in SCREENS for d in doubts(path)]
    assert [str(d) for d in found if not {d.part, d.call} & OURS.get(d.file, set())] == []
    assert {file for file, parts in OURS.items() if parts - {p for d in found if d.file == file for p in (d.part, d.call)}} == set(), (
        "no longer needed"
    )


UNSAFE = [
    'st.markdown(f"**{name}**")',
    "st.error(str(error))",
    "st.write(finding.summary)",
    'st.caption("Of " + data.name)',
    'st.caption(", ".join(names))',
    'st.button("x", help=f"Of {data.name}")',
    "left.selectbox(data.name, options)",
    'st.segmented_control("Split", splits)',
    "st.image(content, caption=name)",
    'download(place, f"{data.name}", content, "x.csv")',
    'words = f"of {data.name}"\nst.info(words)',
    "for name in names:\n    st.metric(name, 1)",
    "def note(label):\n    st.caption(label)",
    'st.caption(f"{name!r}")',
    'st.caption(f"{name:>10}")',
    'st.caption("{}".format(name))',
    'st.caption("%s" % name)',
    '(st.success if good else st.warning)(f"{check.reason}")',
    "st.tabs([data.name])",
    'st.caption(f"{literal(name)} {name}")',
    "st.caption(first if literal(name) else second)",
]
SAFE = [
    'st.markdown(f"**{literal(name)}**: {len(rows)} of {n:,}, {share:.1%}")',
    'st.caption(", ".join(literal(n) for n in names))',
    "st.dataframe(names)",
    'words = f"of {literal(data.name)}"\nst.info(words if n > 1 else "none")',
    'st.segmented_control("Split", splits, format_func=literal)',
    "st.caption(METHODS[method].name)",
    "st.image(content, alt=name)",
    "file.write_bytes(name)",
]


@pytest.mark.parametrize("code", UNSAFE)
def test_what_is_not_escaped_is_found(code: str) -> None:
    assert list(doubts_in(code))


@pytest.mark.parametrize("code", SAFE)
def test_what_is_escaped_is_not_found(code: str) -> None:
    assert list(doubts_in(code)) == []


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield from ((f"{path.name}:{n.lineno}", n) for n in ast.walk(tree) if isinstance(n, ast.Call))


def test_no_page_lets_text_be_html() -> None:
    """Nor does a table open links or show pictures from elsewhere: a column of pictures holds our own thumbnails."""
    barred = {"html", "iframe", "LinkColumn", "MarkdownColumn", "declare_component"}
    for path in SCREENS:
        for where, call in calls(path):
            assert "unsafe_allow_html" not in {k.arg for k in call.keywords}, where
            assert _called(call) not in barred, where
            if _called(call) == "ImageColumn":
                assert "thumbnail_urls" in path.read_text(encoding="utf-8"), where


def test_a_component_sets_text_and_no_html() -> None:
    for script in (PROJECT / "ui").rglob("*.js"):
        code = script.read_text(encoding="utf-8")
        assert "textContent" in code
        assert not [
            w for w in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "http") if w in code
        ], script


def test_every_line_on_a_terminal_goes_through_the_literal_consoles() -> None:
    for path in CONSOLE:
        code = path.read_text(encoding="utf-8")
        assert path.name == "console.py" or "Console(" not in code, path
        for where, call in calls(path):
            markup = [ast.unparse(k.value) for k in call.keywords if k.arg in ("markup", "emoji")]
            assert set(markup) <= {"False"}, where
            assert _called(call) not in ("echo", "secho", "from_markup", "render_markup", "input"), where
            if _called(call) == "TextColumn":
                assert markup == ["False"], where
            if isinstance(call.func, ast.Name) and call.func.id == "print":
                assert ast.unparse(call.args[0]) in ("__version__", "json.dumps(plain(content), indent=1)"), where
            if ast.unparse(call.func).startswith("sys.") and _called(call) == "write":
                raise AssertionError(where)


def test_every_template_escapes() -> None:
    templates = [p for p in PROJECT.rglob("*.j2") if ".venv" not in p.parts]
    assert len(templates) >= 5
    for template in templates:
        code = template.read_text(encoding="utf-8")
        assert "| safe" not in code and "|safe" not in code and "autoescape" not in code, template
        assert not [w for w in ("http://", "https://", "<script", "<link", "<iframe", "@import", "url(") if w in code], template
    marked = [p for room in ("reports", "ui", "pages", "commands") for p in (PROJECT / room).rglob("*.py") if "Markup(" in p.read_text()]
    assert [p.name for p in marked] == ["pictures.py"], "SVG of charts is the only text that a report does not escape"


if __name__ == "__main__":
    for path in SCREENS:
        for doubt in doubts(path):
            print(doubt)
