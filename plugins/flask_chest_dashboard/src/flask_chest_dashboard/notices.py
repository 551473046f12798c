"""`Notices`: texts that a page says once more after a redirect."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from typing import TYPE_CHECKING, Final

from flask_chest_dashboard.file import READ_SECONDS

if TYPE_CHECKING:
    from flask_chest_dashboard.file import DashboardFile

_KEPT_SECONDS: Final = 3_600.0
_MOST_CHARACTERS: Final = 4_000

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS notices (id TEXT PRIMARY KEY, text TEXT NOT NULL, until REAL NOT NULL)
"""


class Notices:
    """Keeps texts for an hour, for all workers.

    The address has the key and not the text: else a link of a stranger could let the page say
    anything.

    Args:
        file: Keeps them.
    """

    def __init__(self, file: DashboardFile) -> None:
        self._file = file
        file.add_table(_TABLE)

    def keep(self, text: str) -> str:
        """Keep a text, and return its key; empty when that is impossible."""
        key = secrets.token_urlsafe(16)

        def insert(connection: sqlite3.Connection) -> None:
            now = time.time()
            connection.execute("DELETE FROM notices WHERE until < ?", (now,))
            row = (key, text[:_MOST_CHARACTERS], now + _KEPT_SECONDS)
            connection.execute("INSERT INTO notices VALUES (?, ?, ?)", row)

        with contextlib.suppress(sqlite3.Error):
            self._file.use(insert)
            return key
        return ""

    def text(self, key: str) -> str:
        """Return the text with a key; empty when there is none any more."""
        statement = "SELECT text FROM notices WHERE id = ? AND until >= ?"
        with contextlib.suppress(sqlite3.Error):
            found = self._file.use(
                lambda connection: connection.execute(statement, (key, time.time())).fetchone(),
                seconds=READ_SECONDS,
            )
            return str(found[0]) if found else ""
        return ""
