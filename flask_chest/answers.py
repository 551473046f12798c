"""The older questions to a store, as selections and tallies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from flask_chest import query
from flask_chest.record import JsonValue, Record
from flask_chest.restrictions import RouteSummary, ValueCount, Where, aware, checked, positive

if TYPE_CHECKING:
    from flask_chest.query import Chosen, Node, Operand, Reader, Scalar, Source

_PAGE: Final = 1_000
_MICROSECOND: Final = timedelta(microseconds=1)
_LAST: Final = datetime.max.replace(tzinfo=timezone.utc) - _MICROSECOND
_MEASURES: Final = ("count", "errors", "p50(duration_ms)", "p95(duration_ms)")


def records(reader: Reader, where: Where, limit: int, *, newest_first: bool) -> list[Record]:
    """Return what `Store.query` returns."""
    chosen = _chosen(where)
    positive(limit)
    if chosen is None:
        return []
    order = query.Order(descending=newest_first)
    return list(query.records(reader, chosen, order, limit))


def count(reader: Reader, where: Where) -> int:
    """Return what `Store.count` returns."""
    chosen = _chosen(where)
    if chosen is None:
        return 0
    groups = reader.tally(query.Tally(chosen.where, chosen.since, chosen.until))
    return sum(row.records for row in groups)


def page(
    reader: Reader, after: tuple[datetime, str] | None, until: datetime | None, limit: int
) -> list[Record]:
    """Return what `Store.page` returns."""
    place = None
    if after is not None:
        place = query.Place(0, query.utc(aware("after", after[0])), after[1])
    end = None if until is None else query.utc(aware("until", until))
    order = query.Order(descending=False)
    return reader.select(
        query.Selection(until=end, order=order, after=place, limit=positive(limit))
    )


def pages(reader: Reader) -> Iterator[list[Record]]:
    """Yield all that is there, a page at a time: not what arrives at the end meanwhile."""
    newest = records(reader, {}, 1, newest_first=True)
    if not newest:
        return
    after: tuple[datetime, str] | None = None
    until = min(newest[0].started_at, _LAST) + _MICROSECOND
    while found := page(reader, after, until, _PAGE):
        yield found
        after = found[-1].started_at, found[-1].id


def routes(reader: Reader, source: Source, where: Where) -> list[RouteSummary]:
    """Return what `Store.routes` returns."""
    chosen = _chosen(where)
    if chosen is None:
        return []
    asked = query.read_question(_MEASURES, by=["method", "route"], limit=None, chosen=chosen)
    rows, _ = query.measure(reader, source, asked)
    summaries = [
        RouteSummary(row["method"], row["route"], *(float(row[name]) for name in _MEASURES))
        for row in rows
        # A purge may have deleted a group between two questions to the database.
        if all(row[name] is not None for name in _MEASURES)
    ]
    return sorted(summaries, key=lambda s: (-s.count, s.route is not None, s.route, s.method))


def top_values(reader: Reader, name: str, limit: int, where: Where) -> list[ValueCount]:
    """Return what `Store.top_values` returns."""
    chosen = _chosen(where)
    positive(limit)
    variable = query.Variable((name,))
    if chosen is None or not _is_possible(name):
        return []
    exists = query.both(chosen.where, query.Exists(variable, negated=False))
    counts: dict[Any, tuple[Scalar, float]] = {}
    for row in reader.tally(query.Tally(exists, chosen.since, chosen.until, by=(variable,))):
        if row.records:
            key = query.identity(row.key[0])
            counts[key] = row.key[0], row.weight + counts.get(key, (None, 0.0))[1]
    found = [ValueCount(value, weight) for value, weight in counts.values()]
    return sorted(found, key=lambda each: (-each.count, query.rank(each.value)))[:limit]


# -- Restrictions ------------------------------------------------------------------------------


def _chosen(where: Where) -> Chosen | None:
    """Return which records satisfy all restrictions; None when no record can.

    Raises:
        TypeError: A restriction is unknown, or its value has the wrong type.
        ValueError: A datetime is naive.
    """
    condition: Node | None = None
    fields = dict(checked(where))
    since, until = fields.pop("since", None), fields.pop("until", None)
    variables: Mapping[str, JsonValue] = fields.pop("variables", {})
    for name, value in fields.items():
        if not _is_possible(value):
            return None
        condition = query.both(condition, _equals(query.Field(name), value))
    for name, value in variables.items():
        if isinstance(value, (dict, list)):
            raise TypeError(
                f"variables[{name!r}]={value!r}: a restriction has one value, and no "
                f"{type(value).__name__}. Write a filter: records({f'{name}.key == 1'!r}), or "
                f"records({f'{name} in (1, 2)'!r})"
            )
        if not _is_possible(name) or not _is_possible(value):
            return None
        condition = query.both(condition, _equals(query.Variable((name,)), value))
    return query.Chosen(
        condition,
        None if since is None else query.utc(since),
        None if until is None else query.utc(until),
    )


def _equals(operand: Operand, value: str | float | None) -> Node:
    if value is not None:
        if not isinstance(value, (str, bool)) and not -(2**63) <= value < 2**63:
            value = float(value)  # as in a filter
        return query.Compare(operand, "==", value)
    is_null = query.IsNull(operand, negated=False)
    if isinstance(operand, query.Field):
        return is_null
    return query.And((query.Exists(operand, negated=False), is_null))


def _is_possible(value: JsonValue) -> bool:
    """Return whether a record can have a value: a text or a number as databases keep them."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or abs(value) < 2**1023
