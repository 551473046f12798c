"""Hostile values and names on `g`, in real requests: none fails, and no secret is written.

`make hostile` runs 100,000 examples, `make test` fewer.
"""

from __future__ import annotations

import base64
import functools
import json
import keyword
import logging
import os
import random
from collections import UserDict, deque
from dataclasses import make_dataclass
from types import SimpleNamespace

import attrs
import pydantic
import pytest
from flask import Flask, g
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from support.hostile_values import hostile
from werkzeug.datastructures import MultiDict
from werkzeug.local import LocalProxy

from flask_chest import FlaskChest, hookimpl
from flask_chest.errors import BatchRejected
from flask_chest.exporter import Exporter
from flask_chest.redaction.default_keys import STRONG_KEYS, WEAK_KEYS

EXAMPLES = int(os.environ.get("CHEST_HOSTILE_EXAMPLES", "200"))

SECRET = "Zq7xS3cr3tZq7x"
"""Part of each planted secret, and of no other value."""

# Three beginnings, since base64 takes three bytes at a time.
ENCODED = [base64.b64encode(b"\0" * n + SECRET.encode())[4:16].decode() for n in range(3)]
CARDS = ("4111111111111111", "5500 0055 5555 5559", "3782-822463-10005", "6011000990139424")
KEYS = [pattern.lstrip("=") for pattern in (*STRONG_KEYS, *WEAK_KEYS)]
TOKENISH = st.text("abcXYZ019._~+-!$*", max_size=12)


class NoConfig(BaseModel):
    pass


class Refusing(Exporter):
    """Rejects each record, and quotes it in the error."""

    type = "refusing"
    config_model = NoConfig

    def open(self):
        pass

    def export(self, batch):
        raise BatchRejected(f"no: {batch.to_json()!r}")

    def close(self):
        pass


# -- Structures with a secret planted in them ------------------------------------------------

# Next to a letter, `otp` is no whole word; next to a digit, a card number is another number.
around = st.text(max_size=12).filter(lambda text: not text[-1:].isalnum())


@st.composite
def keys(draw):
    """Return a key that is secret, written in one of many ways."""
    words = draw(st.sampled_from(KEYS)).replace(".", "_").split("_")
    style = draw(st.sampled_from(["_".join, "-".join, "".join, ".".join, str.upper, "camel"]))
    if style == "camel":
        key = words[0] + "".join(word.title() for word in words[1:])
    elif style is str.upper:
        key = "_".join(words).upper()
    else:
        key = style(words)
    before, after = (draw(st.sampled_from(["", "my_", "X-", "old."])) for _ in range(2))
    return f"{before}{key}{'' if after == '' else '_' + after.strip('_-.')}"


@st.composite
def secret_texts(draw):
    """Return a text that holds a secret by what it looks like, or next to a secret key."""
    value = draw(TOKENISH) + SECRET + draw(TOKENISH)
    key = draw(keys())
    text = draw(
        st.sampled_from(
            [
                f"Bearer {value}",
                f"authorization: bearer {value}",
                f"eyJhbGciOiJIUzI1NiJ9.{SECRET}.c2ln",
                f"https://user:{value}@host/path",
                f"https://host/?a=1&{key}={value}&b=2",
                f"{key}={value}",
                f"{key}: {value}",
                f"--{key}={value}",
                f"Set-Cookie: a=b; c={value}",
                json.dumps({key: value, "n": 1}),
                json.dumps(json.dumps({"n": 1, key: value})),
                repr({key: value}),
                f"Thing({key.replace('-', '_').replace('.', '_')}={value!r}, n=1)",
                f"-----BEGIN PRIVATE KEY-----\n{value}\n-----END PRIVATE KEY-----",
                *CARDS,
            ]
        )
    )
    return draw(around) + text + " " + draw(st.text(max_size=12))


plain = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    *(st.binary(max_size=20), st.dates(), st.uuids(), st.decimals(), st.just(object())),
)


def wrap(children):
    """Return structures around others."""
    pairs = st.dictionaries(st.text(max_size=8) | st.integers(), children, max_size=4)
    return st.one_of(
        *(st.lists(children, max_size=4), st.tuples(children, children), pairs),
        *(children.map(made) for made in WRAPPERS),
    )


class Model(BaseModel):
    v: object


class Shown:
    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return f"R({self.value!r})"


@functools.cache
def made_dataclass(field):
    return make_dataclass("D", [field])


@functools.cache
def made_attrs(field):
    return attrs.make_class("A", [field])


WRAPPERS = [
    made_dataclass("v"),
    made_attrs("v"),
    lambda value: Model(v=value),
    pydantic.RootModel[object],
    lambda value: deque([value]),
    lambda value: UserDict(v=value),
    lambda value: MultiDict([("v", value)]),
    lambda value: LocalProxy(lambda: value),
    lambda value: SimpleNamespace(v=value),
    Shown,
    ValueError,
    lambda value: [value] * 3,
]


