"""Secrets in JSON, in the `repr` of objects, and in the fields of the record itself."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import make_dataclass
from datetime import date
from typing import Final

from .forms import UPPER, Form, luhn, made, texts

X: Final = made("data", 12)
CARD: Final = luhn("4111" + "1" * 11)


def _json() -> Iterator[object]:
    data = {"user": "ann", "password": X, "n": 7}
    yield from (
        json.dumps(data), json.dumps(data, indent=2), json.dumps(data, separators=(",", ":")),
        json.dumps([data]),
        json.dumps({"a": {"b": [data]}}), f"got {json.dumps(data)} from h1", json.dumps(data)[:-10],
        json.dumps(json.dumps(data)),
        json.dumps({"body": json.dumps(data)}), json.dumps(json.dumps(json.dumps(data))),
        json.dumps({"a": json.dumps({"b": json.dumps(data)})}),
        json.dumps({"api_key": [X, "b"]}), json.dumps({"credentials": {"user": "ann", "v": X}}),
        json.dumps({"tokens": {"a": [X]}}),
        json.dumps({"password": f"a\\b\"{X}"}), f'{{"password":"{X}',
        f'{{"pass\\u0077ord": "{X}"}}', f"{{password: '{X}'}}",
        f'{{"password"\n:\n"{X}"}}', f'{{"apiKey":"{X}"}}\n{{"apiKey":"{X}"}}',
        f'data: {{"access_token": "{X}"}}\n\n', f'[["password", "{X}"]]',
        json.dumps({"list": [{"name": "a", "secret": X}]}), {"body": json.dumps(data)},
        [json.dumps(data).encode()], json.dumps(data).encode("utf-8-sig"),
        f'{{"password": null, "secret": "{X}"}}', f'{{"user":{{"password":"{X}"}}}}',
        f'"{{\\"token\\": \\"{X}\\"}}"', f"{{\\'token\\': \\'{X}\\'}}",
        f"user:\n  password: {X}\n", f"- api_key: '{X}'", f"password:\n  - {X}\n",
        f"client_secret: >\n  {X}\n", f'password = """{X}"""',
        f"%7B%22password%22%3A%22{X}%22%7D", f"&quot;password&quot;: &quot;{X}&quot;",
    )  # fmt: skip


def _reprs() -> Iterator[object]:
    data = {"user": "ann", "password": X, "n": 7}
    made_class = make_dataclass("Account", ["name", "password", "born"])
    yield from (
        repr(data), str([data]), repr({"a": data}), repr(OrderedDict(data)),
        repr(list(data.items())), repr(("password", X)),
        repr([("token", X), ("n", 1)]), repr(made_class("ann", X, date(1980, 1, 1))),
        repr(made_class("ann", [X], 1)),
        repr(made_class("ann", {"v": X}, 1)), repr([made_class(1, made_class(1, (X, 2), 3), 4)]),
        repr({"password": X.encode()}),
        f"Namespace(user='ann', password='{X}')", f"<User ann password='{X}'>",
        f"Config(password=SecretStr('{X}'), n=1)",
        f"Headers([('Authorization', 'Custom {X}')])", f"environ({{'API_KEY': '{X}'}})",
        f"ImmutableMultiDict([('password', '{X}')])",
        f"User{{name=ann, password={X}}}", f"User(name=ann, password={X}, n=1)",
        f"#<User name: \"ann\", password: \"{X}\">",
        f"%User{{password: \"{X}\"}}", f"array('password' => '{X}')",
        f"mappingproxy({{'secret': '{X}'}})", f"{{'k': \"password='{X}'\"}}",
        f"defaultdict(<class 'str'>, {{'token': '{X}'}})", f"User(password=b'{X}')",
        f"User(password=r'{X}')", f"Login(user='ann', password='a b {X}')",
        repr(json.dumps(data)), repr(repr(data)), repr(f"password={X}\n"), str(ValueError(data)),
        repr(KeyError(f"token={X}")),
        f"password= {X}", f"{{b'authorization': b'Custom {X}'}}", f"[[b'x-api-key', b'{X}']]",
    )  # fmt: skip


PATHS: Final = (
    "/reset/token={x}", "/a/https://ann:{x}@h1/b", "/cb/access_token={x}/done", "/a;password={x}/b",
    "/api_key={x}",
    "/hook/" + "gh" + "p_{x}{x}{x}", "/x/" + "AK" + "IA" + "{u}", "/p/" + CARD[:-1] + "{c}",
    "/auth/Bearer {x}", "/j/{{\"password\":\"{x}\"}}",
    "/s/" + "sk" + "_live_{x}{x}", "/b/" + "xo" + "xb-1234567890-{x}", "/user[password]={x}",
    "/token:{x}/a",
)  # fmt: skip


def _fields() -> Iterator[Form]:
    word, upper = made("path", 12), made("path", 16, UPPER)
    for template in PATHS:
        text = (
            template.replace("{{", "{")
            .replace("}}", "}")
            .replace("{x}", word)
            .replace("{u}", upper)
            .replace("{c}", CARD[-1])
        )
        secret = upper if "{u}" in template else CARD if "{c}" in template else word
        yield Form("path", text, (secret,), place="path")
    for text, secret in (
        (f"token={word}", word), ("gh" + f"p_{word * 3}", word), (f"https://ann:{word}@h1/", word),
        ("sk" + f"_live_{word * 2}", word),
        (CARD, CARD), (f"a;password={word}", word), ("AK" + f"IA{upper}", upper),
        (f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{word}", word),
        (f"api_key:{word}", word), (f"Bearer:{word}", word), (f"{{\"secret\":\"{word}\"}}", word),
    ):  # fmt: skip
        yield Form("request_id", text, (secret,), place="request_id")
    for text, secret in (
        (f"E password={word}", word), ("gh" + f"p_{word * 3}", word), (f"Bearer {word}", word),
        (f"E {CARD}", CARD),
        (f"https://ann:{word}@h1/", word), ("AK" + f"IA{upper}", upper), (f"E[token={word}]", word),
        (f"Error('api_key', '{word}')", word),
    ):  # fmt: skip
        yield Form("error", text, (secret,), place="error")
    for name in ("authorization", "x-api-key", "x-auth-token", "proxy-authorization"):
        yield Form(
            "facts of a request",
            f"Custom {word}",
            (word,),
            name=f"request.headers.{name}",
            place="header",
        )
    for name, text in (
        ("referer", f"https://h1/?token={word}"),
        ("x-any", f"Bearer {word}"),
        ("x-url", f"https://a:{word}@h1/"),
    ):
        yield Form(
            "facts of a request", text, (word,), name=f"request.headers.{name}", place="header"
        )
    for name in ("password", "api_key", "access_token", "client_secret"):
        yield Form("facts of a request", word, (word,), name=f"request.query.{name}", place="query")
    yield Form(
        "facts of a request", f"token={word}", (word,), name="request.query.next", place="query"
    )
    for name in ("token", "session_id", "sig"):
        yield Form(
            "facts of a request",
            word,
            (word,),
            name=f"request.query.{name}",
            place="query",
            named=False,
        )


def _in_names() -> Iterator[Form]:
    word = made("name", 12)
    for key in (
        f"password={word}",
        f"Bearer {word}",
        "gh" + f"p_{word * 3}",
        CARD,
        f"https://a:{word}@h1/",
        f"token: {word}",
    ):
        secret = CARD if key == CARD else word
        yield Form("secrets in keys", {key: 1}, (secret,))
        yield Form("secrets in keys", [{"a": {key: "b"}}], (secret,))
        yield Form("secrets in keys", 1, (secret,), name=key, named=False)


LOGS: Final = (
    "2026-11-27 10:00:00 ERROR login failed user=ann password={x} ip=h1",
    "[auth] token: {x} (expired)", "retry with api_key='{x}'",
    'level=info msg="ok" access_token="{x}" n=1 ## n=1', "WARN: secret_key={x}; using default",
    "psycopg2.OperationalError: password={x} host=h1",
    "Traceback: File \"a.py\", line 3\n  connect(password='{x}')", "ann's password: {x}.",
    "GET /a?token={x} HTTP/1.1 200 ## 200",
    '10.0.0.1 - - "GET /a?api_key={x} HTTP/1.1" 200 17 ## 200 17',
    "env: DB_PASSWORD={x} PORT=80 ## PORT=80",
)  # fmt: skip

FORMS: Final = [
    *(Form("JSON and YAML", value, (X,)) for value in _json()),
    *(Form("repr of objects", value, (X,)) for value in _reprs()),
    *texts("log lines", LOGS),
    *_fields(),
    *_in_names(),
]
