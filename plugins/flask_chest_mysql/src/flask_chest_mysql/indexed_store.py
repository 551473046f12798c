"""A store that changes its table for indexed variables, beside those who write."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import pymysql
from flask_chest_sql import ServerStore
from sqlalchemy.exc import DBAPIError

from flask_chest_mysql import indexes
from flask_chest_mysql.connection import Flavor, identify, wait_for_answers

if TYPE_CHECKING:
    from flask_chest_sql.expressions import Path
    from sqlalchemy import Connection

_KNOWN_SECONDS: Final = 30.0
"""How long it is known which indexes of variables there are."""

_DAY_SECONDS: Final = 86_400.0


class IndexedMysqlStore(ServerStore):
    """The part of the store that is about indexes of variables."""

    _flavor: Flavor | None = None
    _indexes: frozenset[str] = frozenset()
    _others: frozenset[str] = frozenset()
    _indexes_until: float = 0.0

    @property
    def known_flavor(self) -> Flavor:
        """Product and version of the server; MySQL until one is known."""
        return self._flavor or identify("")

    def send(self, connection: Connection, statement: str | bytes) -> list[tuple[str, int, str]]:
        """Run a statement without SQLAlchemy, whose errors would repeat all of it.

        Returns:
            Level, number and text of each warning.
        """
        driver = driver_of(connection)
        try:
            with driver.cursor() as cursor:
                cursor.execute(statement)
                return list(driver.show_warnings()) if cursor.warning_count else []
        except pymysql.Error as error:
            is_gone = connection.dialect.is_disconnect(cast("Any", error), driver, None)
            if is_gone:
                connection.invalidate(error)
            raise DBAPIError(
                None, None, error, hide_parameters=True, connection_invalidated=is_gone
            ) from error

    # -- Which there are -------------------------------------------------------------------------

    def variable_indexes(self, connection: Connection) -> set[str]:
        """Return the names of the indexes of variables."""
        return indexes.indexes_of(connection, self.tables.records.name, self.variable_prefix)

    def look_for_indexes(self) -> None:
        """Find out which indexes there are, if that is not known of late.

        Another process creates and drops them.
        """
        now = time.monotonic()
        if now >= self._indexes_until:
            with self._explained(), self.asking() as connection:
                found = indexes.first_columns(connection, self.tables.records.name)
            self._indexes = frozenset(n for n in found if n.startswith(self.variable_prefix))
            self._others = frozenset(found) - self._indexes
            if "started_at" not in {found[name] for name in self._others}:
                self._others = frozenset()  # somebody has dropped it
            self._indexes_until = now + _KNOWN_SECONDS

    def index_of(self, path: Path) -> str | None:
        """Return the name of the index of a variable, which is that of its column; else None."""
        name = self.variable_index(path)
        return name if name in self._indexes else None

    def forget_indexes(self) -> None:
        """Find out anew which indexes there are, before the next question."""
        self._indexes_until = 0.0

    @property
    def other_indexes(self) -> frozenset[str]:
        """The indexes of the table, but for those of variables; none without one on the time."""
        return self._others

    # -- Changes ---------------------------------------------------------------------------------

    def creation_of_indexes(self) -> list[str]:
        """Return the statements that create the indexes of `indexed_variables`."""
        return [
            statement
            for name, (_, path) in self.wanted_indexes().items()
            for statement in indexes.creation(self.tables, name, path, self._flavor)
        ]

    def ddl(self) -> list[str]:
        """Return the statements that `open` runs on an empty database. They may run again."""
        repeatable = {
            statement: indexes.repeatable(self.tables, name, statement, makes_index=makes_index)
            for name, (_, path) in self.wanted_indexes().items()
            for makes_index, statement in zip(
                (False, True),
                indexes.creation(self.tables, name, path, self._flavor),
                strict=True,
            )
        }
        return [each for made in super().ddl() for each in repeatable.get(made, [made])]

    def index_variables(self) -> list[str]:
        """Create what indexed variables need; drop what no variable needs any more."""
        table, prefix = self.tables.records.name, self.variable_prefix
        with self._explained(), self.reading() as connection:
            left = indexes.columns_of(connection, table, prefix) - self.wanted_indexes().keys()
            left -= self.variable_indexes(connection)
            self._alter(connection, [indexes.removal_of_column(self.tables, name) for name in left])
        return super().index_variables()

    def create_variable_index(self, connection: Connection, name: str, path: Path) -> None:
        """Create a virtual column and its index."""
        self._alter(connection, indexes.creation(self.tables, name, path, self._flavor))

    def drop_variable_index(self, connection: Connection, name: str) -> None:
        """Drop an index. Its column goes the next time."""
        self._alter(connection, [indexes.removal_of_index(self.tables, name)])

    def _alter(self, connection: Connection, statements: Sequence[str]) -> None:
        """Change the table, however long it takes.

        At its begin and its end, a change needs the table for itself. It gives up when another
        keeps it for long, as all who come later wait behind.
        """
        if not statements:
            return
        wait_for_answers(driver_of(connection), _DAY_SECONDS)
        try:
            self.send(connection, f"SET lock_wait_timeout = {indexes.LOCK_WAIT_SECONDS}")
            for statement in statements:
                try:
                    self.send(connection, statement)
                except DBAPIError as error:
                    if not self.is_race(error):
                        raise
        finally:
            connection.invalidate()  # others need other settings
            self.forget_indexes()


def driver_of(connection: Connection) -> Any:  # noqa: ANN401 - has more than its types say
    """Return the connection of PyMySQL."""
    return connection.connection.driver_connection
