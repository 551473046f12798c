"""What a PostgreSQL database holds, read without Flask-Chest."""

from __future__ import annotations

import psycopg


def stored(url: str) -> tuple[int, int]:
    """Return the number of records, and of different record IDs."""
    with psycopg.connect(url) as connection:
        try:
            found = connection.execute("SELECT count(*), count(DISTINCT id) FROM chest_records")
        except psycopg.errors.UndefinedTable:
            return 0, 0
        rows, ids = found.fetchone() or (0, 0)
        return rows, ids


def server_version(url: str) -> str:
    """Return the version of the server, as in 18.1."""
    with psycopg.connect(url) as connection:
        number = connection.info.server_version
    return f"{number // 10_000}.{number % 10_000}"
