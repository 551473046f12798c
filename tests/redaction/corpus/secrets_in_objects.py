"""Secrets in structures that keep their names: rows, named tuples, headers, enums, bytes."""

from __future__ import annotations

import argparse
import enum
import sqlite3
from collections import ChainMap, OrderedDict, UserDict, UserString, defaultdict, deque, namedtuple
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import dataclass
from email.message import Message
from http.cookies import SimpleCookie
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlparse, urlsplit

from pydantic import BaseModel
from sqlalchemy import Row, create_engine, text
from sqlalchemy.engine import make_url
from werkzeug.datastructures import EnvironHeaders, Headers, ImmutableMultiDict, MultiDict

from .forms import Form, made

X: Final = made("object", 12)
Y: Final = made("other", 12)


class Text(str):
    """A text of a framework, such as markupsafe's."""

    __slots__ = ()


class Name(enum.Enum):
    """Keys that are members of an enum."""

    PASSWORD = "password"
    API_KEY = "api_key"
    USER = "user"


class TextName(str, enum.Enum):
    """Keys that are texts and members of an enum."""

    PASSWORD = "password"
    AUTHORIZATION = "Authorization"


class Login(NamedTuple):
    """A login."""

    user: str
    password: str


class Pair(NamedTuple):
    """A pair with a name that is a secret key."""

    token: object
    n: int


ReadOnlyCredentials = namedtuple("ReadOnlyCredentials", ["access_key", "secret_key", "token"])  # noqa: PYI024 - as botocore has it


@dataclass
class Account:
    """An account."""

    name: str
    password: object


class Config(BaseModel):
    """A configuration."""

    host: str
    api_key: object


class Fields:
    """What has `_fields`, as rows of some drivers and nodes of trees do."""

    _fields = ("user", "password")

    def __init__(self, *values: object) -> None:
        self._values = values

    def __iter__(self) -> Iterator[object]:
        return iter(self._values)

    def __getitem__(self, place: int) -> object:
        return self._values[place]

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Fields{self._values!r}"


class Keyed:
    """What has `keys()` and items by key, as `dict()` takes it."""

    def __init__(self, **values: object) -> None:
        self._values = values

    def keys(self) -> list[str]:
        """Return the keys."""
        return list(self._values)

    def __getitem__(self, key: str) -> object:
        return self._values[key]

    def __repr__(self) -> str:
        return f"Keyed({', '.join(map(str, self._values.values()))})"


class Slots:
    """An object whose `repr` has its fields."""

    __slots__ = ("password", "user")

    def __init__(self, user: str, password: str) -> None:
        self.user, self.password = user, password

    def __repr__(self) -> str:
        return f"<Slots user={self.user!r} password={self.password!r}>"


def _sqlite_row() -> sqlite3.Row:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    row: sqlite3.Row = connection.execute("SELECT 'ann' AS user, ? AS password", (X,)).fetchone()
    connection.close()
    return row


def _row(columns: str) -> Row[Any]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        row = connection.execute(text(f"SELECT {columns}"), {"x": X}).one()
    engine.dispose()
    return row


def _message() -> Message:
    message = Message()
    message["Authorization"] = f"Custom {X}"
    message["Host"] = "h1"
    return message


def _section() -> object:
    parser = ConfigParser()
    parser.read_string(f"[db]\nhost = h1\npassword = {X}\n")
    return parser["db"]


def _cookies() -> SimpleCookie:
    return SimpleCookie(f"sessionid={X}; theme=dark")


