"""Connections for questions: they only read, end in time, and have the functions that are used."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from sqlalchemy import Connection

_STEPS: Final = 100_000
"""Instructions of SQLite between two looks at the clock: 1 to 10 ms.

Each look waits for Python's lock, which another thread may have.
"""

_FUNCTIONS: Final[dict[str, Callable[[float], float]]] = {"ln": math.log, "floor": math.floor}
"""What SQLite has when it was compiled with SQLITE_ENABLE_MATH_FUNCTIONS, and from 3.35 on."""


def prepare_for_questions(connection: Connection, seconds: float) -> None:
    """Let a connection only read, and end what it runs when the time is over.

    Args:
        connection: New, and of one question.
        seconds: How long its statements may take together.
    """
    database = cast("sqlite3.Connection", connection.connection.dbapi_connection)
    database.execute("PRAGMA query_only = ON")
    add_functions(database)
    deadline = time.monotonic() + seconds
    database.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)


def add_functions(database: sqlite3.Connection) -> None:
    """Give a connection the functions that its SQLite lacks."""
    for name, function in _FUNCTIONS.items():
        if _lacks(database, name):
            database.create_function(name, 1, _of_number(function), deterministic=True)


def _lacks(database: sqlite3.Connection, name: str) -> bool:
    try:
        database.execute(f"SELECT {name}(1.0)")
    except sqlite3.OperationalError:
        return True
    return False


def _of_number(function: Callable[[float], float]) -> Callable[[Any], float | None]:
    """Return a function of SQL, which is NULL where there is no answer."""

    def answer(value: Any) -> float | None:  # noqa: ANN401 - any value of SQL
        try:
            return function(value)
        except (TypeError, ValueError, OverflowError):
            return None

    return answer
