"""`Engine`: DuckDB in this process, within bounds of memory, threads and time."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
import weakref
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
        self._folder: weakref.finalize[..., Engine] | None = None
        fork.watch(self)

    def after_fork(self) -> None:
        """Leave the parent's database to the parent: its threads are not here."""
        fork.keep((self._connection, self._folder))
        self._connection = self._folder = None
        self._lock = threading.Lock()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection for one question, to any thread, which closes it."""
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection.cursor()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        with fork.held_off():
            folder = ""
            with suppress(OSError):  # where nothing can be written, all must fit into memory
                # Not the working directory, which is DuckDB's choice, nor open to others.
                folder = tempfile.mkdtemp(prefix="flask-chest-duckdb-")
                self._folder = weakref.finalize(self, _remove, folder, os.getpid())
            return duckdb.connect(config={**self._settings, "temp_directory": folder})

    def close(self) -> None:
        """Close the database, once its queries have ended."""
        with self._lock:
            connection, self._connection = self._connection, None
            folder, self._folder = self._folder, None
        if connection is not None:
            connection.close()
        if folder is not None:
            folder()


def _remove(folder: str, process: int) -> None:
    """Remove a folder, unless this is a child of the process that has created it."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


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
