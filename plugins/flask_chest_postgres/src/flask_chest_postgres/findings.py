"""What `flask chest check` says of a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, text

from flask_chest.errors import SchemaMismatch
from flask_chest.exporter import Finding
from flask_chest_postgres.schema import printed, qualified

if TYPE_CHECKING:
    from flask_chest_postgres.store import PostgresStore

_REPAIR: Final = "Run `flask chest schema repair`"
_MEBIBYTE: Final = 1024 * 1024
_OLD_TRANSACTIONS: Final = 1_500_000_000
"""PostgreSQL stops at about 2,146 millions: https://www.postgresql.org/docs/current/routine-vacuuming.html"""

_SERVER: Final = text(
    "SELECT current_setting('server_version'), pg_is_in_recovery(),"
    " (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database())"
)
_PRIVILEGES: Final = text(
    "SELECT has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'SELECT'),"
    " has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'DELETE'),"
    " pg_has_role(c.relowner, 'USAGE')"
    " FROM pg_class c WHERE c.oid = to_regclass(:name)"
)
_SIZE: Final = text(
    "SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint,"
    " coalesce(sum(pg_table_size(c.oid)), 0)::bigint,"
    " coalesce(sum(pg_indexes_size(c.oid)), 0)::bigint"
    " FROM pg_class c WHERE c.relkind = 'r' AND (c.oid = to_regclass(:name)"
    " OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(:name)))"
)


class Inspection:
    """Looks at the database of a store.

    Args:
        store: The store, of which nothing is opened.
        connection: In a transaction.
    """

    def __init__(self, store: PostgresStore, connection: Connection) -> None:
        self._store = store
        self._connection = connection
        self._name = printed(qualified(store.tables.records))

    def findings(self) -> list[Finding]:
        """Return all findings."""
        return [
            *self._server(),
            *self._privileges(),
            *self._schema(),
            *(self._partitions() if self._store.partitions is not None else ()),
            *self._retention(),
            *self._size(),
        ]

    def _row(self, question: Any) -> Any:  # noqa: ANN401 - a row of any question
        return self._connection.execute(question, {"name": self._name}).one_or_none()

    def _server(self) -> Iterator[Finding]:
        version, is_replica, age = self._connection.execute(_SERVER).one()
        yield Finding("ok", "version", f"PostgreSQL {version}")
        if is_replica:
            text = "the server is a read-only replica: it can be read, and takes no records"
            yield Finding("error", "version", text, "Name the primary")
        if age > _OLD_TRANSACTIONS:
            text = f"its oldest transaction is {age:,} old; at 2,146 millions it takes no records"
            yield Finding("warning", "vacuum", text, "Run VACUUM in this database")

    def _privileges(self) -> Iterator[Finding]:
        row = self._row(_PRIVILEGES)
        if row is None:
            return
        may_deliver, may_read, may_delete, is_owner = row
        wanted = {
            "deliver (INSERT and SELECT)": may_deliver,
            "read (SELECT)": may_read,
            "purge and erase (DELETE)": may_delete,
        }
        if self._store.partitions is not None:
            wanted["create and drop partitions (its owner)"] = is_owner
        missing = [name for name, is_there in wanted.items() if not is_there]
        if missing:
            text = f"this user may not {', nor '.join(missing)}"
            remedy = "Grant what is missing on the table, or its ownership"
            yield Finding("warning" if may_deliver else "error", "privileges", text, remedy)
        else:
            yield Finding("ok", "privileges", "this user may deliver, read, purge and erase")

    def _schema(self) -> Iterator[Finding]:
        try:
            found = self._store.survey(self._connection)
        except SchemaMismatch as error:
            yield Finding("error", "schema", str(error))
            return
        if found.is_empty:
            yield Finding("warning", "schema", "the tables are not there yet", _REPAIR)
        for fault in found.faults:
            name = self._store.tables.records.name
            yield Finding("error", "schema", f"{name} {fault.text}", printed(fault.remedy))
        for lack in found.lacks:
            remedy = f"{_REPAIR}, or let somebody who may run: {printed(lack.statement)}"
            yield Finding("warning", "schema", f"{lack.what} is missing", remedy)
        for difference in found.differences:
            yield Finding("warning", "schema", difference, _REPAIR if "view" in difference else "")
        if not (found.is_empty or found.faults or found.lacks or found.differences):
            yield Finding("ok", "schema", "as this version of Flask-Chest creates it")

    def _partitions(self) -> Iterator[Finding]:
        partitions = self._store.partitions
        if partitions is None or not partitions.is_partitioned(self._connection):
            return
        days = partitions.days(self._connection)
        today = datetime.now(timezone.utc).date()
        if not days:
            yield Finding("ok", "partitions", "none of ours yet: the first batch makes them")
            return
        text = f"{len(days)} days, from {days[0]} to {days[-1]}"
        if days[-1] < today:
            remedy = "Deliver as the owner of the table, or make them yourself"
            yield Finding("warning", "partitions", f"{text}: none for today", remedy)
        else:
            yield Finding("ok", "partitions", text)

    def _retention(self) -> Iterator[Finding]:
        days, retention = self._store.retention_days, self._store.retention
        if days is None and retention is None:
            yield Finding("ok", "retention", "records are kept for ever")
        elif retention is not None:
            how = "whole days with their partitions" if self._store.partitions else "in steps"
            yield Finding("ok", "retention", f"records are deleted after {retention}, {how}")
        else:
            yield Finding("ok", "retention", f"partitions are dropped after {days} days")

    def _size(self) -> Iterator[Finding]:
        rows, table, indexes = self._row(_SIZE)
        text = f"about {rows:,} records, {_mib(table)}, and {_mib(indexes)} of indexes"
        yield Finding("ok", "size", text)


def _mib(size: int) -> str:
    return f"{size / _MEBIBYTE:,.1f} MiB"
