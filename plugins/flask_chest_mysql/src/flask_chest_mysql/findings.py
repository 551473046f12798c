"""What `flask chest check` says of a MySQL or MariaDB server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from flask_chest.exporter import Finding
from flask_chest_mysql.schema import quoted

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from flask_chest_mysql.connection import Flavor

_MIB: Final = 2**20
_SMALL_PACKET: Final = 4 * _MIB
_SMALL_BYTES: Final = 16 * _MIB
"""Of a table whose records are counted in a few milliseconds."""


def look(connection: Connection, records: str, flavor: Flavor) -> Iterator[Finding]:
    """Yield version, size and settings.

    Args:
        connection: To the database.
        records: Name of the table of records.
        flavor: Product and version of the server.
    """
    version = ".".join(map(str, flavor.version))
    yield Finding("ok", "version", f"{flavor.product} {version}")
    settings = "SELECT @@max_allowed_packet, @@innodb_buffer_pool_size, @@read_only"
    packet, pool, read_only = connection.execute(text(settings)).one()
    if read_only:
        remedy = "Name the primary, or turn read_only off there"
        yield Finding("error", "server", "it is read-only", remedy)
    if packet < _SMALL_PACKET:
        yield Finding(
            "warning",
            "max_allowed_packet",
            f"{packet:,} bytes: a larger record is dead-lettered",
            "Raise it in the configuration of the server",
        )
    counted = None
    size = connection.execute(
        text(
            "SELECT table_rows, data_length, index_length FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name = :name"
        ),
        {"name": records},
    ).one_or_none()
    if size is not None and size[0] is not None and int(size[1]) < _SMALL_BYTES:
        counted = _count(connection, records)
    connection.rollback()
    if size is None or size[0] is None:
        return
    rows, data, index = map(int, size)
    shown = f"about {rows:,}" if counted is None else f"{counted:,}"
    yield Finding("ok", "records", f"{shown}; {(data + index) / _MIB:,.0f} MiB with indexes")
    if index > pool:
        yield Finding(
            "warning",
            "memory",
            f"the indexes take {index / _MIB:,.0f} MiB, and the server has {pool / _MIB:,.0f} MiB",
            "Raise innodb_buffer_pool_size, so that delivery stays quick",
        )


def _count(connection: Connection, records: str) -> int | None:
    """Return how many records a small table has. The server's estimate may be a day old.

    None when this user may not read them.
    """
    try:
        counted = connection.exec_driver_sql(f"SELECT COUNT(*) FROM {quoted(records)}")
        return int(counted.scalar_one())
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return None
