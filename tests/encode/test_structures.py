"""Structures keep the names of their fields, so that a secret name masks its value."""

from __future__ import annotations

import argparse
import collections
import configparser
import email.message
import http.cookiejar
import os
import sqlite3
import sys
import types
import warnings
from http.client import HTTPMessage
from typing import NamedTuple
from urllib.parse import urldefrag, urlparse, urlsplit

import httpx
import pytest
import sqlalchemy as sa
import urllib3
import werkzeug.datastructures
from flask import Flask, g, request
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from support.json_forms import convert
from werkzeug.datastructures import (
    Authorization,
    CombinedMultiDict,
    EnvironHeaders,
    Headers,
    HeaderSet,
    MultiDict,
)

from flask_chest.encode.patterns import Patterns
from flask_chest.encode.variables import VariableFilter
from flask_chest.redaction import Redactor, SecretKeys

MASK = "[redacted]"
ADDRESS = "postgresql://ann:hunter2@db:5432/shop?sslmode=require"


class Account(NamedTuple):
    name: str
    password: str


class Named(Account):
    """Has more than fields."""

    kind = "account"


Session = collections.namedtuple("Session", ["user", "secret"])  # noqa: PYI024 - the form


def sqlite_row(statement="SELECT 'ann' AS name, 'hunter2' AS password"):
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute(statement).fetchone()
    finally:
        connection.close()


def sqlalchemy_row(statement="SELECT 'ann' AS name, 'hunter2' AS password"):
    engine = sa.create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            return connection.execute(sa.text(statement)).one()
    finally:
        engine.dispose()


def filled(structure, pairs):
    for name, value in pairs.items():
        structure[name] = value
    return structure


def parser():
    found = configparser.ConfigParser()
    found.read_dict({"db": {"host": "a", "password": "hunter2%(x)s"}})
    return found


def jar(kind):
    jar = kind()
    cookies = RequestsCookieJar()
    cookies.set("lang", "de", domain="a.example", path="/")
    cookies.set("password", "hunter2", domain="b.example", path="/shop")
    for cookie in cookies:
        jar.set_cookie(cookie)
    return jar


