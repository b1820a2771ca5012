"""Text from outside does nothing where it is shown: parsed by a Markdown parser of its own, a terminal and a spreadsheet's rules."""

from __future__ import annotations

import io
import random
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import escape

from commands.console import Literal, headed, results, table
from core.exports import safe_csv
from core.text import MOST, cell, code, literal, visible
from reports.audit_charts import class_counts
from reports.pictures import page, svg

JOINER = "\u2060"
URL = "http://evil.example/a.png"
MARKDOWN = [
    *(
        "*a*",
        "**a**",
        "***a***",
        "_a_",
        "__a__",
        "a_b_c",
        "snake_case_",
        "_x",
        "x_",
        "~~a~~",
        "~a~",
        "`a`",
        "``a`b``",
        "```\ncode\n```",
        "~~~\nx\n~~~",
    ),
    *(
        f"![x]({URL})",
        f"![x][1]\n\n[1]: {URL}",
        f"[x]({URL})",
        f"[x](<{URL}> 't')",
        "[x][y]",
        "[y]: /z",
        f"[![x]({URL})]({URL})",
        "[x]()",
        "![]()",
    ),
    *(
        f"<{URL}>",
        "<a@b.example>",
        URL,
        "https://evil.example",
        "HTTPS://EVIL.EXAMPLE/x",
        "www.evil.example",
        "WWW.EVIL.EXAMPLE",
        "xhttp://evil.example",
    ),
    *(
        "a@b.example",
        "x.y+z@b-c.example",
        "mailto:a@b.example",
        "xmpp:a@b.example/x",
        "ftp://evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
    ),
    *("[x](javascript:alert(1))", "[^1]", "[^1]: note", "a[^1]\n\n[^1]: b", "[ ] a", "- [x] a", "[//]: # (c)"),
    *(
        "<b>a</b>",
        f"<img src={URL}>",
        f"<img src=x onerror='fetch(\"{URL}\")'>",
        "<script>alert(1)</script>",
        "<!-- a -->",
        "<?php ?>",
        "<![CDATA[x]]>",
    ),
    *(
        "</div>",
        "<br>",
        "<a href=//evil.example>x</a>",
        "<iframe src=//evil.example>",
        "<style>*{}</style>",
        "&lt;b&gt;",
        "&amp;",
        "&#x3c;b&#62;",
        "&copy",
    ),
    *(
        "# a",
        "## a",
        "###### a",
        "#",
        "a\n=",
        "a\n===",
        "a\n---",
        "---",
        "***",
        "___",
        "- - -",
        "=",
        "===",
        "- a",
        "+ a",
        "* a",
        "1. a",
        "1) a",
        "12345. a",
    ),
    *(
        "1.",
        "7",
        "2024",
        "0)",
        "> a",
        ">",
        ">a",
        ">>> a",
        "    code",
        "\tcode",
        "\n\n    code",
        "|a|b|\n|-|-|\n|1|2|",
        "a | b\n--|--\n1 | 2",
        "|",
        "a|b",
    ),
    *("\\", "\\\\", "a\\", "\\*a\\*", "\\[x](y)", "a  \nb", "a\\\nb", "", " ", "  a  ", "a\n\nb", "a\r\nb", "a    b"),
    *(
        "$a$",
        "$$a$$",
        "$x^2$ and $y$",
        "\\(a\\)",
        "\\[a\\]",
        "costs $5 or $6",
        "$",
        "$\\href{http://evil.example}{x}$",
        "$\\includegraphics{x}$",
    ),
    *(
        ":red[a]",
        ":blue-background[a]",
        ":green-badge[a]",
        ":rainbow[a]",
        ":small[a]",
        ":shimmer[a]",
        ":color[a]{foreground=red}",
        "::red[a]",
        ":::red\na\n:::",
    ),
    *(
        ":material/home:",
        ":material/delete_forever:",
        ":streamlit:",
        ":smile:",
        ":+1:",
        ":-1:",
        "a:b:c",
        ":a:",
        "::",
        ":",
        "a:",
        "12:30:45",
        ":red",
    ),
    *("a -> b", "a <- b", "a <-> b", "a -- b", "a >= b", "a <= b", "a ~= b", "->", "<-", "--", ">=", "a->b"),
    *(
        "{{7*7}}",
        "{% x %}",
        "${x}",
        "#{x}",
        "%s %(x)s",
        "{0}",
        "{x!r}",
        "{.a #b}",
        "a{.b}",
        "'; DROP TABLE",
        '"quoted"',
        "'single'",
        "it's",
    ),
    *("[/bold]", "[bold]a", "[red]a[/red]", "[link=http://evil.example]x[/link]", "[@click=app.quit]x[/]", "[/]", "[[x]]", "\\[bold]"),
]
CONTROLS = [
    *(
        "\x1b[31mred",
        "\x1b]0;title\x07",
        "\x1b]8;;http://evil.example\x1b\\x\x1b]8;;\x1b\\",
        "\x1bc",
        "\x1b[2J",
        "\x9b31m",
        "\x00",
        "a\x00b",
        "\x08\x08x",
    ),
    *(
        "\x7f",
        "\x07",
        "a\rb",
        "a\nb",
        "a\x0bb",
        "a\x0cb",
        "\x85",
        "\u2028",
        "\u2029",
        "\u202eabc",
        "\u202dabc",
        "\u2066a\u2069",
        "\u200fa",
        "\u061c",
    ),
    *(
        "\u200b",
        "a\u200bb",
        "\u200d",
        "\ufeffa",
        "\u2060",
        "a\u00adb",
        "\ud800",
        "\udcffa",
        "\udfff\ud800",
        "\ue000",
        "\uffff",
        "\U000e0041",
        "\U0010ffff",
    ),
    *(
        "\u0301" * 50,
        "ﷺ",
        "𝓂𝑒𝓁",
        "黑色素瘤",
        "שלום",
        "مرحبا",
        "naïve café",
        "×–“”…",
        "👩\u200d⚕️",
        "\u00a0a\u00a0",
        "\u3000",
        "ＨＴＴＰ：／／",
    ),
]
HOSTILE = MARKDOWN + CONTROLS
LONG = ["a" * 100_000, "[" * 50_000, "*" * 50_000, "<" * 20_000, "\x1b" * 20_000, "> " * 20_000, "`" * 20_000]
# what Streamlit's page finds after parsing, in the text that a parser leaves
LATE = {
    "link": re.compile(r"(https?://|www(?=\.))([-.\w]+)([^ \t\r\n]*)", re.IGNORECASE),
    "address": re.compile(r"([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)"),
    "emoji": re.compile(r":\+1:|:-1:|:[\w-]+:"),
    "icon": re.compile(r":material[_/](\w+):"),
    "sign": re.compile(r"(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)"),
}
PARSED_BY_STREAMLIT = re.compile(r":{1,}[A-Za-z][\w-]*[\[{]|(?<!\\)\$")
parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def name(text: str) -> str:
    return ascii(text[:40])


