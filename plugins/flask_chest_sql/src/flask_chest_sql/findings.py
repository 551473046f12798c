"""What `flask chest check` says of a SQL database."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, false, func, select
from sqlalchemy.exc import SQLAlchemyError

from flask_chest.errors import ChestError, SchemaMismatch
from flask_chest.exporter import Batch, Finding

if TYPE_CHECKING:
    from flask_chest_sql.store import SqlStore
    from flask_chest_sql.survey import Survey

_REPAIR = "flask chest schema repair"


def look(store: SqlStore, connection: Connection) -> Iterator[Finding]:
    """Yield what is worth knowing of the tables and of the rights of the user.

    Args:
        store: Open.
        connection: Of its own, in no transaction.
    """
    if (yield from _schema(store, connection)):
        yield from _variables(store, connection)
        yield from _privileges(store, connection)
        yield from store.look_at_rollups(connection)
        yield from _records(store, connection)


def _schema(store: SqlStore, connection: Connection) -> Generator[Finding, None, bool]:
    """Yield what differs; return whether there is a table of records that is ours."""
    try:
        with store.transaction(connection):
            found = store.survey(connection)
    except SchemaMismatch as error:
        yield Finding("error", "schema", str(error))
        return False
    if found.is_empty:
        yield Finding("warning", "schema", "there are no tables yet", "They are made on delivery")
        return False
    for fault in found.faults:
        text = f"{store.tables.records.name} {fault.text}"
        remedy = f"{fault.remedy}; or: {_REPAIR}" if fault.statements else fault.remedy
        yield Finding("error", "schema", text, remedy)
    for lack in found.lacks:
        yield Finding("warning", "schema", f"{lack.what} is missing", f"Run: {lack.statement}")
    for difference in found.differences:
        yield Finding("warning", "schema", difference, _remedy(found, difference))
    if found.is_complete and not found.differences:
        yield Finding("ok", "schema", "the tables, the view and the indexes are ours")
    return True


def _remedy(found: Survey, difference: str) -> str:
    if "the view" in difference:
        return _REPAIR
    return (
        f"Rename it, then: {_REPAIR}" if found.view == "table" and "a table" in difference else ""
    )


def _variables(store: SqlStore, connection: Connection) -> Iterator[Finding]:
    """Yield the indexes of variables that are missing, and those that no variable has."""
    wanted = store.wanted_indexes()
    with store.transaction(connection):
        found = set(store.variable_indexes(connection))
    for name, (variable, _) in wanted.items():
        if name in found:
            yield Finding("ok", "indexes", f"the variable {variable} has the index {name}")
        else:
            text = f"the variable {variable} has no index yet: equalities are slow"
            yield Finding("warning", "indexes", text, f"The leader builds it, or: {_REPAIR}")
    for name in sorted(found - wanted.keys()):
        text = f"CHEST_INDEXED_VARIABLES names no variable for the index {name}"
        yield Finding("warning", "indexes", text, "The leader drops it")


def _privileges(store: SqlStore, connection: Connection) -> Iterator[Finding]:
    records = store.tables.records

    def deliver() -> None:
        store.insert(connection, Batch(b"", 0))

    def read() -> None:
        connection.execute(select(records).limit(0))

    def purge() -> None:
        connection.execute(delete(records).where(false()))

    attempts: dict[str, Callable[[], None]] = {
        "deliver": deliver,
        "read": read,
        "purge and erase": purge,
    }
    for what, attempt in attempts.items():
        try:
            with store.transaction(connection):
                attempt()
        except (SQLAlchemyError, ChestError) as error:
            reason = store.explain(error) if isinstance(error, SQLAlchemyError) else error
            yield Finding(
                "error" if what == "deliver" else "warning",
                "privileges",
                f"may not {what}: {reason}",
            )
        else:
            yield Finding("ok", "privileges", f"may {what}")


def _records(store: SqlStore, connection: Connection) -> Iterator[Finding]:
    started_at = store.tables.records.c.started_at
    statement = select(func.min(started_at)).where(*store.readable(for_summaries=False))
    try:
        with store.transaction(connection):
            oldest = connection.execute(statement).scalar()
    except SQLAlchemyError as error:  # without an index, it may take too long
        yield Finding("warning", "records", f"the oldest is not known: {store.explain(error)}")
        return
    if oldest is None:
        yield Finding("ok", "records", "there are none")
    else:
        yield Finding("ok", "records", f"the oldest is of {oldest:%Y-%m-%d %H:%M} UTC")
