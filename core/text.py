"""Text from outside (out of files, tables, cards, links) is shown as it is and does nothing: on a page, on a terminal, in a spreadsheet."""

import codecs
import re

MOST = 2000  # characters of one text on a screen
_JOINER = "\u2060"  # word joiner, which nobody sees: it stands where a backslash does not help, because links and signs are found late
_NUMBER = re.compile(r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$")
_FORMULA = re.compile(r"^\s*[=+\-@\t＝＋－＠]")
_SPECIAL = re.compile(r"[\\`*\[\]<>|~$]|&(?=[#\w])|(?<![^\W_])_|_(?![^\W_])")  # inside a word, _ means nothing
_LINE_START = re.compile(r"^(?=[-#+=])")
_LATE = re.compile(r"(?<=:)(?!\s)|(?<=@)|(?<=www)(?=\.|$)|(?<=[-<>~])(?=\\?[-=>])", re.IGNORECASE)
_ASCII = dict(zip("×–−—“”‘’…·→≤≥", ("x", "-", "-", "-", '"', '"', "'", "'", "...", "-", "->", "<=", ">="), strict=True))


def visible(value: object, most: int = MOST) -> str:
    """One line of printable characters: white space as spaces, anything else that does not print (controls, escapes of a terminal,
    marks of direction, characters without width, half characters) by its number, as in [U+202E]; … after the first `most` characters."""
    text = str(value)
    text = text if len(text) <= most else text[:most] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else f"[U+{ord(c):04X}]" for c in text)


def literal(value: object, most: int = MOST) -> str:
    """Markdown that shows the `visible` text and nothing else: no emphasis, link, picture, HTML, formula, list, table, nor any of
    Streamlit's own signs (`:red[…]`, `:material/…:`, `:smile:`, arrows)."""
    text = _SPECIAL.sub(r"\\\g<0>", " ".join(visible(value, most).split()))
    if re.match(r"\d+(?:[.)](?:\s|$)|$)", text):
        text = _JOINER + text  # with a full stop behind it, a number starts a list
    return _LATE.sub(_JOINER, _LINE_START.sub(r"\\", text))


def code(value: object) -> str:
    """Markdown of the same text as code: in which nothing but the end is read, here more backticks than the text has in a row."""
    text = " ".join(visible(value).split()).replace(":material/", f":{_JOINER}material/") or "–"  # Streamlit rewrites it anywhere
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


def cell(value: object) -> object:
    """A value of a CSV that a spreadsheet shows and does not run: an apostrophe stands before text that looks like a formula, and a
    carriage return, which a CSV does not quote, begins no row."""
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "backslashreplace").decode()
    return "'" + text if _FORMULA.match(text) and not _NUMBER.match(text) else text


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    signs = error.object[error.start : error.end]
    return "".join(_ASCII.get(c) or c.encode("ascii", "backslashreplace").decode() for c in signs), error.end


IN_ASCII = "lesionlens-ascii"  # how a stream that cannot write a sign writes it: × as x, others by their number
codecs.register_error(IN_ASCII, _in_ascii)
