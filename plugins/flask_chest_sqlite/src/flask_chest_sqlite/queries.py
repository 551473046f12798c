"""Conditions on variables, which SQLite's `json_each` unpacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    select,
    type_coerce,
)

from flask_chest.store import positive

if TYPE_CHECKING:
    from flask_chest_sql import Tables

    from flask_chest.record import JsonValue

FORM_OF_TIME: Final = "????-??-??T??:??:??.??????Z"
"""Of `started_at`, as GLOB has it."""


def has_variable(
    variables: ColumnElement[object], name: str, value: JsonValue
) -> ColumnElement[bool]:
    """Return the condition that a record has a variable with this name and value.

    SQLite reads both sides from JSON, so that it rounds floats alike. Objects are equal when their
    keys are in the same order.

    Args:
        variables: The column.
        name: Name of the variable.
        value: Value of the variable.
    """
    each = func.json_each(_document(variables)).table_valued("key", "type", "value")
    wanted = func.json_extract(to_json(value, inf_nan_mode="null").decode(), "$")
    return (
        select(literal(1))
        .select_from(each)
        .where(
            each.c.key == name,
            each.c.type.in_(_json_types(value)),
            each.c.value.is_not_distinct_from(wanted),
        )
        .exists()
    )


def _document(variables: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the JSON of a record, or that of an empty object where it is none.

    SQLite has no types, and one malformed document would end every query that reads it.
    """
    raw = type_coerce(variables, Text())
    return case((func.json_valid(raw) == 1, raw), else_=literal("{}", Text))


def has_time(tables: Tables) -> ColumnElement[bool]:
    """Return the condition that a record has a time of our form. The index has the answer."""
    return type_coerce(tables.records.c.started_at, Text()).op("GLOB")(literal(FORM_OF_TIME, Text))


def has_values(tables: Tables) -> ColumnElement[bool]:
    """Return the condition that a record has what a summary reads. It reads the table."""
    records = tables.records.c
    types = {
        records.duration_ms: ("real", "integer"),
        records.weight: ("real", "integer"),
        records.status_code: ("integer", "null"),
        records.method: ("text",),
        records.route: ("text", "null"),
        records.error: ("text", "null"),
    }
    return and_(*(func.typeof(column).in_(allowed) for column, allowed in types.items()))


def top_values(
    tables: Tables, name: str, limit: int, conditions: list[ColumnElement[bool]]
) -> Select[Any]:
    """Return the query for the most frequent values of a variable.

    It needs no view, which unpacks every variable.
    """
    records = tables.records
    each = func.json_each(_document(records.c.variables)).table_valued("key", "type", "value")
    value: ColumnElement[Any] = case(
        (each.c.type == "true", "true"),
        (each.c.type == "false", "false"),
        else_=cast(each.c.value, Text),
    )
    count = func.sum(records.c.weight)
    return (
        select(value.label("value"), count.label("count"))
        .select_from(records)
        .join(each, literal(1) == 1)
        .where(each.c.key == name, *conditions)
        .group_by(value)
        .order_by(count.desc(), value.is_not(None), value)
        .limit(positive(limit))
    )


def _json_types(value: JsonValue) -> tuple[str, ...]:
    """Return the types of `json_each` that a value, and what may equal it, can have."""
    if value is None:
        return ("null",)
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, (int, float)):
        return ("integer", "real")
    if isinstance(value, str):
        return ("text",)
    return ("object",) if isinstance(value, Mapping) else ("array",)