def named(wrappers, key, value):
    """Return an object that has the value in a field named like the key."""
    field = "".join(c if c.isalnum() else "_" for c in key)
    return wrappers(f"{field}_" if keyword.iskeyword(field) else field, value)


FIELDS = [
    lambda field, value: made_dataclass(field)(value),
    lambda field, value: made_attrs(field)(value),
    lambda field, value: SimpleNamespace(**{field: value}),
    lambda field, value: {field: value},
    lambda field, value: UserDict({field: value}),
    lambda field, value: MultiDict([(field, value), ("n", "1")]),
    lambda field, value: [(field, value)],
    lambda field, value: [[field, value], ["n", 1]],
]

planted = st.deferred(
    lambda: st.one_of(
        secret_texts(),
        secret_texts().map(lambda text: text.encode("utf-8", "replace")),
        secret_texts().map(hostile(str)),
        secret_texts().map(lambda text: {text: 1}),
        st.sampled_from(CARDS).map(lambda card: int(card.replace(" ", "").replace("-", ""))),
        st.builds(
            named,
            st.sampled_from(FIELDS),
            keys(),
            st.recursive(st.just(SECRET) | st.just(f"a {SECRET} b"), wrap, max_leaves=4),
        ),
    )
)
structures = st.recursive(planted | plain, wrap, max_leaves=6)
names = st.text(max_size=12) | st.sampled_from(["user_id", "total", "_private", "request_id", "g"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Return a function that sends a request with variables; the chest; and its folder."""
    folder = tmp_path_factory.mktemp("hostile")
    log = folder / "log.txt"
    handler = logging.FileHandler(log, encoding="utf-8")
    logger = logging.getLogger("flask_chest")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)

    class Plugin:
        @hookimpl
        def chest_exporters(self):
            return [Refusing]

    chest = FlaskChest(
        exporters={
            "main": f"sqlite:///{folder}/chest.sqlite3",
            "refusing": {"type": "refusing"},
        },
        journal=str(folder / "journal"),
        journal_max_bytes=2**31,
        export_interval_seconds=3600,
        redact_values=["email"],
    )
    chest.register_plugin(Plugin())
    app = Flask("hostile")
    chest.init_app(app)
    told = {}

    def put():
        for name, value in told.items():
            vars(g)[name] = value
        return ""

    app.get("/all")(chest.track(put))
    app.get("/named", endpoint="named")(chest.track("v", "user_id", "*")(put))
    client = app.test_client()

    def ask(path, variables):
        told.clear()
        told.update(variables)
        return client.get(path, headers={"User-Agent": SECRET}, query_string={"q": SECRET})

    yield ask, chest, folder
    chest.close()
    logger.removeHandler(handler)
    logger.setLevel(level)
    handler.close()


@pytest.mark.opens_nothing
def test_no_request_fails_and_no_secret_is_written(shop):
    ask, chest, folder = shop
    count = 0

    @settings(
        max_examples=min(EXAMPLES, 1_000),  # it remembers all of a run
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.dictionaries(names, structures, max_size=4),
        keys(),
        structures,
        st.sampled_from(["/all", "/named"]),
    )
    def run(variables, key, under_key, path):
        nonlocal count
        variables = {**variables, "v": under_key, key.replace("-", "_"): [SECRET, under_key]}
        before = chest.stats()
        response = ask(path, variables)
        after = chest.stats()
        count += 1
        assert response.status_code == 200
        assert after.recorded == before.recorded + 1
        assert after.dropped == {}
        segment = max((folder / "journal" / "segments").iterdir())  # the newest
        with segment.open("rb") as file:
            file.seek(max(segment.stat().st_size - 400_000, 0))
            line = file.read().split(b"\n")[-2].decode()
        assert_harmless(line)

    for number in range(max(EXAMPLES // 1_000, 1)):
        seed(random.randrange(2**32) if number else 0)(run)()
    assert count >= EXAMPLES / 2
    chest.flush(60)
    assert len(list((folder / "journal" / "dead-letter").iterdir())) == 1
    assert chest.store().count() == count
    searched = 0
    for file in folder.rglob("*"):
        if file.is_file():
            searched += file.stat().st_size
            assert_harmless(file.read_bytes().decode("utf-8", "replace"))
    assert searched > 100 * count


def assert_harmless(text):
    for part in (SECRET, *ENCODED, *CARDS):
        if part in text:
            at = text.index(part)
            pytest.fail(f"{part!r} in {text[max(at - 300, 0) : at + 100]!r}")
