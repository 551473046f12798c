"""Records, values and names that are hard to store."""

from __future__ import annotations

from typing import Final, cast

from flask_chest.record import JsonValue, RecordData, encode
from flask_chest.testing.records import make_record


def _without(field: str) -> RecordData:
    fields = {name: value for name, value in make_record().items() if name != field}
    return cast("RecordData", fields)


AT_FAULT: Final = {
    "null request_id": encode(make_record(request_id=None)),
    "null id": encode(make_record(id=None)),
    "null weight": encode(make_record(weight=None)),
    "null variables": encode(make_record(variables=None)),
    "variables are a list": encode(make_record(variables=[1])),
    "NaN": encode(make_record()).replace(b'"duration_ms":1.5', b'"duration_ms":NaN'),
    "an object for a number": encode(make_record(status_code={})),
    "a text for a number": encode(make_record(duration_ms="slow")),
    "a number beyond 64 bits": encode(make_record(status_code=2**70)),
    "no time": encode(make_record(started_at="31 o'clock")),
    "a field is missing": encode(_without("method")),
    "the variables are missing": encode(_without("variables")),
    "no object": b"5\n",
    "null": b"null\n",
    "no JSON": b'{"id": \n',
    "half a record": encode(make_record())[:-40] + b"\n",
    "an empty line": b"\n",
    "zeros": b"\0" * 40 + b"\n",
    "zeros before a record": b"\0" * 40 + encode(make_record()),
    "no UTF-8": b"\xff\xfe\x80\n",
    "a lone surrogate": encode(make_record(path="X")).replace(b'"X"', b'"\\ud800"'),
}
"""Lines that every store rejects, by what is wrong with each."""

VALUES: Final[dict[str, JsonValue]] = {
    "text": "é😀'\"\\ \t\n%s %(x)s :x ?",
    "empty text": "",
    "number in text": "1",
    "int": 42,
    "negative int": -7,
    "largest int": 2**63 - 1,
    "smallest int": -(2**63),
    "float": 0.1,
    "sum of floats": 0.1 + 0.2,
    "small float": 5e-324,
    "huge float": 1.7976931348623157e308,
    "negative huge float": -1e300,
    "yes": True,
    "no": False,
    "nothing": None,
    "list": [1, "a", None, [True, []]],
    "dict": {"b": 1, "a": {"c": "é", "": [0.5]}},
    "empty list": [],
    "empty dict": {},
}
"""Values of variables, by what each tests."""

HARD_NAMES: Final = (
    "", " ", ".", "a.b", "a..b", "$", "$a", "a$b", "$set", "$ref", "_id", "%s", "%", ":name", "?",
    "a'b", 'a"b', "a`b", "a\\b", "a/b", "a[0]", "*", "😀", "é", "Name", "name", "x" * 255, "--",
)  # fmt: skip
"""Names of variables that need care in SQL, in MongoDB or in JSON paths."""
