"""The queries of the read side, as filters and pipelines for MongoDB 5.0 and newer."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

import bson
from bson import Binary, DatetimeMS
from bson.errors import BSONError
from pydantic_core import to_json

from flask_chest.store import Position, RouteSummary, ValueCount, Where, aware, checked
from flask_chest_mongo.decode import as_json
from flask_chest_mongo.encode import CODEC

if TYPE_CHECKING:
    from bson.raw_bson import RawBSONDocument

    from flask_chest.record import JsonValue

Filter: TypeAlias = dict[str, Any]
Pipeline: TypeAlias = list[dict[str, Any]]

NOTHING: Final[Filter] = {"_id": {"$in": []}}
"""Matches no record."""

OLDEST_FIRST: Final = [("started_at", 1), ("started_at_us", 1), ("_id", 1)]
NEWEST_FIRST: Final = [(field, -direction) for field, direction in OLDEST_FIRST]

TIMED: Final[Filter] = {
    # A comparison with a date finds dates alone. Python lacks the years beyond these.
    "started_at": {
        "$gte": DatetimeMS(-62_135_596_800_000),
        "$lte": DatetimeMS(253_402_300_799_999),
    },
    "started_at_us": {"$gte": 0, "$lte": 999},
    "_id": {"$type": "binData"},
}
"""Matches the documents that have the place of a record. An index has the answer."""


def _of(*types: str) -> Filter:
    # A list has the types of its items, too.
    return {"$type": list(types), "$not": {"$type": "array"}}


_TEXT: Final = _of("string")
_OPTIONAL_TEXT: Final = _of("string", "null")
_NUMBER: Final = _of("double", "int", "long")

READABLE: Final[Filter] = {
    **TIMED,
    "started_at": {**TIMED["started_at"], "$not": {"$type": "array"}},
    "request_id": _TEXT,
    "trace_id": _OPTIONAL_TEXT,
    "service": _TEXT,
    "instance": _TEXT,
    "endpoint": _OPTIONAL_TEXT,
    "route": _OPTIONAL_TEXT,
    "method": _TEXT,
    "path": _TEXT,
    "status_code": _of("int", "long", "null"),
    "error": _OPTIONAL_TEXT,
    "duration_ms": _NUMBER,
    "weight": _NUMBER,
    "variables": _of("object"),
}
"""Matches the documents that are records."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def restriction(where: Where) -> Filter:
    """Return the filter for the restrictions of a question.

    Raises:
        ValueError: A datetime is naive.
        TypeError: There is no such restriction, or a time is no datetime.
    """
    conditions: list[Filter] = []
    for name, value in checked(where).items():
        if name == "since":
            conditions.append(_not_before(value))
        elif name == "until":
            conditions.append(before(value))
        elif name == "variables":
            conditions.extend(has_variable(key, wanted) for key, wanted in value.items())
        else:
            conditions.append({name: {"$eq": value}} if _is_storable(value) else NOTHING)
    return every(*conditions)


def before(moment: datetime) -> Filter:
    """Return the filter for records that started before an aware datetime."""
    date, microseconds = _parts(moment)
    if not microseconds:
        return {"started_at": {"$lt": date}}
    not_before = {"started_at": date, "started_at_us": {"$gte": microseconds}}
    return {"started_at": {"$lte": date}, "$nor": [not_before]}


def following(after: Position | None, until: datetime | None) -> Filter:
    """Return the filter for the records after a position and before a moment.

    Raises:
        ValueError: A datetime is naive, or the ID is no UUID.
    """
    conditions: list[Filter] = []
    if after is not None:
        date, microseconds = _parts(aware("after", after[0]))
        left_out: list[Filter] = [{"started_at": date, "started_at_us": {"$lt": microseconds}}]
        if after[1]:
            at_once = {"started_at": date, "started_at_us": microseconds}
            left_out.append({**at_once, "_id": {"$lte": Binary(UUID(after[1]).bytes, 4)}})
        conditions.append({"started_at": {"$gte": date}, "$nor": left_out})
    if until is not None:
        conditions.append(before(aware("until", until)))
    return every(*conditions)


def every(*conditions: Filter) -> Filter:
    """Return the filter for what matches all of the conditions."""
    given = [condition for condition in conditions if condition]
    if len(given) > 1:
        return {"$and": given}
    return given[0] if given else {}


def _not_before(moment: datetime) -> Filter:
    date, microseconds = _parts(moment)
    found: Filter = {"started_at": {"$gte": date}}
    if microseconds:
        found["$nor"] = [{"started_at": date, "started_at_us": {"$lt": microseconds}}]
    return found