def _structures() -> Iterator[object]:
    yield from (
        Login("ann", X), [Login("ann", X)], {"login": Login("ann", X)},
        ReadOnlyCredentials("k1", X, "t1"),
        ReadOnlyCredentials("k1", "s1", X), [ReadOnlyCredentials(X, "s1", None)], Pair([X], 1),
        (Pair({"v": X}, 1), 2),
        _row("'ann' AS user, :x AS password"), [_row(":x AS api_key, 1 AS n")],
        {"row": _row("1 AS n, :x AS secret")},
        _row(":x AS password")._mapping, make_url(f"postgresql://ann:{X}@h1/d"),
        [make_url(f"mysql+pymysql://ann:{X}@h1/d")],
        {"url": make_url(f"postgresql://ann@h1/d?password={X}")}, _sqlite_row(), [_sqlite_row()],
        urlsplit(f"https://ann:{X}@h1/p?a=1"), urlparse(f"https://ann:{X}@h1/p;x?a=1#f"),
        urlsplit(f"https://h1/p?token={X}"),
        [urlsplit(f"redis://:{X}@h1/0")], urlsplit(f"https://h1/#access_token={X}"),
        parse_qsl(f"password={X}&a=1"),
        parse_qs(f"a=1&api_key={X}"), Fields("ann", X), [Fields("ann", X)],
        Keyed(user="ann", password=X),
        [Keyed(api_key=X)], _message(), _section(), _cookies(),
        Headers([("Authorization", f"Custom {X}")]),
        EnvironHeaders({"HTTP_X_API_KEY": X, "HTTP_HOST": "h1"}),
        ImmutableMultiDict([("password", X), ("a", "1")]),
        MultiDict([("password", "a"), ("password", X)]), argparse.Namespace(user="ann", password=X),
        SimpleNamespace(token=X, n=1), Account("ann", X), [Account("ann", {"v": X})],
        Config(host="h1", api_key=X),
        ChainMap({"a": "1"}, {"password": X}), OrderedDict(password=X), defaultdict(str, password=X),
        UserDict(password=X),
        MappingProxyType({"password": X}), Slots("ann", X), [Slots("ann", X)],
        deque([("password", X)]),
        {("password", X)}, frozenset({("token", X)}), {"password": {X: 1}},
        ValueError(f"password={X}"),
        KeyError(f"token: {X}"), [Exception("a", {"password": X})],
    )  # fmt: skip


def _typed_keys() -> Iterator[object]:
    yield from (
        {b"password": X}, {b"password": X.encode()}, [{b"X-Api-Key": X.encode(), b"host": b"h1"}],
        {Text("password"): X},
        {Text("api_key"): Text(X)}, {UserString("password"): X}, {Name.PASSWORD: X},
        {Name.API_KEY: [X], Name.USER: "ann"},
        {TextName.PASSWORD: X}, [{TextName.AUTHORIZATION: f"Custom {X}"}],
        {("user", "password"): X}, {("db", "api_key"): [X]},
        [(b"password", X)], [(b"authorization", f"Custom {X}".encode())], [(Text("password"), X)],
        [(Name.PASSWORD, X)],
        [[TextName.PASSWORD, X]], ("password", X), ["api_key", X], (b"cookie", f"a={X}".encode()),
        [("x", ("password", X))],
        [bytearray(b"password"), X], [(memoryview(b"password"), X)], {"password\u200b": X},
        {"pass\u00adword": X},
        {"\uff50assword": X}, {"PASSWORD ": X}, {"user[password]": X}, {"user.password": X},
        {"--password": X},
    )  # fmt: skip


def _bytes() -> Iterator[object]:
    yield from (
        f"password={X}".encode(), f"Bearer {X}".encode(), bytearray(f"token: {X}".encode()),
        memoryview(f"secret={X}".encode()),
        f'{{"password": "{X}"}}'.encode(), [f"https://ann:{X}@h1/".encode()],
        b"\xff\xfe\x00" + f" password={X}".encode(),
        b"\x00" * 9_000 + f" password={X} ".encode(),
        {"body": f"a=1&password={X}".encode()},
        Text(f"password={X}"), [Text(f"Bearer {X}")], UserString(f"password={X}"),
        (Text("token"), Text(X)),
        repr(f"password={X}".encode()), repr({b"password": X.encode()}),
        repr([(b"authorization", X.encode())]),
    )  # fmt: skip


