"""Conditions on variables, which SQLite's `json_each` unpacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic_core import to_json
from sqlalchemy import ColumnElement, func, literal, select

if TYPE_CHECKING:
    from flask_chest.record import JsonValue


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
    each = func.json_each(variables).table_valued("key", "type", "value")
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
