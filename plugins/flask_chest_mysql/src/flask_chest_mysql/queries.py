"""Queries about single variables, which the server looks up in its JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json
from sqlalchemy import (
    Double,
    LargeBinary,
    and_,
    case,
    cast,
    collate,
    false,
    func,
    literal,
    null,
    or_,
    select,
)

from flask_chest.store import positive

if TYPE_CHECKING:
    from flask_chest_sql import Tables
    from sqlalchemy import Column, ColumnElement, Select

    from flask_chest.record import JsonValue
    from flask_chest_mysql.connection import Flavor


def has_variable(
    variables: Column[Any], name: str, value: JsonValue, flavor: Flavor
) -> ColumnElement[bool]:
    """Return the condition that a record has a variable with this name and value.

    MySQL compares lists and objects as JSON. MariaDB keeps JSON as text, so they are equal there
    when they are written alike: keys in the same order, and 1 not as 1.0.

    Args:
        variables: The column.
        name: Name of the variable.
        value: Value of the variable.
        flavor: Product and version of the server.
    """
    found = _value(variables, name, flavor)
    kind, text = func.json_type(found), func.json_unquote(found)
    if value is None:
        return kind == "NULL"
    if isinstance(value, bool):
        return and_(kind == "BOOLEAN", text == ("true" if value else "false"))
    if isinstance(value, (int, float)):
        return and_(
            kind.in_(("INTEGER", "UNSIGNED INTEGER", "DOUBLE", "DECIMAL")), _is_number(text, value)
        )
    if isinstance(value, str):
        return and_(kind == "STRING", _bytes(text) == _bytes(literal(value)))
    return _is_document(found, value, flavor)


def _is_document(
    found: ColumnElement[Any], value: JsonValue, flavor: Flavor
) -> ColumnElement[bool]:
    wanted = to_json(value).decode()
    try:
        from_json(wanted, allow_inf_nan=False)
    except ValueError:  # it has no JSON form
        return false()
    if flavor.is_mariadb:
        return _bytes(func.json_compact(found)) == _bytes(literal(wanted))
    # A plain parameter would be compared as a text.
    return found == func.json_extract(wanted, "$")


def _is_number(text: ColumnElement[Any], value: float) -> ColumnElement[bool]:
    """Return the condition that a JSON number equals a number exactly.

    MariaDB takes 1e5 for an INTEGER. Both servers write floats, and only floats, with a point or
    an exponent.
    """
    try:
        double, whole = float(value), int(value)
    except (OverflowError, ValueError):  # beyond all floats; not a number
        return text == str(value) if isinstance(value, int) else false()
    is_double = or_(text.like("%.%"), text.like("%e%"))
    conditions = []
    if whole == value:
        conditions.append(text == str(whole))
    if double == value:
        conditions.append(and_(is_double, cast(text, Double) == double))
    return or_(*conditions)


def _bytes(text: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a text as bytes, so that no collation takes different texts for equal."""
    return cast(text, LargeBinary)


def top_values(
    tables: Tables, name: str, limit: int, conditions: list[ColumnElement[bool]], flavor: Flavor
) -> Select[Any]:
    """Return the query for the most frequent values of a variable.

    The query that the other databases share reads the view, which unpacks every variable, and casts
    the values to the collation of the session, in which 'a' equals 'a '.
    """
    records = tables.records.c
    found = (
        select(_value(records.variables, name, flavor).label("value"), records.weight)
        .where(*conditions)
        .subquery()
    )
    kind = func.json_type(found.c.value)
    text, document = func.json_unquote(found.c.value), func.json_compact(found.c.value)
    shown = case(
        (kind == "NULL", null()),
        (kind == "STRING", text),
        else_=document if flavor.is_mariadb else text,
    )
    values = (
        select(collate(shown, flavor.collation).label("value"), found.c.weight)
        .where(found.c.value.is_not(None))
        .subquery()
    )
    count = func.sum(values.c.weight)
    return (
        select(values.c.value, count.label("count"))
        .group_by(values.c.value)
        .order_by(count.desc(), values.c.value)
        .limit(positive(limit))
    )


def _value(variables: Column[Any], name: str, flavor: Flavor) -> ColumnElement[Any]:
    """Return the JSON of a variable; NULL when the record has none of this name."""
    if flavor.is_mariadb and name.startswith("-"):  # no path of MariaDB can
        pattern = re.sub(r"([%_\\])", r"\\\1", name)
        place = func.json_search(func.json_keys(variables), "one", pattern)
        return func.json_extract(func.json_extract(variables, "$.*"), func.json_unquote(place))
    return func.json_extract(variables, f"$.{to_json(name).decode()}")
