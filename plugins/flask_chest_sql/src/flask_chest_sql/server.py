"""What the stores on a database server share: pool, reconnecting, check."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from flask_chest.errors import ChestError, ConfigurationError, ExporterUnavailable
from flask_chest.exporter import Batch
from flask_chest.runtime import fork
from flask_chest_sql.store import SqlStore

if TYPE_CHECKING:
    from sqlalchemy import URL

    from flask_chest_sql.config import ServerConfig

CHECK_SECONDS: Final = 3.0
"""How long `check` waits for each answer, which holds up the start of the application."""

_MAX_CONFLICTS: Final = 3


class ServerStore(SqlStore):
    """What the stores on a database server do alike.

    The exporter holds one connection; each call of the read side takes one from a pool.
    """

    # -- What a backend says -------------------------------------------------------------------

    @abstractmethod
    def url(self) -> URL:
        """Return the SQLAlchemy URL: dialect and driver, and what else is not in `arguments`."""

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """Return the driver's own arguments for a connection."""

    def engine_options(self) -> dict[str, Any]:
        """Return more arguments of SQLAlchemy's `create_engine`."""
        return {}

    @abstractmethod
    def meaning(self, error: Exception) -> ChestError:
        """Return what an error of the driver means, as `explain` does."""

    @abstractmethod
    def is_conflict(self, error: SQLAlchemyError) -> bool:
        """Tell a deadlock or another conflict with a transaction that ends soon."""

    # -- Exporter ------------------------------------------------------------------------------

    @property
    def _server(self) -> ServerConfig:
        return cast("ServerConfig", self.config)

    def create_engine(self) -> Engine:
        """Return an engine with a pool that notices dead connections."""
        return create_engine(
            self.url(),
            connect_args=self.arguments(),
            pool_size=self._server.pool_size,
            max_overflow=0,
            pool_timeout=self._server.timeout_seconds,
            pool_pre_ping=True,
            hide_parameters=True,  # of records, in errors
            **self.engine_options(),
        )

    def check(self) -> None:
        """Connect once, for what is known to be wrong to show at the start.

        What the server says does not stop the application: it may be put right while the records
        wait.

        Raises:
            ExporterUnavailable: The server cannot be reached, or does not let us work.
        """
        config = self._server
        patience = {
            "connect_timeout_seconds": min(config.connect_timeout_seconds, CHECK_SECONDS),
            "timeout_seconds": min(config.timeout_seconds, CHECK_SECONDS),
        }
        probe = type(self)(config.model_copy(update=patience))
        try:
            probe.open()
            probe.export(Batch(b"", 0))  # which the server refuses whom it lets only read
        except ConfigurationError as error:
            raise ExporterUnavailable(str(error)) from error
        finally:
            probe.close()

    def export(self, batch: Batch) -> None:
        """Insert a batch in one transaction, again if need be.

        A connection that had been idle may have been ended by a restart of the server or by a
        firewall, which only shows when it is used.

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
        """Tell what is wrong, and what to do about it."""
        if isinstance(error, PoolTimeoutError):
            return ExporterUnavailable(
                f"{self.location}: all {self._server.pool_size} connections of the read side are "
                "in use. Raise pool_size"
            )
        original = error.orig if isinstance(error, DBAPIError) else None
        return self.meaning(original if isinstance(original, Exception) else error)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                # Not back into the pool, which would send a ROLLBACK, and log a traceback when the
                # server is not there any more.
                connection.invalidate()
                connection.close()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give the connection for batches, which stays open from one to the next."""
        if self._connection is None:
            self._connection = self._connect()
        yield self._connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection of the pool to a call that may come from any thread."""
        with self._connect() as connection:
            yield connection

    def _connect(self) -> Connection:
        # Drivers import modules when they connect: see `fork.held_off`.
        with fork.held_off():
            return self._open_engine.connect()


def is_disconnect(error: BaseException | None) -> bool:
    """Tell whether an error means that the connection is gone."""
    return isinstance(error, DBAPIError) and error.connection_invalidated
