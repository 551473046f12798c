"""What `flask chest check` says of a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from flask_chest.exporter import Finding
from flask_chest.query.times import spoken
from flask_chest_postgres.schema import printed, qualified

if TYPE_CHECKING:
    from flask_chest_postgres.partitions import Partitions
    from flask_chest_postgres.store import PostgresStore

_MEBIBYTE: Final = 1024 * 1024
_OLD_TRANSACTIONS: Final = 1_500_000_000
"""PostgreSQL stops at about 2,146 millions: https://www.postgresql.org/docs/current/routine-vacuuming.html"""

_SMALL_BYTES: Final = 16 * _MEBIBYTE
"""Of a table whose records are counted in a few milliseconds."""

_SERVER: Final = text(
    "SELECT current_setting('server_version'), pg_is_in_recovery(),"
    " (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database())"
)
_OWNER: Final = text(
    "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(:name)"
)
_SIZE: Final = text(
    "SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint,"
    " coalesce(sum(pg_table_size(c.oid)), 0)::bigint,"
    " coalesce(sum(pg_indexes_size(c.oid)), 0)::bigint"
    " FROM pg_class c WHERE c.relkind = 'r' AND (c.oid = to_regclass(:name)"
    " OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(:name)))"
)


class Inspection:
    """Looks at what only PostgreSQL has.

    Args:
        store: The store, of which nothing is opened.
        connection: In a transaction.
    """

    def __init__(self, store: PostgresStore, connection: Connection) -> None:
        self._store = store
        self._connection = connection
        self._name = printed(qualified(store.tables.records))

    def findings(self) -> Iterator[Finding]:
        """Yield version, partitions, retention and size."""
        yield from self._server()
        if self._store.partitions is not None:
            yield from self._partitions(self._store.partitions)
        yield from self._retention()
        yield from self._size()

    def _row(self, question: Any) -> Any:  # noqa: ANN401 - a row of any question
        return self._connection.execute(question, {"name": self._name}).one()

    def _server(self) -> Iterator[Finding]:
        version, is_replica, age = self._connection.execute(_SERVER).one()
        yield Finding("ok", "version", f"PostgreSQL {version}")
        if is_replica:
            text = "the server is a read-only replica: it can be read, and takes no records"
            yield Finding("error", "version", text, "Name the primary")
        if age > _OLD_TRANSACTIONS:
            text = f"its oldest transaction is {age:,} old; at 2,146 millions it takes no records"
            yield Finding("warning", "vacuum", text, "Run VACUUM in this database")

    def _partitions(self, partitions: Partitions) -> Iterator[Finding]:
        if not partitions.is_partitioned(self._connection):
            return
        (is_owner,) = self._row(_OWNER)
        if not is_owner:
            text = "this user does not own the table, and may neither create nor drop partitions"
            yield Finding("warning", "partitions", text, "Deliver as its owner, or as a member")
        days = partitions.days(self._connection)
        today = datetime.now(timezone.utc).date()
        if not days:
            yield Finding("ok", "partitions", "none of ours yet: the first batch makes them")
        elif days[-1] < today:
            text = f"{_span(days)}: none for today"
            yield Finding("warning", "partitions", text, "The next batch makes it, as the owner")
        else:
            yield Finding("ok", "partitions", _span(days))

    def _retention(self) -> Iterator[Finding]:
        days, retention = self._store.retention_days, self._store.retention
        if days is None and retention is None:
            yield Finding("ok", "retention", "records are kept for ever")
        elif days is not None and retention is not None:
            is_shorter = timedelta(days=days) < retention
            level: Literal["ok", "warning"] = "warning" if is_shorter else "ok"
            yield Finding(
                level,
                "retention",
                f"records are deleted after {spoken(retention)}, and by `retention_days` "
                f"partitions are dropped after {days} days, without being counted",
                "Remove one of the two: the shorter holds" if is_shorter else "",
            )
        elif retention is not None:
            how = "whole days with their partitions" if self._store.partitions else "in steps"
            yield Finding(
                "ok", "retention", f"records are deleted after {spoken(retention)}, {how}"
            )
        else:
            yield Finding("ok", "retention", f"partitions are dropped after {days} days")

    def _size(self) -> Iterator[Finding]:
        estimate, table, indexes = self._row(_SIZE)
        records = self._count() if table < _SMALL_BYTES else f"about {estimate:,} records"
        text = f"{records}, {_mib(table)}, and {_mib(indexes)} of indexes"
        yield Finding("ok", "size", text)

    def _count(self) -> str:
        """Return how many records a small table has. The server's estimate may be hours old."""
        try:
            with self._connection.begin_nested():
                statement = select(func.count()).select_from(self._store.tables.records)
                return f"{self._connection.execute(statement).scalar_one():,} records"
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            return "an unknown number of records"  # this user may not read them


def _span(days: list[date]) -> str:
    return f"{len(days)} days, from {days[0]} to {days[-1]}"


def _mib(size: int) -> str:
    return f"{size / _MEBIBYTE:,.1f} MiB"
