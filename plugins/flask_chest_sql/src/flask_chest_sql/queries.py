"""The read side's queries, in SQLAlchemy Core and standard SQL with window functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from flask_chest.exporter import Where
from flask_chest_sql.tables import Tables


def restriction(tables: Tables, where: Where) -> list[ColumnElement[bool]]:
    """Return the conditions that `where` stands for.

    Raises:
        ValueError: A datetime is naive.
    """
    records = tables.records.c
    conditions: list[ColumnElement[bool]] = []
    given = cast("Mapping[str, Any]", where)
    for name, value in given.items():
        if name == "since":
            conditions.append(records.started_at >= aware(name, value))
        elif name == "until":
            conditions.append(records.started_at < aware(name, value))
        elif name == "variables":
            conditions.extend(_has_variable(tables, key, wanted) for key, wanted in value.items())
        else:
            conditions.append(records[name] == value)
    return conditions


def aware(name: str, moment: datetime) -> datetime:
    """Return `moment` when it is an aware datetime.

    Raises:
        ValueError: It is naive.
    """
    if moment.tzinfo is None:
        raise ValueError(
            f"{name}={moment!r} is naive. Say which time is meant: {name}.astimezone(), or "
            "datetime.now(timezone.utc)"
        )
    return moment


def _has_variable(tables: Tables, name: str, value: object) -> ColumnElement[bool]:
    view = tables.variables.c
    matching = select(view.record_id).where(view.name == name, view.value == value)
    return tables.records.c.id.in_(matching)


def routes(tables: Tables, where: Where) -> Select[Any]:
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
        .where(and_(True, *restriction(tables, where)))
        .subquery()
    )
    column = ranked.c

    def percentile(share: float) -> ColumnElement[float]:
        return func.min(case((column.reached >= share * column.total, column.duration_ms)))

    count = func.sum(column.weight)
    return (
        select(
            column.method,
            column.route,
            count.label("count"),
            func.sum(column.error_weight).label("errors"),
            percentile(0.50).label("p50_ms"),
            percentile(0.95).label("p95_ms"),
        )
        .group_by(column.method, column.route)
        .order_by(count.desc(), column.route, column.method)
    )


def top_values(tables: Tables, name: str, limit: int, where: Where) -> Select[Any]:
    """Return the query for the most frequent values of a variable."""
    view, records = tables.variables.c, tables.records.c
    count = func.sum(records.weight)
    return (
        select(view.value, count.label("count"))
        .join(tables.records, records.id == view.record_id)
        .where(view.name == name, *restriction(tables, where))
        .group_by(view.value)
        .order_by(count.desc(), view.value)
        .limit(limit)
    )
