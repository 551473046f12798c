"""Conditions on variables, and the values that the server can compare with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Table, Text, and_, cast, false, func, literal, literal_column
from sqlalchemy.dialects.postgresql import JSONB

if TYPE_CHECKING:
    from flask_chest.record import JsonValue


def readable(records: Table, *, for_summaries: bool) -> list[ColumnElement[bool]]:
    """Return conditions that leave out rows which are no records.

    The constraints of the table forbid them, unless somebody has dropped these.

    Args:
        records: The table.
        for_summaries: Whether the question reads the table anyway.
    """
    started_at = records.c.started_at
    conditions = [
        started_at >= literal_column("'0001-01-01 00:00:00+00'::timestamptz"),
        started_at < literal_column("'10000-01-01 00:00:00+00'::timestamptz"),
    ]
    if for_summaries:
        conditions.append(func.jsonb_typeof(records.c.variables) == "object")
    return conditions


def has_variable(
    variables: ColumnElement[object], name: str, value: JsonValue, *, is_indexed: bool
) -> ColumnElement[bool]:
    """Return the condition that a record has a variable with this name and value.

    Objects are equal whatever the order of their keys is, and numbers whatever their type is.

    Args:
        variables: The column.
        name: Name of the variable.
        value: Value of the variable.
        is_indexed: Whether the column has a GIN index.
    """
    whole, part = _json({name: value}), _json(value)
    if whole is None or part is None or "\\u0000" in whole:
        return false()
    found = variables.op("->", return_type=JSONB())(literal(name, Text))
    equal: ColumnElement[bool] = found == cast(literal(part, Text), JSONB)
    if not is_indexed:
        return equal
    # The index answers this one, in which a part of a list or object is enough.
    return and_(equal, variables.op("@>")(cast(literal(whole, Text), JSONB)))


def is_comparable(text: object) -> bool:
    """Return whether the server accepts a value in a query: it refuses a text it cannot store."""
    return not isinstance(text, str) or ("\0" not in text and _json(text) is not None)


def _json(value: object) -> str | None:
    """Return the JSON of a value; None when it has none, as NaN or half of a surrogate pair."""
    try:
        document = json.dumps(value, allow_nan=False, ensure_ascii=False)
        document.encode()
    except ValueError:
        return None
    return document
