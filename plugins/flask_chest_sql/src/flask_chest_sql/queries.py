"""The read side's queries, in SQLAlchemy Core and standard SQL with window functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Select, Text, case, false, func, or_, select
from sqlalchemy import cast as cast_to

from flask_chest.record import JsonValue
from flask_chest.store import Where, checked, positive
from flask_chest_sql.schema import Tables

Condition: TypeAlias = ColumnElement[bool]

_SMALL_INTEGERS: Final = range(-(2**15), 2**15)


def restriction(
    tables: Tables, where: Where, has_variable: Callable[[str, JsonValue], Condition]
) -> list[Condition]:
    """Return the conditions for the restrictions of a question.

    Args:
        tables: Tables of the database.
        where: The restrictions, as the methods of a store take them.
        has_variable: Returns the condition that a record has a variable with this name and value.

    Raises:
        ValueError: A datetime is naive.
        TypeError: There is no such restriction, or its value is of another type.
    """
    records = tables.records.c
    conditions: list[Condition] = []
    for name, value in checked(where).items():
        if name == "since":
            conditions.append(records.started_at >= value)
        elif name == "until":
            conditions.append(records.started_at < value)
        elif name == "variables":
            conditions.extend(has_variable(key, wanted) for key, wanted in value.items())
        elif name == "status_code" and value is not None and value not in _SMALL_INTEGERS:
            conditions.append(false())  # PostgreSQL refuses even to compare it with a smallint
        else:
            conditions.append(records[name] == value)
    return conditions


def routes(tables: Tables, conditions: list[Condition]) -> Select[Any]:
    """Return the query for method, route, count, errors, p50 and p95, the busiest first.

    A percentile is the smallest duration at which the weights, summed in the order of the
    durations, reach that share of their total (the weighted nearest rank).
    """
    records = tables.records.c
    group = (records.method, records.route)
    ranked = (
        select(
            *group,
            records.duration_ms,
            records.weight,
            case(
                (or_(records.error.is_not(None), records.status_code >= 500), records.weight),
                else_=0.0,
            ).label("error_weight"),
            func.sum(records.weight)
            .over(
                partition_by=group,
                order_by=(records.duration_ms, records.id),
                rows=(None, 0),
            )
            .label("reached"),
            func.sum(records.weight).over(partition_by=group).label("total"),
        )
        .where(*conditions)
        .subquery()
    )
    column = ranked.c

    def percentile(percent: int) -> ColumnElement[float]:
        # Integers, because no float equals 0.95.
        has_reached = column.reached * 100 >= column.total * percent
        return func.min(case((has_reached, column.duration_ms)))

    count = func.sum(column.weight)
    return (
        select(
            column.method,
            column.route,
            count.label("count"),
            func.sum(column.error_weight).label("errors"),
            percentile(50).label("p50_ms"),
            percentile(95).label("p95_ms"),
        )
        .group_by(column.method, column.route)
        .order_by(count.desc(), column.route.is_not(None), column.route, column.method)
    )


def top_values(tables: Tables, name: str, limit: int, conditions: list[Condition]) -> Select[Any]:
    """Return the query for the most frequent values of a variable.

    Values are counted together when their text is the same: a database may keep their types.
    """
    view, records = tables.variables.c, tables.records.c
    value: ColumnElement[Any] = cast_to(view.value, Text)
    count = func.sum(records.weight)
    return (
        select(value.label("value"), count.label("count"))
        .join(tables.records, records.id == view.record_id)
        .where(view.name == name, *conditions)
        .group_by(value)
        .order_by(count.desc(), value.is_not(None), value)
        .limit(positive(limit))
    )