def _cut() -> Iterator[Form]:
    """Yield texts and bytes that are cut within a secret.

    A text is cut at 16,384 characters, which in base64 are 12,288 bytes.
    """
    for place in range(0, 72, 9):
        for secret, part in (
            (f"password={X}{Y}", X[:4]),
            (f"https://ann:{X}{Y}@h1/", X[:4]),
            ("card 4111 1111 1111 1111", "4111 1111"),
            ("gh" + f"p_{X}{X}{X}", X[:4]),
        ):
            text = "a " * ((12_288 - place) // 2) + secret + " b" * 9_000
            yield Form("cut texts and bytes", text.encode(), (part,))
            text = "a " * ((16_384 - place) // 2) + secret + " b" * 9_000
            yield Form("cut texts and bytes", text, (part,))


def _named_values() -> Iterator[object]:
    yield from (
        {"name": "DB_PASSWORD", "value": X},
        [{"name": "API_KEY", "value": X}, {"name": "HOST", "value": "h1"}],
        {"env": [{"name": "SECRET_KEY", "value": X}]}, {"key": "password", "value": X},
        {"Key": "DbPassword", "Value": X},
        {"ParameterKey": "DBPassword", "ParameterValue": X},
        {"name": "authorization", "value": [f"Custom {X}"]},
        {"name": "Cookie", "value": f"a={X}", "comment": ""}, {"value": X, "name": "client_secret"},
        {"field": "password", "value": X},
        {"name": "password", "type": "text", "value": X}, {"variable": "DB_PASSWORD", "value": X},
        {"name": b"password", "value": X},
        {"header": "Authorization", "value": f"Custom {X}"}, {"param": "api_key", "value": X},
        {"id": "password", "value": X},
        SimpleNamespace(name="DB_PASSWORD", value=X), f'{{"name": "DB_PASSWORD", "value": "{X}"}}',
        f"[{{'name': 'API_KEY', 'value': '{X}'}}]", f"- name: DB_PASSWORD\n  value: {X}\n",
        f'{{"value": "{X}", "name": "password"}}',
    )  # fmt: skip


def _header_lists() -> Iterator[object]:
    yield from (
        [("Authorization", f"Custom {X}", "x")], [("X-Api-Key", X, {})],
        (("cookie", f"a={X}", True),), [["set-cookie", f"a={X}", 1]],
        [(b"cookie", f"a={X}".encode(), True)], [(":path", "/"), ("x-auth-token", X)],
        {"headers": [[b"host", b"h1"], [b"authorization", f"Custom {X}".encode()]]},
        (("password", "is", X),),
        {"type": "http", "headers": [(b"x-api-key", X.encode())]}, [("x-api-key", [X])],
        [["Authorization", "Custom", X]],
    )  # fmt: skip


def _argument_lists() -> Iterator[object]:
    yield from (
        ["mysql", "-uroot", f"-p{X}", "shop"], ["psql", "--password", X],
        ("app", "--api-key", X, "run"), ["app", f"--token={X}"],
        ["sshpass", "-p", X, "ssh", "h1"], ["curl", "-u", f"ann:{X}", "https://h1/"],
        ["curl", "-H", f"Authorization: Custom {X}"],
        ["curl", f"https://ann:{X}@h1/"], ["redis-cli", "-a", X], ["docker", "login", "-p", X],
        {"args": ["app", "--secret", X]},
        ["app", "-password", X], ["gpg", "--passphrase", X, "-d"],
        [b"app", b"--password", X.encode()], ["/bin/sh", "-c", f"app --token {X}"],
        repr(["app", "--password", X]), f'["app", "--api-key", "{X}"]',
        ["env", f"API_KEY={X}", "app"],
    )  # fmt: skip


FORMS: Final = [
    *(Form("structures with names", value, (X,)) for value in _structures()),
    *(Form("keys of other types", value, (X,)) for value in _typed_keys()),
    *(Form("bytes and kinds of str", value, (X,)) for value in _bytes()),
    *_cut(),
    *(Form("name and value", value, (X,)) for value in _named_values()),
    *(Form("header lists", value, (X,)) for value in _header_lists()),
    *(Form("argument lists", value, (X,)) for value in _argument_lists()),
]
