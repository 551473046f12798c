"""A store on a SQL server: a pool, reconnection, the check whether it can deliver."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import Connection, Engine, create_engine, insert, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from flask_chest.errors import ChestError, ConfigurationError, ExporterUnavailable
from flask_chest.exporter import Batch
from flask_chest.runtime import fork
from flask_chest.runtime.log import logger
from flask_chest_sql import rollup_findings
from flask_chest_sql.store import SqlStore

if TYPE_CHECKING:
    from sqlalchemy import URL

    from flask_chest.exporter import Finding
    from flask_chest_sql.config import SqlServerConfig

CHECK_SECONDS: Final = 3.0
"""Longest wait of `check` for each answer."""

_MAX_CONFLICTS: Final = 3


class ServerStore(SqlStore):
    """What the stores on a SQL server have in common.

    The exporter holds one connection; each call of the read side takes one from a pool.
    """

    # -- What a backend defines ----------------------------------------------------------------

    @abstractmethod
    def url(self) -> URL:
        """Return the SQLAlchemy URL: the dialect, the driver, and what `arguments` lacks."""

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """Return the driver's own arguments for a connection."""

    def engine_options(self) -> dict[str, Any]:
        """Return more arguments of SQLAlchemy's `create_engine`."""
        return {}

    @abstractmethod
    def explain_driver_error(self, error: Exception) -> ChestError:
        """Return what an error of the driver means: unavailable, rejected or misconfigured."""

    @abstractmethod
    def is_conflict(self, error: SQLAlchemyError) -> bool:
        """Return whether the error is a conflict with another transaction, such as a deadlock."""

    # -- Exporter ------------------------------------------------------------------------------

    @property
    def _server(self) -> SqlServerConfig:
        return cast("SqlServerConfig", self.config)

    @property
    def query_timeout_seconds(self) -> float:
        """How long a question may take."""
        return self._server.query_timeout_seconds

    def create_engine(self) -> Engine:
        """Return an engine whose pool replaces dead connections."""
        return create_engine(
            self.url(),
            connect_args=self.arguments(),
            pool_size=self._server.pool_size,
            max_overflow=0,
            pool_timeout=self._server.timeout_seconds,
            pool_pre_ping=True,
            hide_parameters=True,  # errors must not show records
            **self.engine_options(),
        )

    def check(self) -> None:
        """Connect once, with a short time-out, and check whether the server takes batches.

        A refusal of the server is `ExporterUnavailable`, too: it may be remedied while the records
        wait.

        Raises:
            ExporterUnavailable: The server cannot be reached, or refuses what an exporter does.
        """
        config = self._server
        patience = {
            "connect_timeout_seconds": min(config.connect_timeout_seconds, CHECK_SECONDS),
            "timeout_seconds": min(config.timeout_seconds, CHECK_SECONDS),
        }
        probe = type(self)(config.model_copy(update=patience))
        probe.rollups = False  # `findings` looks at them
        try:
            probe.open()
            probe.export(Batch(b"", 0))  # refused where the user may only read
        except ConfigurationError as error:
            raise ExporterUnavailable(str(error)) from error
        finally:
            probe.close()

    def look_at_rollups(self, connection: Connection) -> Iterator[Finding]:
        """Yield whether this user may keep the rollups up to date."""
        yield from rollup_findings.look(self, connection)

    def decide_marking(self) -> None:
        """Find out whether to mark, and clear `is_marking` where this user may write no marks.

        No batch would be stored otherwise. That is found out when a batch or a deletion needs it,
        and not by `open`: who only reads needs no mark.
        """
        super().decide_marking()
        if self.is_marking and self.may_mark is None:
            with self._explained(), self.reading() as connection:
                self.may_mark = self.is_marking = self._can_mark(connection)

    def _can_mark(self, connection: Connection) -> bool:
        marks = self.tables.rollups.marks
        transaction = connection.get_transaction() or connection.begin()
        try:
            connection.execute(insert(marks).values(minute=0))
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            refusal = error
        else:
            return True
        finally:
            transaction.rollback()
        if self._rollups is None:
            return False  # it does without, as a warning advises
        if not self.tables.rollups.are_there(inspect(connection)):
            raise refusal  # they were dropped: `open` makes them again
        logger.warning(
            "%s: this user may not write %s, so the rollups get its records an hour later: %s",
            self.location,
            marks.name,
            self.explain(refusal),
        )
        return False

    def export(self, batch: Batch) -> None:
        """Insert a batch in one transaction; retry it after a conflict or a lost connection.

        A restart of the server or a firewall may have ended an idle connection, which shows only
        when it is used.

        Raises:
            ExporterUnavailable: The database cannot take it now.
            BatchRejected: It cannot take these records.
        """
        conflicts = 0
        while True:
            is_new = self._connection is None
            try:
                super().export(batch)
                return
            except ExporterUnavailable as error:
                cause = error.__cause__
                if isinstance(cause, SQLAlchemyError) and self.is_conflict(cause):
                    conflicts += 1
                    if conflicts <= _MAX_CONFLICTS:
                        continue
                if is_new or not is_disconnect(cause):
                    raise
                self._disconnect()

    def explain(self, error: SQLAlchemyError) -> ChestError:
        """Return what a database error means: unavailable, rejected or misconfigured."""
        if isinstance(error, PoolTimeoutError):
            return ExporterUnavailable(
                f"{self.location}: all {self._server.pool_size} connections of the read side are "
                "in use. Raise pool_size"
            )
        original = error.orig if isinstance(error, DBAPIError) else None
        return self.explain_driver_error(original if isinstance(original, Exception) else error)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                # Back in the pool, it would send a ROLLBACK, and log a traceback when the server
                # is gone.
                connection.invalidate()
                connection.close()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give the connection for batches, which stays open between them."""
        if self._connection is None:
            self._connection = self._connect()
        yield self._connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection of the pool, to any thread."""
        with self._connect() as connection:
            yield connection

    def _connect(self) -> Connection:
        # Drivers import modules when they connect: see `fork.held_off`.
        with fork.held_off():
            return self._open_engine.connect()


def is_disconnect(error: BaseException | None) -> bool:
    """Return whether an error means that the connection is lost."""
    return isinstance(error, DBAPIError) and error.connection_invalidated
