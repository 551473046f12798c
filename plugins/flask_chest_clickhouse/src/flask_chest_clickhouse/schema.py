"""Creates the tables, checks that they are ours, and says what differs."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from flask_chest.errors import ChestError, SchemaMismatch
from flask_chest.runtime.log import Throttle
from flask_chest.schema import FIELDS, names_taken, refuse_newer
from flask_chest_clickhouse import ddl, expiry
from flask_chest_clickhouse.connection import Connection, identifier
from flask_chest_clickhouse.errors import (
    ACCESS_DENIED,
    MIN_VERSION,
    ServerError,
    brief,
    explain,
    too_old,
)

if TYPE_CHECKING:
    from flask_chest_clickhouse.config import ClickHouseConfig

_throttle: Final = Throttle()

_FOUND: Final = """\
SELECT name, engine, sorting_key, create_table_query FROM system.tables
WHERE database = currentDatabase() AND name IN ({names:Array(String)}) FORMAT JSONEachRow"""

_COLUMNS: Final = """\
SELECT name, type FROM system.columns
WHERE database = currentDatabase() AND table = {table:String} FORMAT JSONEachRow"""

VIEW_COLUMNS: Final = ("record_id", "request_id", "started_at", "endpoint", "name", "value")

_LAST_DELETION: Final = """\
SELECT argMax(mutation_id, toUInt64OrZero(extract(mutation_id, '[0-9]+'))) FROM system.mutations
WHERE database = currentDatabase() AND table = {table:String}"""
"""Such as ``mutation_11.txt``, which comes before ``mutation_9.txt``; replicated ``0000000011``."""


@dataclass(frozen=True)
class Table:
    """A table or a view that was found."""

    name: str
    engine: str
    sorting_key: str
    create_table_query: str


class Schema:
    """The tables of one store.

    Args:
        connection: To the server.
        config: Of the store.
    """

    def __init__(self, connection: Connection, config: ClickHouseConfig) -> None:
        self._connection = connection
        self._config = config
        self.names = ddl.names_of(config)

    # -- Looking ---------------------------------------------------------------------------------

    def refuse_old(self) -> str:
        """Return the version of the server.

        Raises:
            ConfigurationError: It is too old.
        """
        version = self._connection.ask("SELECT version()").decode().strip()
        if int(version.partition(".")[0]) < MIN_VERSION:
            raise too_old(self._connection.location, version)
        return version

    def found(self) -> dict[str, Table]:
        """Return what there is of our names."""
        names = {*self._ours, self.names.schema, self.names.variables}
        array = "[" + ",".join(f"'{_in_array(name)}'" for name in sorted(names)) + "]"
        rows = self._rows(_FOUND, names=array)
        return {row["name"]: Table(**row) for row in rows}

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table, each with its type."""
        return {row["name"]: row["type"] for row in self._rows(_COLUMNS, table=table)}

    def version(self) -> int | None:
        """Return the version of the schema; None when its creation was cut short."""
        table = identifier(self.names.schema)
        rows = self._rows(
            f"SELECT max(version) AS version FROM {table} HAVING count() > 0 FORMAT JSONEachRow"
        )
        return rows[0]["version"] if rows else None

    def can_read_view(self) -> bool:
        """Return whether the view of variables has the columns that it should have."""
        view = identifier(self.names.variables)
        statement = f"SELECT {', '.join(VIEW_COLUMNS)} FROM {view} LIMIT 0"
        try:
            self._connection.send(statement)
        except ServerError:
            return False
        return True

    def last_deletion(self) -> str:
        """Return a name of the last deletion of records; empty when there was none.

        Also empty for a user who may not read `system.mutations`.
        """
        try:
            found = self._connection.send(_LAST_DELETION, parameters={"table": self.names.stored})
        except ServerError as error:
            if error.code != ACCESS_DENIED:
                raise explain(self._connection.location, error) from error
            return ""
        return found.decode().strip()

    def _rows(self, statement: str, **parameters: str) -> list[dict[str, Any]]:
        answer = self._connection.ask(statement, parameters=parameters)
        return [json.loads(line) for line in answer.splitlines()]

    @property
    def _ours(self) -> set[str]:
        """Names of the tables of records."""
        return {self.names.stored, self.names.records}

    def refuse_foreign(self, found: dict[str, Table]) -> bool:
        """Return whether there is a version, which this Flask-Chest can write.

        Raises:
            SchemaMismatch: The tables are newer than this version, or somebody else's.
        """
        location = self._connection.location
        version = self.version() if self.names.schema in found else None
        if version is not None:
            refuse_newer(location, version)
        foreign = [
            name
            for name in sorted(self._ours & found.keys())
            if not set(FIELDS) <= self.columns(name).keys()
        ]
        view = found.get(self.names.variables)
        if view is not None and view.engine != "View":
            foreign.append(view.name)
        if foreign:
            raise names_taken(location, foreign)
        table = found.get(self.names.records)
        if table is not None and (table.engine == "Distributed") != self._config.sharded:
            raise SchemaMismatch(
                f"{location}: the table {table.name} has the engine {table.engine}. Set sharded="
                f"{not self._config.sharded}, or another table_prefix for a table of the other kind"
            )
        stored = found.get(self.names.stored)
        if stored is not None and "ReplacingMergeTree" not in stored.engine:
            raise SchemaMismatch(
                f"{location}: the table {stored.name} has the engine {stored.engine}, which keeps "
                "repeated records. Rename it, let Flask-Chest create its own, and copy the records "
                "with INSERT INTO ... SELECT"
            )
        return version is not None

    # -- Creating --------------------------------------------------------------------------------

    def prepare(self, retention: timedelta | None) -> dict[str, Table]:
        """Create what is missing; return what was there before.

        Raises:
            SchemaMismatch: The tables are newer than this version, or somebody else's.
        """
        found = self.found()
        has_version = self.refuse_foreign(found)
        for statement in ddl.creation(self._config, retention):
            if statement.name not in found:
                self._connection.ask(statement.sql)
        if not has_version:
            self._connection.ask(ddl.version(self._config))
        return found

    def try_to_expire_after(self, retention: timedelta, found: dict[str, Table]) -> None:
        """Do the same as `expire_after`, and go on where the server refuses it.

        Records are stored all the same, and it is the leader that deletes.
        """
        try:
            self.expire_after(retention, found)
        except ChestError as error:
            cause = error.__cause__
            if not isinstance(cause, ServerError):
                raise
            location, table = self._connection.location, self.names.stored
            _throttle.log(
                logging.WARNING,
                f"{location} TTL",
                f"{location}: the TTL of {table} stays as it is, since it cannot be changed: "
                f"{brief(cause.text)}. Records are delivered all the same. Let an administrator "
                f"run: {expiry.change(ddl.stored(self._config), retention)}",
            )

    def expire_after(self, retention: timedelta | None, found: dict[str, Table]) -> str | None:
        """Let the server delete records of this age; None for never. Return what was done."""
        known = self.ttl_seconds(found)
        wanted = None if retention is None else expiry.seconds(retention)
        if known == wanted:
            return None
        self._connection.ask(expiry.change(ddl.stored(self._config), retention))
        if wanted is None:
            return "removed the TTL: no retention is configured"
        return f"changed the TTL to {wanted} seconds"

    def ttl_seconds(self, found: dict[str, Table]) -> int | None:
        """Return the age at which the server deletes a record by itself; None for never."""
        table = found.get(self.names.stored)
        match = re.search(r"toIntervalSecond\((\d+)\)", table.create_table_query if table else "")
        return int(match[1]) if match else None


def _in_array(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
