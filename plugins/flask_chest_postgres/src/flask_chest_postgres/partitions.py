"""One partition of the records for each day, in UTC: made ahead, and dropped as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text

if TYPE_CHECKING:
    from sqlalchemy import Table

DAYS_AHEAD: Final = 3
"""How many days' partitions there are beyond today's, for clocks that differ and idle weekends."""

_LOCK: Final = int.from_bytes(b"chest", "big")


class Partitions:
    """The partitions of a table of records.

    Its methods run in the caller's transaction.

    Args:
        records: The partitioned table.
    """

    def __init__(self, records: Table) -> None:
        self._records = records
        self._schema = records.schema or "public"

    def lock(self, connection: Connection) -> None:
        """Let no other process create or drop until this transaction has ended."""
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})

    def is_partitioned(self, connection: Connection) -> bool:
        """Tell whether the table that is there has partitions."""
        return bool(
            connection.execute(
                text(
                    "SELECT c.relkind = 'p' FROM pg_class c JOIN pg_namespace n"
                    " ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relname = :name"
                ),
                {"schema": self._schema, "name": self._records.name},
            ).scalar()
        )

    def create(self, connection: Connection, days: Iterable[date]) -> None:
        """Create the partitions of these days that are missing.

        A table of its own is attached, which stops neither readers nor writers of the others.
        """
        self.lock(connection)
        there = self._days(connection)
        for day in sorted(set(days) - set(there)):
            name = self._name(day)
            parent = qualified(self._schema, self._records.name)
            connection.exec_driver_sql(
                f"CREATE TABLE {name} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
            )
            connection.exec_driver_sql(
                f"ALTER TABLE {parent} ATTACH PARTITION {name}"
                f" FOR VALUES FROM ({_start(day)}) TO ({_end(day)})"
            )

    def drop(self, connection: Connection, before: datetime, *, count: bool = False) -> int:
        """Drop the partitions that end before a moment.

        Args:
            connection: In a transaction.
            before: An aware datetime.
            count: Count their records, which takes time.

        Returns:
            The number of their records, 0 unless they were to be counted.
        """
        self.lock(connection)
        last = before.astimezone(timezone.utc).date()
        dropped = 0
        for day in self._days(connection):
            if day < last:
                name = self._name(day)
                if count:
                    dropped += connection.exec_driver_sql(
                        f"SELECT count(*) FROM {name}"
                    ).scalar_one()
                connection.exec_driver_sql(f"DROP TABLE {name}")
        return dropped

    def _days(self, connection: Connection) -> list[date]:
        rows = connection.execute(
            text(
                "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
                " JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace n"
                " ON n.oid = p.relnamespace WHERE n.nspname = :schema AND p.relname = :name"
            ),
            {"schema": self._schema, "name": self._records.name},
        )
        prefix = f"{self._records.name}_"
        suffixes = [name.removeprefix(prefix) for (name,) in rows if name.startswith(prefix)]
        # Partitions of other names are somebody else's.
        return [
            datetime.strptime(suffix, "%Y%m%d").date()  # noqa: DTZ007 - a day has no time zone
            for suffix in suffixes
            if len(suffix) == 8 and suffix.isdecimal()
        ]

    def _name(self, day: date) -> str:
        return qualified(self._schema, f"{self._records.name}_{day.isoformat().replace('-', '')}")


def _start(day: date) -> str:
    return f"'{day.isoformat()} 00:00:00+00'"


def _end(day: date) -> str:
    return "MAXVALUE" if day == date.max else _start(day + timedelta(days=1))


def qualified(schema: str, name: str) -> str:
    """Return a name within its schema, quoted, for a statement with parameters."""
    return f"{quoted(schema)}.{quoted(name)}"


def quoted(name: str) -> str:
    """Return a name quoted, for a statement with parameters, in which psycopg reads ``%``."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'