def leaves(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.type == "inline":
            yield from leaves(token.children or [])
        else:
            yield token


def check_shown(text: str, shown: str) -> None:
    """The page shows `shown` and nothing but text in one paragraph."""
    found = list(leaves(parser.parse(text)))
    assert {t.type for t in found} <= {"paragraph_open", "paragraph_close", "text"}, text
    assert sum(t.type == "paragraph_open" for t in found) <= 1
    rendered = "".join(t.content for t in found)
    assert rendered.replace(JOINER, "") == shown
    assert PARSED_BY_STREAMLIT.search(text) is None, text
    for what, late in LATE.items():
        assert late.search(rendered) is None, (what, text)


def plainly(text: str) -> str:
    return " ".join(visible(text).split())


def test_there_are_enough_cases() -> None:
    assert len(set(HOSTILE)) >= 200


@pytest.mark.parametrize("text", [*HOSTILE, *LONG], ids=name)
def test_markdown_shows_the_text_itself(text: str) -> None:
    check_shown(literal(text), plainly(text))


@pytest.mark.parametrize("text", HOSTILE, ids=name)
def test_text_in_a_sentence_leaves_the_sentence_as_it_is(text: str) -> None:
    if not plainly(text):
        return
    found = list(leaves(parser.parse(f"**{literal(text)}** minus **{literal(text)}**: {literal(text)}.")))
    kinds = [t.type for t in found if t.type != "text"]
    assert kinds == ["paragraph_open", "strong_open", "strong_close", "strong_open", "strong_close", "paragraph_close"]
    shown = plainly(text)
    assert "".join(t.content for t in found).replace(JOINER, "") == f"{shown} minus {shown}: {shown}."
    kinds = [t.type for t in leaves(parser.parse(f"{literal(text)}. Source: x.\n\nNext"))]
    assert kinds == ["paragraph_open", "text", "paragraph_close"] * 2


@pytest.mark.parametrize("text", [*HOSTILE, *LONG], ids=name)
def test_code_shows_the_text_itself(text: str) -> None:
    for found in (list(leaves(parser.parse(line))) for line in (code(text), f"at {code(text)}, and")):
        assert [t.content.replace(JOINER, "") for t in found if t.type == "code_inline"] == [plainly(text) or "–"]
        assert {t.type for t in found} <= {"paragraph_open", "paragraph_close", "text", "code_inline"}


def test_random_strings_of_special_signs() -> None:
    draw = random.Random(0)
    signs = [*string.punctuation, *"  \n\t01ax", "www.", "http://", "a@b.c", ":red[", ":smile:", "\u202e", "\x1b", "\ud800", "-> ", "&lt;"]
    for _ in range(3000):
        text = "".join(draw.choices(signs, k=draw.randrange(1, 12)))
        check_shown(literal(text), plainly(text))


@pytest.mark.parametrize("text", [*HOSTILE, *LONG], ids=name)
def test_what_is_visible_prints_in_one_line_of_bounded_length(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert shown == text[:MOST] + "…" * (len(text) > MOST) or not text.isprintable()
    assert len(shown) <= 10 * MOST + 1
    shown.encode()  # no half of a character


def test_what_does_not_print_is_told_by_its_number() -> None:
    assert visible("a\x1b[31m\u202eb\ud800\nc") == "a[U+001B][31m[U+202E]b[U+D800] c"
    assert literal("nv_1") == "nv_1"
    assert literal(float("nan")) == "nan"


@pytest.mark.parametrize("text", HOSTILE, ids=name)
def test_a_console_prints_the_text_itself(text: str) -> None:
    for encoding in ("utf-8", "ascii"):
        written = io.BytesIO()
        stream = io.TextIOWrapper(written, encoding, "lesionlens-ascii", newline="")
        console = Literal(file=stream, force_terminal=True, color_system="truecolor", width=10_000, highlight=False)
        console.print(text)
        console.print(table(text, ["a", text], [[text, 1]]))
        stream.flush()
        out = (
            re.sub(r"\x1b\[[\d;]*m", "", written.getvalue().decode(encoding)) if "\x1b" not in text else written.getvalue().decode(encoding)
        )
        assert visible(text, 10_000).rstrip() in out or encoding == "ascii"
        assert not re.search(r"[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]", out)
        assert not re.search(r"\x1b(?!\[[\d;]*m)", out)


def test_bold_heads_are_literal_too(capsys: pytest.CaptureFixture[str]) -> None:
    headed("[/bold]\x1b[2J", ": [red]x")
    results.print("[link=http://evil.example]x[/link] :smile:")
    assert capsys.readouterr().out.split("\n")[:2] == ["[/bold][U+001B][2J: [red]x", "[link=http://evil.example]x[/link] :smile:"]


def labelled(folder: Path, label: str) -> Path:
    folder.mkdir()
    (folder / "metadata.csv").write_text(f"image_id,dx,lesion_id\na,{label},l1\nb,nv,l2\n", encoding="utf-8")
    return folder


def test_labels_with_markup_on_an_ascii_terminal(tmp_path: Path) -> None:
    folder = labelled(tmp_path / "data", "[/bold] × \x1b[2J")
    run = [sys.executable, "cli.py", "dataset", "show", str(folder), "--workspace", str(tmp_path / "w")]
    done = subprocess.run(run, capture_output=True, env={"PYTHONIOENCODING": "ascii", "PATH": ""}, timeout=60)
    assert done.returncode == 0, done.stderr
    assert b"[/bold] x [U+001B][2J" in done.stdout
    assert b"Traceback" not in done.stderr


FORMULAS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "＝1+1",
    "＋1",
    "－1+1",
    "＠x",
    '=HYPERLINK("http://evil.example")',
]


@pytest.mark.parametrize("text", FORMULAS, ids=name)
def test_no_formula_leaves_in_a_csv(text: str) -> None:
    assert cell(text) == "'" + text.replace("\r", "\n")
    back = pd.read_csv(io.StringIO(safe_csv(pd.DataFrame({text: [text, "nv"]}), {"dataset": text})), dtype=str)
    assert len(back) == 2
    assert all(str(value).startswith("'") for value in (back.columns[0], back.iloc[0, 0], back["about_dataset"][1]))
    assert back.iloc[1, 0] == "nv"


def test_a_csv_can_be_written_whatever_the_text() -> None:
    assert safe_csv(pd.DataFrame({"a": ["\ud800", "-1.5", "+3e4", "x"]}, dtype=object), {}).encode().split() == [
        b"a",
        b"\\ud800",
        b"-1.5",
        b"+3e4",
        b"x",
    ]


def test_a_report_shows_the_text_itself(tmp_path: Path) -> None:
    """Control characters in a chart would end the process."""
    for text in ("<img src=http://evil.example onerror=x>", "a\x00b", "\x1b[31m", "a\uffffb", "\u202ea", "</text></svg><script>"):
        drawn = str(svg(class_counts([{"diagnosis": text, "images": 3, "share": 0.5}])))
        assert drawn.isprintable() or drawn.replace("\n", "").isprintable()
        assert not re.search(r"<(img|script|image|a|foreignObject)\b", drawn)
        written = page(
            "tuning.html.j2", content={"preset": text, "dataset": text, "dataset_sha256": text, "trials": [], "best": None}, complete=0
        )
        assert not re.search(r"<(img|script|image|a)\b|[\x00\x1b\u202e]", written)
        assert escape(visible(text)) in written