def _parts(moment: datetime) -> tuple[DatetimeMS, int]:
    """Return the values of `started_at` and `started_at_us`."""
    milliseconds, microseconds = divmod((moment - _EPOCH) // timedelta(microseconds=1), 1000)
    return DatetimeMS(milliseconds), microseconds


def has_variable(name: str, value: JsonValue) -> Filter:
    """Return the filter for records that have a variable with this name and value.

    A number equals a number, and nothing else: 1 and 1.0 are equal, 1 and "1" are not, and neither
    are 1 and true. Objects are equal when their keys are in the same order.
    """
    if isinstance(value, int) and value.bit_length() > 63 and int(float(value)) == value:
        value = float(value)
    if "\0" in name or not _is_storable(value):
        return NOTHING
    path = _path(name)
    exactly = {"$expr": {"$eq": [_variable(name), {"$literal": value}]}}
    if path is None:
        return exactly
    # The path makes an index on it useful. But a list matches by each of its items, and null
    # matches a missing field.
    if isinstance(value, list):
        return {path: {"$type": "array"}, **exactly}
    if isinstance(value, dict):
        return {path: {"$type": "object"}, **exactly}
    kind: Filter = {"$type": "null"} if value is None else {"$eq": value}
    return {path: {**kind, "$not": {"$type": "array"}}}


def _path(name: str) -> str | None:
    """Return the path of a variable; None when its name would change the meaning of a path."""
    return f"variables.{name}" if re.fullmatch(r"[^.$\0][^.\0]*", name) else None


def _variable(name: str) -> dict[str, Any]:
    """Return the expression for the value of a variable with any name."""
    return {"$getField": {"field": {"$literal": name}, "input": "$variables"}}


def _is_storable(value: object) -> bool:
    try:
        bson.encode({"": value}, codec_options=CODEC)
    except (BSONError, ValueError, OverflowError, RecursionError):
        return False
    return True


def routes(found: Filter) -> Pipeline:
    """Return the pipeline for `route_summaries`: the weights of each duration of each route.

    The server groups and sorts, on its disk if it must, and sends one row for each different
    duration. `$setWindowFields` would compute the percentiles, but keeps all documents of a route
    in memory.
    """
    is_error = {"$or": [{"$ne": ["$error", None]}, {"$gte": ["$status_code", 500]}]}
    return [
        {"$match": every(found, READABLE)},
        {
            "$group": {
                "_id": {"method": "$method", "route": "$route", "duration_ms": "$duration_ms"},
                "weight": {"$sum": "$weight"},
                "errors": {"$sum": {"$cond": [is_error, "$weight", 0.0]}},
            }
        },
        {"$sort": {"_id": 1}},
    ]


def route_summaries(rows: Iterable[Mapping[str, Any]]) -> list[RouteSummary]:
    """Return the summaries of the rows that `routes` gives, the busiest first.

    A percentile is the smallest duration at which the weights, summed in the order of the
    durations, reach that share of their total (the weighted nearest rank). It takes 16 bytes for
    each different duration of one route at a time.
    """
    summaries = []
    for (method, route), group in groupby(
        rows, key=lambda row: (row["_id"]["method"], row["_id"]["route"])
    ):
        durations, weights, errors = array("d"), array("d"), 0.0
        for row in group:
            durations.append(row["_id"]["duration_ms"])
            weights.append(row["weight"])
            errors += row["errors"]
        reached = array("d", accumulate(weights))
        summaries.append(
            RouteSummary(
                method=method,
                route=route,
                count=reached[-1],
                errors=errors,
                p50_ms=durations[_rank(reached, 50)],
                p95_ms=durations[_rank(reached, 95)],
            )
        )
    return sorted(summaries, key=lambda s: (-s.count, s.route is not None, s.route, s.method))


def _rank(reached: array[float], percent: int) -> int:
    # Integers, because no float equals 0.95.
    return bisect_left(reached, reached[-1] * percent, key=lambda weight: weight * 100)


def top_values(name: str, found: Filter) -> Pipeline:
    """Return the pipeline for `value_counts`: each different value of a variable, and its weight.

    Text, whole numbers, booleans and null come as text, the most frequent first. All other values
    come before them and unchanged: the server writes those differently from JSON.
    """
    kind = {"$type": "$value"}
    is_plain = {"$in": [kind, ["string", "int", "long", "bool", "null"]]}
    text = {
        "$switch": {
            "branches": [
                {"case": {"$eq": [kind, "string"]}, "then": "$value"},
                {"case": {"$in": [kind, ["int", "long", "bool"]]}, "then": {"$toString": "$value"}},
            ],
            "default": None,
        }
    }
    if "\0" in name:
        name, found = "", NOTHING
    if path := _path(name):  # makes an index on it useful
        found = every(found, {path: {"$exists": True}})
    return [
        {"$match": every(found, READABLE)},
        {"$project": {"_id": 0, "weight": 1, "value": _variable(name)}},
        {"$match": {"value": {"$exists": True}}},
        {
            "$group": {
                "_id": {
                    "is_plain": is_plain,
                    "text": text,
                    "value": {"$cond": [is_plain, None, "$value"]},
                    # [1] and [1.0] are equal to the server; [] and {} are to SecantusDB 0.7.
                    "kind": {"$cond": [is_plain, None, kind]},
                    "bytes": {"$cond": [is_plain, 0, {"$bsonSize": {"value": "$value"}}]},
                },
                "count": {"$sum": "$weight"},
            }
        },
        {"$sort": {"_id.is_plain": 1, "count": -1, "_id.text": 1}},
    ]


def value_counts(rows: Iterable[RawBSONDocument], limit: int) -> list[ValueCount]:
    """Return the `limit` most frequent values of the rows that `top_values` gives.

    Values are counted together when their text is the same.
    """
    counts: dict[str | None, float] = {}
    is_in_order = True
    for row in rows:
        key = row["_id"]
        if key["is_plain"]:
            if is_in_order and len(counts) == limit:
                break
            value: str | None = key["text"]
        else:
            is_in_order = False
            try:
                value = to_json(as_json(key["value"])).decode()
            except (
                TypeError,
                ValueError,
                BSONError,
            ):  # no value of JSON: its record is passed over
                continue
        counts[value] = counts.get(value, 0.0) + row["count"]
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0] is not None, item[0]))
    return [ValueCount(value, count) for value, count in ranked[:limit]]
