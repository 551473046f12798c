"""What `flask chest check` says of a MySQL or MariaDB server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from flask_chest.exporter import Finding

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from flask_chest_mysql.connection import Flavor

_MIB: Final = 2**20
_SMALL_PACKET: Final = 4 * _MIB


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
    size = connection.execute(
        text(
            "SELECT table_rows, data_length, index_length FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name = :name"
        ),
        {"name": records},
    ).one_or_none()
    connection.rollback()
    if size is None or size[0] is None:
        return
    rows, data, index = map(int, size)
    yield Finding("ok", "records", f"about {rows:,}; {(data + index) / _MIB:,.0f} MiB with indexes")
    if index > pool:
        yield Finding(
            "warning",
            "memory",
            f"the indexes take {index / _MIB:,.0f} MiB, and the server has {pool / _MIB:,.0f} MiB",
            "Raise innodb_buffer_pool_size, so that delivery stays quick",
        )
