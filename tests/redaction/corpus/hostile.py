"""Hostile records: what strangers send to make a record expensive, 4 KiB to 1 MiB of it.

Each is made anew from a seed, so that no cache knows its names and texts.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

from .secrets_in_objects import Text

Variables: TypeAlias = dict[str, object]

KIB: Final = 1024
MIB: Final = 1024 * KIB
BODY: Final = 745 * KIB
URL: Final = 4 * KIB

UNITS: Final = (
    " ", "=", ":", "'", '"', "\\", "/", ".", "-", "_", "&", ";", ",", "@", "%", "<", ">", "(", "[",
    "{", "\n", "\t", "\0",
    "a", "A", "aA", "a_", "a-", "a.", "a ", "0", "1", "4", "4 ", "4-", "4111 ", "4111111111111112 ",
    "35-", "1.",
    "eyJ", "eyJ.", "eyJhbGciOiJIUzI1NiJ9.", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
    "PuTTY-User-Key-File-3: ", "Private-Lines: 9\n", "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----",
    "://", "://a:", "://a:b@", "https://a:b/",
    "//:@", "<a>", "</a>", "<password>", "<a b='", "<!--", "<![CDATA[", "&lt;password&gt;",
    "token=", "key=", "a=", "a:", "a: ",
    "password ", "password=", "password:", "password: ", "password = '", '"password": "',
    "'password', ", "password=>", "password[", "password[]=",
    "password=(", "password={", "password=[", "%3D", "%3Dtoken%3D", "token%3D", "Bearer ",
    "bearer:", "Basic ", "Basic YTpi ", "Digest ",
    'Digest response="', "Authorization: ", "Authorization: Digest ", "Cookie: ",
    "AWS4-HMAC-SHA256 ", "Hawk ", "NTLM ", "AKIA", "ghp_", "glpat-", "xoxb-", "sk-",
    "sk_live_", "SG.", "hf_", "npm_", "ya29.", "key-", "SK0", "1:AA",
    "https://hooks.slack.com/services/", "AccountKey=", "sig=", "-p", " -p", "--", "--password ",
    "-p ",
    "mysql ", "INSERT INTO a (password) VALUES (", "VALUES (", "IDENTIFIED BY '", "PASSWORD '",
    "SET password = '", "IN (",
    'name="password"', 'Content-Disposition: form-data; name="password"\r\n\r\n',
    '{"name": "password", "value": "', '\\"', '\\\\"', '\\"password\\": \\"', "\\u0070", "\\n",
    "\\x00",
    "\ufdfa", "\ufdfapassword", "\u00ad", "\u200b", "\uff14", "\u0664", "\u00df", "\u0130",
    "\u2460", "\u1e9e", "\U0001d7d2", "\ud800", "\u00a0", "\u2013", "é", "日", "👩‍👩‍👧",
    "a@", "a@b", "a@b.", "x=1&", "passwordpassword", "secretary", "session_id=", "api_key: ",
    "user[password]=",
)  # fmt: skip
"""What a hostile text repeats. Each begins, or nearly begins, something that redaction looks for."""

EMAIL_UNITS: Final = ("@a.b,", "a@b.c/", "%40", "%" * 190 + "@a.b,", "?a=" * 64 + "%40a.b,")
EMAIL: Final = {"kinds": ("email",)}


class Hostile(NamedTuple):
    """A hostile record.

    Attributes:
        name: What it is made of.
        make: Returns the variables, from a seed.
        settings: Of the redactor.
    """

    name: str
    make: Callable[[int], Variables]
    settings: Mapping[str, Any] = MappingProxyType({})


def repeated(unit: str, size: int) -> str:
    """Return a text of a size that repeats a unit."""
    return (unit * (size // len(unit) + 1))[:size]


def _varied(unit: str, size: int, draw: random.Random) -> str:
    """Return a text in which a random character stands between the units."""
    letters = draw.choices(string.ascii_letters + string.digits + " _-", k=997)
    block = unit + unit.join(letters)
    return repeated(block, size)


def _word(draw: random.Random) -> str:
    return f"{draw.getrandbits(48):012x}"


# -- Texts -----------------------------------------------------------------------------------


def _texts(unit: str) -> Iterator[Hostile]:
    shown = ascii(unit)

    def variant(seed: int) -> str:
        """Return the unit's text with another beginning."""
        return f"{seed} {repeated(unit, MIB)}"

    yield Hostile(f"1 MiB of {shown}", lambda seed: {"body": variant(seed)})
    yield Hostile(
        f"64 texts of 16 KiB of {shown}",
        lambda seed: {"body": [f"{seed}{n} {repeated(unit, 16 * KIB - 20)}" for n in range(64)]},
    )
    yield Hostile(
        f"745 KiB of {shown} between letters, in texts of 2 KiB",
        lambda seed: {
            "body": {
                f"k{n}": _varied(unit, 2 * KIB, random.Random(seed * 400 + n)) for n in range(372)
            }
        },
    )
    yield Hostile(
        f"texts of 41 characters of {shown}",
        lambda seed: {
            "body": [
                [f"{seed}{n:04}{m:04}{repeated(unit, 34)}"[:41] for m in range(64)]
                for n in range(400)
            ]
        },
    )
    for size in (240, 1_000, 4_340):
        yield Hostile(f"keys of {size:,} {shown}", partial(_keys, unit, size))


