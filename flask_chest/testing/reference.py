"""The read side of a store in plain Python, for comparison with a database."""

from __future__ import annotations

import json
import random
from datetime import timedelta

from flask_chest.answers import as_text, is_same, matches, percentile, routes, top_values
from flask_chest.record import JsonValue, RecordData
from flask_chest.store import Where
from flask_chest.testing.records import START, make_record

__all__ = [
    "as_text",
    "compact",
    "is_same",
    "matches",
    "percentile",
    "routes",
    "some_filters",
    "some_records",
    "top_values",
]

NAMES = ("a", "b", "user id", "q\"uo'te", "é", "x.y", "$0", "%s", "back\\slash", "")
VALUES: tuple[JsonValue, ...] = (
    0, 1, 1.5, -7, 2.5, True, False, None, "1", "x", "X", "é", "", "true", "null",
    [1], [1, "a", None], [], {"k": 1}, {"k": {"m": [True]}}, {},
)  # fmt: skip


def some_records(seed: int, number: int) -> list[RecordData]:
    """Return random records that differ in every field that a store can filter or group by."""
    choose = random.Random(seed)  # noqa: S311 - no secrets, and repeatable

    def variables() -> dict[str, JsonValue]:
        names = choose.sample(NAMES, choose.randrange(4))
        return {name: choose.choice(VALUES) for name in names}

    return [
        make_record(
            request_id=choose.choice(["r-1", "r-2", "r-3"]),
            endpoint=choose.choice(["cart", "home", "Home", None]),
            route=choose.choice(["/", "/cart/<int:id>", "/Cart/<int:id>", None]),
            method=choose.choice(["GET", "POST"]),
            status_code=choose.choice([200, 404, 499, 500, 503, None]),
            error=choose.choice([None, None, "builtins.KeyError"]),
            started_at=START + timedelta(microseconds=choose.randrange(50) * 400),
            duration_ms=choose.choice([0.0, 0.1, 1.0, 2.5, 10.0, 99.9, 1_000.0]),
            weight=choose.choice([1.0, 1.0, 2.0, 4.0, 2.5]),
            variables=variables(),
        )
        for _ in range(number)
    ]


def some_filters(seed: int, number: int) -> list[Where]:
    """Return random restrictions, most of which match some of `some_records`."""
    choose = random.Random(seed)  # noqa: S311 - no secrets, and repeatable
    found: list[Where] = [{}]
    for _ in range(number):
        moments = sorted(START + timedelta(microseconds=choose.randrange(20_000)) for _ in "ab")
        every: Where = {
            "since": moments[0],
            "until": moments[1],
            "request_id": choose.choice(["r-1", "r-2", "none"]),
            "endpoint": choose.choice(["cart", "home"]),
            "route": choose.choice(["/", "/cart/<int:id>"]),
            "method": choose.choice(["GET", "POST", "PUT"]),
            "status_code": choose.choice([200, 404, 500]),
            "variables": {choose.choice(NAMES): choose.choice(VALUES)},
        }
        where: Where = {}
        for name in choose.sample(list(every), choose.choice([1, 1, 2])):
            where[name] = every[name]  # type: ignore[literal-required]
        found.append(where)
    return found


def compact(value: object) -> str | None:
    """Return a value of the view without the spaces that databases put into JSON."""
    text = None if value is None else str(value)
    if text is None or text[:1] not in ("[", "{"):
        return text
    return as_text(json.loads(text))
