"""Builds missing indexes while others write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import Connection, text

from flask_chest_postgres.schema import namespace_of, printed, qualified

if TYPE_CHECKING:
    from flask_chest_postgres.connection import TimedConnection
    from flask_chest_postgres.store import PostgresStore

_LONG_SECONDS: Final = 86_400.0
"""Longest time of building an index."""

_INVALID: Final = text(
    "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE NOT i.indisvalid AND n.nspname = :schema AND c.relname = ANY(:names)"
)


def build_indexes(store: PostgresStore, connection: Connection) -> list[str]:
    """Build the indexes that are missing; return what was done.

    Without a lock that writers wait for, but for a table with partitions, for which PostgreSQL
    cannot do that.

    Args:
        store: The store.
        connection: Of its own, in no transaction.
    """
    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    driver = cast("TimedConnection", connection.connection.driver_connection)
    driver.limit_seconds = _LONG_SECONDS
    connection.exec_driver_sql("SELECT set_config('statement_timeout', '0', false)")
    done = _drop_invalid(store, connection)
    records = store.tables.records
    how = "" if len(records.primary_key.columns) > 1 else "CONCURRENTLY "
    for lack in store.survey(connection).lacks:
        if lack.statement.startswith("CREATE INDEX "):
            statement = lack.statement.replace("CREATE INDEX ", f"CREATE INDEX {how}", 1)
            connection.exec_driver_sql(statement)
            done.append(f"Created {lack.what} again")
    return done


def _drop_invalid(store: PostgresStore, connection: Connection) -> list[str]:
    """Drop what is left of indexes of ours whose building was interrupted."""
    records = store.tables.records
    names: Any = [str(index.name) for index in records.indexes]
    found = connection.execute(_INVALID, {"schema": namespace_of(records), "names": names})
    done = []
    for (name,) in found.all():
        connection.exec_driver_sql(f"DROP INDEX {qualified(records, name)}")
        done.append(f"Dropped the index {printed(name)}, which was half built")
    return done