def _keys(unit: str, size: int, seed: int) -> Variables:
    return {"body": {f"{seed}-{n}-{repeated(unit, size)}": n for n in range(MIB // size)}}


# -- Bodies of JSON --------------------------------------------------------------------------


def _tree(depth: int, width: int, leaf: object) -> object:
    for _ in range(depth):
        leaf = [leaf] * width
    return leaf


def _nested(depth: int, key: Callable[[int], str], leaf: object) -> object:
    for level in range(depth):
        leaf = {key(level): leaf}
    return leaf


def _bodies() -> dict[str, Callable[[random.Random], object]]:
    def keys(draw: random.Random) -> object:
        return {_word(draw): n for n in range(100_000)}

    return {
        "100,000 distinct keys": keys,
        "100,000 distinct keys in 1,000 dicts": lambda d: [
            {_word(d): 1 for _ in range(100)} for _ in range(1_000)
        ],
        "100,000 distinct keys of one level each": lambda d: {
            _word(d): {_word(d): {_word(d): 1}} for _ in range(33_000)
        },
        "17,000 distinct secret keys": lambda d: {f"{_word(d)}_password": _word(d) for _ in range(17_000)},
        "17,000 keys that are nearly secret": lambda d: {f"pass_word{_word(d)}": _word(d) for _ in range(17_000)},
        "keys in camel case": lambda d: {"aB" * 20 + _word(d): 1 for _ in range(14_000)},
        "long distinct keys": lambda d: {_word(d) * 20: _word(d) for _ in range(2_900)},
        "keys beyond ASCII": lambda d: {"é\uff50" + _word(d): 1 for _ in range(30_000)},
        "texts of one character": lambda d: [d.choice("abcdef")] * 200_000,
        "distinct short texts": lambda d: [_word(d) for _ in range(60_000)],
        "distinct short texts in lists of 64": lambda d: [[_word(d) for _ in range(64)] for _ in range(1_000)],
        "distinct sentences": lambda d: [f"the {_word(d)} of {_word(d)} is {_word(d)}" for _ in range(17_000)],
        "distinct texts of 40 characters": lambda d: [f"{_word(d)}-{_word(d)}-{_word(d)}x" for _ in range(17_000)],
        "distinct texts beyond ASCII": lambda d: [f"é{_word(d)}" for _ in range(50_000)],
        "distinct URLs": lambda d: [f"https://{_word(d)}.example.com:80/{_word(d)}?a={_word(d)}" for _ in range(12_000)],
        "distinct IDs of 16 digits": lambda d: [f"4{d.randrange(10**15):015}" for _ in range(50_000)],
        "numbers of 16 digits": lambda d: [4 * 10**15 + d.randrange(10**15) for _ in range(55_000)],
        "large floats": lambda d: [d.uniform(1e13, 1e16) for _ in range(50_000)],
        "small numbers": lambda d: [d.randrange(10) for _ in range(350_000)],
        "booleans and nulls": lambda _d: [True, None, False] * 60_000,
        "empty lists": lambda _d: [[] for _ in range(260_000)],
        "empty dicts": lambda _d: [{} for _ in range(260_000)],
        "lists of one": lambda d: [[d.randrange(10)] for _ in range(200_000)],
        "pairs": lambda d: [[_word(d), _word(d)] for _ in range(30_000)],
        "triples with a secret name": lambda d: [["password", _word(d), 1] for _ in range(30_000)],
        "names and values": lambda d: [{"name": _word(d), "value": _word(d)} for _ in range(18_000)],
        "arguments": lambda d: ["-p", "--password", _word(d)] * 20_000,
        "a list in a list, 500 deep": lambda _d: _tree(500, 1, "x"),
        "a dict in a dict, 500 deep": lambda d: _nested(500, lambda _n: _word(d), "x"),
        "a tree of two branches": lambda _d: json.loads(json.dumps(_tree(15, 2, 1))),
        "a tree of 32 branches": lambda _d: json.loads(json.dumps(_tree(3, 32, ["x"] * 8))),
        "a tree of dicts": lambda d: [
            {_word(d): {_word(d): [{_word(d): [_word(d)] * 4}] * 4} for _ in range(8)} for _ in range(900)
        ],
        "the same list 10^16 times": lambda _d: _tree(16, 10, "x"),
        "1,000 lists of 1,000": lambda _d: [[1] * 1_000 for _ in range(350)],
        "1,000 containers of 64 texts": lambda d: [{f"k{n}": _word(d) for n in range(64)} for _ in range(1_000)],
        "64 lists of 64 lists of 64": lambda d: [[[_word(d)] * 64 for _ in range(64)] for _ in range(64)],
        "JSON in JSON": lambda d: json.dumps({"a": json.dumps({"b": json.dumps([_word(d)] * 20_000)})}),
        "escaped JSON": lambda d: [json.dumps(json.dumps({_word(d): _word(d)})) for _ in range(12_000)],
        "texts that are all secret": lambda d: [f"password={_word(d) * 160}" for _ in range(500)],
        "texts of keys that expand": lambda d: [f"{chr(0xFDFA) * 126}{_word(d)}=" for _ in range(2_500)],
        "JSON texts with secrets": lambda d: [json.dumps({"password": _word(d)}) for _ in range(25_000)],
        "a JSON text with 10,000 secrets": lambda d: json.dumps([{"password": _word(d)} for _ in range(30_000)]),
        "a form with 10,000 parameters": lambda d: "&".join(f"{_word(d)}={_word(d)}" for _ in range(40_000)),
        "a log with 10,000 keys": lambda d: "\n".join(f"{_word(d)}: {_word(d)}" for _ in range(37_000)),
        "cards": lambda d: [f"4111 1111 1111 {d.randrange(1000, 9999)}" for _ in range(40_000)],
        "tokens of issuers": lambda d: ["gh" + "p_" + _word(d) * 3 for _ in range(17_000)],
        "keys in PEM": lambda d: ["-----BEGIN PRIVATE KEY-----" + _word(d) * 40 for _ in range(1_500)],
    }  # fmt: skip


def _objects() -> dict[str, Callable[[random.Random], object]]:
    """Return what no JSON has, but a view may put on `g`."""
    return {
        "a set of texts": lambda d: {_word(d) for _ in range(60_000)},
        "sets in a list": lambda d: [{_word(d) for _ in range(60)} for _ in range(1_000)],
        "a frozenset of tuples": lambda d: frozenset((_word(d), n) for n in range(30_000)),
        "1 MiB of random bytes": lambda d: d.randbytes(MIB),
        "1 MiB of bytes that are a text": lambda d: (_word(d) + " ").encode() * 80_000,
        "1 MiB of bytes that are keys and values": lambda d: f"{_word(d)[:6]}=password:".encode() * 65_000,
        "64 times 16 KiB of bytes": lambda d: [d.randbytes(16 * KIB) for _ in range(64)],
        "10,000 short bytes": lambda d: [_word(d).encode() for _ in range(60_000)],
        "bytes as keys": lambda d: {_word(d).encode(): 1 for _ in range(60_000)},
        "1 MiB of a kind of str": lambda d: Text((_word(d) + " ") * 80_000),
        "kinds of str": lambda d: [Text(_word(d)) for _ in range(60_000)],
        "kinds of str as keys": lambda d: {Text(_word(d)): 1 for _ in range(60_000)},
        "tuples as keys": lambda d: {(_word(d), _word(d)): 1 for _ in range(30_000)},
        "a very large integer": lambda d: 7 ** (300_000 + d.randrange(9)),
        "many large integers": lambda d: [7 ** (300 + d.randrange(9)) for _ in range(4_000)],
        "exceptions": lambda d: [ValueError(_word(d)) for _ in range(20_000)],
    }  # fmt: skip


def _body(shape: Callable[[random.Random], object]) -> Callable[[int], Variables]:
    return lambda seed: {"body": shape(random.Random(seed))}


def _records() -> Iterator[Hostile]:
    shapes = {**_bodies(), **_objects()}
    for name, shape in shapes.items():
        yield Hostile(name, _body(shape))
    yield Hostile(
        "1,000 variables with texts of 1 KiB",
        lambda seed: {f"v{n}": f"{seed} {n} " + "x y " * 256 for n in range(1_000)},
    )
    yield Hostile(
        "1,000 variables with distinct names",
        lambda seed: {f"v{seed}x{n}": [f"{seed} {n}"] for n in range(1_000)},
    )
    yield Hostile(
        "1,000 variables with dicts",
        lambda seed: {
            f"v{n}": {f"k{seed}x{n}x{m}": f"t{m}x{seed}" for m in range(32)} for n in range(1_000)
        },
    )
    yield Hostile(
        "100,000 variables",
        lambda seed: {f"v{seed}x{n}": n for n in range(100_000)},
    )
    hashed = {"how": "hash", "secret_key": b"k"}
    for name in (
        "17,000 distinct secret keys",
        "JSON texts with secrets",
        "cards",
        "tokens of issuers",
        "a JSON text with 10,000 secrets",
    ):
        yield Hostile(
            f"{name}, hashed",
            _body(shapes[name]),
            hashed,
        )
    yield Hostile(
        "a large value under a secret key, hashed", lambda seed: {"password": _words(seed)}, hashed
    )
    yield Hostile("a large value under a secret key", lambda seed: {"password": _words(seed)})
    yield Hostile(
        "a large text under a secret key, hashed",
        lambda seed: {"password": f"{seed}" + "x" * MIB},
        hashed,
    )
    for unit in UNITS:
        yield from _texts(unit)
    for unit in EMAIL_UNITS:
        for record in _texts(unit):
            yield record._replace(name=f"{record.name}, email", settings=EMAIL)


def _words(seed: int) -> object:
    draw = random.Random(seed)
    return {_word(draw): [_word(draw)] for _ in range(30_000)}


RECORDS: Final = tuple(_records())


def paths(seed: int) -> dict[str, str]:
    """Return paths of 4 KiB, by what they are made of."""
    draw = random.Random(seed)
    found: dict[str, str] = {}
    for unit in UNITS:
        found[f"path of {unit!a}"] = f"/{seed}{repeated(unit, URL)}"[:URL]
        found[f"path of {unit!a} between letters"] = f"/{seed}{_varied(unit, URL, draw)}"[:URL]
    return found
