"""`Engine`: DuckDB in this process, within bounds of memory, threads and time."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import duckdb

from flask_chest.errors import QueryTimeout
from flask_chest.runtime import fork


class Engine:
    """A database of DuckDB's without tables, which any thread may ask.

    Args:
        memory_mb: Most memory, in megabytes. What needs more uses temporary files.
        threads: Number of threads for a query; 0 for as many as there are cores.
    """

    def __init__(self, memory_mb: int, threads: int) -> None:
        self._settings: dict[str, Any] = {
            "memory_limit": f"{memory_mb}MB",
            # Names in a statement are those of files alone, not of Python variables.
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
        }
        if threads:
            self._settings["threads"] = threads
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        fork.watch(self)

    def after_fork(self) -> None:
        """Leave the parent's database to the parent: its threads are not here."""
        fork.keep((self._connection, self._folder))
        if self._folder is not None:
            # Else this process would delete the parent's folder at its end.
            self._folder._finalizer.detach()  # type: ignore[attr-defined] # has no public way
        self._connection = self._folder = None
        self._lock = threading.Lock()

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection for one question, to any thread."""
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        # Otherwise temporary files would be in the working directory.
        with fork.held_off():
            folder = ""
            with suppress(OSError):  # nothing can be written: then all must be in memory
                self._folder = tempfile.TemporaryDirectory(prefix="flask-chest-duckdb-")
                folder = self._folder.name
            return duckdb.connect(config={**self._settings, "temp_directory": folder})

    def close(self) -> None:
        """Close the database, once its queries have ended."""
        with self._lock:
            connection, self._connection = self._connection, None
            folder, self._folder = self._folder, None
        if connection is not None:
            connection.close()
        if folder is not None:
            folder.cleanup()


class TimeLimit:
    """The time that one question may take.

    Args:
        seconds: How long.
        location: Where the records are, for the message.
    """

    def __init__(self, seconds: float, location: str) -> None:
        self._seconds = self._left = seconds
        self._location = location

    @contextmanager
    def spent(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Let DuckDB work in the block. It is interrupted when the time is over.

        Raises:
            QueryTimeout: It was.
        """
        began = time.monotonic()
        timer = threading.Timer(max(self._left, 0.0), cursor.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        except duckdb.InterruptException as error:
            raise QueryTimeout(
                f"{self._location}: the query took longer than {self._seconds:g} s, and was "
                "cancelled. Ask about a shorter time (`since`, `until`), declare a variable that "
                "it compares or groups by in CHEST_INDEXED_VARIABLES or CHEST_ROLLUPS, or raise "
                "query_timeout_seconds of the exporter"
            ) from error
        finally:
            timer.cancel()
            timer.join()
            self._left -= time.monotonic() - began
