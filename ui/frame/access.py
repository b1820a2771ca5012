"""The sign-in settings, read strictly: whatever is wrong with them keeps the server shut.

Streamlit takes a `secrets.toml` that it cannot read for one that is not there, and so would serve everybody. Here the same files are
read first and every key of [auth] is checked: sign-in is whole, or was never meant, or nothing is served. The files are looked at
again while the server runs (`Door`).
"""

import os
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias
from urllib.parse import SplitResult, urlsplit

import streamlit as st
from streamlit import config

from core.errors import AccessError, first_line
from ui.services import reach

Toml: TypeAlias = "str | int | float | bool | list[Toml] | dict[str, Toml]"
SHARED = ("redirect_uri", "cookie_secret")
CREDENTIALS = ("client_id", "client_secret", "server_metadata_url")
OPTIONAL: Mapping[str, tuple[type, ...]] = {"client_kwargs": (dict,), "expose_tokens": (str, list)}
MEANT = ("auth", "authentication", "authorization", "oauth", "oauth2", "oidc", "login", "signin", "sign-in")
BETRAYING = ("redirect_uri", "cookie_secret", "server_metadata_url")  # wherever they stand, somebody meant sign-in
SECRET_LENGTH, SECRET_VARIETY = 32, 8  # characters, and different ones
MOST_BYTES = 2**20
BOM = b"\xef\xbb\xbf"
REPAIR = "Mend the file, or delete it to run without sign-in."


@dataclass(frozen=True)
class SignIn:
    """A whole [auth] section. providers: the names under which one can sign in, `default` for the section's own."""

    redirect_uri: str
    cookie_secret: str
    providers: tuple[str, ...]

    @property
    def address(self) -> SplitResult:
        return urlsplit(self.redirect_uri.replace("{port}", str(st.get_option("server.port"))))

    @property
    def origin(self) -> str:
        """As Streamlit writes it into the user's cookie."""
        return f"{self.address.scheme}://{self.address.netloc}"

    @property
    def is_https(self) -> bool:
        return self.address.scheme == "https"


class Door:
    """The sign-in settings as they stand now. What breaks while the server runs shuts it until it is mended.

    files: in Streamlit's order, the later one wins. required: they were named by somebody, so each must be there.
    """

    def __init__(self, files: Sequence[Path], required: bool = False) -> None:
        self._files, self._required = files, required
        self._stamps = self._look()
        self._found: SignIn | AccessError | None = read_sign_in(files, required)
        self._was_on = self._found is not None

    def sign_in(self) -> SignIn | None:
        """None: sign-in was never asked for. Raises AccessError while the settings cannot be relied on."""
        stamps = self._look()
        if stamps != self._stamps:
            self._found, self._stamps = self._read(), stamps
        if isinstance(self._found, AccessError):
            raise self._found
        return self._found

    def _read(self) -> SignIn | AccessError | None:
        try:
            found = read_sign_in(self._files, self._required)
        except AccessError as error:
            return error
        if found is None and self._was_on:
            return AccessError("sign-in was on when the server started, and its settings are gone.", str(self._files[-1]), "Restore them.")
        self._was_on = found is not None
        return found

    def _look(self) -> tuple[tuple[int, ...] | str, ...]:
        return tuple(_stamp(file) for file in self._files)


def open_door() -> Door:
    """The settings of this start. Raises AccessError if they are not whole, or nobody said who may come in from elsewhere."""
    files = [Path(file) for file in st.get_option("secrets.files")]
    door = Door(files, required=config.is_manually_set("secrets.files"))
    check_reach(door.sign_in(), st.get_option("server.address"))
    return door


def check_reach(sign_in: SignIn | None, address: str | None) -> None:
    """Raises AccessError if others can reach the server (no address: it listens on all) and nobody said that they may."""
    if sign_in is None and not reach.is_loopback(address) and not reach.open_to_everyone():
        where = f"server.address {address!r}" if address else "server.address is not set, so that the server listens everywhere"
        raise AccessError(
            "other machines could reach this server, and there is no sign-in.",
            where,
            f"Set up sign-in in .streamlit/secrets.toml, or set the address to 127.0.0.1. If everybody who reaches it may see and change "
            f"everything, say so: `streamlit run app.py -- {reach.OPEN}`, or {reach.OPEN_VARIABLE}=1.",
        )


def read_sign_in(files: Sequence[Path], required: bool = False) -> SignIn | None:
    """The [auth] section of the last file that has one; None if no file mentions sign-in. Raises AccessError."""
    found = [read_file(file, required) for file in files]
    return next((one for one in reversed(found) if one is not None), None)


def read_file(file: Path, required: bool = False) -> SignIn | None:
    """One file's [auth] section; None if there is no such file, or it says nothing of sign-in. Raises AccessError."""
    content = _content(file, required)
    if content is None:
        return None
    try:
        table: dict[str, Toml] = tomllib.loads(content)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        _refuse(file, f"is not valid TOML ({first_line(error)}).")
    if not table:
        _refuse(file, "is empty: it neither sets up sign-in nor says that there is none.")
    for name in table:
        if name != "auth" and name.strip().casefold() in MEANT:
            _refuse(file, f"has a section [{name}]; the one for sign-in is called [auth].")
    strays = [name for name in _keys({k: v for k, v in table.items() if k != "auth"}) if name.strip().casefold() in BETRAYING]
    if strays:
        _refuse(file, f"has {strays[0]} outside of a section [auth].")
    return _section(file, table["auth"]) if "auth" in table else None


