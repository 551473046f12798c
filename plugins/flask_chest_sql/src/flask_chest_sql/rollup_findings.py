"""What `flask chest check` says of the rollups of a SQL database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, delete, false, insert, inspect, select, update
from sqlalchemy.exc import SQLAlchemyError

from flask_chest.exporter import Finding
from flask_chest.rollup import Declaration

if TYPE_CHECKING:
    from sqlalchemy import Executable, Table

    from flask_chest_sql.rollup_tables import RollupTables
    from flask_chest_sql.server_store import ServerStore

_SUBJECT: Final = "rollups"
_LATE: Final = "may not mark what changes, so the rollups get records an hour later"
_UNUSED: Final = "may not keep the rollups up to date"
_WITHOUT: Final = "Or do without: CHEST_ROLLUPS=0"


def look(store: ServerStore, connection: Connection) -> Iterator[Finding]:
    """Yield whether this user may keep up the rollups of the database, and what is missing.

    Args:
        store: Open, with tables of records that are ours.
        connection: Of its own, in no transaction.
    """
    tables = store.tables.rollups
    if store.rollups is False:
        return
    with store.transaction(connection):
        are_there = tables.are_there(inspect(connection))
    if not are_there:
        if isinstance(store.rollups, Declaration):
            yield from _creation(store, connection)
        return
    refused: dict[str, list[str]] = {}
    lacking: set[tuple[str, Table]] = set()
    for privilege, table, statement in _attempts(tables):
        try:
            with _undone(connection):
                connection.execute(statement).close()
        except SQLAlchemyError as error:
            lacking.add((privilege, table))
            refused.setdefault(str(store.explain(error)), []).append(f"{privilege} on {table.name}")
    what = _LATE if lacking == {("INSERT", tables.marks)} else _UNUSED
    for reason, privileges in refused.items():
        yield Finding("warning", _SUBJECT, f"{what} ({', '.join(privileges)}): {reason}", _WITHOUT)
    if not refused:
        yield Finding("ok", "privileges", "may keep the rollups up to date")


def _creation(store: ServerStore, connection: Connection) -> Iterator[Finding]:
    """Yield whether this user may create the tables of the rollups."""
    try:
        with store.transaction(connection):
            # It is there. The servers ask for the privilege all the same.
            store.run(connection, store.definition().schema)
    except SQLAlchemyError as error:
        reason = store.explain(error)
        text = f"their tables are not there, and this user may not create them: {reason}"
        remedy = "Let somebody who may run what `flask chest schema print` shows. "
        yield Finding("warning", _SUBJECT, text, f"{remedy}{_WITHOUT}")
    else:
        yield Finding("ok", _SUBJECT, "their tables are not there yet: the leader creates them")


def _attempts(tables: RollupTables) -> Iterator[tuple[str, Table, Executable]]:
    """Yield each privilege that the leader needs, its table, and a statement that needs it."""
    for table in tables.all:
        yield "SELECT", table, select(table).limit(0)
        yield "DELETE", table, delete(table).where(false())
        if table is tables.marks:  # a row, for which the database makes a number
            yield "INSERT", table, insert(table).values(minute=0)
        else:
            nothing = select(table).where(false())
            yield "INSERT", table, insert(table).from_select(list(table.columns), nothing)
    yield "UPDATE", tables.state, update(tables.state).where(false()).values(value="")


@contextmanager
def _undone(connection: Connection) -> Iterator[None]:
    """Run the block in a transaction that leaves nothing behind."""
    transaction = connection.get_transaction() or connection.begin()
    try:
        yield
    finally:
        transaction.rollback()