def ordered():
    kinds = vars(werkzeug.datastructures.structures)  # deprecated, and still met
    kind = kinds.get("_OrderedMultiDict") or kinds["OrderedMultiDict"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return kind([("name", "ann"), ("password", "hunter2"), ("name", "bob")])


def index_row():
    """Return a row as psycopg2 builds it: a list, and beside it the places of its columns."""
    kind = type("DictRow", (list,), {"__slots__": ("_index",), "__module__": "psycopg2.extras"})
    row = kind(["ann", "hunter2"])
    row._index = collections.OrderedDict(name=0, password=1)
    return row


PLAIN = {"name": "ann", "password": MASK}
HEADERS = {"Accept": "*/*", "Authorization": MASK}
GIVEN = {"Accept": "*/*", "Authorization": "Basic YW5uOmh1bnRlcjI="}

STRUCTURES = {
    "NamedTuple": (Account("ann", "hunter2"), PLAIN),
    "subclass of a NamedTuple": (Named("ann", "hunter2"), PLAIN),
    "namedtuple": (Session("ann", "hunter2"), {"user": "ann", "secret": MASK}),
    "row of sqlite3": (sqlite_row(), PLAIN),
    "row of SQLAlchemy": (sqlalchemy_row(), PLAIN),
    "mapping of a row of SQLAlchemy": (sqlalchemy_row()._mapping, PLAIN),
    "row of SQLAlchemy with one name twice": (
        sqlalchemy_row("SELECT 1 AS password, 'hunter2' AS password"),
        {"password": MASK, "password (2)": MASK},
    ),
    "URL of SQLAlchemy": (
        sa.make_url(ADDRESS),
        {
            "drivername": "postgresql",
            "username": "ann",
            "password": MASK,
            "host": "db",
            "port": 5432,
            "database": "shop",
            "query": {"sslmode": "require"},
        },
    ),
    "urlsplit": (urlsplit(ADDRESS), f"postgresql://ann:{MASK}@db:5432/shop?sslmode=require"),
    "urlparse": (
        urlparse("https://ann:hunter2@a/b;c?d=e#f"),
        f"https://ann:{MASK}@a/b;c?d=e#f",
    ),
    "urlsplit of bytes": (urlsplit(b"https://ann:hunter2@a/b"), f"https://ann:{MASK}@a/b"),
    "urldefrag": (urldefrag("https://ann:hunter2@a/b#c"), f"https://ann:{MASK}@a/b#c"),
    "urldefrag of bytes": (urldefrag(b"https://a/b#c"), "https://a/b#c"),
    "urldefrag without a fragment": (urldefrag("https://a/b"), "https://a/b"),
    "SimpleNamespace": (types.SimpleNamespace(name="ann", password="hunter2"), PLAIN),
    "argparse": (argparse.Namespace(name="ann", password="hunter2"), PLAIN),
    "UserDict": (collections.UserDict({"name": "ann", "password": "hunter2"}), PLAIN),
    "ChainMap": (collections.ChainMap({"name": "ann"}, {"name": "b", "password": "x"}), PLAIN),
    "read-only mapping": (
        types.MappingProxyType(collections.UserDict({"name": "ann", "password": "hunter2"})),
        PLAIN,
    ),
    "configparser": (parser(), {"db": {"host": "a", "password": MASK}}),
    "section of configparser": (parser()["db"], {"host": "a", "password": MASK}),
    "default section of configparser": (parser()["DEFAULT"], {}),
    "cookie jar": (jar(http.cookiejar.CookieJar), {"lang": "de", "password": MASK}),
    "cookie jar of requests": (jar(RequestsCookieJar), {"lang": "de", "password": MASK}),
    "MultiDict": (
        MultiDict([("name", "ann"), ("password", "a"), ("name", "bob")]),
        {"name": ["ann", "bob"], "password": MASK},
    ),
    "ordered MultiDict": (ordered(), {"name": ["ann", "bob"], "password": MASK}),
    "Headers": (Headers(GIVEN), HEADERS),
    "Headers with one name twice": (
        Headers([("Link", "a"), ("Link", "b")]),
        {"Link": "a", "Link (2)": "b"},
    ),
    "EnvironHeaders": (
        EnvironHeaders({"HTTP_ACCEPT": "*/*", "HTTP_AUTHORIZATION": "Basic YTpi"}),
        HEADERS,
    ),
    "HeaderSet": (HeaderSet(["gzip", "br"]), ["gzip", "br"]),
    "Authorization: Basic": (
        Authorization("basic", {"username": "ann", "password": "hunter2"}),
        {"type": "basic", "username": "ann", "authorization": MASK},
    ),
    "Authorization: Digest": (
        Authorization("digest", {"username": "ann", "realm": "a", "response": "5ccc069c"}),
        {"type": "digest", "username": "ann", "authorization": MASK},
    ),
    "Authorization: Bearer": (
        Authorization("bearer", token="hunter2"),
        {"type": "bearer", "authorization": MASK},
    ),
    "HTTPMessage": (filled(HTTPMessage(), GIVEN), HEADERS),
    "headers of requests": (CaseInsensitiveDict(GIVEN), HEADERS),
    "headers of urllib3": (urllib3.HTTPHeaderDict(GIVEN), HEADERS),
    "headers of httpx": (httpx.Headers(GIVEN), HEADERS),
}


def redacted(value, *patterns):
    return dict(
        VariableFilter(Redactor(SecretKeys()), pytest.fail, lambda *_masked: None).take(
            {"value": value}, Patterns(patterns, setting="test")
        )
    )


@pytest.mark.opens_nothing
@pytest.mark.parametrize("patterns", [("value",), ("*",)], ids=["named", "caught by a pattern"])
@pytest.mark.parametrize("kind", STRUCTURES)
def test_a_secret_field_is_masked_by_its_name(kind, patterns):
    value, expected = STRUCTURES[kind]
    assert redacted(value, *patterns) == {"value": expected}
    assert redacted([value], *patterns) == {"value": [expected]}
    assert redacted({"password": value}, *patterns) == {"value": {"password": MASK}}


@pytest.mark.opens_nothing
@pytest.mark.parametrize("refreshable", [True, False])
def test_the_credentials_of_botocore_are_masked_and_not_refreshed(monkeypatch, refreshable):
    def refresh(_self):
        pytest.fail("refreshed")

    class Credentials:
        """As in `botocore.credentials`: these attributes, or properties that may refresh them."""

        __module__, __qualname__ = "botocore.credentials", "Credentials"

        def __init__(self):
            self.access_key, self.secret_key, self.token = "AKIA", "hunter2", None
            self.method, self.account_id = "env", "123"

    class RefreshableCredentials(Credentials):
        access_key = secret_key = token = property(refresh)

        def __init__(self):
            self._access_key, self._secret_key, self._token = "AKIA", "hunter2", "t"
            self.method = "assume-role"

    module = types.ModuleType("botocore.credentials")
    module.Credentials = Credentials
    monkeypatch.setitem(sys.modules, "botocore.credentials", module)
    found = redacted(RefreshableCredentials() if refreshable else Credentials(), "value")["value"]
    assert found == {
        **({} if refreshable else {"account_id": "123"}),
        "access_key": MASK,
        "secret_key": MASK,
        "token": MASK if refreshable else None,
        "method": "assume-role" if refreshable else "env",
    }


@pytest.mark.opens_nothing
def test_a_row_of_psycopg2_has_its_columns(monkeypatch):
    row = index_row()
    assert redacted(row, "value") == {"value": ["ann", "hunter2"]}, "only psycopg2's own class"
    module = types.ModuleType("psycopg2.extras")
    module.DictRow = type(index_row())
    monkeypatch.setitem(sys.modules, "psycopg2.extras", module)
    row = module.DictRow(["ann", "hunter2"])
    row._index = {"name": 0, "password": 1}
    assert redacted(row, "value") == {"value": PLAIN}


@pytest.mark.opens_nothing
def test_the_environment_has_its_names(monkeypatch):
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("LANG", "de")
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    assert redacted(os.environ, "value") == {"value": {"LANG": "de", "DB_PASSWORD": MASK}}


@pytest.mark.opens_nothing
def test_a_tuple_whose_names_do_not_fit_is_a_list():
    for fields in (("a",), ("a", 1), ["a", "b"], "ab", None, ("a", type("Text", (str,), {})("b"))):
        assert convert(type("Odd", (tuple,), {"_fields": fields})((1, 2))) == [1, 2]
    assert convert(type("Empty", (tuple,), {"_fields": ()})()) == []


@pytest.mark.opens_nothing
def test_a_url_in_parts_that_are_no_texts_is_an_object():
    parts = urlsplit("http://a")._replace(path=5)
    expected = {"scheme": "http", "netloc": "a", "path": 5, "query": "", "fragment": ""}
    assert convert(parts) == expected


@pytest.mark.opens_nothing
def test_an_email_is_not_its_headers():
    assert type(convert(email.message.EmailMessage())) is str


@pytest.mark.opens_nothing
def test_several_multi_dicts_are_bounded_and_keep_the_order_of_their_values():
    one, two = MultiDict([("a", 1)]), MultiDict([("a", 2), *((str(i), i) for i in range(5_000))])
    found = convert(CombinedMultiDict([one, two]))
    assert found["a"] == [1, 2]
    assert found["…"].startswith("[cut, ")


def test_what_a_request_has_keeps_its_names(make_chest, recorded):
    chest = make_chest()
    app = Flask("shop")

    @app.post("/")
    @chest.track("headers", "values", "user", "jar")
    def index():
        g.headers, g.values = request.headers, request.values
        g.user, g.jar = request.authorization, request.cookies
        return "ok"

    chest.init_app(app)
    client = app.test_client()
    client.set_cookie("csrf_token", "hunter2")
    client.post(
        "/?page=2", data={"password": "hunter2"}, auth=("ann", "hunter2"), headers={"X-A": "1"}
    )
    [row] = recorded(chest, 1)
    found = row["variables"]
    assert (found["headers"]["X-A"], found["headers"]["Authorization"]) == ("1", MASK)
    assert found["values"] == {"page": ["2"], "password": MASK}
    assert found["user"] == {"type": "basic", "username": "ann", "authorization": MASK}
    assert found["jar"] == {"csrf_token": MASK}
    assert "hunter2" not in str(row)


class Node:
    """A node of a tree that names its fields."""

    _fields = ("user", "password", "missing")

    def __init__(self, user, password):
        self.user, self.password = user, password


class Elsewhere(Node):
    def __init__(self, *values):
        self._values = values

    def __repr__(self):
        return f"Elsewhere{self._values!r}"


@pytest.mark.opens_nothing
def test_an_object_that_names_its_fields_is_read_by_them():
    assert redacted(Node("ann", "x"), "value") == {
        "value": {"user": "ann", "password": "[redacted]"}
    }
    # A `repr` would have the values without the names.
    assert redacted([Elsewhere("ann", "x")], "value") == {
        "value": ["<Elsewhere: LookupError while read>"]
    }
