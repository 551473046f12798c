"""One partition of the records for each day, in UTC: made ahead, and dropped as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from flask_chest.errors import BatchRejected, SchemaMismatch

if TYPE_CHECKING:
    from sqlalchemy import Table

    from flask_chest.exporter import Batch

_LOCK: Final = int.from_bytes(b"chest", "big")

_PATIENCE: Final = "1s"
"""How long a partition that is to go may be in use: all others wait behind whoever waits for it."""

_OVERLAPS: Final = "42P17"
_VIOLATES: Final = "23514"

_PARTITIONS: Final = text(
    "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i"
    " JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent"
    " JOIN pg_namespace n ON n.oid = p.relnamespace"
    " WHERE n.nspname = :schema AND p.relname = :name"
)


class Partitions:
    """The partitions of a table of records.

    Its methods run in the caller's transaction, whose time zone is UTC and whose dates are ISO.

    Args:
        records: The partitioned table.
    """

    def __init__(self, records: Table) -> None:
        self._records = records
        self._schema = records.schema or "public"
        self._parent = qualified(self._schema, records.name)

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

        A day that a partition of somebody else's takes, in part or by default, is left to it.

        Raises:
            SchemaMismatch: There is a table of such a name which is no partition.
        """
        self.lock(connection)
        for day in sorted(set(days) - set(self.days(connection))):
            try:
                with connection.begin_nested():
                    self._create(connection, day)
            except DBAPIError as error:
                code = getattr(error.orig, "sqlstate", None)
                if code == "42P07":
                    raise SchemaMismatch(
                        f"There is a table {self._name(day)} that is no partition of one day of "
                        f"{self._records.name}. Attach it as such, rename it, or drop it"
                    ) from error
                if code not in (_OVERLAPS, _VIOLATES):
                    raise

    def _create(self, connection: Connection, day: date) -> None:
        # A table of its own that is attached stops neither readers nor writers of the others.
        connection.exec_driver_sql(
            f"CREATE TABLE {self._quoted(day)}"
            f" (LIKE {self._parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        )
        connection.exec_driver_sql(
            f"ALTER TABLE {self._parent} ATTACH PARTITION {self._quoted(day)} {_bounds(day)}"
        )

    def ending_before(self, connection: Connection, moment: datetime) -> list[date]:
        """Return the days of the partitions that have nothing from `moment` on, in order."""
        last = moment.astimezone(timezone.utc).date()
        return [day for day in self.days(connection) if day < last]

    def drop(self, connection: Connection, day: date, *, count: bool = False) -> int:
        """Drop a day's partition, or fail within seconds while somebody uses it.

        One a transaction, for it locks the whole table until the end.

        Args:
            connection: In a transaction.
            day: It may be gone already.
            count: Count its records, which takes time.

        Returns:
            The number of its records, 0 unless they were to be counted.
        """
        connection.execute(
            text("SELECT set_config('lock_timeout', :time, true)"), {"time": _PATIENCE}
        )
        self.lock(connection)
        if day not in self.days(connection):
            return 0
        name = self._quoted(day)
        counted = 0
        if count:
            # Late records wait until it is gone: none is dropped that was not counted.
            connection.exec_driver_sql(f"LOCK TABLE {name} IN SHARE MODE")
            counted = connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
        connection.exec_driver_sql(f"DROP TABLE {name}")
        return counted

    def days(self, connection: Connection) -> list[date]:
        """Return the days that have a partition of ours, in order.

        Ours are those of our names and bounds: others are somebody else's, whatever their names.
        """
        prefix = f"{self._records.name}_"
        rows = connection.execute(_PARTITIONS, {"schema": self._schema, "name": self._records.name})
        found = {
            name.removeprefix(prefix): bounds for name, bounds in rows if name.startswith(prefix)
        }
        days = {suffix: _parsed(suffix) for suffix in found}
        return sorted(day for suffix, day in days.items() if day and found[suffix] == _bounds(day))

    def _name(self, day: date) -> str:
        return f"{self._records.name}_{day.isoformat().replace('-', '')}"

    def _quoted(self, day: date) -> str:
        return qualified(self._schema, self._name(day))


def lacks_partition(error: BaseException | None) -> bool:
    """Tell whether the server has refused a record because no partition takes it."""
    original = error.orig if isinstance(error, DBAPIError) else None
    diagnostics = getattr(original, "diag", None)
    # The same code as a violated constraint, which has a name.
    return (
        getattr(original, "sqlstate", None) == _VIOLATES
        and getattr(diagnostics, "constraint_name", None) is None
    )


def days_of(batch: Batch) -> set[date]:
    """Return the days, in UTC, of a batch.

    Raises:
        BatchRejected: A record has no time.
    """
    try:
        return {_day(record["started_at"]) for record in batch.records()}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BatchRejected(f"a record has no time: {error}") from error


def _day(moment: str) -> date:
    parsed = datetime.fromisoformat(moment.removesuffix("Z"))  # Python 3.10 reads no Z
    return parsed.astimezone(timezone.utc).date() if parsed.tzinfo else parsed.date()


def _parsed(suffix: str) -> date | None:
    if len(suffix) == 8 and suffix.isdecimal():
        with suppress(ValueError):
            return date(int(suffix[:4]), int(suffix[4:6]), int(suffix[6:]))
    return None


def _bounds(day: date) -> str:
    """Return the bounds as PostgreSQL writes them."""
    end = "MAXVALUE" if day == date.max else f"'{day + timedelta(days=1)} 00:00:00+00'"
    return f"FOR VALUES FROM ('{day} 00:00:00+00') TO ({end})"


def qualified(schema: str, name: str) -> str:
    """Return a name within its schema, quoted, for a statement with parameters."""
    return f"{quoted(schema)}.{quoted(name)}"


def quoted(name: str) -> str:
    """Return a name quoted, for a statement with parameters, in which psycopg reads ``%``."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'
