"""Connections to SQLite files, of which a forked child must have none.

A child that inherits one takes the parent's locks for its own, so that its connections to that file
have none: https://sqlite.org/howtocorrupt.html, section 2.6.
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
    """What is open in this process, and what was open in its parent when it was forked.

    A fork waits until nothing is in use, but not for ever: not for a disk that stalls, nor for a
    question that takes long.
    """

    def __init__(self) -> None:
        self.open: dict[Connection, _Identity] = {}
        self.files: set[_Identity] = set()
        fork.watch(self)

    def after_fork(self) -> None:
        """Keep this process, a forked child, from using those files."""
        inherited, self.open = self.open, {}
        self.files.update(inherited.values())
        fork.keep(list(inherited))


_inherited: Final = _Inherited()


def connect(engine: Engine, path: Path) -> Connection:
    """Return a new connection, which `disconnect` closes. To be called in `fork.held_off`.

    Raises:
        ExporterUnavailable: The parent of this process has used the file while it forked.
    """
    if (identity := _identity(path)) is not None and identity in _inherited.files:
        raise ExporterUnavailable(
            f"{path} was in use for so long that this process was forked meanwhile, and SQLite "
            "cannot use it here any more. Restart this process; until then others may deliver"
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
    """A connection that stays open from one use to the next, but is closed before a fork.

    To open and close a file for each batch would take a quarter of the time: SQLite writes its
    write-ahead log into the file then, syncs, and deletes it.

    Args:
        path: The file. When it is not the one that was opened any more, it is opened anew.
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
        """Give the connection to the `with` block, in which other threads may not fork."""
        with fork.held_off(), self._lock:
            if self.connection is not None and self._identity != _identity(self._path):
                self._close()
            if self.connection is None:
                self.connection = self._connect()
                self._identity = _identity(self._path)
            yield self.connection

    def close(self) -> None:
        """Close the connection, if it is open. Never raises."""
        with fork.held_off(), self._lock:
            self._close()

    def before_fork(self) -> None:
        """Close the connection, unless another thread uses it for longer than a fork waits."""
        if self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()

    def after_fork(self) -> None:
        """Forget, in a forked child, the connection that could not be closed."""
        self._lock = threading.Lock()
        self.connection = None

    def _close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                disconnect(connection)
