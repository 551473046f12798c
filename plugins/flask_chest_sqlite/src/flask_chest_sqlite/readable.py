"""Which rows are records: SQLite stores any value in any column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, Text, and_, func, literal, type_coerce

if TYPE_CHECKING:
    from flask_chest_sql import Tables

FORM_OF_TIME: Final = "????-??-??T??:??:??.??????Z"
"""Of `started_at`, as GLOB has it."""


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
