"""Connections to SQLite files, which no forked child may inherit.

In a child that inherits one, SQLite believes that it holds the locks of the parent, so the child's
own connections to that file take none: https://sqlite.org/howtocorrupt.html, section 2.6.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from sqlalchemy.exc import SQLAlchemyError

from flask_chest.errors import ExporterUnavailable
from flask_chest.runtime import fork

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_Identity: TypeAlias = "tuple[int, int] | None"


class _Inherited:
    """The connections of this process, and the files that its parent had open when it forked.

    A fork waits until no connection is in use, but not for ever: a disk may stall, and a query may
    take long.
    """

    def __init__(self) -> None:
        self.open: dict[Connection, _Identity] = {}
        self.files: set[_Identity] = set()
        fork.watch(self)

    def after_fork(self) -> None:
        """Refuse those files in this process, a forked child."""
        inherited, self.open = self.open, {}
        self.files.update(inherited.values())
        fork.keep(list(inherited))


_inherited: Final = _Inherited()


def connect(engine: Engine, path: Path) -> Connection:
    """Return a new connection, which `disconnect` closes. Call it in `fork.held_off`.

    Raises:
        ExporterUnavailable: The parent of this process had the file in use when it forked.
    """
    if (identity := _identity(path)) is not None and identity in _inherited.files:
        raise ExporterUnavailable(
            f"{path} was in use while this process was forked, so it cannot be used safely here. "
            "Restart this process; until then others may deliver"
        )
    connection = engine.connect()
    _inherited.open[connection] = _identity(path)
    return connection


def disconnect(connection: Connection) -> None:
    """Close a connection."""
    try:
        connection.close()
    finally:
        _inherited.open.pop(connection, None)


def _identity(path: Path) -> _Identity:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class KeptConnection:
    """A connection that stays open between uses, and is closed before a fork.

    Opening and closing the file for each batch would take a quarter of the time: SQLite then writes
    the write-ahead log into the file, syncs, and deletes it.

    Args:
        path: The file. It is opened again when another file has taken its place.
        connect: Opens it.
    """

    def __init__(self, path: Path, connect: Callable[[], Connection]) -> None:
        self._path = path
        self._connect = connect
        self.connection: Connection | None = None
        self._identity: _Identity = None
        self._lock = threading.Lock()
        fork.close_before(self)

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """Give the connection to the block, during which other threads may not fork."""
        with fork.held_off(), self._lock:
            if self.connection is not None and self._identity != _identity(self._path):
                self._close()
            if self.connection is None:
                self.connection = self._connect()
                self._identity = _identity(self._path)
            yield self.connection

    def close(self) -> None:
        """Close the connection if it is open. Never raises."""
        with fork.held_off(), self._lock:
            self._close()

    def before_fork(self) -> None:
        """Close the connection, unless another thread still uses it."""
        if self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()

    def after_fork(self) -> None:
        """Forget, in a forked child, a connection that could not be closed."""
        self._lock = threading.Lock()
        self.connection = None

    def _close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                disconnect(connection)
