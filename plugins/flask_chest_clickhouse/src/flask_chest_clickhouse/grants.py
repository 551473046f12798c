"""What the user of a connection may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_chest_clickhouse.errors import ServerError

if TYPE_CHECKING:
    from flask_chest_clickhouse.connection import Connection


def has(connection: Connection, right: str, on: str) -> bool:
    """Return whether this user has a right. Also True where the server does not say.

    Args:
        connection: To the server.
        right: As in a GRANT, such as ``ALTER DELETE``.
        on: As in a GRANT, such as a database and a table, which need not be there.

    Raises:
        ExporterUnavailable: The server cannot be reached.
    """
    try:
        return connection.send(f"CHECK GRANT {right} ON {on}").strip() == b"1"
    except ServerError:  # 24.9 and older have no such statement
        return True
