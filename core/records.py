"""Records as JSON and back: a file is read as the frozen dataclass it was written from, or refused in one message."""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml
from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from core.atomic import write_bytes
from core.errors import LesionLensError, RecordError, first_line
from core.exports import json_name, plain
from core.regular import TooLarge, read_regular

R = TypeVar("R")
MAX_YAML_BYTES = 1 << 20
MAX_YAML_VALUES = 100_000
MAX_YAML_DEPTH = 20
MAX_JSON_BYTES = 64 << 20
MAX_TEXT = 20_000  # characters of one text of a card, policy or recipe

# as written: pydantic alone takes true for 1 and the text "7" for 7
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the same in C, where it is built
    """Knows true and false, null, and short decimal numbers. Everything else is text: no base 60, which takes quadratic time."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


for _tag, _pattern, _first in (
    ("bool", r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", "yYnNtTfFoO"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(0|[1-9]\d{0,17})", "-+0123456789"),
    (
        "float",
        r"[-+]?(\d{1,18}\.\d{0,40}|\.\d{1,40}|\d{1,18}(?=[eE]))([eE][-+]?\d{1,3})?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"({_pattern})\Z", re.ASCII), list(_first))
OBJECT: Any = Mapping[str, Any]  # for `read_record`: a JSON object of anything


class Checked(BaseModel):
    """A pydantic model that refuses unknown fields and endless texts, and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=MAX_TEXT)


def in_words(error: ValidationError | TypeError, what: str) -> str:
    """The first four problems of fields that do not make a `what`, each with its field and the value given."""
    if not isinstance(error, ValidationError):
        return f"is not a valid {what} ({error})."
    parts = []
    for problem in error.errors()[:4]:
        field = ".".join(str(p) for p in problem["loc"])[:100]
        message = problem["msg"].removeprefix("Value error, ")
        given = f" (it is {problem['input']!r:.80})" if isinstance(problem.get("input"), str | int | float) else ""
        parts.append(f"{field}: {message}{given}" if field else message)
    return "; ".join(dict.fromkeys(parts)) + "."


def read_yaml(path: Path, what: str, refusal: type[LesionLensError], todo: str = "") -> dict[str, Any]:
    """The `field: value` lines of a YAML file, 1 MB at most; refusal: the error raised for any other file.

    Aliases, anchors and tags are refused as well: a few lines of them stand for millions of values.
    """
    try:
        if not path.is_file():
            raise refusal("is not a file.", str(path), "Check the path.")
        text = read_regular(path, MAX_YAML_BYTES).decode("utf-8-sig")
        if problem := _beyond_plain(text):
            raise refusal(f"{problem}, which no {what} needs.", path.name, "Write every value where it belongs.")
        content = _Loader(text).get_single_data()
    except TooLarge as error:
        raise refusal(f"is over 1 MB, too large for a {what}.", path.name) from error
    except OSError as error:
        raise refusal(f"cannot be read ({error.strerror}).", str(path)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: not UTF-8
        mark = getattr(error, "problem_mark", None)
        line = f" near line {min(mark.line, len(text.splitlines()) - 1) + 1}" if mark else ""  # a mark may lie behind the end
        raise refusal(f"is not valid YAML{line}.", path.name, "Correct or delete it.") from error
    if not isinstance(content, dict) or not content:
        raise refusal(f"is not a {what}: it should consist of `field: value` lines.", path.name, todo)
    return {str(k): v for k, v in content.items()}


def _beyond_plain(text: str) -> str:
    """What a YAML text contains beside nested plain values, in words; read event by event, so that nothing is built yet."""
    depth = values = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            return "contains aliases"
        if getattr(event, "tag", None):
            return "contains tags"
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        values += isinstance(event, yaml.NodeEvent)
        if depth > MAX_YAML_DEPTH:
            return "is nested too deeply"
        if values > MAX_YAML_VALUES:
            return "contains too many values"
    return ""


def write_record(path: Path, record: object, indent: int | None = 1) -> None:
    """Atomically; NaN as null, without optional fields that are None."""
    write_bytes(path, json.dumps(plain(record), indent=indent, ensure_ascii=False).encode())


def read_record(path: Path, kind: type[R], what: str, todo: str) -> R:
    """What `write_record` wrote. Raises RecordError, worded with `what` and `todo`, for a broken or missing file or another version."""
    try:
        found: R = parse(kind, json.loads(read_regular(path, MAX_JSON_BYTES)))
        return found
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else first_line(error)
        raise RecordError(f"cannot be read as {what} ({reason}).", str(path), todo) from error


def parse(kind: Any, value: Any) -> Any:
    """JSON values as a type: a dataclass, a pydantic model, or containers of them and of plain values; null is NaN for a float.

    Of several dataclasses the one with these fields is taken. Raises ValueError with the place and what is wrong there.
    """
    origin, args = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _record(kind, value)
    if origin in (Union, UnionType):
        if value is None and NoneType in args:
            return None
        return parse(_fitting([a for a in args if a is not NoneType], value), value)
    if origin is tuple and isinstance(value, list):
        kinds = args[:1] * len(value) if args[1:] == (...,) else args
        if len(kinds) == len(value):
            return tuple(_at(f"[{k}]", one, v) for k, (one, v) in enumerate(zip(kinds, value, strict=True)))
    elif origin is Mapping and isinstance(value, dict):
        return {name: _at(name, args[1], v) for name, v in value.items()}
    elif kind is float and (value is None or (isinstance(value, int | float) and not isinstance(value, bool))):
        return float("nan") if value is None else float(value)
    elif origin is Literal and value in args:
        return value
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        return _model(kind, value)
    elif kind is Any or (kind in (str, int, bool) and type(value) is kind):
        return value
    raise ValueError(f"{value!r:.60} is no {getattr(kind, '__name__', kind)}")


def _record(kind: Any, value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r:.60} is no {kind.__name__}")
    read = {}
    for f in fields(kind):
        if f.init and json_name(f) in value:
            read[f.name] = _at(json_name(f), _types(kind)[f.name], value[json_name(f)])
        elif f.init and f.default is MISSING and f.default_factory is MISSING:
            raise ValueError(f"{json_name(f)} is missing")
    return kind(**read)


def _model(kind: type[BaseModel], value: Any) -> BaseModel:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(": ".join([*map(str, first["loc"]), first["msg"].removeprefix("Value error, ")])) from error


def _at(where: str, kind: Any, value: Any) -> Any:
    try:
        return parse(kind, value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _fitting(kinds: list[Any], value: Any) -> Any:
    """Of several kinds the one with exactly these fields, or the only one."""
    if len(kinds) == 1:
        return kinds[0]
    for kind in kinds:
        if isinstance(value, dict) and {json_name(f) for f in fields(kind)} == set(value):
            return kind
    raise ValueError(f"{value!r:.60} is none of {', '.join(k.__name__ for k in kinds)}")


@lru_cache(maxsize=256)
def _types(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