def _content(file: Path, required: bool) -> str | None:
    """The text of a regular file; None if there is none and nobody named it."""
    if file.suffix != ".toml":
        _refuse(file, "is not a .toml file; sign-in is set up in one.")
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            _refuse(file, "is not a regular file.")
        with file.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not required and not os.path.lexists(file):  # a dangling link was to lead somewhere
            return None
        _refuse(file, f"cannot be read ({error.strerror}).")
    if len(raw) > MOST_BYTES:
        _refuse(file, "is larger than 1 MB.")
    if raw.startswith(BOM):
        _refuse(file, "begins with a byte order mark.", "Save it as UTF-8 without one.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        _refuse(file, "is not UTF-8.")


def _section(file: Path, auth: Toml) -> SignIn:
    if not isinstance(auth, dict) or not auth:
        _refuse(file, "[auth] is empty." if auth == {} else "auth is not a section [auth].")
    address, secret = (_text(file, auth, name, "[auth]") for name in SHARED)
    _check_address(file, address)
    if len(secret) < SECRET_LENGTH or len(set(secret)) < SECRET_VARIETY:
        todo = 'Make one: python -c "import secrets; print(secrets.token_hex(32))"'
        _refuse(file, f"cookie_secret is too easy to guess: {SECRET_LENGTH} random characters are the least.", todo)
    named = {name: value for name, value in auth.items() if isinstance(value, dict) and name not in OPTIONAL}
    _check_keys(file, {name: value for name, value in auth.items() if name not in named}, (*SHARED, *CREDENTIALS, *OPTIONAL), "[auth]")
    for name, provider in named.items():
        if "_" in name or not name or [n.casefold() for n in named].count(name.casefold()) > 1:
            _refuse(file, f"[auth.{name}] is not a usable name: no underscore, and no two that differ in capitals alone.")
        _check_keys(file, provider, (*CREDENTIALS, *OPTIONAL), f"[auth.{name}]")
        _check_provider(file, provider, f"[auth.{name}]")
    own = not named or any(name in auth for name in CREDENTIALS)
    if own:
        _check_provider(file, auth, "[auth]")
    return SignIn(address, secret, ("default", *named) if own and "default" not in named else tuple(named))


def _check_keys(file: Path, section: Mapping[str, Toml], known: Sequence[str], where: str) -> None:
    for key in section:
        if key not in known:
            _refuse(file, f"{where} has an unknown key {key!r}.")


def _check_provider(file: Path, section: Mapping[str, Toml], where: str) -> None:
    *_, metadata = (_text(file, section, name, where) for name in CREDENTIALS)
    for name, kinds in OPTIONAL.items():
        if name in section and not isinstance(section[name], kinds):
            _refuse(file, f"{name} in {where} is of the wrong type.")
    parts = _split(file, metadata, "server_metadata_url")
    if parts.scheme != "https" and not reach.is_loopback(parts.hostname):
        _refuse(file, f"server_metadata_url in {where} is not an https:// address.")


def _check_address(file: Path, uri: str) -> None:
    parts = _split(file, uri.replace("{port}", "1"), "redirect_uri")
    wanted = base_path() + "/oauth2callback"
    if parts.path != wanted or parts.query or parts.fragment:
        todo = f"It must end with {wanted}, which is server.baseUrlPath and /oauth2callback."
        _refuse(file, f"redirect_uri leads to {parts.path or '/'}, where nobody listens.", todo)


def _split(file: Path, url: str, name: str) -> SplitResult:
    """The parts of an http(s) address without a user's name in it."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        whole = False
    if not whole:
        _refuse(file, f"{name} is not an address such as https://lesionlens.example.org/…")
    return parts


def _text(file: Path, section: Mapping[str, Toml], name: str, where: str) -> str:
    """A key's value, which has to be there and hold more than an ellipsis out of the instructions."""
    if name not in section:
        _refuse(file, f"{where} lacks {name}.")
    value = section[name]
    if not isinstance(value, str):
        _refuse(file, f"{name} in {where} is not a text in quotation marks.")
    if not any(c.isalnum() for c in value) or value != value.strip():
        _refuse(file, f"{name} in {where} is empty, a placeholder, or begins or ends with a space.")
    return value


def base_path() -> str:
    """`server.baseUrlPath` as paths begin with it: "" or "/lens"."""
    inner = (st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{inner}" if inner else ""


def below_base(path: str) -> str:
    """A request's path as seen from `server.baseUrlPath`; "" for what does not lie below it."""
    base = base_path()
    return path[len(base) :] if path.startswith(f"{base}/") else ""


def _keys(table: Toml) -> Iterator[str]:
    """All keys of a table and of the tables in it."""
    rest = [table]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            yield from one
            rest += one.values()
        elif isinstance(one, list):
            rest += one


def _stamp(file: Path) -> tuple[int, ...] | str:
    """Changes when the file does, its permissions included."""
    try:
        seen = file.stat()
    except OSError as error:
        return type(error).__name__ + str(os.path.lexists(file))
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino


def _refuse(file: Path, what: str, todo: str = REPAIR) -> NoReturn:
    raise AccessError(what, str(file), todo)
