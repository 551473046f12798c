"""One partition of the records for each day, in UTC: made ahead, and dropped as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from flask_chest.errors import (
    BatchRejected,
    ConfigurationError,
    ExporterUnavailable,
    SchemaMismatch,
)
from flask_chest.runtime.log import logger
from flask_chest_postgres.schema import namespace_of, qualified

if TYPE_CHECKING:
    from sqlalchemy import Table

    from flask_chest.exporter import Batch

DAYS_AHEAD: Final = 3
"""Days beyond today that have a partition, for clocks that differ and idle weekends."""

_AGAIN_SECONDS: Final = 600.0

_LOCK: Final = int.from_bytes(b"chest", "big")

PATIENCE: Final = "40ms"
"""Longest wait for the lock of a partition to drop: all other statements wait behind it."""

ATTEMPTS: Final = 25
PAUSE_SECONDS: Final = 0.04
"""Between two attempts, in which the others get in."""

_SMALL_BYTES: Final = 16 * 1024 * 1024
"""Of a partition whose records are counted in a few milliseconds."""

NO_LOCK: Final = "55P03"
"""lock_not_available: of what waited for `PATIENCE`."""

_OVERLAPS: Final = "42P17"
_VIOLATES: Final = "23514"
_IS_TABLE: Final = "42P07"

_PARTITIONS: Final = text(
    "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i"
    " JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent"
    " JOIN pg_namespace n ON n.oid = p.relnamespace"
    " WHERE n.nspname = :schema AND p.relname = :name"
)


_Result = TypeVar("_Result")


class InTransaction(Protocol):
    """Runs a function in a transaction of its own."""

    def __call__(self, work: Callable[[Connection], _Result], /) -> _Result:
        """Return what `work` returns."""


class Partitions:
    """The partitions of a table of records.

    Its methods run in the caller's transaction, whose time zone is UTC and whose dates are ISO.

    Args:
        records: The partitioned table.
    """

    def __init__(self, records: Table) -> None:
        self._records = records
        self._parent = qualified(records)

    def lock(self, connection: Connection) -> None:
        """Exclude other processes from creating and dropping until this transaction ends."""
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})

    def is_partitioned(self, connection: Connection) -> bool:
        """Return whether the existing table has partitions."""
        return bool(
            connection.execute(
                text(
                    "SELECT c.relkind = 'p' FROM pg_class c JOIN pg_namespace n"
                    " ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relname = :name"
                ),
                {"schema": namespace_of(self._records), "name": self._records.name},
            ).scalar()
        )

    def create(self, connection: Connection, days: Iterable[date]) -> None:
        """Create the missing partitions of these days.

        A day that a foreign partition covers, in part or as the default, is left to it.

        Raises:
            SchemaMismatch: A table has the name of a partition and is none.
        """
        self.lock(connection)
        for day in sorted(set(days) - set(self.days(connection))):
            try:
                with connection.begin_nested():
                    self._create(connection, day)
            except DBAPIError as error:
                code = getattr(error.orig, "sqlstate", None)
                if code == _IS_TABLE:
                    raise SchemaMismatch(
                        f"There is a table {self._name(day)} that is no partition of one day of "
                        f"{self._records.name}. Attach it as such, rename it, or drop it"
                    ) from error
                if code not in (_OVERLAPS, _VIOLATES):
                    raise

    def _create(self, connection: Connection, day: date) -> None:
        # Attaching a table blocks neither readers nor writers of the others.
        connection.exec_driver_sql(
            f"CREATE TABLE {self._quoted(day)}"
            f" (LIKE {self._parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        )
        connection.exec_driver_sql(
            f"ALTER TABLE {self._parent} ATTACH PARTITION {self._quoted(day)} {_bounds(day)}"
        )

    def ending_before(self, connection: Connection, moment: datetime) -> list[date]:
        """Return the days, in order, whose partitions end before `moment`."""
        last = moment.astimezone(timezone.utc).date()
        return [day for day in self.days(connection) if day < last]

    def drop(self, in_transaction: InTransaction, day: date, *, count: bool = False) -> int:
        """Drop the partition of a day; give up after seconds while somebody uses the table.

        Nobody waits for it for long: it takes the lock of the whole table at once or not at all.

        Args:
            in_transaction: Runs each attempt.
            day: Its partition may be gone already.
            count: Count its records, which takes time.

        Returns:
            The number of its records; 0 without `count`.
        """
        for attempt in range(1, ATTEMPTS + 1):
            # Not in the transaction that holds the lock.
            size, counted = 0, 0
            if count:
                size, counted = in_transaction(partial(self._counted, day=day))
            attempted = partial(self._drop, day=day, size=size, counted=counted)
            try:
                return in_transaction(attempted)
            except ExporterUnavailable as error:
                if attempt == ATTEMPTS or not _is_locked(error.__cause__):
                    raise
            time.sleep(PAUSE_SECONDS)
        raise AssertionError("the last attempt returns or raises")

    def _counted(self, connection: Connection, day: date) -> tuple[int, int]:
        """Return how large the partition of a day is, and how many records it has if it is large.

        Those of a small one are counted at once while it is locked.
        """
        size = self._size(connection, day) if day in self.days(connection) else 0
        if size <= _SMALL_BYTES:
            return size, 0
        statement = f"SELECT count(*) FROM {self._quoted(day)}"
        return size, connection.exec_driver_sql(statement).scalar_one()

    def _size(self, connection: Connection, day: date) -> int:
        statement = text("SELECT pg_relation_size(to_regclass(:name))")
        name = self._quoted(day).replace("%%", "%")
        return int(
            connection.execute(statement, {"name": name}).scalar_one() or 0
        )  # it may be gone

    def _drop(self, connection: Connection, day: date, size: int, counted: int) -> int:
        connection.execute(
            text("SELECT set_config('lock_timeout', :time, true)"), {"time": PATIENCE}
        )
        self.lock(connection)
        if day not in self.days(connection):
            return 0
        name = self._quoted(day)
        if size:
            connection.exec_driver_sql(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
            now = self._size(connection, day)
            if now <= _SMALL_BYTES or now != size:  # or late records arrived after the count
                counted = connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
        connection.exec_driver_sql(f"DROP TABLE {name}")
        return counted

    def days(self, connection: Connection) -> list[date]:
        """Return the days, in order, that have a partition of ours.

        A partition is ours when both its name and its bounds are.
        """
        prefix = f"{self._records.name}_"
        rows = connection.execute(
            _PARTITIONS, {"schema": namespace_of(self._records), "name": self._records.name}
        )
        found = {
            name.removeprefix(prefix): bounds for name, bounds in rows if name.startswith(prefix)
        }
        days = {suffix: _parsed(suffix) for suffix in found}
        return sorted(day for suffix, day in days.items() if day and found[suffix] == _bounds(day))

    def _name(self, day: date) -> str:
        return f"{self._records.name}_{day.isoformat().replace('-', '')}"

    def _quoted(self, day: date) -> str:
        return qualified(self._records, self._name(day))


class Maintenance:
    """Creates the partitions of the days ahead, and drops old ones, with the deliveries.

    Args:
        partitions: Those of the records.
        retention_days: Number of whole days that are kept besides today; None for all.
    """

    def __init__(self, partitions: Partitions, retention_days: int | None) -> None:
        self._partitions = partitions
        self._retention_days = retention_days
        self._made_on: date | None = None
        self._next_creation = 0.0
        self._next_drop = 0.0

    def run_due(self, in_transaction: InTransaction) -> None:
        """Do what is due: with the first batch of a day; again later what is in use now.

        A partition that cannot be dropped now is retried later, and so is one that this user may
        not create: the database may have it already, or an administrator makes it.

        Raises:
            ExporterUnavailable: Partitions cannot be created now.
        """
        today = datetime.now(timezone.utc).date()
        if today != self._made_on and time.monotonic() >= self._next_creation:
            days = [today + timedelta(days=n) for n in range(DAYS_AHEAD + 1)]
            try:
                in_transaction(lambda connection: self._partitions.create(connection, days))
            except ConfigurationError as error:
                self._next_creation = time.monotonic() + _AGAIN_SECONDS
                logger.warning("Partitions cannot be created ahead: %s", error)
            else:
                self._made_on = today
            self._next_drop = 0.0
        if self._retention_days is not None and time.monotonic() >= self._next_drop:
            kept = timedelta(days=self._retention_days)
            try:
                for day in in_transaction(partial(self._older, today=today, kept=kept)):
                    self._partitions.drop(in_transaction, day)
                self._next_drop = float("inf")
            except (ExporterUnavailable, ConfigurationError) as error:
                self._next_drop = time.monotonic() + _AGAIN_SECONDS
                logger.warning("Old partitions cannot be dropped now: %s", error)

    def expired_before(self, connection: Connection) -> datetime | None:
        """Return before which day `run_due` drops partitions in the next hour; None for never."""
        if self._retention_days is None:
            return None
        soon = min(datetime.now(timezone.utc), _on_server(connection)) + timedelta(hours=1)
        return _midnight(soon.date() - timedelta(days=self._retention_days))

    def _older(self, connection: Connection, today: date, kept: timedelta) -> list[date]:
        """Return the days to drop. The clock of this host alone may be years ahead."""
        on_server = _on_server(connection).date()
        if today - on_server > timedelta(days=1):
            logger.warning(
                "The clock of this host says %s, and that of PostgreSQL %s. Partitions are dropped "
                "by the earlier one. Set the clock that is wrong",
                today,
                on_server,
            )
        return self._partitions.ending_before(connection, _midnight(min(today, on_server) - kept))


def _on_server(connection: Connection) -> datetime:
    """Return what the server's clock says."""
    now: datetime = connection.execute(text("SELECT now()")).scalar_one()
    return now.astimezone(timezone.utc)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), timezone.utc)


def _is_locked(error: BaseException | None) -> bool:
    original = error.orig if isinstance(error, DBAPIError) else None
    return getattr(original, "sqlstate", None) == NO_LOCK


def lacks_partition(error: BaseException | None) -> bool:
    """Return whether the server refused a record because no partition covers its day."""
    original = error.orig if isinstance(error, DBAPIError) else None
    diagnostics = getattr(original, "diag", None)
    # A violated constraint has the same code, but a name.
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
    """Return the bounds of a day, as PostgreSQL writes them."""
    end = "MAXVALUE" if day == date.max else f"'{day + timedelta(days=1)} 00:00:00+00'"
    return f"FOR VALUES FROM ('{day} 00:00:00+00') TO ({end})"
