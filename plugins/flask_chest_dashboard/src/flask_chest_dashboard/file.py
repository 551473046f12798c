"""`DashboardFile`: the small SQLite file of the dashboard."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

_Result = TypeVar("_Result")

MEMORY: Final = "memory"
"""In place of a path: nothing is written, and each process has its own."""

_LOCKED_SECONDS: Final = 10.0
"""How long a change waits for others that change something."""

READ_SECONDS: Final = 0.5
"""How long what only reads waits: a page has a thread of the application meanwhile."""

_OF_STATEMENTS: Final = ("syntax error", "no such", "no column", "locked")
"""In errors that are not those of the file itself."""

_OURS_ALONE: Final = 0o600
_logger: Final = logging.getLogger("flask_chest.dashboard")


def place_of(setting: str, instance_path: str) -> str | Path:
    """Return where the file is that CHEST_DASHBOARD_FILE names; `MEMORY` for none."""
    if setting == MEMORY:
        return setting
    return Path(setting.replace("<instance>", instance_path)).expanduser()


class _CannotBeMade(Exception):
    """The file cannot be made."""


class DashboardFile:
    """Keeps saved views and failed attempts to log in, for all workers of the host.

    Safe from any thread and process, also after a fork: a connection lives as long as its use.
    Where the file cannot be used, this process keeps its own in memory, and the log says so.

    Args:
        path: Of the file, which is made when it is first used; or `MEMORY`.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = None if str(path) == MEMORY else Path(path)
        self._tables: list[str] = []
        self._fault = ""
        self._forget()
        _files.add(self)

    def _forget(self) -> None:
        """Begin with an empty memory: that of a parent process may be in the middle of a use."""
        self._lock = threading.Lock()
        self._memory: sqlite3.Connection | None = None

    @property
    def fault(self) -> str:
        """Why what is kept will be lost with this process; empty when it is in the file."""
        return self._fault if self._path is not None else "it is kept in memory only"

    def add_table(self, statement: str) -> None:
        """Add a table. Whoever keeps something here calls this once, before `use`.

        Args:
            statement: A ``CREATE TABLE IF NOT EXISTS``, or such an index.
        """
        self._tables.append(statement)

    def use(
        self,
        function: Callable[[sqlite3.Connection], _Result],
        *,
        seconds: float = _LOCKED_SECONDS,
    ) -> _Result:
        """Return what a function does with a connection, in one transaction that may write.

        Args:
            function: Called again, with a connection to the memory, when the file cannot be used.
                When it raises, nothing of what it did is kept.
            seconds: How long it waits while somebody else keeps the file locked.

        Raises:
            sqlite3.Error: The statements are wrong, or somebody else has kept the file locked.
            Exception: What `function` raises.
        """
        if self._path is not None:
            try:
                with closing(_connected(self._path, seconds)) as connection:
                    found = self._in_transaction(connection, function)
            except _CannotBeMade as error:
                self._say(str(error))
            except sqlite3.DatabaseError as error:
                if not _is_of_file(error):
                    raise
                self._say(str(error))
            else:
                self._fault = ""
                return found
        with self._lock:
            if self._memory is None:
                self._memory = sqlite3.connect(
                    ":memory:", isolation_level=None, check_same_thread=False
                )
                weakref.finalize(self, self._memory.close)
            return self._in_transaction(self._memory, function)

    def _in_transaction(
        self, connection: sqlite3.Connection, function: Callable[[sqlite3.Connection], _Result]
    ) -> _Result:
        # Immediate: of two that read and then write, the second waits from the beginning.
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in self._tables:
                connection.execute(statement)
            found = function(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return found

    def _say(self, fault: str) -> None:
        if self._fault != fault:
            _logger.warning(
                "The dashboard cannot use %s: %s. Until it can, this process keeps saved views and "
                "failed attempts to log in in memory. Let the application write there, or set "
                "CHEST_DASHBOARD_FILE",
                self._path,
                fault,
            )
        self._fault = fault


def _connected(path: Path, seconds: float) -> sqlite3.Connection:
    """Return a connection to the file, which is made if need be.

    Nothing but SQLite opens the file: closing it again would drop the locks that other threads have
    on it (https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).

    Raises:
        _CannotBeMade: There is no place for it.
        sqlite3.Error: It cannot be opened.
    """
    try:
        is_new = not path.exists()
        if is_new:
            path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=seconds, isolation_level=None)
        if is_new:
            path.chmod(_OURS_ALONE)  # SQLite lets all users of the host read it
    except OSError as error:
        raise _CannotBeMade(error.strerror or type(error).__name__) from error
    return connection


def _is_of_file(error: sqlite3.DatabaseError) -> bool:
    """Return whether an error is that of the file, and not of a statement or of a constraint."""
    if isinstance(error, sqlite3.OperationalError):
        return not any(part in str(error) for part in _OF_STATEMENTS)
    return type(error) is sqlite3.DatabaseError  # not a database, or a damaged one


_files: Final[weakref.WeakSet[DashboardFile]] = weakref.WeakSet()


def _after_fork() -> None:
    for each in list(_files):
        each._forget()  # noqa: SLF001 - of this module


if hasattr(os, "register_at_fork"):  # there is no fork on Windows
    os.register_at_fork(after_in_child=_after_fork)
