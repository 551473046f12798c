"""The TTL of the records, by which the server deletes by itself where no leader does."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

LATER: Final = timedelta(days=3)
"""How much later than the leader the server deletes.

A leader drops whole partitions. One younger than a day counts age from a record that is a day old:
see docs/explanation/decisions/0024-modes-and-retention.md. Each makes it late by a day.
"""


def seconds(retention: timedelta) -> int:
    """Return the age at which the server deletes a record by itself."""
    return int((retention + LATER).total_seconds())


def clause(retention: timedelta | None) -> str:
    """Return the clause of the statement that creates the table; empty for never."""
    return "" if retention is None else f"TTL {_expression(retention)}\n"


def change(table: str, retention: timedelta | None) -> str:
    """Return the statement that gives a table the TTL of another retention; None for ever."""
    if retention is None:
        return f"ALTER TABLE {table} REMOVE TTL"
    # What is there already follows with the next merges, not with a mutation of everything.
    later = "SETTINGS materialize_ttl_after_modify = 0"
    return f"ALTER TABLE {table} MODIFY TTL {_expression(retention)} {later}"


def _expression(retention: timedelta) -> str:
    """Return when the server deletes a record by itself.

    Records from before 1970, which a TTL cannot express, are deleted as if they were of that year.
    """
    moment = "toDateTime(greatest(started_at, toDateTime64('1970-01-01 00:00:00', 6, 'UTC')))"
    return f"{moment} + toIntervalSecond({seconds(retention)})"
