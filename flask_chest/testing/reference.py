"""The read side of a store in plain Python, for comparison with a database."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flask_chest.query import identity, rank
from flask_chest.query.fold import scalar_of
from flask_chest.record import JsonValue, Record, RecordData
from flask_chest.store import RouteSummary, ValueCount, Where
from flask_chest.testing.records import START, make_record

NAMES = ("a", "b", "user id", "q\"uo'te", "é", "x.y", "$0", "%s", "back\\slash", "")
VALUES: tuple[JsonValue, ...] = (
    0, 1, 1.5, -7, 2.5, True, False, None, "1", "x", "X", "é", "", "true", "null",
    [1], [1, "a", None], [], {"k": 1}, {"k": {"m": [True]}}, {},
)  # fmt: skip

SCALARS = tuple(value for value in VALUES if not isinstance(value, (list, dict)))
"""Those of `VALUES` that a restriction may have."""


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
            "variables": {choose.choice(NAMES): choose.choice(SCALARS)},
        }
        where: Where = {}
        for name in choose.sample(list(every), choose.choice([1, 1, 2])):
            where[name] = every[name]  # type: ignore[literal-required]
        found.append(where)
    return found


def matches(record: Record, where: Where) -> bool:
    """Return whether a record matches all restrictions."""
    for name, wanted in where.items():
        if name == "since":
            found = record.started_at >= where["since"]
        elif name == "until":
            found = record.started_at < where["until"]
        elif name == "variables":
            found = all(
                key in record.variables and is_same(record.variables[key], value)
                for key, value in where["variables"].items()
            )
        else:
            found = getattr(record, name) == wanted
        if not found:
            return False
    return True


def is_same(stored: JsonValue, wanted: JsonValue) -> bool:
    """Return whether two JSON values are equal: 1 equals 1.0, and a bool equals no number."""
    if isinstance(stored, bool) or isinstance(wanted, bool):
        return stored is wanted
    if isinstance(stored, (int, float)) and isinstance(wanted, (int, float)):
        return stored == wanted
    return json.dumps(stored) == json.dumps(wanted)


def routes(records: Iterable[Record]) -> list[RouteSummary]:
    """Return what `Store.routes` must return."""
    groups: dict[tuple[str, str | None], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.method, record.route].append(record)
    summaries = [
        RouteSummary(
            method=method,
            route=route,
            count=sum(record.weight for record in group),
            errors=sum(
                record.weight
                for record in group
                if record.error or (record.status_code or 0) >= 500
            ),
            p50_ms=percentile(group, 50),
            p95_ms=percentile(group, 95),
        )
        for (method, route), group in groups.items()
    ]
    return sorted(summaries, key=lambda s: (-s.count, s.route is not None, s.route, s.method))


def percentile(group: Iterable[Record], percent: int) -> float:
    """Return a percentile of the durations, in milliseconds: the weighted nearest rank."""
    records = sorted(group, key=lambda record: record.duration_ms)
    reached, total = 0.0, sum(record.weight for record in records)
    for record in records:
        reached += record.weight
        if reached * 100 >= total * percent:
            return record.duration_ms
    raise ValueError("no records")


def top_values(records: Iterable[Record], name: str) -> list[ValueCount]:
    """Return what `Store.top_values` must return, without a limit."""
    counts: dict[tuple[str, Any], float] = defaultdict(float)
    for record in records:
        if name in record.variables:
            counts[identity(scalar_of(record.variables[name]))] += record.weight
    found = [ValueCount(value, count) for (_, value), count in counts.items()]
    return sorted(found, key=lambda each: (-each.count, rank(each.value)))


def as_text(value: JsonValue) -> str | None:
    """Return a value as the view of variables has it: texts unchanged, all else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def compact(value: object) -> str | None:
    """Return a value of the view without the spaces that databases put into JSON."""
    text = None if value is None else str(value)
    if text is None or text[:1] not in ("[", "{"):
        return text
    return as_text(json.loads(text))
