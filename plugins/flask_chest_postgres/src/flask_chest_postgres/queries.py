"""The condition that a row is a record."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table, func, literal_column


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
